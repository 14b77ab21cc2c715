// Fixtures of what format version 1 foresaw and later programs began to write: plain logs, segments in files that were
// used before, spare files, proof for an idle log. As in compat.test.ts they must be read for ever.
//
// WALDB_WRITE_COMPAT=1 writes a fixture that is not there yet.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type { FaultVfs } from '@waldb/testkit';
import { Wal } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { DIRECTORY, disk, entries, entry, open, shown, shownAs, snapshot } from './support/log-fixture.js';

const COMPAT = join(import.meta.dirname, '../../../test/compat');
const SEGMENT_BYTES = 8 * 1024;

/** The record of a plain log with this number. */
function record(lsn: number): Uint8Array {
  return new Uint8Array(lsn === 30 ? 0 : 250).fill(lsn);
}

/** Records, a truncation at either end, several segments, a clean close. */
async function writePlain(): Promise<FaultVfs> {
  const vfs = disk({ seed: 43 });
  const wal = await Wal.open(DIRECTORY, { segmentBytes: SEGMENT_BYTES, spareSegments: 0, vfs });
  for (let lsn = 1; lsn <= 40; lsn++) {
    wal.append(record(lsn));
    wal.sync();
  }
  wal.truncateAfter(30);
  wal.truncateBefore(20);
  await wal.close();
  return vfs;
}

/** Segments given up and used again, one of them waiting for its turn: stale frames everywhere. */
async function writeRecycled(): Promise<FaultVfs> {
  const vfs = disk({ seed: 44 });
  const log = await open(vfs, { segmentBytes: SEGMENT_BYTES, spareSegments: 2 });
  for (let index = 1; index <= 60; index++) {
    log.append([entry(index, 1, 500)]);
    log.sync();
    if (index % 20 !== 0) continue;
    log.applySnapshot(snapshot(index - 5, 1));
    log.compact(index - 5);
    log.sync();
  }
  await log.close();
  return vfs;
}

/** The files of a fixture, which is made first where that is asked for. */
async function fixture(name: string, write: () => Promise<FaultVfs>): Promise<FaultVfs> {
  const directory = join(COMPAT, name);
  if (process.env.WALDB_WRITE_COMPAT !== undefined && !fs.existsSync(directory)) {
    fs.mkdirSync(directory);
    for (const [file, bytes] of (await write()).contents(DIRECTORY))
      fs.writeFileSync(join(directory, file), bytes);
  }
  const vfs = disk();
  vfs.mkdir(DIRECTORY);
  for (const file of fs.readdirSync(directory))
    vfs.open(`${DIRECTORY}/${file}`, 'create').write(fs.readFileSync(join(directory, file)), 0);
  return vfs;
}

describe('format version 1', () => {
  it('W29: a plain log is read, and today’s program writes the same bytes', async () => {
    const vfs = await fixture('wal-plain-v1', writePlain);
    const written = (await writePlain()).contents(DIRECTORY);
    expect([...vfs.contents(DIRECTORY).keys()]).toEqual([...written.keys()]);
    for (const [name, bytes] of vfs.contents(DIRECTORY))
      expect(Buffer.compare(bytes, written.get(name) ?? new Uint8Array(0)), name).toBe(0);
    const wal = await Wal.open(DIRECTORY, { segmentBytes: SEGMENT_BYTES, vfs });
    expect(wal.recovery.outcome).toBe('clean');
    expect([wal.firstLsn, wal.lastLsn]).toEqual([20, 30]);
    for (const { lsn, data } of wal.iterate()) expect(data).toEqual(record(lsn));
    await wal.close();
    await expect(open(vfs)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
  });

  it('W13 W29: a log in files that were used before is read, with a spare file and stale frames around', async () => {
    const vfs = await fixture('wal-recycled-v1', writeRecycled);
    expect(vfs.list(DIRECTORY).some((name) => name.endsWith('.free'))).toBe(true);
    const log = await open(vfs, { segmentBytes: SEGMENT_BYTES, cacheBytes: 0 });
    expect(log.recovery.outcome).toBe('clean');
    expect(shown(log)).toEqual(shownAs(entries(56, 60, 1, 500)));
    expect(log.snapshot()).toEqual(snapshot(55, 1));
    await log.close();
  });
});
