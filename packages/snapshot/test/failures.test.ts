// What the system may refuse, and what then still holds.

import type { Fault, OperationType } from '@waldb/testkit';
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

const IMAGE_BYTES = CHUNK_BYTES * 3 + 5;

const FAULTS: readonly [string, OperationType, string, Fault][] = [
  ['creating the file', 'create', '.tmp', { type: 'error', code: 'EIO' }],
  ['a write', 'write', '.tmp', { type: 'error', code: 'EIO' }],
  ['a write, half of it done', 'write', '.tmp', { type: 'shortWrite', bytes: 20, code: 'EIO' }],
  ['the sync', 'sync', '.tmp', { type: 'error', code: 'EIO' }],
  ['the sync, and the bytes will never be written', 'sync', '.tmp', { type: 'lostSync', code: 'EIO' }],
  ['the rename', 'rename', '.snap', { type: 'error', code: 'EIO' }],
  ['the sync of the directory', 'syncDirectory', 'snapshots', { type: 'error', code: 'EIO' }],
  ['a write, for want of space', 'write', '.tmp', { type: 'error', code: 'ENOSPC' }],
  ['a write, for want of quota', 'write', '.tmp', { type: 'shortWrite', bytes: 20, code: 'ENOSPC' }],
  ['the sync, for want of space', 'sync', '.tmp', { type: 'lostSync', code: 'ENOSPC' }],
];

describe('a write that the system refuses', () => {
  it.each(FAULTS)(
    'W23 W24 W25: at %s: nothing is lost, nothing is left, the next one succeeds',
    async (_, type, ending, fault) => {
      const vfs = disk();
      const store = await open(vfs, { retain: 1 });
      await store.write(at(1), inPieces(imageOf(1, IMAGE_BYTES)));
      const code = 'code' in fault && fault.code === 'ENOSPC' ? 'SNAPSHOT_FULL' : 'SNAPSHOT_IO';
      failNext(vfs, type, ending, fault);
      const failed = store.write(at(2), inPieces(imageOf(2, IMAGE_BYTES)));
      await expect(failed).rejects.toMatchObject({
        code,
        detail: { index: 2, term: 1 },
        cause: { code: expect.any(String) },
      });
      expect(indexesOf(store)).toEqual([1]);
      expect(vfs.list(DIRECTORY)).toEqual([nameOf(1), 'LOCK']);
      // The power goes before anything else is synced: a sync that failed once proves nothing later.
      const survivor = await open(vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 1 }));
      expect(await gather(survivor.read(1))).toEqual(Buffer.from(imageOf(1, IMAGE_BYTES)));
      expect(survivor.refused()).toEqual([]);
      await store.write(at(2), inPieces(imageOf(2, IMAGE_BYTES)));
      const after = await open(vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 1 }));
      expect(indexesOf(after)).toEqual([2]);
      expect(await gather(after.read(2))).toEqual(Buffer.from(imageOf(2, IMAGE_BYTES)));
    },
  );

  it('W24: a disk that stays full at every operation is survived, and reading goes on', async () => {
    const vfs = disk();
    const store = await open(vfs);
    await store.write(at(1), inPieces(imageOf(1, IMAGE_BYTES)));
    for (const type of ['create', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
      vfs.faults = (operation) => (operation.type === type ? { type: 'error', code: 'ENOSPC' } : undefined);
      expect(await codeOf(() => store.write(at(2), inPieces(imageOf(2, IMAGE_BYTES)))), type).toBe(
        'SNAPSHOT_FULL',
      );
      expect(await gather(store.read(1)), type).toEqual(Buffer.from(imageOf(1, IMAGE_BYTES)));
    }
    vfs.faults = undefined;
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(1), 'LOCK']);
    await store.write(at(2), inPieces(imageOf(2, IMAGE_BYTES)));
    expect(indexesOf(store)).toEqual([2, 1]);
  });

  it('a tmp file that cannot be removed after a failure is removed at the next open', async () => {
    const vfs = disk();
    const store = await open(vfs);
    vfs.faults = ({ type }) =>
      type === 'write' || type === 'unlink' ? { type: 'error', code: 'EIO' } : undefined;
    expect(await codeOf(() => store.write(at(1), inPieces(imageOf(1, IMAGE_BYTES))))).toBe('SNAPSHOT_IO');
    expect(vfs.list(DIRECTORY)).toContain(`${nameOf(1)}.tmp`);
    await store.close();
    vfs.faults = undefined;
    await (await open(vfs)).close();
    expect(vfs.list(DIRECTORY)).toEqual(['LOCK']);
  });
});

describe('a removal that the system refuses', () => {
  it('does not fail the write that caused it; the old snapshot is still listed and goes with the next', async () => {
    const vfs = disk();
    const store = await open(vfs, { retain: 1 });
    await store.write(at(1), inPieces(imageOf(1, IMAGE_BYTES)));
    failNext(vfs, 'unlink', nameOf(1), { type: 'error', code: 'EIO' });
    await store.write(at(2), inPieces(imageOf(2, IMAGE_BYTES)));
    expect(indexesOf(store)).toEqual([2, 1]);
    expect(await gather(store.read(1))).toEqual(Buffer.from(imageOf(1, IMAGE_BYTES)));
    await store.write(at(3), inPieces(imageOf(3, IMAGE_BYTES)));
    expect(vfs.list(DIRECTORY)).toEqual([nameOf(3), 'LOCK']);
  });

  it('fails the prune that asked for it, after everything else was tried', async () => {
    const vfs = disk();
    const store = await open(vfs, { retain: 9 });
    for (const index of [1, 2, 3]) await store.write(at(index), inPieces(imageOf(index, 10)));
    failNext(vfs, 'unlink', nameOf(1), { type: 'error', code: 'EIO' });
    expect(await codeOf(() => store.prune(1))).toBe('SNAPSHOT_IO');
    expect(indexesOf(store)).toEqual([3, 1]);
  });
});

describe('an opening that the system refuses', () => {
  it.each<[OperationType, Fault, string]>([
    ['mkdir', { type: 'error', code: 'ENOSPC' }, 'SNAPSHOT_FULL'],
    ['create', { type: 'error', code: 'ENOSPC' }, 'SNAPSHOT_FULL'],
    ['syncDirectory', { type: 'error', code: 'EIO' }, 'SNAPSHOT_IO'],
  ])('at %s: has a code, and the directory can be opened afterwards', async (type, fault, code) => {
    const vfs = disk();
    failNext(vfs, type, '', fault);
    expect(await codeOf(() => open(vfs))).toBe(code);
    await (await open(vfs)).close();
  });
});
