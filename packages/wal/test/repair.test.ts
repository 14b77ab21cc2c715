// What a repair keeps of a damaged log, what it says it gives up, and what the repaired log then shows.

import type { FaultVfs } from '@waldb/testkit';
import { inspectLog, prepareRepair, type Repair, Wal, WalError, WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  DIRECTORY,
  disk,
  entries,
  entry,
  fingerprint,
  flip,
  METADATA_PATH,
  open,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';

const OPTIONS = { segmentBytes: 8 * 1024, cacheBytes: 0 };
const COUNT = 30;
const ALL = entries(1, COUNT, 3, 300);
const TARGET = '/data/repaired';
const FIRST_ENTRY_AT = 4096 + 72;

async function closedLog(snapshotAt = 0, compactAt = 0): Promise<{ vfs: FaultVfs; logId: string }> {
  const vfs = disk();
  const log = await open(vfs, OPTIONS);
  log.setHardState({ term: 3, votedFor: 2 });
  for (const one of ALL) {
    log.append([one]);
    log.sync();
  }
  if (snapshotAt > 0) log.applySnapshot(snapshot(snapshotAt, 3));
  if (compactAt > 0) log.compact(compactAt);
  await log.close();
  return { vfs, logId: log.logId };
}

/** Three entries that were synced, and nothing that says so. */
async function killedLog(): Promise<FaultVfs> {
  const vfs = disk();
  const log = await open(vfs, OPTIONS);
  log.append(entries(1, 3));
  log.sync();
  return vfs.reopen({ type: 'killed' });
}

async function repairOf(vfs: FaultVfs): Promise<Repair> {
  return await prepareRepair(DIRECTORY, { vfs });
}

/** Carries the plan out, checks that the damaged log was left alone, and opens the new one. */
async function rebuilt(vfs: FaultVfs, repair: Repair, keepLogId: boolean): Promise<WalLog> {
  const before = fingerprint(vfs);
  await repair.rebuild(TARGET, { keepLogId });
  expect(fingerprint(vfs)).toBe(before);
  const log = await WalLog.open(TARGET, { ...OPTIONS, vfs });
  expect(log.recovery.outcome).toBe('clean');
  return log;
}

describe('where nothing acknowledged was lost', () => {
  it('W9: both metadata slots: everything is kept, the log id too', async () => {
    const { vfs, logId } = await closedLog(12, 8);
    flip(vfs, METADATA_PATH, 50);
    flip(vfs, METADATA_PATH, 4096 + 50);
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({ losesNothing: true, mayLoseVote: false, lastIndex: COUNT });
    const log = await rebuilt(vfs, repair, true);
    expect(log.logId).toBe(logId);
    expect(shown(log)).toEqual(shownAs(ALL.slice(8)));
    expect(log.hardState()).toEqual({ term: 3, votedFor: 2 });
    expect(log.snapshot()).toMatchObject({ index: 12, term: 3, data: Uint8Array.from([1, 2, 3]) });
    // It goes on like any other.
    log.append([entry(COUNT + 1, 4)]);
    await log.close();
  });

  it('a header page: everything is kept', async () => {
    for (const id of [1, 3]) {
      const { vfs } = await closedLog();
      vfs.damage(segmentPath(id), (bytes) => bytes.fill(0, 0, 4096));
      const repair = await repairOf(vfs);
      expect(repair.plan).toMatchObject({ losesNothing: true, lastIndex: COUNT, unreadable: [] });
      expect(shown(await rebuilt(vfs, repair, true))).toEqual(shownAs(ALL));
    }
  });

  it('entries that a snapshot covers: the log goes on behind the snapshot', async () => {
    const { vfs } = await closedLog(12, 0);
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 100);
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({
      losesNothing: true,
      start: { index: 12, term: 3 },
      lastIndex: COUNT,
    });
    const log = await rebuilt(vfs, repair, true);
    expect([log.firstIndex(), log.lastIndex(), log.snapshotIndex()]).toEqual([13, COUNT, 12]);
    expect(log.termAt(12)).toBe(3);
    expect(shown(log)).toEqual(shownAs(ALL.slice(12)));
  });

  it('a snapshot of a log that still has every entry', async () => {
    const { vfs } = await closedLog(12, 0);
    const name = vfs.list(DIRECTORY).find((file) => file.endsWith('.snapshot')) ?? '';
    flip(vfs, `${DIRECTORY}/${name}`, 60);
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({ losesNothing: true, lostSnapshot: { index: 12 }, lastIndex: COUNT });
    const log = await rebuilt(vfs, repair, true);
    expect(log.snapshotIndex()).toBe(0);
    expect(shown(log)).toEqual(shownAs(ALL));
  });

  it('entries at the end that nothing proves are kept: they may have been acknowledged', async () => {
    const image = await killedLog();
    flip(image, METADATA_PATH, 50);
    flip(image, METADATA_PATH, 4096 + 50);
    const repair = await repairOf(image);
    expect(repair.plan).toMatchObject({ losesNothing: true, lastIndex: 3 });
    expect(shown(await rebuilt(image, repair, true))).toEqual(shownAs(entries(1, 3)));
  });
});

describe('where something is lost', () => {
  it('perhaps: a ragged end beside other damage is not taken for a write that was cut off', async () => {
    const image = await killedLog();
    flip(image, METADATA_PATH, 50);
    flip(image, METADATA_PATH, 4096 + 50);
    flip(image, segmentPath(1), FIRST_ENTRY_AT + 70);
    const repair = await repairOf(image);
    expect(repair.plan).toMatchObject({ losesNothing: false, lastIndex: 0, unreadable: [] });
  });

  it('the end of the newest segment, cut off: whatever was there counts as lost', async () => {
    const { vfs } = await closedLog();
    const tail = (await repairOf(vfs)).inspection.segments.at(-1);
    const path = segmentPath(tail?.id ?? 0);
    vfs.damage(path, (bytes) => bytes.subarray(0, 4096 + 72));
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({
      losesNothing: false,
      mayLoseVote: true,
      unreadable: [{ first: tail?.firstIndex, last: undefined }],
    });
  });

  it('the newest segment together with the metadata: the footer before it tells', async () => {
    const { vfs } = await closedLog();
    vfs.unlink(segmentPath(segmentNames(vfs).length));
    vfs.unlink(METADATA_PATH);
    const repair = await repairOf(vfs);
    expect(repair.inspection.damages.map(({ type }) => type)).toEqual(['metadata', 'segment-missing']);
    expect(repair.plan).toMatchObject({ losesNothing: false, mayLoseVote: true });
  });

  it('an entry in the middle: those before are kept, those behind are named, and the log is another one', async () => {
    const { vfs, logId } = await closedLog();
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 2 * 376 + 100);
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({
      losesNothing: false,
      mayLoseVote: false,
      lastIndex: 2,
      unreadable: [{ first: 3, last: 3 }],
      abandoned: [{ first: 4, last: COUNT }],
    });
    const log = await rebuilt(vfs, repair, false);
    expect(log.logId).not.toBe(logId);
    expect(shown(log)).toEqual(shownAs(ALL.slice(0, 2)));
    // The newest that was found anywhere: a server that is forced to go on must not vote twice.
    expect(log.hardState()).toEqual({ term: 3, votedFor: 2 });
  });

  it('perhaps: a lost frame that replaced entries, though later ones dropped the place where it was', async () => {
    const vfs = disk();
    const log = await open(vfs, OPTIONS);
    const sync = (): void => log.sync();
    log.append(entries(1, 8, 1));
    sync();
    log.truncate(5);
    log.append(entries(5, 10, 2));
    sync();
    log.truncate(12);
    log.append([entry(11, 2)]);
    sync();
    log.truncate(9);
    log.setHardState({ term: 2, votedFor: 1 });
    await log.close();
    // The header of the frame that replaced entries 5 to 8.
    const second = FIRST_ENTRY_AT + 64 + Math.ceil((8 * 16) / 8) * 8;
    flip(vfs, segmentPath(1), second + 1);
    const repair = await repairOf(vfs);
    expect(repair.inspection.damages).toMatchObject([{ offset: second, mayHoldState: true }]);
    expect(repair.plan).toMatchObject({ mayLoseVote: false, losesNothing: false });
  });

  it('a vote: the damage may hold one that is newer than the last one found', async () => {
    const vfs = disk();
    const log = await open(vfs, OPTIONS);
    log.append(entries(1, 2));
    log.sync();
    log.setHardState({ term: 5, votedFor: 1 });
    log.sync();
    log.append([entry(3, 1)]);
    await log.close();
    const { usedBytes = 0 } = (await repairOf(vfs)).inspection.segments[0] ?? {};
    // From behind: the mark of the close, the last entry's frame, the vote's frame.
    flip(vfs, segmentPath(1), usedBytes - 64 - (64 + 16) - 3);
    const repair = await repairOf(vfs);
    expect(repair.inspection.damages).toMatchObject([{ type: 'frames', mayHoldState: true }]);
    expect(repair.plan).toMatchObject({ losesNothing: false, mayLoseVote: true, lastIndex: 2 });
  });

  it('a segment: the hard state of a later one counts, and its term is never undercut', async () => {
    const { vfs } = await closedLog();
    vfs.unlink(segmentPath(2));
    const repair = await repairOf(vfs);
    const [lost] = repair.inspection.damages[0]?.lost ?? [];
    expect(repair.plan).toMatchObject({
      mayLoseVote: false,
      hardState: { term: 3, votedFor: 2 },
      lastIndex: (lost?.first ?? 0) - 1,
    });
    const last = await closedLog();
    last.vfs.unlink(segmentPath(segmentNames(last.vfs).length));
    expect((await repairOf(last.vfs)).plan).toMatchObject({ mayLoseVote: true, losesNothing: false });
  });

  it('the snapshot that stands for what was given up: no entry is of use without it', async () => {
    const { vfs } = await closedLog(12, 12);
    const name = vfs.list(DIRECTORY).find((file) => file.endsWith('.snapshot')) ?? '';
    flip(vfs, `${DIRECTORY}/${name}`, 60);
    const repair = await repairOf(vfs);
    expect(repair.plan).toMatchObject({
      losesNothing: false,
      lastIndex: 0,
      lostSnapshot: { index: 12 },
      abandoned: [{ first: 13, last: COUNT }],
    });
    const log = await rebuilt(vfs, repair, false);
    expect([log.lastIndex(), log.snapshotIndex()]).toEqual([0, 0]);
    expect(log.hardState()).toEqual({ term: 3, votedFor: 2 });
  });
});

describe('a plain log', () => {
  it('keeps its records up to the damage, and what it gave up stays given up', async () => {
    const vfs = disk();
    const wal = await Wal.open(DIRECTORY, { ...OPTIONS, vfs });
    for (let i = 1; i <= COUNT; i++) {
      wal.append(new Uint8Array(300).fill(i));
      wal.sync();
    }
    wal.truncateBefore(6);
    await wal.close();
    const sound = await inspectLog(DIRECTORY, { vfs });
    expect(sound).toMatchObject({ verdict: 'sound', kind: 'plain', entries: { first: 6, last: COUNT } });
    const middle = sound.segments.find(({ firstIndex = 0 }) => firstIndex > 6);
    vfs.damage(segmentPath(middle?.id ?? 0), (bytes) => bytes.fill(0xee, 4096 + 80, 4096 + 700));
    const repair = await repairOf(vfs);
    const last = (repair.plan?.unreadable[0]?.first ?? 0) - 1;
    expect(last).toBeGreaterThan(6);
    expect(repair.plan).toMatchObject({ losesNothing: false, lastIndex: last, start: { index: 5, term: 0 } });
    await repair.rebuild(TARGET, { keepLogId: false });
    const repaired = await Wal.open(TARGET, { ...OPTIONS, vfs });
    expect([repaired.firstLsn, repaired.lastLsn]).toEqual([6, last]);
    expect([...repaired.iterate()].map(({ lsn, data }) => [lsn, data.length, data[0]])).toEqual(
      Array.from({ length: last - 5 }, (_, i) => [i + 6, 300, i + 6]),
    );
    expect(repaired.append(new Uint8Array(1))).toBe(last + 1);
    await repaired.close();
  });
});

describe('the rebuilding', () => {
  it('W24: that runs out of space says so and leaves the damaged log as it is', async () => {
    const { vfs } = await closedLog();
    flip(vfs, METADATA_PATH, 50);
    flip(vfs, METADATA_PATH, 4096 + 50);
    const repair = await repairOf(vfs);
    const before = fingerprint(vfs);
    vfs.faults = ({ type, path }) =>
      type === 'write' && path.startsWith(TARGET) ? { type: 'error', code: 'ENOSPC' } : undefined;
    await expect(repair.rebuild(TARGET, { keepLogId: true })).rejects.toThrow();
    expect(fingerprint(vfs)).toBe(before);
  });

  it('notices when what it wrote does not read back', async () => {
    const { vfs } = await closedLog();
    flip(vfs, METADATA_PATH, 50);
    flip(vfs, METADATA_PATH, 4096 + 50);
    const repair = await prepareRepair(DIRECTORY, {
      vfs,
      // The first progress of reading back: the source is not read from here on.
      onProgress: () => {
        if (vfs.isDirectory(TARGET)) {
          for (const name of vfs.list(TARGET).filter((file) => file.endsWith('.wal')))
            flip(vfs, `${TARGET}/${name}`, 4096 + 200);
        }
      },
    });
    await expect(repair.rebuild(TARGET, { keepLogId: true })).rejects.toThrow(WalError);
  });
});
