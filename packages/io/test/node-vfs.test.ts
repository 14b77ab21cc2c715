import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDirectory,
  type IoPlan,
  NodeVfs,
  publishFile,
  readExactly,
  readFile,
  runBlocking,
  runWithCallbacks,
} from '@waldb/io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const vfs = new NodeVfs();
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'waldb-io-'));
});
afterEach(() => {
  fs.rmSync(directory, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('NodeVfs', () => {
  it('reads and writes at a position, blocking and by callback, and extends the file', async () => {
    const file = vfs.open(join(directory, 'file'), 'create');
    file.write(bytes('abc'), 4);
    await new Promise<void>((resolve, reject) => {
      file.writeWithCallback(bytes('XY'), 5, (error) => (error ? reject(error) : resolve()));
    });
    await new Promise<void>((resolve, reject) => {
      file.syncWithCallback((error) => (error ? reject(error) : resolve()));
    });
    expect(file.size()).toBe(7);
    const whole = new Uint8Array(7);
    expect(file.read(whole, 0)).toBe(7);
    expect([...whole]).toEqual([0, 0, 0, 0, 97, 88, 89]);
    const past = new Uint8Array(8);
    const count = await new Promise<number>((resolve, reject) => {
      file.readWithCallback(past, 5, (error, read) => (error ? reject(error) : resolve(read)));
    });
    expect(count).toBe(2);
    expect(() => readExactly(file, past, 5)).toThrow(expect.objectContaining({ code: 'SHORT_READ' }));
    file.truncate(2);
    expect(file.size()).toBe(2);
    file.close();
    file.close();
  });

  it('a durable file says so where the system can promise it', () => {
    const file = vfs.open(join(directory, 'file'), 'create', { durable: true });
    expect(file.isDurable).toBe(process.platform === 'linux');
    file.write(bytes('x'), 0);
    file.close();
  });

  it('a failure throws and never looks like the end of the file', () => {
    expect(() => vfs.open(join(directory, 'absent'), 'read')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
    fs.writeFileSync(join(directory, 'file'), 'x');
    const file = vfs.open(join(directory, 'file'), 'read');
    expect(() => file.write(bytes('y'), 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    file.close();
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('lists, measures, renames and removes', () => {
    publishFile(vfs, join(directory, 'b'), bytes('bb'));
    publishFile(vfs, join(directory, 'a'), bytes('a'));
    expect(vfs.list(directory)).toEqual(['a', 'b']);
    expect(vfs.size(join(directory, 'b'))).toBe(2);
    expect(vfs.size(join(directory, 'c'))).toBeUndefined();
    vfs.rename(join(directory, 'b'), join(directory, 'c'));
    vfs.unlink(join(directory, 'a'));
    vfs.syncDirectory(directory);
    expect(vfs.list(directory)).toEqual(['c']);
  });
});

describe('a lock', () => {
  it('refuses a second opener in the same process and is free after release', () => {
    const path = join(directory, 'LOCK');
    const lock = vfs.lock(path);
    expect(() => vfs.lock(path)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    lock.release();
    lock.release();
    vfs.lock(path).release();
  });

  it('is refused while another process holds it and freed when that process is killed', async () => {
    const path = join(directory, 'LOCK');
    const holder = spawn(
      process.execPath,
      [
        '--conditions=@waldb/source',
        '--import',
        'tsx',
        '-e',
        `import('@waldb/io').then(({ NodeVfs }) => {
          globalThis.held = new NodeVfs().lock(${JSON.stringify(path)});
          console.log('held');
          setInterval(() => {}, 1000);
        })`,
      ],
      { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(holder.stdout, 'data');
    expect(() => vfs.lock(path)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    vfs.lock(path).release();
  });
});

describe('publishFile', () => {
  it('replaces the old file whole and leaves nothing else behind', () => {
    const path = join(directory, 'state');
    publishFile(vfs, path, bytes('one'));
    publishFile(vfs, path, bytes('two and more'));
    expect(readFile(vfs, path, 100)).toEqual(bytes('two and more'));
    expect(vfs.list(directory)).toEqual(['state']);
  });

  it('leaves the old file when the new one cannot take its place', () => {
    const path = join(directory, 'state');
    fs.mkdirSync(path);
    expect(() => publishFile(vfs, path, bytes('x'))).toThrow();
    expect(vfs.list(directory)).toEqual(['state']);
    expect(vfs.isDirectory(path)).toBe(true);
  });

  it('a file larger than the reader allows is refused before it is read', () => {
    publishFile(vfs, join(directory, 'large'), new Uint8Array(100));
    expect(() => readFile(vfs, join(directory, 'large'), 99)).toThrow(RangeError);
  });
});

describe('createDirectory', () => {
  it('makes missing parents, accepts an existing one and refuses a file of that name', () => {
    const path = join(directory, 'a', 'b', 'c');
    createDirectory(vfs, path);
    createDirectory(vfs, path);
    expect(vfs.isDirectory(path)).toBe(true);
    fs.writeFileSync(join(directory, 'file'), '');
    expect(() => createDirectory(vfs, join(directory, 'file'))).toThrow();
  });
});

describe('a plan', () => {
  function* example(path: string, log: string[]): IoPlan<string> {
    const file = vfs.open(path, 'create', { durable: true });
    yield { type: 'write', file, bytes: bytes('ab'), position: 0 };
    yield { type: 'sync', file };
    yield { type: 'writeDurably', file, bytes: bytes('c'), position: 2 };
    file.close();
    yield { type: 'rename', from: path, to: `${path}2` };
    yield { type: 'syncDirectory', path: directory };
    try {
      yield { type: 'unlink', path };
    } catch (error) {
      log.push((error as NodeJS.ErrnoException).code ?? 'no code');
    }
    return 'done';
  }

  it('does the same blocking and with callbacks, and a failed step is thrown where it stands', async () => {
    const blocking: string[] = [];
    expect(runBlocking(vfs, example(join(directory, 'x'), blocking))).toBe('done');
    const byCallback: string[] = [];
    expect(await runWithCallbacks(vfs, example(join(directory, 'y'), byCallback))).toBe('done');
    expect(blocking).toEqual(['ENOENT']);
    expect(byCallback).toEqual(['ENOENT']);
    expect(vfs.list(directory)).toEqual(['x2', 'y2']);
    expect(readFile(vfs, join(directory, 'y2'), 10)).toEqual(bytes('abc'));
  });

  it('an error that the plan does not catch ends it', async () => {
    function* failing(): IoPlan {
      yield { type: 'unlink', path: join(directory, 'absent') };
    }
    expect(() => runBlocking(vfs, failing())).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    await expect(runWithCallbacks(vfs, failing())).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
