// What "implements RaftLog" means (the comments of @waldb/core's raft-log.ts, as checks). Every implementation runs
// this; the runner's `describe` and `it` are handed in, so that no test runner is a dependency.

import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict';
import {
  type Configuration,
  type DeferredRaftLog,
  type EntryKind,
  encodeConfiguration,
  encodeEntry,
  entryEncoding,
  type LogEntry,
  type Snapshot,
} from '@waldb/core';
import { SeededRandom } from '../sim/seeded-random.js';
import { randomCall } from './log-script.js';
import { describeModel, describeState, type LogCall, ModelLog } from './model-log.js';

/** The part of a test runner that the contract uses: vitest, node:test and mocha all have it. */
export interface TestHarness {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** One log under test. */
export interface LogSubject {
  readonly log: DeferredRaftLog;
  /** Ends this log as a program would and opens what it left; absent for a log that keeps nothing. */
  readonly reopen?: () => Promise<LogSubject>;
  readonly close: () => Promise<void>;
}

export function raftLogContract(harness: TestHarness, open: () => Promise<LogSubject>): void {
  const { describe } = harness;
  const it = (name: string, body: (subject: LogSubject) => Promise<void> | void): void => {
    harness.it(name, async () => {
      const subject = await open();
      try {
        await body(subject);
      } finally {
        await subject.close();
      }
    });
  };
  describe('RaftLog contract: reading', () => reading(it));
  describe('RaftLog contract: truncating', () => truncating(it));
  describe('RaftLog contract: hard state and snapshots', () => snapshots(it));
  describe('RaftLog contract: staging and durability', () => staging(it));
  describe('RaftLog contract: against the model', () => againstModel(harness, open));
}

type Define = (name: string, body: (subject: LogSubject) => Promise<void> | void) => void;

function reading(it: Define): void {
  it('an empty log: first 1, last 0, term 0 at 0, nothing else', ({ log }) => {
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.lastTerm(), log.termAt(0)], [1, 0, 0, 0]);
    deepStrictEqual([log.termAt(1), log.entry(1), log.entry(0)], [undefined, undefined, undefined]);
    deepStrictEqual([log.hardState(), log.snapshotIndex()], [{ term: 0, votedFor: undefined }, 0]);
    deepStrictEqual([log.snapshot(), log.configIndexBefore(10), log.stagedSeq()], [undefined, 0, 0]);
  });

  it('what is appended is readable at once', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1)]);
    log.append([entry(3, 4)]);
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.lastTerm()], [1, 3, 4]);
    deepStrictEqual(
      [0, 1, 2, 3, 4].map((index) => log.termAt(index)),
      [0, 1, 1, 4, undefined],
    );
    sameEntries(log.entries(1, 3), [entry(1, 1), entry(2, 1), entry(3, 4)]);
    sameEntries(log.entries(2, 2), [entry(2, 1)]);
    strictEqual(log.entry(4), undefined);
  });

  it('entries are cut after maxBytes, and there is at least one however large', ({ log }) => {
    const large = entry(2, 1, 'normal', 5000);
    log.append([entry(1, 1), large, entry(3, 1)]);
    const bytes = (index: number): number => entryEncoding(log.entry(index) ?? entry(index, 1)).length;
    strictEqual(log.entries(1, 3, 0).length, 1);
    strictEqual(log.entries(2, 3, 1).length, 1);
    strictEqual(log.entries(1, 3, bytes(1) + bytes(2) - 1).length, 1);
    strictEqual(log.entries(1, 3, bytes(1) + bytes(2)).length, 2);
    strictEqual(log.entries(1, 3, bytes(1) + bytes(2) + bytes(3)).length, 3);
  });

  it('an entry without its encoding comes back with the same contents', ({ log }) => {
    const { term, index, kind, command } = entry(1, 7, 'normal', 30);
    log.append([{ term, index, kind, command }]);
    sameEntries(log.entries(1, 1), [entry(1, 7, 'normal', 30)]);
  });

  it('configIndexBefore is the newest config entry at or below', ({ log }) => {
    log.append([entry(1, 1), config(2, 1), entry(3, 1), config(4, 2), entry(5, 2)]);
    deepStrictEqual(
      [1, 2, 3, 4, 5, 99].map((index) => log.configIndexBefore(index)),
      [0, 2, 2, 4, 4, 4],
    );
    log.truncate(4);
    strictEqual(log.configIndexBefore(99), 2);
  });
}

function truncating(it: Define): void {
  it('§5.3: truncate removes from its point on, and appends follow there', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1), entry(3, 1)]);
    log.truncate(2);
    deepStrictEqual([log.lastIndex(), log.lastTerm(), log.entry(2)], [1, 1, undefined]);
    log.append([entry(2, 3)]);
    deepStrictEqual([log.lastIndex(), log.lastTerm(), log.termAt(2)], [2, 3, 3]);
    sameEntries(log.entries(1, 2), [entry(1, 1), entry(2, 3)]);
  });

  it('truncating everything leaves an empty log; truncating beyond the end leaves all', ({ log }) => {
    log.append([entry(1, 1), entry(2, 2)]);
    log.truncate(3);
    strictEqual(log.lastIndex(), 2);
    log.truncate(1);
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.lastTerm()], [1, 0, 0]);
    log.append([entry(1, 5)]);
    strictEqual(log.termAt(1), 5);
  });

  it('an entry that does not follow, or whose term falls, is refused and nothing changes', ({ log }) => {
    log.append([entry(1, 3)]);
    const seq = log.stagedSeq();
    throws(() => log.append([entry(3, 3)]));
    throws(() => log.append([entry(1, 3)]));
    throws(() => log.append([entry(2, 2)]));
    throws(() => log.append([entry(2, 3), entry(4, 3)]));
    deepStrictEqual([log.lastIndex(), log.stagedSeq()], [1, seq]);
  });
}

function snapshots(it: Define): void {
  it('§5.1: hard state is what was set last', ({ log }) => {
    log.setHardState({ term: 3, votedFor: 2 });
    log.setHardState({ term: 4, votedFor: undefined });
    deepStrictEqual(log.hardState(), { term: 4, votedFor: undefined });
  });

  it('§7: a snapshot of an entry that the log holds keeps every entry', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1), entry(3, 2)]);
    log.applySnapshot(snapshot(2, 1));
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.snapshotIndex()], [1, 3, 2]);
    log.compact(1);
    deepStrictEqual([log.firstIndex(), log.termAt(1), log.entry(1), log.termAt(2)], [2, 1, undefined, 1]);
    log.compact(2);
    deepStrictEqual([log.firstIndex(), log.termAt(2), log.lastTerm()], [3, 1, 2]);
    sameEntries(log.entries(3, 3), [entry(3, 2)]);
    throws(() => log.entries(2, 3));
  });

  it('§7: a snapshot that conflicts, or lies ahead, drops the whole log', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1), config(3, 1)]);
    log.applySnapshot(snapshot(2, 2));
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.lastTerm(), log.termAt(2)], [3, 2, 2, 2]);
    deepStrictEqual([log.entry(1), log.termAt(1), log.configIndexBefore(9)], [undefined, undefined, 0]);
    log.append([entry(3, 2)]);
    log.applySnapshot(snapshot(10, 4));
    deepStrictEqual(
      [log.firstIndex(), log.lastIndex(), log.lastTerm(), log.snapshotIndex()],
      [11, 10, 4, 10],
    );
    log.append([entry(11, 5)]);
    sameEntries(log.entries(11, 11), [entry(11, 5)]);
  });

  it('X2 a snapshot not newer than the present one changes nothing', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1)]);
    log.applySnapshot(snapshot(2, 1, [1, 2, 3]));
    log.applySnapshot(snapshot(1, 1));
    log.applySnapshot(snapshot(2, 9));
    deepStrictEqual(log.snapshot(), snapshot(2, 1, [1, 2, 3]));
    strictEqual(log.lastIndex(), 2);
  });

  it('only what a snapshot covers can be compacted, and what is compacted cannot be truncated', ({ log }) => {
    log.append([entry(1, 1), entry(2, 1), entry(3, 1)]);
    throws(() => log.compact(1));
    log.applySnapshot(snapshot(2, 1));
    throws(() => log.compact(3));
    log.compact(2);
    log.compact(1);
    strictEqual(log.firstIndex(), 3);
    throws(() => log.truncate(2));
    log.truncate(3);
    deepStrictEqual([log.firstIndex(), log.lastIndex(), log.lastTerm()], [3, 2, 1]);
  });
}

function staging(it: Define): void {
  it('each mutating call takes the next seq of one FIFO', async ({ log }) => {
    log.append([entry(1, 1), entry(2, 1)]);
    strictEqual(log.stagedSeq(), 1);
    log.setHardState({ term: 1, votedFor: 1 });
    log.truncate(2);
    log.applySnapshot(snapshot(1, 1));
    log.compact(1);
    strictEqual(log.stagedSeq(), 5);
    strictEqual(await log.flush(), 5);
    log.sync();
    strictEqual(log.stagedSeq(), 5);
  });

  it('flush covers what is staged when it is called, and more can be staged meanwhile', async ({ log }) => {
    log.append([entry(1, 1)]);
    const first = log.flush();
    log.append([entry(2, 1)]);
    log.truncate(2);
    ok((await first) >= 1);
    strictEqual(log.lastIndex(), 1);
    strictEqual(await log.flush(), 3);
    strictEqual(await log.flush(), 3);
  });

  it('what is synced or flushed is there after a reopen', async (subject) => {
    if (subject.reopen === undefined) return;
    const { log } = subject;
    log.append([entry(1, 1), config(2, 1), entry(3, 2)]);
    log.setHardState({ term: 2, votedFor: 3 });
    log.sync();
    log.truncate(3);
    log.append([entry(3, 3, 'normal', 200)]);
    await log.flush();
    const again = await subject.reopen();
    try {
      strictEqual(again.log.stagedSeq(), 0);
      deepStrictEqual(again.log.hardState(), { term: 2, votedFor: 3 });
      sameEntries(again.log.entries(1, 3), [entry(1, 1), config(2, 1), entry(3, 3, 'normal', 200)]);
      strictEqual(again.log.configIndexBefore(3), 2);
    } finally {
      await again.close();
    }
  });
}

const MODEL_SEEDS = 30;
const MODEL_CALLS = 60;

function againstModel(harness: TestHarness, open: () => Promise<LogSubject>): void {
  harness.it(`behaves as the model does, in ${MODEL_SEEDS} random histories`, async () => {
    for (let seed = 1; seed <= MODEL_SEEDS; seed++) {
      const subject = await open();
      try {
        await followModel(subject, seed);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
}

async function followModel(start: LogSubject, seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const model = new ModelLog();
  let subject = start;
  let flushing: Promise<number> | undefined;
  for (let count = 0; count < MODEL_CALLS; count++) {
    const call = randomCall(model, random, { commandBytesMax: 3000, entriesMax: 12 });
    model.apply(call);
    applyCall(subject.log, call);
    sameAsModel(subject.log, model);
    if (random.chance(0.3)) {
      await flushing;
      flushing = undefined;
      if (random.chance(0.5)) subject.log.sync();
      else flushing = subject.log.flush();
    }
    if (subject.reopen !== undefined && random.chance(0.05)) {
      await flushing;
      flushing = undefined;
      subject.log.sync();
      subject = await subject.reopen();
      sameAsModel(subject.log, model);
    }
  }
  await flushing;
  await subject.close();
}

/** Carries one call out. */
export function applyCall(log: DeferredRaftLog, call: LogCall): void {
  switch (call.type) {
    case 'append':
      return log.append(call.entries);
    case 'truncate':
      return log.truncate(call.from);
    case 'setHardState':
      return log.setHardState(call.state);
    case 'applySnapshot':
      return log.applySnapshot(call.snapshot);
    case 'compact':
      return log.compact(call.through);
  }
}

/** Everything that a log shows, in the words of `describeModel`. */
export function describeLog(log: DeferredRaftLog): string {
  const compactedIndex = log.firstIndex() - 1;
  const state = {
    compacted: { index: compactedIndex, term: log.termAt(compactedIndex) ?? Number.NaN },
    hardState: log.hardState(),
    snapshot: log.snapshot(),
    lastIndex: log.lastIndex(),
  };
  return describeState(state, log.entries(log.firstIndex(), log.lastIndex()));
}

function sameAsModel(log: DeferredRaftLog, model: ModelLog): void {
  strictEqual(describeLog(log), describeModel(model));
  strictEqual(log.lastTerm(), model.lastTerm);
  for (let index = model.compacted.index; index <= model.lastIndex + 1; index++) {
    strictEqual(log.termAt(index), model.termAt(index), `term at ${index}`);
    strictEqual(log.configIndexBefore(index), model.configIndexBefore(index), `config before ${index}`);
  }
}

function sameEntries(found: readonly LogEntry[], expected: readonly LogEntry[]): void {
  deepStrictEqual(found.map(plain), expected.map(plain));
}

function plain({ term, index, kind, command }: LogEntry): unknown {
  return { term, index, kind, command: [...command] };
}

function entry(index: number, term: number, kind: EntryKind = 'normal', bytes = 10): LogEntry {
  return encodeEntry({ index, term, kind, command: new Uint8Array(bytes).fill(index + term) });
}

const CONFIGURATION: Configuration = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: {},
};

function config(index: number, term: number): LogEntry {
  return encodeEntry({ index, term, kind: 'config', command: encodeConfiguration(CONFIGURATION) });
}

function snapshot(index: number, term: number, data: number[] = []): Snapshot {
  return { index, term, configuration: CONFIGURATION, data: Uint8Array.from(data) };
}
