// What a failing disk, a stranger and a newer program may leave in the directory.

import { checksum } from '@waldb/io';
import type { SnapshotStoreOptions } from '@waldb/snapshot';
import type { FaultVfs } from '@waldb/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  codeOf,
  DIRECTORY,
  disk,
  failNext,
  flip,
  gather,
  imageOf,
  indexesOf,
  inPieces,
  nameOf,
  open,
  pathOf,
} from './support/store-fixture.js';

const IMAGE_BYTES = CHUNK_BYTES * 2 + 9;
const OLD = imageOf(1, IMAGE_BYTES);
const NEW = imageOf(2, IMAGE_BYTES);

let healthy: FaultVfs;
let newest: Uint8Array;

beforeAll(async () => {
  healthy = disk();
  const store = await open(healthy);
  await store.write(at(1), inPieces(OLD));
  await store.write(at(2), inPieces(NEW));
  await store.close();
  newest = healthy.contents(DIRECTORY).get(nameOf(2)) ?? new Uint8Array(0);
});

/** A copy of the healthy disk on which the newest snapshot's file is another. */
function withNewest(change: (bytes: Uint8Array) => Uint8Array): FaultVfs {
  const vfs = healthy.reopen({ type: 'powerLoss', survival: 'everything', seed: 0 });
  vfs.damage(pathOf(2), change);
  return vfs;
}

/** The newest snapshot is found to be unusable, at open or by `verify`; the one before it stands in, and can be followed. */
async function expectFallback(
  vfs: FaultVfs,
  code: string,
  options: SnapshotStoreOptions = {},
): Promise<'open' | 'verify'> {
  const store = await open(vfs, options);
  const found = store.latest()?.index === 1 ? 'open' : 'verify';
  expect(await codeOf(() => store.verify(2))).toBe(code);
  expect(await codeOf(() => gather(store.read(2)))).toBe(code);
  expect(store.refused()).toMatchObject([
    { file: nameOf(2), index: 2, term: 1, error: { code, detail: { file: nameOf(2) } } },
  ]);
  expect(store.latest()).toMatchObject({ index: 1 });
  expect(await gather(store.read(1))).toEqual(Buffer.from(OLD));
  await store.close();
  return found;
}

describe('a damaged newest snapshot', () => {
  it('W20: a flipped bit at every byte is found before the byte is handed out, and the one before is usable', async () => {
    const foundBy = { open: 0, verify: 0 };
    for (let offset = 0; offset < newest.length; offset++) {
      const vfs = withNewest((bytes) => bytes);
      flip(vfs, pathOf(2), offset, 1 << (offset % 8));
      foundBy[await expectFallback(vfs, 'SNAPSHOT_CORRUPT')] += 1;
    }
    // Chunks are what opening does not read; everything else it checks.
    expect(foundBy).toEqual({ open: newest.length - 3 * 16 - IMAGE_BYTES, verify: 3 * 16 + IMAGE_BYTES });
  });

  it('W20: a truncation to every length is found at open', async () => {
    for (let length = 0; length < newest.length; length++) {
      const vfs = withNewest((bytes) => bytes.slice(0, length));
      expect(await expectFallback(vfs, 'SNAPSHOT_CORRUPT'), `${length} bytes`).toBe('open');
    }
  });

  it('W20: bytes behind the trailer, a lost sector and an empty file are found', async () => {
    expect(
      await expectFallback(
        withNewest((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
        'SNAPSHOT_CORRUPT',
      ),
    ).toBe('open');
    expect(
      await expectFallback(
        withNewest((bytes) => Buffer.concat([bytes, bytes.slice(-64)])),
        'SNAPSHOT_CORRUPT',
      ),
    ).toBe('open');
    expect(
      await expectFallback(
        withNewest((bytes) => bytes.fill(0, 200, 260)),
        'SNAPSHOT_CORRUPT',
      ),
    ).toBe('verify');
    expect(
      await expectFallback(
        withNewest(() => new Uint8Array(0)),
        'SNAPSHOT_CORRUPT',
      ),
    ).toBe('open');
  });

  it('W20: says which file, offset and chunk', async () => {
    const vfs = withNewest((bytes) => bytes);
    const chunkAt = newest.length - 64 - (16 + 9);
    flip(vfs, pathOf(2), chunkAt + 20);
    const store = await open(vfs);
    await expect(store.verify(2)).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
      detail: { file: nameOf(2), index: 2, term: 1, offset: chunkAt, chunk: 2 },
    });
  });

  it('W27: chunks that changed places, or strayed in from another snapshot, are found', async () => {
    const first = newest.length - 64 - 25 - 80 - 80;
    const swapped = (bytes: Uint8Array): Uint8Array => {
      const chunk = bytes.slice(first, first + 80);
      bytes.copyWithin(first, first + 80, first + 160);
      bytes.set(chunk, first + 80);
      return bytes;
    };
    const older = healthy.contents(DIRECTORY).get(nameOf(1)) ?? new Uint8Array(0);
    const strayed = (bytes: Uint8Array): Uint8Array => {
      bytes.set(older.slice(first, first + 80), first);
      return bytes;
    };
    for (const change of [swapped, strayed]) {
      const vfs = withNewest(change);
      // Before any of it is handed out, and not only by the checksum of the whole.
      await expect((await open(vfs)).read(2).next()).rejects.toMatchObject({ detail: { chunk: 0 } });
      expect(await expectFallback(vfs.reopen({ type: 'killed' }), 'SNAPSHOT_CORRUPT')).toBe('verify');
    }
  });

  it('a whole file that was put in its place after it was listed is not taken for it', async () => {
    const other = disk();
    await (await open(other)).write(at(2), inPieces(imageOf(7, IMAGE_BYTES)));
    const vfs = withNewest((bytes) => bytes);
    const store = await open(vfs);
    vfs.damage(pathOf(2), () => other.contents(DIRECTORY).get(nameOf(2)) ?? new Uint8Array(0));
    await expect(store.read(2).next()).rejects.toMatchObject({ code: 'SNAPSHOT_CORRUPT' });
    expect(store.latest()?.index).toBe(1);
  });

  it('W27: a chunk of another image at the same position is found by the checksum of the whole', async () => {
    const other = disk();
    const writer = await open(other);
    await writer.write(at(2), inPieces(imageOf(7, IMAGE_BYTES)));
    const file = other.contents(DIRECTORY).get(nameOf(2)) ?? new Uint8Array(0);
    const first = newest.length - 64 - 25 - 80 - 80;
    const vfs = withNewest((bytes) => {
      bytes.set(file.slice(first, first + 80), first);
      return bytes;
    });
    const store = await open(vfs);
    const stream = store.read(2);
    for (let i = 0; i < 3; i++) expect((await stream.next()).done).toBe(false); // each chunk by itself is right
    expect(await codeOf(() => stream.next())).toBe('SNAPSHOT_CORRUPT');
    expect(store.latest()?.index).toBe(1);
  });

  it('W22: a file under another one’s name is refused', async () => {
    const older = healthy.contents(DIRECTORY).get(nameOf(1)) ?? new Uint8Array(0);
    expect(
      await expectFallback(
        withNewest(() => older),
        'SNAPSHOT_CORRUPT',
      ),
    ).toBe('open');
  });

  it('W21: lengths are not believed before their checksum, nor beyond the limits of the format', async () => {
    for (const at of [32, 36]) {
      const huge = (bytes: Uint8Array): Uint8Array => {
        new DataView(bytes.buffer).setUint32(at, 0xffff_fff0, true);
        return bytes;
      };
      expect(await expectFallback(withNewest(huge), 'SNAPSHOT_CORRUPT')).toBe('open');
      expect(
        await expectFallback(
          withNewest((bytes) => resealed(huge(bytes))),
          'SNAPSHOT_CORRUPT',
        ),
      ).toBe('open');
    }
  });

  it('is replaced by the next write, also at its own index', async () => {
    const vfs = withNewest((bytes) => bytes.slice(0, 100));
    const store = await open(vfs);
    await store.write(at(2), inPieces(NEW));
    expect(store.refused()).toEqual([]);
    expect(await gather(store.read(2))).toEqual(Buffer.from(NEW));
    expect(indexesOf(store)).toEqual([2, 1]);
  });

  it('is kept until as many newer snapshots are there as are kept, and then removed', async () => {
    const vfs = withNewest((bytes) => bytes.slice(0, 100));
    const store = await open(vfs);
    await store.write(at(3), inPieces(NEW));
    expect(store.refused()).toMatchObject([{ index: 2 }]); // of the two that are kept, 1 is older
    await store.write(at(4), inPieces(NEW));
    expect(store.refused()).toEqual([]);
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(3), nameOf(4), 'LOCK']);
  });
});

describe('a directory that others use', () => {
  it('W29: a newer version is refused by name, kept, and not taken for damage', async () => {
    const vfs = withNewest((bytes) => {
      new DataView(bytes.buffer).setUint32(8, 2, true);
      return resealed(bytes);
    });
    expect(await expectFallback(vfs, 'SNAPSHOT_VERSION')).toBe('open');
    expect(vfs.list(DIRECTORY)).toContain(nameOf(2));
  });

  it('W22: names that are not ours are left alone, unfinished files of ours are removed', async () => {
    const vfs = healthy.reopen({ type: 'powerLoss', survival: 'everything', seed: 0 });
    const foreign = [
      'notes.txt',
      'notes.txt.tmp',
      `${nameOf(3)}.bak`,
      `x${nameOf(3)}`,
      nameOf(3).toUpperCase(),
      nameOf(3).replace('.snap', '.snapshot'),
      'ffffffffffffffff-0000000000000001.snap',
      nameOf(0),
      nameOf(3, 0),
    ];
    for (const name of [...foreign, `${nameOf(3)}.tmp`])
      vfs.open(`${DIRECTORY}/${name}`, 'create').write(newest, 0);
    const store = await open(vfs, { retain: 1 });
    expect(indexesOf(store)).toEqual([2, 1]);
    expect(store.refused()).toEqual([]);
    await store.write(at(9), inPieces(NEW));
    expect(vfs.list(DIRECTORY).sort()).toEqual([...foreign, nameOf(9), 'LOCK'].sort());
  });

  it('W26: what cannot be read at open is refused with the system’s reason; the others are usable', async () => {
    const vfs = withNewest((bytes) => bytes);
    failNext(vfs, 'read', nameOf(2), { type: 'error', code: 'EIO' });
    const store = await open(vfs);
    expect(store.refused()).toMatchObject([
      { index: 2, error: { code: 'SNAPSHOT_IO', cause: { code: 'EIO' } } },
    ]);
    expect(indexesOf(store)).toEqual([1]);
  });

  it('W32: an image over the limit is refused when reading as when writing', async () => {
    const vfs = withNewest((bytes) => bytes);
    const store = await open(vfs, { snapshotBytesMax: IMAGE_BYTES - 1 });
    expect(store.refused()).toMatchObject([
      { index: 2, error: { code: 'SNAPSHOT_TOO_LARGE' } },
      { index: 1, error: { code: 'SNAPSHOT_TOO_LARGE' } },
    ]);
    expect(await codeOf(() => store.write(at(3), inPieces(NEW)))).toBe('SNAPSHOT_TOO_LARGE');
    await store.write(at(3), inPieces(NEW.subarray(1)));
    await store.close();
    expect(indexesOf(await open(vfs.reopen({ type: 'killed' }), { snapshotBytesMax: IMAGE_BYTES }))).toEqual([
      3, 2, 1,
    ]);
  });

  it('W28: a second opener is refused until the first has closed', async () => {
    const vfs = disk();
    const store = await open(vfs);
    expect(await codeOf(() => open(vfs))).toBe('SNAPSHOT_LOCKED');
    await store.close();
    await (await open(vfs)).close();
  });
});

/** The header's checksum made right again: what somebody would write on purpose. */
function resealed(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(60, checksum(bytes.subarray(0, 60)), true);
  return bytes;
}
