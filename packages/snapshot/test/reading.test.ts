// Reading beside writing, pruning and closing.

import type { SnapshotStore } from '@waldb/snapshot';
import type { FaultVfs } from '@waldb/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  codeOf,
  DIRECTORY,
  disk,
  flip,
  gather,
  imageOf,
  indexesOf,
  inPieces,
  nameOf,
  open,
  pathOf,
} from './support/store-fixture.js';

const IMAGE_BYTES = CHUNK_BYTES * 4;

let vfs: FaultVfs;
let store: SnapshotStore;

beforeEach(async () => {
  vfs = disk();
  store = await open(vfs);
  for (const index of [1, 2]) await store.write(at(index), inPieces(imageOf(index, IMAGE_BYTES)));
});

function files(): string[] {
  return vfs.list(DIRECTORY).filter((name) => name !== 'LOCK');
}

describe('a snapshot that is read', () => {
  it('stays for each of its readers while it is pruned and replaced, is listed no more, and goes with the last one', async () => {
    const [first, second] = [store.read(1), store.read(1)];
    const begun = [(await first.next()).value, (await second.next()).value];
    await store.write(at(3), inPieces(imageOf(3, IMAGE_BYTES)));
    await store.prune(1);
    expect(indexesOf(store)).toEqual([3]);
    expect(files()).toEqual([nameOf(1), nameOf(3)]);
    expect(await codeOf(() => store.read(1))).toBe('SNAPSHOT_NOT_FOUND');
    expect(Buffer.concat([begun[0] ?? Buffer.alloc(0), await gather(first)])).toEqual(
      Buffer.from(imageOf(1, IMAGE_BYTES)),
    );
    expect(files()).toEqual([nameOf(1), nameOf(3)]);
    expect(Buffer.concat([begun[1] ?? Buffer.alloc(0), await gather(second)])).toEqual(
      Buffer.from(imageOf(1, IMAGE_BYTES)),
    );
    expect(files()).toEqual([nameOf(3)]);
  });

  it('stays from the call of read on, and goes when the stream is given back, however far it came', async () => {
    for (const chunks of [0, 1, 4]) {
      const index = store.latest()?.index ?? 0;
      const stream = store.read(index);
      for (let i = 0; i < chunks; i++) await stream.next();
      await store.write(at(index + 1), inPieces(imageOf(1, IMAGE_BYTES)));
      await store.prune(1);
      expect(files()).toEqual([nameOf(index), nameOf(index + 1)]);
      await stream.return();
      expect(files()).toEqual([nameOf(index + 1)]);
      expect(await stream.next()).toEqual({ done: true, value: undefined });
    }
  });

  it('goes when the loop over it breaks, and at the end of a scope that declared it', async () => {
    for await (const _ of store.read(1)) {
      await store.prune(1);
      break;
    }
    expect(files()).toEqual([nameOf(2)]);
    {
      await using stream = store.read(2);
      await store.write(at(3), inPieces(imageOf(3, IMAGE_BYTES)));
      await store.prune(1);
      expect(stream.info.index).toBe(2);
      expect(files()).toEqual([nameOf(2), nameOf(3)]);
    }
    expect(files()).toEqual([nameOf(3)]);
  });

  it('is not lost when its last reader cannot remove it: it is listed again and goes the next time', async () => {
    const stream = store.read(1);
    await store.prune(1);
    vfs.faults = ({ type }) => (type === 'unlink' ? { type: 'error', code: 'EIO' } : undefined);
    expect(await gather(stream)).toEqual(Buffer.from(imageOf(1, IMAGE_BYTES)));
    expect(indexesOf(store)).toEqual([2, 1]);
    vfs.faults = undefined;
    await store.prune(1);
    expect(files()).toEqual([nameOf(2)]);
  });

  it('does not take a snapshot of the same name with it that was written after the newest was found damaged', async () => {
    const stream = store.read(1);
    await stream.next();
    await store.prune(1);
    vfs.damage(pathOf(2), (bytes) => bytes.subarray(0, -1));
    expect(await codeOf(() => store.verify(2))).toBe('SNAPSHOT_CORRUPT');
    await store.write(at(1), inPieces(imageOf(9, IMAGE_BYTES)));
    await stream.return();
    expect(await gather(store.read(1))).toEqual(Buffer.from(imageOf(9, IMAGE_BYTES)));
  });

  it('two readers and a prune at once read the same, whatever the order of their steps', async () => {
    const [one, two] = [store.read(2), store.read(2)];
    const [first, second] = await Promise.all([gather(one), gather(two), store.prune(1)]);
    expect(first).toEqual(Buffer.from(imageOf(2, IMAGE_BYTES)));
    expect(second).toEqual(first);
  });

  it('gives chunks in order to calls of next that do not wait for each other', async () => {
    const stream = store.read(2);
    const results = await Promise.all(Array.from({ length: 6 }, () => stream.next()));
    const chunks = results.flatMap(({ value }) => value ?? []);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(imageOf(2, IMAGE_BYTES)));
    expect(results.map(({ done }) => done)).toEqual([false, false, false, false, true, true]);
  });

  it('may be read by so many at a time and no more; a stream that has ended makes room', async () => {
    const streams = Array.from({ length: 64 }, () => store.read(2));
    expect(await codeOf(() => store.read(2))).toBe('SNAPSHOT_BUSY');
    await streams[0]?.return();
    await streams[1]?.return();
    expect(await gather(store.read(2))).toEqual(Buffer.from(imageOf(2, IMAGE_BYTES)));
  });
});

describe('damage that comes to light while reading', () => {
  it('ends the stream after the chunks that are right, and sets the snapshot aside for everybody', async () => {
    flip(vfs, pathOf(2), (vfs.contents(DIRECTORY).get(nameOf(2))?.length ?? 0) - 64 - 1);
    const stream = store.read(2);
    for (let i = 0; i < 3; i++)
      expect((await stream.next()).value).toEqual(imageOf(2, IMAGE_BYTES).subarray(i * 64, i * 64 + 64));
    expect(await codeOf(() => stream.next())).toBe('SNAPSHOT_CORRUPT');
    expect(store.latest()?.index).toBe(1);
    expect(store.refused()).toMatchObject([
      { index: 2, error: { code: 'SNAPSHOT_CORRUPT', detail: { chunk: 3 } } },
    ]);
  });

  it('W26: an error of the system or a short read is not an end, and damages nothing', async () => {
    for (const code of ['EIO', 'EINTR'] as const) {
      const stream = store.read(2);
      await stream.next();
      vfs.faults = ({ type }) => (type === 'read' ? { type: 'error', code } : undefined);
      await expect(stream.next()).rejects.toMatchObject({ code: 'SNAPSHOT_IO', cause: { code } });
      vfs.faults = undefined;
    }
    expect(indexesOf(store)).toEqual([2, 1]);
    const stream = store.read(2);
    await stream.next();
    vfs.faults = ({ type }) => (type === 'read' ? { type: 'shortRead', bytes: 20 } : undefined);
    await expect(stream.next()).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
  });

  it('W26: what reads right at the second look is not damaged, whichever read it is', async () => {
    const whole = await gather(store.read(2));
    for (let nth = 1; ; nth++) {
      let reads = 0;
      vfs.faults = ({ type }) => {
        if (type === 'read') reads += 1;
        return type === 'read' && reads === nth ? { type: 'shortRead', bytes: 20 } : undefined;
      };
      expect(await gather(store.read(2))).toEqual(whole);
      if (reads < nth) break; // every one of them has been short once
    }
    expect(store.refused()).toEqual([]);
  });
});

describe('closing', () => {
  it('a stream under way fails; it never seems to have come to its end', async () => {
    const [begun, untouched] = [store.read(2), store.read(1)];
    await begun.next();
    const pending = begun.next();
    await Promise.all([store.close(), store.close()]);
    expect((await pending).done).toBe(false);
    expect(await codeOf(() => begun.next())).toBe('SNAPSHOT_CLOSED');
    expect(await codeOf(() => untouched.next())).toBe('SNAPSHOT_CLOSED');
  });

  it('refuses everything afterwards, and a doomed snapshot is gone', async () => {
    store.read(1);
    await store.prune(1);
    expect(files()).toEqual([nameOf(1), nameOf(2)]);
    await store.close();
    expect(files()).toEqual([nameOf(2)]);
    const calls = [
      () => store.list(),
      () => store.latest(),
      () => store.refused(),
      () => store.read(2),
      () => store.verify(2),
      () => store.prune(1),
      () => store.write(at(9), inPieces(imageOf(9, 1))),
    ];
    for (const call of calls) expect(await codeOf(call)).toBe('SNAPSHOT_CLOSED');
  });

  it('happens at the end of a scope', async () => {
    await store.close();
    {
      await using again = await open(vfs);
      expect(indexesOf(again)).toEqual([2, 1]);
    }
    await (await open(vfs)).close();
  });
});
