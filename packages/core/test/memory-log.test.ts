// MemoryLog: what the contract of RaftLog asks of every log is tested by the contract suite in the testkit; here stand
// its own ways of being wrong: boundaries, the array behind it, and what it does when it is asked the impossible.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryBytes, type Index, type LogEntry, MemoryLog, type Snapshot } from '../src/index.js';
import { configEntry, configuration, entriesOf, entry, termsOf } from './support/node.js';

function snapshotAt(index: Index, term: number): Snapshot {
  return { index, term, configuration: configuration([1]), data: new Uint8Array(0) };
}

function logOf(...terms: number[]): MemoryLog {
  const log = new MemoryLog();
  log.append(entriesOf(terms));
  return log;
}

describe('an empty log', () => {
  const log = new MemoryLog();

  it('begins after index 0, which has term 0', () => {
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm(), log.termAt(0)]).toEqual([1, 0, 0, 0]);
    expect([log.termAt(1), log.entry(0), log.entry(1), log.entries(1, 0)]).toEqual([
      undefined,
      undefined,
      undefined,
      [],
    ]);
  });

  it('has no vote, no snapshot, no configuration, and nothing staged', () => {
    expect([log.hardState(), log.snapshotIndex(), log.snapshot()]).toEqual([
      { term: 0, votedFor: undefined },
      0,
      undefined,
    ]);
    expect([log.configIndexBefore(100), log.stagedSeq()]).toEqual([0, 0]);
  });
});

describe('append', () => {
  it('takes a seq for each call, whatever it holds', () => {
    const log = logOf(1, 1, 2);
    expect([log.stagedSeq(), log.lastIndex(), log.lastTerm()]).toEqual([1, 3, 2]);
    log.append([]);
    expect([log.stagedSeq(), log.lastIndex()]).toEqual([2, 3]);
  });

  it.each([
    ['a gap', [entry(3, 2)], 'does not hold: an appended entry follows the last index'],
    ['an index again', [entry(1, 2)], 'does not hold: an appended entry follows the last index'],
    ['a falling term', [entry(2, 1)], 'does not hold: terms never fall along the log'],
    ['a gap inside', [entry(2, 2), entry(4, 2)], 'does not hold: an appended entry follows the last index'],
    ['a term that falls inside', [entry(2, 3), entry(3, 2)], 'does not hold: terms never fall along the log'],
  ])('%s is refused before anything changes', (_what, entries, message) => {
    const log = logOf(2);
    expect(() => log.append(entries)).toThrow(message);
    expect([termsOf(log), log.stagedSeq()]).toEqual([[2], 1]);
  });

  it('keeps no reference to the list it was given', () => {
    const list = entriesOf([1, 1]);
    const log = new MemoryLog();
    log.append(list);
    list.pop();
    expect(log.lastIndex()).toBe(2);
  });
});

describe('entries', () => {
  const log = logOf(1, 1, 1, 1);
  const size = entryBytes(log.entry(1) as LogEntry); // it holds four, all of this size
  const read = (maxBytes: number): Index[] => log.entries(1, 4, maxBytes).map(({ index }) => index);

  it('both ends are included', () => {
    expect(log.entries(2, 3).map(({ index }) => index)).toEqual([2, 3]);
    expect(log.entries(4, 4).map(({ index }) => index)).toEqual([4]);
    expect(log.entries(5, 4)).toEqual([]);
  });

  it('maxBytes cuts at exactly so many bytes, and never before the first entry', () => {
    expect(read(size * 2 - 1)).toEqual([1]);
    expect(read(size * 2)).toEqual([1, 2]);
    expect(read(size * 4)).toEqual([1, 2, 3, 4]);
    expect(read(0)).toEqual([1]);
  });

  it('what is not there is not read', () => {
    expect(() => log.entries(0, 1)).toThrow('does not hold: the log holds what is read from it');
    expect(() => log.entries(1, 5)).toThrow('does not hold: the log holds what is read from it');
    expect(() => log.entries(1, 5, 10)).toThrow('does not hold: the log holds what is read from it');
  });
});

describe('truncate', () => {
  it('removes the index it is given and everything after', () => {
    const log = logOf(1, 2, 3);
    log.truncate(2);
    expect([termsOf(log), log.lastIndex(), log.lastTerm(), log.stagedSeq()]).toEqual([[1], 1, 1, 2]);
  });

  it('of everything leaves an empty log, behind the end nothing happens', () => {
    const log = logOf(1, 2);
    log.truncate(9);
    expect(termsOf(log)).toEqual([1, 2]);
    log.truncate(1);
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm()]).toEqual([1, 0, 0]);
  });

  it('at what is compacted is refused; just above it, the log is empty again', () => {
    const log = logOf(1, 1, 1);
    log.applySnapshot(snapshotAt(2, 1));
    log.compact(2);
    expect(() => log.truncate(2)).toThrow(
      'does not hold: what is compacted is committed and never truncated',
    );
    log.truncate(3);
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm(), log.termAt(2)]).toEqual([3, 2, 1, 1]);
    log.append([entry(3, 4)]);
    expect(log.lastTerm()).toBe(4);
  });
});

describe('configurations', () => {
  it('the newest at or below an index is found, and lost by truncation and compaction', () => {
    const log = new MemoryLog();
    log.append([
      entry(1, 1),
      configEntry(2, 1, configuration([1])),
      entry(3, 1),
      configEntry(4, 1, configuration([1, 2])),
    ]);
    expect([0, 1, 2, 3, 4, 9].map((index) => log.configIndexBefore(index))).toEqual([0, 0, 2, 2, 4, 4]);
    log.truncate(4);
    expect(log.configIndexBefore(9)).toBe(2);
    log.applySnapshot(snapshotAt(2, 1));
    expect(log.configIndexBefore(9)).toBe(2);
    log.compact(2);
    expect(log.configIndexBefore(9)).toBe(0);
  });
});

describe('hard state', () => {
  it('is kept as a value', () => {
    const log = new MemoryLog();
    const state = { term: 3, votedFor: 2 };
    log.setHardState(state);
    state.term = 9;
    expect([log.hardState(), log.stagedSeq()]).toEqual([{ term: 3, votedFor: 2 }, 1]);
  });
});

describe('snapshots', () => {
  it('one that the log reaches in its term keeps every entry', () => {
    const log = logOf(1, 1, 2);
    log.applySnapshot(snapshotAt(2, 1));
    expect([log.snapshotIndex(), termsOf(log), log.stagedSeq()]).toEqual([2, [1, 1, 2], 2]);
  });

  it.each([
    ['beyond the log', 7, 2],
    ['at an index of another term', 2, 2],
    ['at its last index of another term', 3, 3],
  ])('one %s drops the whole log', (_what, index, term) => {
    const log = new MemoryLog();
    log.append([configEntry(1, 1, configuration([1])), entry(2, 1), entry(3, 2)]);
    log.applySnapshot(snapshotAt(index, term));
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm()]).toEqual([index + 1, index, term]);
    expect([log.termAt(index), log.termAt(index - 1), log.configIndexBefore(99)]).toEqual([
      term,
      undefined,
      0,
    ]);
  });

  it('one that is not newer is no change and takes no seq', () => {
    const log = logOf(1, 1, 1);
    log.applySnapshot(snapshotAt(2, 1));
    const present = log.snapshot();
    for (const old of [snapshotAt(2, 1), snapshotAt(1, 1), snapshotAt(2, 5)]) log.applySnapshot(old);
    expect([log.snapshot() === present, log.stagedSeq(), termsOf(log)]).toEqual([true, 2, [1, 1, 1]]);
  });
});

describe('compact', () => {
  it('gives up entries but keeps the term at the boundary and at the snapshot', () => {
    const log = logOf(1, 2, 3, 4);
    log.applySnapshot(snapshotAt(3, 3));
    log.compact(1);
    expect([log.firstIndex(), log.entry(1), log.stagedSeq()]).toEqual([2, undefined, 3]);
    expect([0, 1, 2, 3, 4, 5].map((index) => log.termAt(index))).toEqual([0, 1, 2, 3, 4, undefined]);
    log.compact(3);
    expect([0, 1, 2, 3, 4].map((index) => log.termAt(index))).toEqual([0, undefined, undefined, 3, 4]);
  });

  it('P96 §7: through the last index leaves a log that goes on', () => {
    const log = logOf(1, 1);
    log.applySnapshot(snapshotAt(2, 1));
    log.compact(2);
    expect([log.firstIndex(), log.lastIndex(), log.lastTerm()]).toEqual([3, 2, 1]);
    log.append([entry(3, 1)]);
    expect(termsOf(log)).toEqual([1]);
  });

  it('beyond the snapshot is refused, again is no change', () => {
    const log = logOf(1, 1, 1);
    expect(() => log.compact(1)).toThrow('does not hold: only what a snapshot covers is given up');
    log.applySnapshot(snapshotAt(2, 1));
    expect(() => log.compact(3)).toThrow('does not hold: only what a snapshot covers is given up');
    log.compact(2);
    log.compact(2);
    log.compact(1);
    expect([log.firstIndex(), log.stagedSeq()]).toEqual([3, 3]);
  });

  it('frees the entries it gives up once they are many, and reads the rest as before', () => {
    const log = new MemoryLog();
    log.append(entriesOf(Array.from({ length: 3000 }, () => 1)));
    log.applySnapshot(snapshotAt(3000, 1));
    for (const through of [1023, 1024, 1600, 2900]) {
      log.compact(through);
      expect([log.firstIndex(), log.lastIndex(), log.termAt(through), log.entry(through)]).toEqual([
        through + 1,
        3000,
        1,
        undefined,
      ]);
      expect(log.entries(through + 1, 3000).map(({ index }) => index)).toEqual(
        Array.from({ length: 3000 - through }, (_, i) => through + 1 + i),
      );
    }
    log.truncate(2950);
    log.append([entry(2950, 2)]);
    expect([log.lastIndex(), log.lastTerm(), log.termAt(2949)]).toEqual([2950, 2, 1]);
  });
});

it('sync and flush have nothing to do: what is staged is as durable as it gets', async () => {
  const log = logOf(1);
  log.setHardState({ term: 1, votedFor: 1 });
  log.sync();
  expect(await log.flush()).toBe(2);
});

describe('against a plain model', () => {
  /** The log as a map from index to term, with what is compacted left out: too slow to use and too simple to be wrong. */
  class Model {
    terms = new Map<Index, number>();
    last = 0;
    compacted = 0;
    boundary = 0;
    snapshot = { index: 0, term: 0 };
    termAt(index: Index): number | undefined {
      if (index === this.compacted) return this.boundary;
      if (index === this.snapshot.index) return this.snapshot.term;
      return index === 0 ? 0 : this.terms.get(index);
    }
  }
  const operations = fc.array(
    fc.tuple(fc.constantFrom('append', 'truncate', 'snapshot', 'install', 'compact'), fc.nat(6)),
    { maxLength: 60 },
  );

  it('any sequence of calls reads the same', () => {
    fc.assert(
      fc.property(operations, (calls) => {
        const log = new MemoryLog();
        const model = new Model();
        for (const [name, n] of calls) {
          carryOut(log, model, name, n);
          expect([log.firstIndex(), log.lastIndex(), log.snapshotIndex()]).toEqual([
            model.compacted + 1,
            model.last,
            model.snapshot.index,
          ]);
          for (let index = 0; index <= model.last + 1; index++)
            expect(log.termAt(index)).toBe(model.termAt(index));
          expect(log.lastTerm()).toBe(model.termAt(model.last));
        }
      }),
    );
  });

  function carryOut(log: MemoryLog, model: Model, name: string, n: number): void {
    const lastTerm = model.termAt(model.last) ?? 0;
    switch (name) {
      case 'append': {
        const terms = Array.from({ length: n }, (_, i) => Math.max(1, lastTerm) + (i % 2));
        terms.sort((a, b) => a - b);
        log.append(entriesOf(terms, model.last + 1));
        for (const term of terms) model.terms.set(++model.last, term);
        return;
      }
      case 'truncate': {
        const from = model.snapshot.index + 1 + n; // below it everything is committed
        log.truncate(from);
        for (let index = from; index <= model.last; index++) model.terms.delete(index);
        model.last = Math.min(model.last, from - 1);
        return;
      }
      case 'snapshot': {
        const index = Math.min(model.last, model.snapshot.index + n);
        const term = model.termAt(index);
        if (index <= model.snapshot.index || term === undefined) return;
        log.applySnapshot(snapshotAt(index, term));
        model.snapshot = { index, term };
        return;
      }
      case 'install': {
        const index = model.last + 1 + n;
        log.applySnapshot(snapshotAt(index, lastTerm + 1));
        Object.assign(model, { last: index, compacted: index, boundary: lastTerm + 1 });
        model.terms.clear();
        model.snapshot = { index, term: lastTerm + 1 };
        return;
      }
      case 'compact': {
        const through = Math.min(model.snapshot.index, model.compacted + n);
        if (through <= model.compacted) return;
        log.compact(through);
        model.boundary = model.termAt(through) ?? -1;
        for (let index = model.compacted; index <= through; index++) model.terms.delete(index);
        model.compacted = through;
      }
    }
  }
});
