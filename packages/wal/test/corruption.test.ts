// Damage to what was durable is refused by name, and a refusal changes nothing on disk.

import type { FaultVfs } from '@waldb/testkit';
import { WalError } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { sealPage } from '../src/format/page.js';
import {
  copyOf,
  DIRECTORY,
  disk,
  entries,
  entry,
  expectRefused,
  fingerprint,
  flip,
  METADATA_PATH,
  open,
  segmentName,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';

const ALL = entries(1, 30, 1, 300);
const OPTIONS = { segmentBytes: 8 * 1024, cacheBytes: 0 };

/** Thirty entries in several segments, one frame each, closed cleanly. */
async function closedLog(): Promise<FaultVfs> {
  const vfs = disk();
  const log = await open(vfs, OPTIONS);
  for (const one of ALL) {
    log.append([one]);
    log.sync();
  }
  await log.close();
  expect(segmentNames(vfs).length).toBeGreaterThan(2);
  return vfs;
}

describe('a flipped bit', () => {
  it('W20 X15: at every byte of a sealed segment: refused with segment, offset and index, or nothing is lost', async () => {
    const vfs = await closedLog();
    const original = vfs.contents(DIRECTORY);
    const bytes = original.get(segmentName(2)) ?? new Uint8Array(0);
    let refused = 0;
    // The header page is one checksum: a sample of its bytes will do. After that, every byte.
    for (let offset = 0; offset < bytes.length; offset += offset < 4096 ? 16 : 1) {
      flip(vfs, segmentPath(2), offset, 1 << (offset % 8));
      if (await isRefused(vfs, 2)) refused += 1;
      flip(vfs, segmentPath(2), offset, 1 << (offset % 8));
    }
    // All of the header page and of the frames; the rest is unused space and the footer, which is only a shortcut.
    expect(refused).toBeGreaterThan(256 + 3000);
  }, 120_000);

  it('W20: at every byte of a durable frame in the tail with later evidence: refused', async () => {
    const vfs = await closedLog();
    const tail = segmentNames(vfs).length;
    const bytes = vfs.contents(DIRECTORY).get(segmentName(tail)) ?? new Uint8Array(0);
    // The close mark follows the last entry's frame and proves it.
    const end = lastNonZero(bytes, 4096) - 63;
    let refused = 0;
    for (let offset = 4096; offset < end; offset++) {
      flip(vfs, segmentPath(tail), offset, 1 << (offset % 8));
      if (await isRefused(vfs, tail)) refused += 1;
      flip(vfs, segmentPath(tail), offset, 1 << (offset % 8));
    }
    expect(refused).toBeGreaterThan(end - 4096 - 64);
  }, 120_000);

  it('W20: at every byte of a snapshot file: refused by its name', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 5));
    log.applySnapshot(snapshot(4, 1));
    await log.close();
    const name = vfs.list(DIRECTORY).find((file) => file.endsWith('.snapshot')) ?? '';
    const path = `${DIRECTORY}/${name}`;
    for (let offset = 0; offset < (vfs.size(path) ?? 0); offset++) {
      flip(vfs, path, offset);
      const error = await expectRefused(vfs, 'WAL_CORRUPT');
      expect(error.detail).toMatchObject({ file: name, index: 4, term: 1 });
      flip(vfs, path, offset);
    }
    vfs.unlink(path);
    expect((await expectRefused(vfs, 'WAL_CORRUPT')).message).toContain('is missing');
  });

  it('W8 X14: at every byte of one slot of the metadata: the other one is enough, and no live segment is lost', async () => {
    for (const slot of [0, 4096]) {
      const vfs = disk();
      const log = await open(vfs, OPTIONS);
      for (const one of ALL) {
        log.append([one]);
        log.sync();
      }
      log.applySnapshot(snapshot(20, 1));
      log.compact(20);
      log.sync();
      await log.close();
      for (let offset = slot; offset < slot + 4096; offset += 13) {
        const image = copyOf(vfs);
        flip(image, METADATA_PATH, offset);
        const after = await open(image, OPTIONS);
        expect(shown(after)).toEqual(shownAs(ALL.slice(20)));
        expect(after.snapshotIndex()).toBe(20);
        // The bad slot has been written anew: damage to the other one is survived too.
        flip(image, METADATA_PATH, 4096 - slot + (offset % 4096));
        await after.close();
        expect(shown(await open(image, OPTIONS))).toEqual(shownAs(ALL.slice(20)));
      }
    }
  });

  it('W9: in both slots of the metadata: refused', async () => {
    const vfs = await closedLog();
    flip(vfs, METADATA_PATH, 50);
    flip(vfs, METADATA_PATH, 4096 + 50);
    expect((await expectRefused(vfs, 'WAL_CORRUPT')).detail).toMatchObject({ file: 'METADATA' });
  });

  it('W21: in a length: nothing is allocated before the length is proven', async () => {
    const vfs = await closedLog();
    // The last byte of the payload length of the first frame behind the checkpoint: 16 MiB more.
    flip(vfs, segmentPath(1), 4096 + 72 + 11);
    const before = process.memoryUsage().arrayBuffers;
    await expectRefusedOrUnread(vfs);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  });

  /** Whether the damage was found, at open or when everything is read; if not, everything must be there. */
  async function isRefused(vfs: FaultVfs, segment: number): Promise<boolean> {
    const before = fingerprint(vfs);
    try {
      const log = await open(vfs, OPTIONS);
      try {
        expect(shown(log)).toEqual(shownAs(ALL));
      } finally {
        await log.close();
      }
      return false;
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      expect(error.code).toBe('WAL_CORRUPT');
      expect(error.detail.segment).toBe(segment);
      expect(error.detail.offset).toBeGreaterThanOrEqual(0);
      return true;
    } finally {
      expect(fingerprint(vfs)).toBe(before);
    }
  }

  async function expectRefusedOrUnread(vfs: FaultVfs): Promise<void> {
    expect(await isRefused(vfs, 1)).toBe(true);
  }
});

describe('a segment that', () => {
  it('W22: is missing is named, first, middle or last', async () => {
    for (const id of [1, 2, 3]) {
      const vfs = await closedLog();
      for (const name of segmentNames(vfs).slice(3)) expect(name).not.toBe(segmentName(id));
      vfs.unlink(segmentPath(id));
      const error = await expectRefused(vfs, 'WAL_CORRUPT');
      expect(error.detail).toMatchObject({ file: segmentName(id), segment: id });
    }
    const vfs = await closedLog();
    const last = segmentNames(vfs).length;
    vfs.unlink(segmentPath(last));
    expect((await expectRefused(vfs, 'WAL_CORRUPT')).detail).toMatchObject({ segment: last });
  });

  it('W22: is a copy or was renamed is refused by name', async () => {
    const vfs = await closedLog();
    const last = segmentNames(vfs).length;
    const bytes = vfs.contents(DIRECTORY).get(segmentName(2)) ?? new Uint8Array(0);
    const file = vfs.open(segmentPath(last + 1), 'create');
    file.write(bytes, 0);
    const error = await expectRefused(vfs, 'WAL_CORRUPT');
    expect(error.detail).toMatchObject({ segment: last + 1 });
    expect(error.message).toContain('it holds segment 2');
  });

  it('W22 X17: belongs to another log is refused as foreign', async () => {
    const vfs = await closedLog();
    const other = disk({ seed: 99 });
    const otherLog = await open(other);
    await otherLog.close();
    const bytes = other.contents(DIRECTORY).get(segmentName(1)) ?? new Uint8Array(0);
    vfs.damage(segmentPath(1), () => bytes);
    expect((await expectRefused(vfs, 'WAL_FOREIGN')).detail).toMatchObject({
      segment: 1,
      logId: otherLog.logId,
    });
  });

  it('W22: is shorter than it was made is refused, the tail too', async () => {
    for (const id of [2, 'tail'] as const) {
      const vfs = await closedLog();
      const segment = id === 'tail' ? segmentNames(vfs).length : id;
      vfs.damage(segmentPath(segment), (bytes) => bytes.subarray(0, bytes.length - 512));
      expect((await expectRefused(vfs, 'WAL_CORRUPT')).detail).toMatchObject({ segment });
      vfs.damage(segmentPath(segment), (bytes) => bytes.subarray(0, 100));
      expect((await expectRefused(vfs, 'WAL_CORRUPT')).detail).toMatchObject({ segment, offset: 0 });
    }
  });

  it('X17: remains without the metadata is not taken for the start of a new log', async () => {
    const vfs = await closedLog();
    vfs.unlink(METADATA_PATH);
    expect((await expectRefused(vfs, 'WAL_CORRUPT')).message).toContain('METADATA is missing');
  });
});

describe('a newer version of the format', () => {
  it('W29: is refused by name in a segment and in the metadata; a damaged version field is damage', async () => {
    const vfs = await closedLog();
    setVersion(vfs, segmentPath(2), 0, 2);
    expect((await expectRefused(vfs, 'WAL_VERSION')).detail).toMatchObject({
      file: segmentName(2),
      version: 2,
    });
    setVersion(vfs, segmentPath(2), 0, 1);
    setVersion(vfs, METADATA_PATH, 4096, 7);
    expect((await expectRefused(vfs, 'WAL_VERSION')).detail).toMatchObject({ file: 'METADATA', version: 7 });
    setVersion(vfs, METADATA_PATH, 4096, 1);
    flip(vfs, segmentPath(2), 8, 0x02);
    await expectRefused(vfs, 'WAL_CORRUPT');
  });

  function setVersion(vfs: FaultVfs, path: string, pageAt: number, version: number): void {
    vfs.damage(path, (bytes) => {
      const page = bytes.subarray(pageAt, pageAt + 4096);
      page[8] = version;
      sealPage(page);
      return bytes;
    });
  }
});

describe('files that are not the log’s', () => {
  it('are left alone, whatever is in them', async () => {
    const vfs = await closedLog();
    for (const name of ['notes.txt', 'x.wal', '1.wal', 'free-3.wal', 'a.tmp']) {
      vfs.open(`${DIRECTORY}/${name}`, 'create').write(new Uint8Array([1]), 0);
    }
    const log = await open(vfs, OPTIONS);
    log.append([entry(31)]);
    await log.close();
    for (const name of ['notes.txt', 'x.wal', '1.wal', 'free-3.wal', 'a.tmp']) {
      expect(vfs.size(`${DIRECTORY}/${name}`)).toBe(1);
    }
  });
});

function lastNonZero(bytes: Uint8Array, from: number): number {
  let last = bytes.length - 1;
  while (last > from && bytes[last] === 0) last -= 1;
  return last;
}
