// Images larger than the memory that they may take, on the machine's own disk.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NodeVfs, type Vfs, type VfsFile } from '@waldb/io';
import { SnapshotStore } from '@waldb/snapshot';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { at } from './support/store-fixture.js';

const MIB = 1024 * 1024;
const IMAGE_BYTES = 64 * MIB;
const PIECE_BYTES = 100_000;
/**
 * A chunk is alive at a time. The rest is for buffers that were collected and are freed in the background: those of the
 * 4 MiB since the last sample and some of those before.
 */
const LIVE_BYTES_MAX = 16 * MIB;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waldb-snapshot-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

it('W38: 64 MiB are written, verified and read with memory for a few chunks', async () => {
  await using store = await SnapshotStore.open(directory);
  const highWater = new HighWater();
  const info = await store.write(at(1), bigImage(highWater));
  expect(info).toMatchObject({ bytes: IMAGE_BYTES, chunks: 256 });
  await store.verify(1);
  let offset = 0;
  highWater.sample(offset);
  for await (const chunk of store.read(1)) {
    if (chunk.some((byte, i) => byte !== byteAt(offset + i)))
      throw new Error(`wrong bytes from ${offset} on`);
    offset += chunk.length;
    highWater.sample(offset);
  }
  expect(offset).toBe(IMAGE_BYTES);
  expect(highWater.samples).toBeGreaterThan(20);
  expect(highWater.bytes).toBeLessThan(LIVE_BYTES_MAX);
});

it('the event loop goes on: nothing is read, written, synced, renamed or removed by a blocking call', async () => {
  const calls: string[] = [];
  await using store = await SnapshotStore.open(directory, { vfs: watched(new NodeVfs(), calls), retain: 1 });
  calls.length = 0;
  for (const index of [1, 2]) await store.write(at(index), bigImage(new HighWater(), 5 * MIB));
  await store.verify(2);
  await store.prune(1);
  expect(new Set(calls)).toEqual(
    new Set([
      'open',
      'size',
      'readWithCallback',
      'writeWithCallback',
      'syncWithCallback',
      'renameWithCallback',
      'unlinkWithCallback',
      'syncDirectoryWithCallback',
      'close',
    ]),
  );
});

it('is synced every few MiB while it is written, so that the log beside it never waits for much', async () => {
  const calls: string[] = [];
  await using store = await SnapshotStore.open(directory, {
    vfs: watched(new NodeVfs(), calls),
    chunkBytes: MIB,
  });
  await store.write(at(1), bigImage(new HighWater(), 9 * MIB));
  const disk = calls.filter((name) => /^(write|sync)With/.test(name)).map((name) => name.slice(0, 1));
  // Header and chunks, chunks, the rest and the trailer.
  expect(disk.join('')).toBe('wwwwwswwwwswws');
});

function byteAt(offset: number): number {
  return (offset * 131 + (offset >>> 12)) & 0xff;
}

async function* bigImage(highWater: HighWater, bytes = IMAGE_BYTES): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(PIECE_BYTES);
  for (let offset = 0; offset < bytes; offset += PIECE_BYTES) {
    for (let i = 0; i < PIECE_BYTES; i++) piece[i] = byteAt(offset + i);
    highWater.sample(offset);
    yield piece.subarray(0, bytes - offset);
  }
}

/** The most memory that was alive at any of the samples, beyond what was alive at the start. */
class HighWater {
  bytes = 0;
  samples = 0;
  readonly #baseline = liveBytes();
  #nextOffset = 4 * MIB;

  /** Samples now and then, by the offset that an image has come to. */
  sample(offset: number): void {
    if (offset < PIECE_BYTES) this.#nextOffset = 4 * MIB; // another pass over it
    if (offset < this.#nextOffset) return;
    this.#nextOffset += 4 * MIB;
    this.samples += 1;
    this.bytes = Math.max(this.bytes, liveBytes() - this.#baseline);
  }
}

function liveBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Notes the name of every method that is called on the file system or one of its files. */
function watched(vfs: Vfs, calls: string[]): Vfs {
  const note = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          calls.push(String(name));
          const result: unknown = Reflect.apply(value, target, args);
          return name === 'open' ? note(result as VfsFile) : result; // what open gives
        };
      },
    });
  return note(vfs);
}
