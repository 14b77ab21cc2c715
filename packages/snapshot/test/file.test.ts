// Snapshots as files of their own, under any name: whole or not there, and checked as in a store.

import { openSnapshotFile, writeSnapshotFile } from '@waldb/snapshot';
import { describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  codeOf,
  disk,
  flip,
  gather,
  imageOf,
  inPieces,
  nameOf,
  open,
  pathOf,
} from './support/store-fixture.js';

const PATH = '/data/monday.backup';
const IMAGE = imageOf(5, CHUNK_BYTES * 3 + 1);

describe('a snapshot file', () => {
  it('has the bytes of one in a store, and is read under any name', async () => {
    const vfs = disk();
    const written = await writeSnapshotFile(PATH, at(5, 2), inPieces(IMAGE), {
      vfs,
      chunkBytes: CHUNK_BYTES,
    });
    const store = await open(vfs);
    await store.write(at(5, 2), inPieces(IMAGE));
    await store.close();
    expect(vfs.contents('/data').get('monday.backup')).toEqual(
      vfs.contents(pathOf(5, 2).replace(`/${nameOf(5, 2)}`, '')).get(nameOf(5, 2)),
    );
    const file = await openSnapshotFile(PATH, { vfs });
    expect(file.info).toEqual(written);
    expect(await gather(file.read())).toEqual(Buffer.from(IMAGE));
    expect(await gather(file.read())).toEqual(Buffer.from(IMAGE));
  });

  it('is there whole or not at all when power is lost at any operation, and an older one stays till then', async () => {
    const older = imageOf(1, 9);
    const seen = new Set<number>();
    for (let number = 1; ; number++) {
      const vfs = disk();
      await writeSnapshotFile(PATH, at(1), inPieces(older), { vfs, chunkBytes: CHUNK_BYTES });
      const start = vfs.operations.length;
      vfs.faults = (one) => (one.number === start + number ? { type: 'powerLoss' } : undefined);
      const written = await writeSnapshotFile(PATH, at(5), inPieces(IMAGE), {
        vfs,
        chunkBytes: CHUNK_BYTES,
      }).catch(() => undefined);
      const after = vfs.reopen({ type: 'powerLoss', survival: 'any', seed: number });
      const file = await openSnapshotFile(PATH, { vfs: after });
      seen.add(file.info.index);
      expect(await gather(file.read())).toEqual(Buffer.from(file.info.index === 5 ? IMAGE : older));
      if (written === undefined) continue;
      expect(file.info.index).toBe(5);
      break;
    }
    expect([...seen].sort()).toEqual([1, 5]);
  });

  it('is not published where the image is not the one that was announced, or breaks off', async () => {
    const vfs = disk();
    const checksum = 'ab'.repeat(32);
    expect(await codeOf(() => writeSnapshotFile(PATH, at(5), inPieces(IMAGE), { vfs, checksum }))).toBe(
      'SNAPSHOT_MISMATCH',
    );
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield IMAGE;
      throw new Error('the connection is gone');
    }
    await expect(writeSnapshotFile(PATH, at(5), broken(), { vfs })).rejects.toThrow('the connection is gone');
    expect([...vfs.contents('/data').keys()]).toEqual([]);
  });

  it('tells damage anywhere, a newer version, and that there is none', async () => {
    const vfs = disk();
    const { bytes } = await writeSnapshotFile(PATH, at(5), inPieces(IMAGE), { vfs, chunkBytes: CHUNK_BYTES });
    const size = vfs.contents('/data').get('monday.backup')?.length ?? 0;
    expect(size).toBeGreaterThan(bytes);
    const reading = async () => gather((await openSnapshotFile(PATH, { vfs })).read());
    for (let offset = 0; offset < size; offset += 7) {
      flip(vfs, PATH, offset);
      expect([offset, await codeOf(reading)]).toEqual([offset, 'SNAPSHOT_CORRUPT']);
      flip(vfs, PATH, offset);
    }
    for (const length of [0, 63, 64, size - 1]) {
      const cut = disk();
      await writeSnapshotFile(PATH, at(5), inPieces(IMAGE), { vfs: cut, chunkBytes: CHUNK_BYTES });
      cut.damage(PATH, (content) => content.subarray(0, length));
      expect(await codeOf(async () => openSnapshotFile(PATH, { vfs: cut }))).toBe('SNAPSHOT_CORRUPT');
    }
    expect(await codeOf(() => openSnapshotFile('/data/none', { vfs }))).toBe('SNAPSHOT_IO');
  });
});
