// Writing: sizes, what a stream may do, what is refused, and how a write ends early.

import { RaftError } from '@waldb/core';
import type { SnapshotStore } from '@waldb/snapshot';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  CONFIGURATION,
  codeOf,
  DIRECTORY,
  deferred,
  disk,
  gather,
  imageOf,
  indexesOf,
  inPieces,
  nameOf,
  open,
} from './support/store-fixture.js';

describe('an image', () => {
  it.each([
    ['no bytes', 0, 0],
    ['one byte', 1, 1],
    ['one byte less than a chunk', CHUNK_BYTES - 1, 1],
    ['exactly one chunk', CHUNK_BYTES, 1],
    ['one byte more', CHUNK_BYTES + 1, 2],
    ['exactly three chunks', CHUNK_BYTES * 3, 3],
  ])('W39: of %s comes back', async (_, bytes, chunks) => {
    const vfs = disk();
    const image = imageOf(5, bytes);
    const store = await open(vfs);
    const info = await store.write(at(5, 2), inPieces(image));
    expect(info).toEqual({ ...at(5, 2), bytes, chunks, checksum: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await store.close();
    const again = await open(vfs);
    expect(again.list()).toEqual([info]);
    expect(await again.verify(5)).toEqual(info);
    expect(await gather(again.read(5))).toEqual(Buffer.from(image));
  });

  it('comes back whatever the pieces and the chunks are, in full chunks, with the same checksum', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 64, max: 300 }),
        async (pieces, chunkBytes) => {
          const image = Buffer.concat(pieces);
          const store = await open(disk(), { chunkBytes });
          const info = await store.write(at(1), from(pieces));
          const sizes: number[] = [];
          const chunks: Uint8Array[] = [];
          for await (const chunk of store.read(1)) {
            sizes.push(chunk.length);
            chunks.push(chunk);
          }
          expect(Buffer.concat(chunks)).toEqual(image);
          expect(sizes.slice(0, -1).every((size) => size === chunkBytes)).toBe(true);
          expect(info).toMatchObject({ bytes: image.length, chunks: sizes.length });
          const other = await open(disk(), { chunkBytes: 77 });
          expect((await other.write(at(1), inPieces(image, 1000))).checksum).toBe(info.checksum);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has a checksum that tells images, indexes, terms and configurations apart', async () => {
    const image = imageOf(1, 100);
    const changed = imageOf(1, 100);
    changed[99] = 0;
    const learner = { ...CONFIGURATION, learners: [5], addresses: {} };
    const store = await open(disk(), { retain: 9 });
    const sums = [
      await store.write(at(1), inPieces(image)),
      await store.write(at(2), inPieces(image)),
      await store.write(at(3, 1), inPieces(changed)),
      await (await open(disk())).write(at(3, 2), inPieces(changed)),
      await (await open(disk())).write({ index: 3, term: 1, configuration: learner }, inPieces(changed)),
    ].map(({ checksum }) => checksum);
    expect(new Set(sums).size).toBe(sums.length);
  });

  it('is copied: a stream may fill the same buffer again for its next piece', async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = new Uint8Array(40);
      for (let i = 1; i <= 9; i++) yield buffer.fill(i);
    }
    const store = await open(disk());
    await store.write(at(1), reusing());
    const image = await gather(store.read(1));
    expect([...image]).toEqual(Array.from({ length: 360 }, (_, i) => Math.floor(i / 40) + 1));
  });

  it('keeps its configuration, joint ones too, whatever the caller does with the object', async () => {
    const vfs = disk();
    const joint = { ...CONFIGURATION, votersOutgoing: [1, 5], learnersNext: [5], autoLeave: true };
    const voters = [1, 2, 3];
    const store = await open(vfs);
    await store.write({ index: 1, term: 1, configuration: { ...joint, voters } }, inPieces(imageOf(1, 1)));
    voters.push(9);
    expect(store.latest()?.configuration).toEqual(joint);
    await store.close();
    expect((await open(vfs)).latest()?.configuration).toEqual(joint);
  });
});

describe('retention', () => {
  it('keeps the newest, at first by the option, then as asked', async () => {
    const vfs = disk();
    const store = await open(vfs, { retain: 3 });
    for (let index = 1; index <= 6; index++) await store.write(at(index), inPieces(imageOf(index, 70)));
    expect(indexesOf(store)).toEqual([6, 5, 4]);
    await store.prune(2);
    expect(indexesOf(store)).toEqual([6, 5]);
    await store.prune(2);
    await store.prune(1);
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(6), 'LOCK']);
    expect(await codeOf(() => store.prune(0))).toBe('SNAPSHOT_INVALID');
    expect(await codeOf(() => store.verify(5))).toBe('SNAPSHOT_NOT_FOUND');
  });

  it('never removes before the new one is durable: rename, directory sync, unlink', async () => {
    const vfs = disk();
    const store = await open(vfs, { retain: 1 });
    await store.write(at(1), inPieces(imageOf(1, 70)));
    vfs.operations.length = 0;
    await store.write(at(2), inPieces(imageOf(2, 70)));
    expect(vfs.operations.map(({ type }) => type)).toEqual([
      'create',
      'write',
      'write',
      'write',
      'write',
      'sync',
      'rename',
      'syncDirectory',
      'unlink',
      'syncDirectory',
    ]);
  });
});

describe('a refused write changes nothing', () => {
  it('X2: a snapshot that is not newer than the newest is stale', async () => {
    const store = await open(disk());
    await store.write(at(5), inPieces(imageOf(5, 10)));
    for (const index of [5, 4, 1]) {
      const stream = inPieces(imageOf(index, 10));
      expect(await codeOf(() => store.write(at(index, 9), stream))).toBe('SNAPSHOT_STALE');
    }
    expect(indexesOf(store)).toEqual([5]);
  });

  it('is stale as well when a newer one was published while it was written', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const gate = deferred();
    const slow = store.write(at(5), gated(imageOf(5, 100), gate.promise));
    await store.write(at(6), inPieces(imageOf(6, 100)));
    gate.resolve();
    expect(await codeOf(() => slow)).toBe('SNAPSHOT_STALE');
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(6), 'LOCK']);
  });

  it('is stale as well when a newer one has got its name and is not durable yet', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const [renamed, gate] = [deferred(), deferred()];
    const sync = vfs.syncDirectoryWithCallback.bind(vfs);
    vfs.syncDirectoryWithCallback = (path, callback) => {
      renamed.resolve();
      void gate.promise.then(() => sync(path, callback));
    };
    const newer = store.write(at(6), inPieces(imageOf(6, 100)));
    await renamed.promise;
    const older = codeOf(() => store.write(at(5), inPieces(imageOf(5, 100))));
    // The simulated disk works in microtasks: by the next turn of the loop the older one has come as far as it can.
    await new Promise((resolve) => setImmediate(resolve));
    expect(vfs.operations.filter(({ type }) => type === 'sync').length).toBe(2);
    gate.resolve();
    await newer;
    expect(await older).toBe('SNAPSHOT_STALE');
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(6), 'LOCK']);
  });

  it('one writer per index, and so many in all', async () => {
    const store = await open(disk());
    const gate = deferred();
    const writes = [1, 2, 3, 4].map((index) =>
      store.write(at(index), gated(imageOf(index, 10), gate.promise)),
    );
    const settled = Promise.allSettled(writes);
    for (const index of [1, 4, 5]) {
      expect(await codeOf(() => store.write(at(index, 2), inPieces(imageOf(1, 10))))).toBe('SNAPSHOT_BUSY');
    }
    gate.resolve();
    await settled;
    expect(store.latest()?.index).toBe(4);
    await store.write(at(5), inPieces(imageOf(5, 10)));
  });

  it.each<[string, Parameters<SnapshotStore['write']>[0]]>([
    ['index 0', at(0)],
    ['an index that is no safe integer', at(2 ** 53)],
    ['term 0', at(1, 0)],
    [
      'a configuration without voters',
      { index: 1, term: 1, configuration: { ...CONFIGURATION, voters: [] } },
    ],
    [
      'a configuration with a voter that is a learner',
      { index: 1, term: 1, configuration: { ...CONFIGURATION, learners: [1] } },
    ],
  ])('%s is invalid', async (_, position) => {
    const vfs = disk();
    const store = await open(vfs);
    expect(await codeOf(() => store.write(position, inPieces(imageOf(1, 10))))).toBe('SNAPSHOT_INVALID');
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
  });

  it('a configuration over its limit is too large, so that what is written can be read back', async () => {
    const configuration = { ...CONFIGURATION, addresses: { 1: 'x'.repeat(1024 * 1024) } };
    const store = await open(disk());
    const write = (): unknown => store.write({ index: 1, term: 1, configuration }, inPieces(imageOf(1, 10)));
    expect(await codeOf(write)).toBe('SNAPSHOT_TOO_LARGE');
  });

  it.each([
    { retain: 0 },
    { retain: 1.5 },
    { chunkBytes: 63 },
    { chunkBytes: 16 * 1024 * 1024 + 1 },
    { snapshotBytesMax: -1 },
  ])('options %o are invalid', async (options) => {
    expect(await codeOf(() => open(disk(), options))).toBe('SNAPSHOT_INVALID');
  });

  it('W39: a stream just at the limit is written, one byte more is too large', async () => {
    const vfs = disk();
    const store = await open(vfs, { snapshotBytesMax: 200 });
    await store.write(at(1), inPieces(imageOf(1, 200)));
    expect(await codeOf(() => store.write(at(2), inPieces(imageOf(2, 201))))).toBe('SNAPSHOT_TOO_LARGE');
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(1), 'LOCK']);
  });

  it('a stream that does not have the checksum its sender named is not published', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const { checksum } = await (await open(disk())).write(at(1), inPieces(imageOf(1, 200)));
    const cut = inPieces(imageOf(1, 199)); // a connection that was lost may look like an end
    expect(await codeOf(() => store.write(at(1), cut, { checksum }))).toBe('SNAPSHOT_MISMATCH');
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
    expect(await store.write(at(1), inPieces(imageOf(1, 200)), { checksum })).toMatchObject({ checksum });
  });
});

describe('a write that ends early publishes nothing and leaves nothing', () => {
  it.each([0, 1, 5])('the stream throws after %i pieces: its own error comes out', async (pieces) => {
    const vfs = disk();
    const store = await open(vfs);
    async function* broken(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < pieces; i++) yield imageOf(i, 100);
      throw new RaftError('STORAGE', 'the state machine is broken');
    }
    await expect(store.write(at(1), broken())).rejects.toBeInstanceOf(RaftError);
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
    await store.write(at(1), inPieces(imageOf(1, 100)));
  });

  it('a stream of something else than bytes is invalid, and is told to end', async () => {
    const store = await open(disk());
    let isEnded = false;
    async function* texts(): AsyncGenerator<string> {
      try {
        yield 'x';
      } finally {
        isEnded = true;
      }
    }
    const stream = texts() as unknown as AsyncIterable<Uint8Array>; // what a caller without types may do
    expect(await codeOf(() => store.write(at(1), stream))).toBe('SNAPSHOT_INVALID');
    expect(isEnded).toBe(true);
  });

  it('a signal ends it, even while the stream is stuck; the reason is the cause', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const controller = new AbortController();
    const reached = deferred();
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield imageOf(1, 300);
      reached.resolve();
      await new Promise(() => {});
    }
    const write = store.write(at(1), stuck(), { signal: controller.signal });
    await reached.promise;
    controller.abort(new Error('enough'));
    await expect(write).rejects.toMatchObject({ code: 'SNAPSHOT_ABORTED', cause: { message: 'enough' } });
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
    await store.write(at(1), inPieces(imageOf(1, 100)), { signal: new AbortController().signal });
  });

  it('a signal that was given before keeps it from beginning', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const operations = vfs.operations.length;
    const signal = AbortSignal.abort();
    expect(await codeOf(() => store.write(at(1), inPieces(imageOf(1, 10)), { signal }))).toBe(
      'SNAPSHOT_ABORTED',
    );
    expect(vfs.operations.length).toBe(operations);
  });

  it('a signal during the last disk operation before the rename still counts, one after it does not', async () => {
    for (const [type, outcome] of [
      ['sync', 'SNAPSHOT_ABORTED'],
      ['rename', 'none'],
    ] as const) {
      const vfs = disk();
      const store = await open(vfs);
      const controller = new AbortController();
      vfs.faults = (operation) => {
        if (operation.type === type) controller.abort();
        return undefined;
      };
      const write = (): unknown =>
        store.write(at(1), inPieces(imageOf(1, 100)), { signal: controller.signal });
      expect(await codeOf(write)).toBe(outcome);
      expect(vfs.list(DIRECTORY)).toEqual(outcome === 'none' ? [nameOf(1), 'LOCK'] : ['LOCK']);
    }
  });

  it('closing the store ends it, even while the stream is stuck', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const write = store.write(at(1), gated(imageOf(1, 300), new Promise(() => {})));
    const outcome = codeOf(() => write);
    await store.close();
    expect(await outcome).toBe('SNAPSHOT_CLOSED');
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
    await (await open(vfs)).close();
  });
});

async function* from(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** Gives the image but for its last byte, waits, and gives that. */
async function* gated(image: Uint8Array, gate: Promise<void>): AsyncGenerator<Uint8Array> {
  yield image.subarray(0, -1);
  await gate;
  yield image.subarray(-1);
}
