// Images that come from another server: taken over several connections, published only whole, and never something else.

import { type Ending, PowerLoss } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  codeOf,
  DIRECTORY,
  disk,
  failNext,
  gather,
  imageOf,
  indexesOf,
  inPieces,
  nameOf,
  open,
} from './support/store-fixture.js';

const IMAGE_BYTES = CHUNK_BYTES * 12 + 7;

/** The image at `index`, as a sender announces it. */
async function announced(index: number, bytes = IMAGE_BYTES) {
  const sender = await open(disk());
  const { checksum } = await sender.write(at(index), inPieces(imageOf(index, bytes)));
  return { bytes, checksum };
}

describe('a reception', () => {
  it('goes on where it stopped, whatever the pieces, and is there only when all of it is', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const image = imageOf(10, IMAGE_BYTES);
    const reception = await store.receive(at(10), await announced(10));
    for (const end of [1, CHUNK_BYTES, CHUNK_BYTES * 3 + 5, IMAGE_BYTES - 1]) {
      await reception.append(image.slice(reception.offset, end));
      expect(reception.offset).toBe(end);
      expect(reception.isComplete).toBe(false);
      expect(await codeOf(() => reception.publish())).toBe('SNAPSHOT_INVALID');
      expect(indexesOf(store)).toEqual([]);
    }
    await reception.append(image.slice(reception.offset));
    expect(reception.isComplete).toBe(true);
    expect(await reception.publish()).toEqual(store.latest());
    expect(await gather(store.read(10))).toEqual(Buffer.from(image));
    await reception.discard();
    expect(indexesOf(store)).toEqual([10]);
    await store.close();
    expect([...vfs.contents(DIRECTORY).keys()]).toEqual([nameOf(10), 'LOCK']);
  });

  it('an empty image is complete from the beginning', async () => {
    const store = await open(disk());
    const reception = await store.receive(at(10), await announced(10, 0));
    expect(reception.isComplete).toBe(true);
    await reception.publish();
    expect(await gather(store.read(10))).toEqual(Buffer.alloc(0));
  });

  it('P98 another image, or more of it than was announced, is never published, and nothing of it stays', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const expected = await announced(10);
    const other = await store.receive(at(10), expected);
    await other.append(imageOf(11, IMAGE_BYTES));
    expect(await codeOf(() => other.publish())).toBe('SNAPSHOT_MISMATCH');
    const long = await store.receive(at(10), expected);
    await long.append(imageOf(10, IMAGE_BYTES));
    expect(await codeOf(() => long.append(Uint8Array.of(1)))).toBe('SNAPSHOT_MISMATCH');
    expect(long.hasEnded).toBe(true);
    expect(await codeOf(() => long.publish())).toBe('SNAPSHOT_MISMATCH');
    expect([...vfs.contents(DIRECTORY).keys()]).toEqual(['LOCK']);
    // And then it may be tried anew.
    const right = await store.receive(at(10), expected);
    await right.append(imageOf(10, IMAGE_BYTES));
    await right.publish();
  });

  it('a disk that fails ends it, with nothing left behind; a full one says so', async () => {
    for (const [code, expectedCode] of [
      ['EIO', 'SNAPSHOT_IO'],
      ['ENOSPC', 'SNAPSHOT_FULL'],
    ] as const) {
      for (const type of ['write', 'sync', 'rename', 'syncDirectory'] as const) {
        const vfs = disk();
        const store = await open(vfs);
        const reception = await store.receive(at(10), await announced(10));
        failNext(vfs, type, '', { type: 'error', code });
        const whole = async () => {
          await reception.append(imageOf(10, IMAGE_BYTES));
          await reception.publish();
        };
        expect(await codeOf(whole), type).toBe(expectedCode);
        expect(reception.hasEnded).toBe(true);
        expect([...vfs.contents(DIRECTORY).keys()], type).toEqual(['LOCK']);
        expect(await codeOf(() => store.receive(at(10), reception.expected))).toBe('none');
      }
    }
  });

  it('too large, stale or under way twice: refused before the first byte', async () => {
    const store = await open(disk(), { snapshotBytesMax: IMAGE_BYTES });
    const expected = await announced(10);
    expect(await codeOf(() => store.receive(at(10), { ...expected, bytes: IMAGE_BYTES + 1 }))).toBe(
      'SNAPSHOT_TOO_LARGE',
    );
    const reception = await store.receive(at(10), expected);
    expect(await codeOf(() => store.receive(at(10), expected))).toBe('SNAPSHOT_BUSY');
    await store.write(at(20), inPieces(imageOf(20, IMAGE_BYTES)));
    expect(await codeOf(() => store.receive(at(15), expected))).toBe('SNAPSHOT_STALE');
    await reception.append(imageOf(10, IMAGE_BYTES));
    expect(await codeOf(() => reception.publish())).toBe('SNAPSHOT_STALE');
    expect(indexesOf(store)).toEqual([20]);
  });

  it('a store that is closed ends it, also while the disk is at work; a restart drops what was not published', async () => {
    const vfs = disk();
    const store = await open(vfs);
    const reception = await store.receive(at(10), await announced(10));
    const appending = reception.append(imageOf(10, IMAGE_BYTES)).catch(() => {});
    const opening = codeOf(() => store.receive(at(11), reception.expected));
    await store.close();
    await appending;
    expect(await opening).toBe('SNAPSHOT_CLOSED');
    expect(await codeOf(() => reception.append(Uint8Array.of(1)))).toBe('SNAPSHOT_CLOSED');
    expect([...vfs.contents(DIRECTORY).keys()]).toEqual(['LOCK']);

    const killed = disk();
    const cut = await (await open(killed)).receive(at(10), await announced(10));
    await cut.append(imageOf(10, 100));
    const after = killed.reopen({ type: 'killed' });
    expect(indexesOf(await open(after))).toEqual([]);
    expect([...after.contents(DIRECTORY).keys()]).toEqual(['LOCK']);
  });

  it('W10 W34 a loss of power at every operation: the one before is usable, the new one is there only whole', async () => {
    const expected = await announced(20);
    const run = async (failAt: number) => {
      const vfs = disk();
      const store = await open(vfs);
      await store.write(at(10), inPieces(imageOf(10, IMAGE_BYTES)));
      const before = vfs.operations.length;
      vfs.faults = ({ number }) => (number === before + failAt ? { type: 'powerLoss' } : undefined);
      let isPublished = false;
      try {
        const reception = await store.receive(at(20), expected);
        await reception.append(imageOf(20, IMAGE_BYTES));
        await reception.publish();
        isPublished = true;
      } catch (error) {
        if (!((error as Error).cause instanceof PowerLoss)) throw error;
      }
      return { vfs, isPublished, operations: vfs.operations.length - before };
    };
    const { operations } = await run(-1);
    expect(operations).toBeGreaterThan(10);
    const endings: Ending[] = [
      { type: 'killed' },
      ...(['nothing', 'everything', 'any'] as const).map(
        (survival) => ({ type: 'powerLoss', survival, seed: 3 }) as const,
      ),
    ];
    for (let failAt = 1; failAt <= operations + 1; failAt++) {
      const { vfs, isPublished } = await run(failAt);
      for (const ending of endings) {
        const store = await open(vfs.reopen(ending));
        expect(store.refused()).toEqual([]);
        expect(indexesOf(store), `${failAt} ${ending.type}`).toSatisfy((found: number[]) =>
          isPublished ? found.join() === '20,10' : ['20,10', '10'].includes(found.join()),
        );
        for (const index of indexesOf(store))
          expect(await gather(store.read(index))).toEqual(Buffer.from(imageOf(index, IMAGE_BYTES)));
        await store.close();
      }
    }
  });
});

describe('reading from the middle', () => {
  it('gives exactly what is left, from every offset', async () => {
    const store = await open(disk());
    const bytes = CHUNK_BYTES * 3 + 5;
    await store.write(at(10), inPieces(imageOf(10, bytes)));
    const image = Buffer.from(imageOf(10, bytes));
    for (let from = 0; from <= bytes; from++)
      expect(await gather(store.read(10, from))).toEqual(image.subarray(from));
    for (const from of [-1, 0.5, bytes + 1])
      expect(await codeOf(() => store.read(10, from))).toBe('SNAPSHOT_INVALID');
  });
});

describe('an owner that knows what must stay', () => {
  const keepAll = { retain: Number.MAX_SAFE_INTEGER };

  it('nothing goes by itself, nothing at or above the one it names, and the newest below it as it says', async () => {
    const store = await open(disk(), keepAll);
    for (const index of [10, 20, 30, 40, 50]) await store.write(at(index), inPieces(imageOf(index, 100)));
    expect(indexesOf(store)).toEqual([50, 40, 30, 20, 10]);
    await store.pruneBelow(30, 1);
    expect(indexesOf(store)).toEqual([50, 40, 30, 20]);
    await store.pruneBelow(30, 0);
    expect(indexesOf(store)).toEqual([50, 40, 30]);
  });

  it('W34 what nothing names is dropped for good, and stands in the way of nothing', async () => {
    const vfs = disk();
    const store = await open(vfs, keepAll);
    for (const index of [10, 20, 30]) await store.write(at(index), inPieces(imageOf(index, 100)));
    await store.dropAbove(10);
    expect(indexesOf(store)).toEqual([10]);
    await store.write(at(15), inPieces(imageOf(15, 100)));
    const after = await open(vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 1 }), keepAll);
    expect(indexesOf(after)).toEqual([15, 10]);
  });

  it('one that cannot be removed is listed still, and the others go', async () => {
    const vfs = disk();
    const store = await open(vfs, keepAll);
    for (const index of [10, 20, 30]) await store.write(at(index), inPieces(imageOf(index, 100)));
    failNext(vfs, 'unlink', nameOf(30), { type: 'error', code: 'EIO' });
    expect(await codeOf(() => store.dropAbove(10))).toBe('SNAPSHOT_IO');
    expect(indexesOf(store)).toEqual([30, 10]);
    await store.dropAbove(10);
    expect(indexesOf(store)).toEqual([10]);
  });
});
