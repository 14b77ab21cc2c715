// Logs that earlier versions wrote, kept as files in test/compat: they must be read for ever, and as long as the version
// number stays the same, today's code must write the same bytes.
//
// WALDB_WRITE_COMPAT=1 writes the fixture of a version that has none yet.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { encodeConfiguration, encodeEntry } from '@waldb/core';
import type { FaultVfs } from '@waldb/testkit';
import type { WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  CONFIGURATION,
  DIRECTORY,
  disk,
  entries,
  entry,
  open,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';

const FIXTURE = join(import.meta.dirname, '../../../test/compat/wal-v1');
const CONFIG = encodeEntry({
  term: 2,
  index: 3,
  kind: 'config',
  command: encodeConfiguration(CONFIGURATION),
});
const NOOP = encodeEntry({ term: 2, index: 2, kind: 'noop', command: new Uint8Array(0) });
const LIVE = [entry(6, 3, 40), ...entries(7, 12, 3, 700), ...entries(13, 14, 9, 20)];

/** One of everything: every kind of record, a sealed segment, a compacted one, both slots, a snapshot, a clean close. */
async function writeEverything(): Promise<FaultVfs> {
  const vfs = disk({ seed: 42 });
  // What an emptied segment's file holds when it is used again is no part of the format.
  const log = await open(vfs, { spareSegments: 0 });
  log.setHardState({ term: 2, votedFor: 1 });
  log.append([entry(1, 1), NOOP, CONFIG, ...entries(4, 5, 2, 3000)]);
  log.sync();
  log.append([entry(6, 2), entry(7, 2)]);
  log.sync();
  log.truncate(6);
  log.append(LIVE.slice(0, 1));
  log.applySnapshot(snapshot(5, 2, [5, 5, 5]));
  log.compact(5);
  await log.flush();
  for (const one of LIVE.slice(1)) {
    log.append([one]);
    log.sync();
  }
  log.setHardState({ term: 9, votedFor: undefined });
  await log.close();
  return vfs;
}

async function checkEverything(log: WalLog): Promise<void> {
  expect(log.recovery.outcome).toBe('clean');
  expect(shown(log)).toEqual(shownAs(LIVE));
  expect(log.hardState()).toEqual({ term: 9, votedFor: undefined });
  expect(log.snapshot()).toEqual(snapshot(5, 2, [5, 5, 5]));
  expect([log.firstIndex(), log.termAt(5), log.lastTerm()]).toEqual([6, 2, 9]);
  await log.close();
}

describe('format version 1', () => {
  it('W29: is read', async () => {
    const vfs = disk();
    vfs.mkdir(DIRECTORY);
    vfs.syncDirectory('/data');
    for (const name of fs.readdirSync(FIXTURE)) {
      vfs.open(`${DIRECTORY}/${name}`, 'create').write(fs.readFileSync(join(FIXTURE, name)), 0);
    }
    await checkEverything(await open(vfs));
  });

  it('is what is written', async () => {
    const vfs = await writeEverything();
    if (process.env.WALDB_WRITE_COMPAT !== undefined && !fs.existsSync(FIXTURE)) {
      fs.mkdirSync(FIXTURE);
      for (const [name, bytes] of vfs.contents(DIRECTORY)) fs.writeFileSync(join(FIXTURE, name), bytes);
    }
    const expected = fs.readdirSync(FIXTURE).sort();
    expect([...vfs.contents(DIRECTORY).keys()]).toEqual(expected);
    for (const [name, bytes] of vfs.contents(DIRECTORY)) {
      expect(Buffer.from(bytes).equals(fs.readFileSync(join(FIXTURE, name))), name).toBe(true);
    }
    await checkEverything(await open(vfs));
  });
});
