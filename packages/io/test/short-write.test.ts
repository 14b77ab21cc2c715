// The system may take fewer bytes than it was given. node:fs is replaced for as long as a test runs: no file system
// here does it on demand.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeVfs } from '@waldb/io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const original = { writeSync: fs.writeSync, write: fs.write, readSync: fs.readSync, read: fs.read };
const BYTES = Uint8Array.from({ length: 100 }, (_, i) => i + 1);
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'waldb-io-'));
});
afterEach(() => {
  Object.assign(fs, original);
  syncBuiltinESMExports();
  fs.rmSync(directory, { recursive: true });
});

/** Every call of this name handles at most `bytesMax` bytes. */
function limit(name: keyof typeof original, bytesMax: number): void {
  const full = original[name] as (...args: unknown[]) => unknown; // one signature for all four
  Object.assign(fs, {
    [name]: (fd: number, bytes: Uint8Array, offset: number, length: number, ...rest: unknown[]) =>
      full(fd, bytes, offset, Math.min(length, bytesMax), ...rest),
  });
  syncBuiltinESMExports();
}

describe('NodeVfs', () => {
  it('W25: a short write is continued, blocking and by callback', async () => {
    limit('writeSync', 7);
    limit('write', 7);
    const file = new NodeVfs().open(join(directory, 'file'), 'create');
    file.write(BYTES, 0);
    await new Promise<void>((resolve, reject) => {
      file.writeWithCallback(BYTES, 100, (error) => (error ? reject(error) : resolve()));
    });
    file.close();
    expect([...fs.readFileSync(join(directory, 'file'))]).toEqual([...BYTES, ...BYTES]);
  });

  it('W25: a write that makes no progress is an error, not a loop', async () => {
    limit('writeSync', 0);
    limit('write', 0);
    const file = new NodeVfs().open(join(directory, 'file'), 'create');
    expect(() => file.write(BYTES, 0)).toThrow(expect.objectContaining({ code: 'SHORT_WRITE' }));
    const error = await new Promise<unknown>((resolve) => file.writeWithCallback(BYTES, 0, resolve));
    expect(error).toMatchObject({ code: 'SHORT_WRITE', detail: { missing: 100 } });
    file.close();
  });

  it('W26: a read that returns early is continued: only the end of the file ends it', async () => {
    fs.writeFileSync(join(directory, 'file'), BYTES);
    limit('readSync', 9);
    limit('read', 9);
    const file = new NodeVfs().open(join(directory, 'file'), 'read');
    const blocking = new Uint8Array(120);
    expect(file.read(blocking, 0)).toBe(100);
    const byCallback = new Uint8Array(60);
    const count = await new Promise<number>((resolve, reject) => {
      file.readWithCallback(byCallback, 30, (error, read) => (error ? reject(error) : resolve(read)));
    });
    expect(count).toBe(60);
    expect([...byCallback]).toEqual([...BYTES.subarray(30, 90)]);
    file.close();
  });
});
