// A disk without space: what is durable stays, what is staged stays staged, and compaction can make the room that it
// needs itself.

import {
  applyCall,
  describeLog,
  describeModel,
  FaultVfs,
  type LogCall,
  ModelLog,
  SeededRandom,
  statesAfter,
} from '@waldb/testkit';
import { Wal, WalError, type WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  DIRECTORY,
  disk,
  entries,
  entry,
  open,
  segmentNames,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';
import { ENDINGS, powerLossAt } from './support/workload.js';

const SEEDS = Number(process.env.WALDB_CRASH_SEEDS ?? 1);
const LONG_MS = 1000;

function isFull(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof WalError && error.code === 'WAL_FULL') return true;
    throw error;
  }
}

const names = (vfs: FaultVfs, ending: string): string[] =>
  vfs.list(DIRECTORY).filter((name) => name.endsWith(ending));

/** Appends and syncs until the disk is full; the last index that is durable. One more entry is staged. */
function fill(log: WalLog): number {
  for (let index = log.lastIndex() + 1; ; index++) {
    log.append([entry(index, 1, 300)]);
    if (isFull(() => log.sync())) return index - 1;
  }
}

async function full(capacityBytes = 60_000): Promise<{ vfs: FaultVfs; log: WalLog; last: number }> {
  const vfs = disk();
  vfs.capacityBytes = capacityBytes;
  const log = await open(vfs, { clock: new ManualClock(), cacheBytes: 0 });
  const last = fill(log);
  expect(segmentNames(vfs).length).toBeGreaterThan(3);
  return { vfs, log, last };
}

describe('on a full disk', () => {
  it('W24 W37: a compaction that is staged behind what has no space makes that space, and all of it goes on', async () => {
    const { vfs, log, last } = await full();
    const segments = segmentNames(vfs).length;
    log.applySnapshot(snapshot(last, 1));
    expect(isFull(() => log.sync())).toBe(true); // the file of the snapshot has space, the entry before it has none
    log.compact(last - 3);
    log.sync();
    expect(segmentNames(vfs).length).toBeLessThan(segments);
    expect(shown(log)).toEqual(shownAs(entries(last - 2, last + 1, 1, 300)));
    for (const ending of ENDINGS) {
      const again = await open(vfs.reopen(ending));
      expect(shown(again)).toEqual(shownAs(entries(last - 2, last + 1, 1, 300)));
      expect(again.snapshotIndex()).toBe(last);
    }
    expect(fill(log)).toBeGreaterThan(last + 20);
  });

  it('W24: so it does when everything was staged before the first attempt, and by flush', async () => {
    const vfs = disk();
    vfs.capacityBytes = 60_000;
    const log = await open(vfs, { clock: new ManualClock(), cacheBytes: 0 });
    for (let index = 1; index <= 90; index++) {
      log.append([entry(index, 1, 300)]);
      if (index === 60) log.sync();
    }
    log.applySnapshot(snapshot(60, 1));
    log.compact(58);
    for (let index = 91; index <= 110; index++) log.append([entry(index, 1, 300)]);
    await log.flush();
    vfs.capacityBytes = Number.POSITIVE_INFINITY;
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(59, 110, 1, 300)));
  });

  it('W24: a plain log gives up its oldest records likewise', async () => {
    const vfs = disk();
    vfs.capacityBytes = 60_000;
    const wal = await Wal.open(DIRECTORY, { segmentBytes: 8192, vfs, clock: new ManualClock() });
    let last = 0;
    let isDone = false;
    while (!isDone) {
      last = wal.append(new Uint8Array(300));
      isDone = isFull(() => wal.sync());
    }
    wal.truncateBefore(last - 3);
    wal.sync();
    expect(segmentNames(vfs).length).toBeLessThan(4);
    await wal.close();
    const again = await Wal.open(DIRECTORY, { segmentBytes: 8192, vfs });
    expect([again.firstLsn, again.lastLsn]).toEqual([last - 3, last]);
  });

  const drops: readonly (readonly [string, readonly LogCall[]])[] = [
    [
      'a truncation before it reaches what it speaks of',
      [
        { type: 'truncate', from: 20 },
        { type: 'append', entries: entries(20, 26, 2) },
        { type: 'applySnapshot', snapshot: snapshot(25, 2) },
        { type: 'compact', through: 24 },
      ],
    ],
    [
      'a reset comes before it',
      [
        { type: 'applySnapshot', snapshot: snapshot(30, 3) },
        { type: 'append', entries: entries(31, 33, 3) },
        { type: 'applySnapshot', snapshot: snapshot(32, 3) },
        { type: 'compact', through: 31 },
      ],
    ],
  ];
  it.each(drops)('W24: nothing is given up when %s', async (_, calls) => {
    const { vfs, log, last } = await full();
    expect(last).toBeGreaterThan(40);
    const before = segmentNames(vfs);
    for (const call of calls) applyCall(log, call);
    for (let i = 0; i < 3; i++) expect(isFull(() => log.sync())).toBe(true);
    expect(segmentNames(vfs)).toEqual(before);
    vfs.capacityBytes = 10 ** 6;
    const again = await open(copyOf(vfs));
    expect(again.lastIndex()).toBe(last);
    expect(again.snapshotIndex()).toBe(0);
    const expected = describeLog(log);
    log.sync();
    expect(describeLog(await open(copyOf(vfs)))).toBe(expected);
  });

  it('W24: a compaction is not carried out without the snapshot that covers it', async () => {
    const { vfs, log, last } = await full();
    log.applySnapshot(snapshot(last, 1));
    log.compact(last - 3);
    vfs.capacityBytes = 0;
    const before = segmentNames(vfs);
    expect(isFull(() => log.sync())).toBe(true);
    expect(segmentNames(vfs)).toEqual(before);
    expect(names(vfs, '.snapshot')).toEqual([]);
  });

  it('W24: a prepared segment makes room for a snapshot', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock });
    log.append(entries(1, 5));
    log.sync();
    await clock.advance(LONG_MS);
    expect(names(vfs, '.free')).toHaveLength(1);
    vfs.capacityBytes = [...vfs.contents(DIRECTORY).values()].reduce((sum, bytes) => sum + bytes.length, 10);
    log.applySnapshot(snapshot(5, 1));
    log.sync();
    expect(names(vfs, '.snapshot')).toHaveLength(1);
    vfs.capacityBytes = Number.POSITIVE_INFINITY;
    expect((await open(copyOf(vfs))).snapshotIndex()).toBe(5);
  });
});

describe('opening on a full disk', () => {
  async function unclean(): Promise<FaultVfs> {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, segmentBytes: 512 * 1024 });
    log.append(entries(1, 5));
    log.sync();
    await clock.advance(LONG_MS);
    log.append([entry(6)]);
    log.sync();
    expect(names(vfs, '.free')).toHaveLength(1);
    const image = copyOf(vfs);
    image.capacityBytes = 0;
    return image;
  }

  it('W24: a spare that an earlier life has left is the new segment', async () => {
    const vfs = await unclean();
    const log = await open(vfs, { segmentBytes: 512 * 1024 });
    expect(log.recovery.outcome).toBe('repaired');
    expect(shown(log)).toEqual(shownAs(entries(1, 6)));
    expect(names(vfs, '.free')).toEqual([]);
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, 6)));
  });

  it('W24: else as little space as it takes, and what a crash has left goes first', async () => {
    const vfs = await unclean();
    const [spare] = names(vfs, '.free');
    vfs.rename(`${DIRECTORY}/${spare}`, `${DIRECTORY}/${spare}.tmp`);
    vfs.damage(`${DIRECTORY}/${spare}.tmp`, () => new Uint8Array(8192));
    vfs.capacityBytes = [...vfs.contents(DIRECTORY).values()].reduce((sum, bytes) => sum + bytes.length, 0);
    const log = await open(vfs);
    expect(shown(log)).toEqual(shownAs(entries(1, 6)));
    expect(vfs.size(`${DIRECTORY}/${segmentNames(vfs).at(-1)}`)).toBe(8192);
  });

  it('W24: WAL_FULL when there is none at all, with nothing changed and reading as ever', async () => {
    const vfs = await unclean();
    vfs.unlink(`${DIRECTORY}/${names(vfs, '.free')[0]}`);
    const before = segmentNames(vfs);
    await expect(open(vfs)).rejects.toMatchObject({ code: 'WAL_FULL' });
    expect(segmentNames(vfs)).toEqual(before);
    expect((await open(vfs, { readOnly: true })).lastIndex()).toBe(5);
    vfs.capacityBytes = 10 ** 6;
    expect((await open(vfs)).lastIndex()).toBe(6);
  });
});

describe('a new log on a full disk', () => {
  for (const type of ['mkdir', 'create', 'write', 'sync'] as const)
    for (const code of ['ENOSPC', 'EDQUOT'] as const)
      it(`W24: ${code} at the first ${type}: WAL_FULL, and it opens once there is space`, async () => {
        const vfs = new FaultVfs();
        vfs.faults = (operation) => {
          if (operation.type !== type) return undefined;
          vfs.faults = undefined;
          return { type: 'error', code };
        };
        await expect(open(vfs)).rejects.toMatchObject({ code: 'WAL_FULL', cause: { code } });
        expect((await open(vfs)).recovery.outcome).toBe('created');
      });
});

describe('lives on a disk that fills up', () => {
  /** States so far; what is shown after a crash is one of them from the acknowledged one on, perhaps compacted ahead. */
  interface History {
    readonly states: ModelLog[];
    acknowledged: number;
  }

  /** Whether `found` is a state, or what a staged compaction, carried out early, makes of one. */
  function judge(
    found: string,
    { states, acknowledged }: History,
  ): 'a state' | 'compacted ahead' | 'neither' {
    const candidates = states.slice(acknowledged);
    if (candidates.some((state) => describeModel(state) === found)) return 'a state';
    const isAhead = candidates.some((state, i) =>
      candidates.slice(i + 1).some((later) => describeAhead(state, later) === found),
    );
    return isAhead ? 'compacted ahead' : 'neither';
  }

  function describeAhead(state: ModelLog, later: ModelLog): string {
    const ahead = state.clone();
    const { snapshot: newer, compacted } = later;
    if (newer !== undefined && newer.index <= state.lastIndex && newer.term === state.termAt(newer.index)) {
      ahead.apply({ type: 'applySnapshot', snapshot: newer });
    }
    const through = Math.min(compacted.index, ahead.snapshot?.index ?? 0);
    if (through === compacted.index && state.termAt(through) === compacted.term)
      ahead.apply({ type: 'compact', through });
    return describeModel(ahead);
  }

  /** Mostly appends, so that the disk fills up; snapshots and compactions rarely enough to come too late. */
  function nextCall(model: ModelLog, random: SeededRandom): LogCall {
    const { lastIndex, compacted, snapshot: newest } = model;
    const dice = random.below(100);
    const index = newest === undefined ? lastIndex : newest.index + 1 + random.below(10);
    const term = model.termAt(index);
    if (dice < 12 && term !== undefined && index > compacted.index)
      return { type: 'applySnapshot', snapshot: snapshot(index, term) };
    if (dice < 24 && newest !== undefined && newest.index <= lastIndex)
      return { type: 'compact', through: newest.index };
    if (dice < 28 && lastIndex > Math.max(compacted.index, newest?.index ?? 0))
      return { type: 'truncate', from: lastIndex };
    const first = lastIndex + 1;
    return { type: 'append', entries: entries(first, first + random.below(4), 1, random.below(1500)) };
  }

  async function live(vfs: FaultVfs, seed: number): Promise<{ history: History; refusals: number }> {
    const random = new SeededRandom(seed);
    const history: History = { states: [new ModelLog()], acknowledged: 0 };
    let refusals = 0;
    try {
      const log = await open(vfs, { clock: new ManualClock(), frameBytesMax: 700, cacheBytes: 0 });
      for (let step = 0; step < 80; step++) {
        const before = history.states.at(-1) as ModelLog; // there is always the first one
        const call = nextCall(before, random);
        applyCall(log, call);
        history.states.push(...statesAfter(before, call));
        if (random.chance(0.6)) continue;
        if (isFull(() => log.sync())) refusals += 1;
        else history.acknowledged = history.states.length - 1;
      }
    } catch (error) {
      expect(['WAL_POISONED', 'WAL_IO']).toContain((error as WalError).code);
    }
    return { history, refusals };
  }

  it('W24 W7: at every operation, a crash leaves a state from the acknowledged one on, at most compacted ahead', async () => {
    let refusals = 0;
    let ahead = 0;
    for (let seed = 3; seed < 3 + SEEDS; seed++) {
      const make = (): FaultVfs => {
        const vfs = disk({ seed });
        vfs.capacityBytes = 34_000;
        return vfs;
      };
      const whole = make();
      refusals += (await live(whole, seed)).refusals;
      for (let number = 12; number <= whole.operations.length; number++) {
        const vfs = make();
        vfs.faults = powerLossAt(number);
        const { history } = await live(vfs, seed);
        for (const ending of ENDINGS) {
          const image = vfs.reopen(ending);
          image.capacityBytes = Number.POSITIVE_INFINITY;
          const log = await open(image);
          const verdict = judge(describeLog(log), history);
          expect(verdict, `seed ${seed}, operation ${number}`).not.toBe('neither');
          if (verdict === 'compacted ahead') ahead += 1;
          await log.close();
        }
      }
    }
    expect(refusals).toBeGreaterThan(0);
    expect(ahead).toBeGreaterThan(0);
  }, 600_000);
});
