// What users get wrong, and what a machine is set up to refuse, on the real file system: each is an error with a code
// that names the thing, and nothing on disk is changed.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeVfs, type OpenMode, type OpenOptions, type VfsFile, type VfsLock } from '@waldb/io';
import { WalError, WalLog, type WalOptions } from '@waldb/wal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealPage } from '../src/format/page.js';
import { entries, shown, shownAs } from './support/log-fixture.js';

let root = '';
let count = 0;
beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'waldb-bad-input-'));
});
afterAll(() => fs.rmSync(root, { recursive: true }));

const ALL = entries(1, 20, 1, 500);
const SMALL: WalOptions = { segmentBytes: 8 * 1024, spareSegments: 0 };

function newPath(): string {
  count += 1;
  return join(root, String(count));
}

/** A log with several segments, closed. */
async function makeLog(): Promise<string> {
  const directory = newPath();
  await using log = await WalLog.open(directory, SMALL);
  for (const one of ALL) {
    log.append([one]);
    log.sync();
  }
  return directory;
}

/** Every file below a directory with its bytes, its times and its owner's rights. */
function tree(path: string): string[] {
  const status = fs.lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return [`${path} is not there`];
  const line = `${path} ${status.mode} ${status.size} ${status.mtimeMs} ${status.ctimeMs}`;
  if (!status.isDirectory()) return [`${line} ${fs.readFileSync(path).toString('base64')}`];
  return [
    line,
    ...fs
      .readdirSync(path)
      .sort()
      .flatMap((name) => tree(join(path, name))),
  ];
}

/** Opening ends in this code and changes nothing below `root`. */
async function expectRefused(directory: string, code: string, options: WalOptions = {}): Promise<WalError> {
  const before = tree(root);
  const error: unknown = await WalLog.open(directory, { ...SMALL, ...options }).then(
    (log) => log.close().then(() => 'it opened'),
    (reason: unknown) => reason,
  );
  expect(tree(root)).toEqual(before);
  expect(error).toBeInstanceOf(WalError);
  expect(error).toMatchObject({ code });
  return error as WalError; // just checked
}

describe('a directory', () => {
  it('that is a file, or lies below one, is refused by its name, for writing and for reading', async () => {
    const file = newPath();
    fs.writeFileSync(file, 'a letter to my aunt');
    for (const path of [file, join(file, 'log'), join(file, 'some', 'log')]) {
      expect((await expectRefused(path, 'WAL_IO')).message).toContain(file);
      expect((await expectRefused(path, 'WAL_NOT_FOUND', { readOnly: true })).message).toContain(path);
    }
  });

  it('without a log is not taken for one by who only reads', async () => {
    const directory = newPath();
    expect((await expectRefused(directory, 'WAL_NOT_FOUND', { readOnly: true })).detail).toMatchObject({
      directory,
    });
    fs.mkdirSync(directory);
    fs.writeFileSync(join(directory, 'photo.jpg'), 'not a log');
    await expectRefused(directory, 'WAL_NOT_FOUND', { readOnly: true });
  });

  it('in which METADATA is something else is refused, and what it is stays', async () => {
    for (const content of ['', 'title: my album\n', 'x'.repeat(8192), 'x'.repeat(100_000)]) {
      const directory = newPath();
      fs.mkdirSync(directory);
      fs.writeFileSync(join(directory, 'METADATA'), content);
      fs.writeFileSync(join(directory, 'LOCK'), '');
      for (const readOnly of [false, true]) {
        const error = await expectRefused(directory, 'WAL_CORRUPT', { readOnly });
        expect(error.detail).toMatchObject({ file: 'METADATA' });
      }
    }
    const directory = newPath();
    fs.mkdirSync(join(directory, 'METADATA'), { recursive: true });
    fs.writeFileSync(join(directory, 'LOCK'), '');
    expect((await expectRefused(directory, 'WAL_IO')).message).toContain('METADATA');
  });

  it('W29: with a log of a newer version is refused with both versions, for reading too', async () => {
    const directory = await makeLog();
    const path = join(directory, 'METADATA');
    const bytes = fs.readFileSync(path);
    for (const slot of [0, 4096]) {
      const page = bytes.subarray(slot, slot + 4096);
      page[8] = 2;
      sealPage(page);
    }
    fs.writeFileSync(path, bytes);
    for (const readOnly of [false, true]) {
      const error = await expectRefused(directory, 'WAL_VERSION', { readOnly });
      expect(error.detail).toMatchObject({ file: 'METADATA', version: 2, versionMax: 1 });
      expect(error.message).toMatch(/version 2 .* up to 1/);
    }
  });

  it('W22 X17: with a segment of another log is refused with the ids of both', async () => {
    const [mine, other] = [await makeLog(), await makeLog()];
    const name = '0000000000000002.wal';
    fs.copyFileSync(join(other, name), join(mine, name));
    for (const readOnly of [false, true]) {
      const error = await expectRefused(mine, 'WAL_FOREIGN', { readOnly });
      expect(error.detail).toMatchObject({ file: name, segment: 2 });
      expect(error.message).toMatch(/belongs to log [0-9a-f]{16}, not to [0-9a-f]{16}/);
    }
  });
});

describe('an option', () => {
  const NUMBERS = [
    'segmentBytes',
    'spareSegments',
    'cacheBytes',
    'frameBytesMax',
    'entryBytesMax',
    'stagedBytesMax',
  ] as const;
  const ZERO_IS_FINE: readonly string[] = ['spareSegments', 'cacheBytes'];

  it.each(NUMBERS)('%s that can never be right is refused by name, and nothing is made', async (option) => {
    const wrong: readonly unknown[] = [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, 'much', {}, true];
    for (const value of ZERO_IS_FINE.includes(option) ? wrong : [0, ...wrong]) {
      const error = await expectRefused(newPath(), 'WAL_INVALID', { [option]: value } as WalOptions);
      expect(error.detail, `${option}: ${value}`).toMatchObject({ option });
      expect(error.message).toMatch(new RegExp(`^${option} must be a whole number from \\d+ to \\d+`));
    }
  });

  it.each(['frameBytesMax', 'entryBytesMax', 'stagedBytesMax'])(
    '%s beyond 4 GiB, which no length on disk could say, is refused',
    async (option) => {
      await expectRefused(newPath(), 'WAL_INVALID', { [option]: 2 ** 32 } as WalOptions);
      await expectRefused(newPath(), 'WAL_INVALID', { [option]: 2 ** 32 + 1 } as WalOptions);
    },
  );

  it('segmentBytes beyond 4 GiB is refused, and so is a number that is none', async () => {
    for (const value of [2 ** 32 + 1, '8192'])
      await expectRefused(newPath(), 'WAL_INVALID', { segmentBytes: value } as unknown as WalOptions);
  });

  it('readOnly that is neither true nor false is refused', async () => {
    const error = await expectRefused(newPath(), 'WAL_INVALID', { readOnly: 'no' } as unknown as WalOptions);
    expect(error.message).toBe('readOnly must be true or false; it is no.');
  });

  it('flushMode that does not exist is refused with those that do', async () => {
    const error = await expectRefused(newPath(), 'WAL_INVALID', {
      flushMode: 'turbo',
    } as unknown as WalOptions);
    expect(error.message).toMatch(/deferred, adaptive/);
  });
});

/** A machine that refuses changes, as a mount option or a user's rights would make it. */
class RefusingVfs extends NodeVfs {
  readonly #code: 'EROFS' | 'EACCES' | 'EPERM';

  constructor(code: 'EROFS' | 'EACCES' | 'EPERM') {
    super();
    this.#code = code;
  }

  override open(path: string, mode: OpenMode, options?: OpenOptions): VfsFile {
    if (mode !== 'read') this.#refuse(path);
    return super.open(path, mode, options);
  }

  override mkdir(path: string): void {
    this.#refuse(path);
  }

  override lock(path: string): VfsLock {
    return this.#refuse(path);
  }

  #refuse(path: string): never {
    throw Object.assign(new Error(`${this.#code}: refused, open '${path}'`), { code: this.#code, path });
  }
}

describe('a file system that refuses changes', () => {
  it.each(['EROFS', 'EACCES', 'EPERM'] as const)(
    'with %s: writing is refused with the reason, reading goes on',
    async (code) => {
      const directory = await makeLog();
      const vfs = new RefusingVfs(code);
      const error = await expectRefused(directory, 'WAL_IO', { vfs });
      expect(error).toMatchObject({ cause: { code }, detail: { directory } });
      expect(error.message).toContain(directory);
      expect((await expectRefused(newPath(), 'WAL_IO', { vfs })).cause).toMatchObject({ code });
      const before = tree(directory);
      await using log = await WalLog.open(directory, { ...SMALL, readOnly: true, vfs });
      expect(shown(log)).toEqual(shownAs(ALL));
      expect(tree(directory)).toEqual(before);
    },
  );

  it('W24: mounted read-only, or full, on a machine that lets us mount one: the same in earnest', async () => {
    const mountpoint = newPath();
    fs.mkdirSync(mountpoint);
    const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;
    // Where mounting is not allowed, the refusing file system above has said it all.
    if (!mount('-t', 'tmpfs', '-o', 'size=64k', 'waldb-test', mountpoint)) return;
    try {
      const directory = join(mountpoint, 'log');
      const log = await WalLog.open(directory, SMALL);
      log.append(ALL.slice(0, 5));
      log.sync();
      log.append(entries(6, 200, 1, 500));
      expect(() => log.sync()).toThrow(expect.objectContaining({ code: 'WAL_FULL' }));
      expect(log.lastIndex()).toBe(200);
      expect(mount('-o', 'remount,size=1m', mountpoint)).toBe(true);
      log.sync();
      await log.close();
      expect(mount('-o', 'remount,ro', mountpoint)).toBe(true);
      const error = await expectRefused(directory, 'WAL_IO');
      expect(error.cause).toMatchObject({ code: 'EROFS' });
      const reader = await WalLog.open(directory, { ...SMALL, readOnly: true });
      expect(reader.lastIndex()).toBe(200);
      await reader.close();
    } finally {
      spawnSync('umount', [mountpoint]);
    }
  });
});
