// The simulated log promises RaftLog's contract and nothing more; its crashes give every legal image and no other.

import { raftLogContract } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { LogMisuse } from '../src/sim/log-image.js';
import { SeededRandom } from '../src/sim/seeded-random.js';
import { SimulatedCrash, SimulatedDiskFailure, SimulatedLog } from '../src/sim/simulated-log.js';
import { entryOf, THREE } from './support/fake-server.js';

describe('SimulatedLog', () => {
  raftLogContract({ describe, it }, async () => subject(new SimulatedLog()));

  function subject(log: SimulatedLog): Awaited<ReturnType<Parameters<typeof raftLogContract>[1]>> {
    return {
      log,
      reopen: async () => {
        log.sync();
        return subject(new SimulatedLog(log.crash(new SeededRandom(1)).stable));
      },
      close: async () => {},
    };
  }
});

/** Three staged operations beyond one durable: a vote, an append of three entries, a truncation with its replacement. */
function staged(): SimulatedLog {
  const log = new SimulatedLog();
  log.append([entryOf(1, 1)]);
  log.sync();
  log.setHardState({ term: 2, votedFor: 3 });
  log.append([entryOf(2, 1), entryOf(3, 1), entryOf(4, 1)]);
  log.truncate(3);
  log.append([entryOf(3, 2)]);
  return log;
}

function imageAfterCrash(seed: number): string {
  const { stable } = staged().crash(new SeededRandom(seed));
  const terms: number[] = [];
  for (let index = 1; index <= stable.lastIndex; index++) terms.push(stable.termAt(index) ?? -1);
  return `${stable.hardState.term}:${terms.join('')}`;
}

describe('a crash of the simulated log', () => {
  it('P46 leaves the durable prefix and any staged prefix beyond it, cut between any two entries', () => {
    const images = new Set<string>();
    for (let seed = 0; seed < 300; seed++) images.add(imageAfterCrash(seed));
    expect([...images].sort()).toEqual(['0:1', '2:1', '2:11', '2:111', '2:1111', '2:112'].sort());
  });

  it('W3 keeps what was synced', () => {
    for (let seed = 0; seed < 50; seed++) {
      const log = staged();
      log.sync();
      const { stable, lost } = log.crash(new SeededRandom(seed));
      expect([stable.lastIndex, stable.hardState.votedFor, lost.length]).toEqual([3, 3, 0]);
    }
  });

  it('keeps what the disk had completed, however little of it', () => {
    const log = staged();
    log.makeDurable(2);
    const { stable } = log.crash(new SeededRandom(3));
    expect(stable.hardState).toEqual({ term: 2, votedFor: 3 });
  });

  it('P44 completions out of order collapse to the highest', () => {
    const log = staged();
    log.makeDurable(3);
    log.makeDurable(2);
    expect([log.durableSeq, log.stable.lastIndex]).toEqual([3, 4]);
  });

  it('the next life reads what was kept, and starts with nothing staged', () => {
    const { stable } = staged().crash(new SeededRandom(5));
    const log = new SimulatedLog(stable);
    expect([log.lastIndex(), log.stagedSeq(), log.durableSeq]).toEqual([stable.lastIndex, 0, 0]);
  });
});

describe('a process that dies inside a log call', () => {
  it('may have staged the operation or not, and may have synced or not', () => {
    const ends = new Set<string>();
    for (let calls = 1; calls <= 6; calls++) {
      const log = new SimulatedLog();
      log.crashInside(calls);
      expect(() => {
        log.append([entryOf(1, 1)]);
        log.sync();
        log.append([entryOf(2, 1)]);
      }).toThrow(SimulatedCrash);
      ends.add(`${log.lastIndex()}/${log.stable.lastIndex}`);
      expect(log.crashed).toBe(true);
    }
    expect([...ends]).toEqual(['0/0', '1/0', '1/1', '2/1']);
  });

  it('does nothing any more', () => {
    const log = new SimulatedLog();
    log.crashInside(1);
    expect(() => log.append([entryOf(1, 1)])).toThrow(SimulatedCrash);
    expect(() => log.sync()).toThrow(SimulatedCrash);
  });
});

describe('a disk in trouble', () => {
  it('full: nothing becomes durable, nothing is lost, and it works again', () => {
    const log = staged();
    log.health = 'full';
    expect(() => log.sync()).toThrow(expect.objectContaining({ code: 'WAL_FULL' }));
    expect([log.lastIndex(), log.durableSeq]).toEqual([3, 1]);
    log.health = 'working';
    log.sync();
    expect(log.durableSeq).toBe(log.stagedSeq());
  });

  it('failing: every later write and sync throws', () => {
    const log = staged();
    log.health = 'failing';
    expect(() => log.sync()).toThrow(SimulatedDiskFailure);
    expect(() => log.append([entryOf(4, 2)])).toThrow(SimulatedDiskFailure);
  });
});

describe('misuse of the simulated log', () => {
  it.each([
    ['a gap', (log: SimulatedLog) => log.append([entryOf(9, 2)])],
    ['a falling term', (log: SimulatedLog) => log.append([entryOf(4, 1)])],
    ['truncating what is compacted', (log: SimulatedLog) => log.truncate(0)],
    ['compacting beyond the snapshot', (log: SimulatedLog) => log.compact(1)],
    ['reading beyond the end', (log: SimulatedLog) => log.entries(3, 4)],
  ])('%s is refused and changes nothing', (_what, misuse) => {
    const log = staged();
    const before = log.stagedSeq();
    expect(() => misuse(log)).toThrow(LogMisuse);
    expect([log.stagedSeq(), log.lastIndex()]).toEqual([before, 3]);
  });

  it('P95 a snapshot over a conflicting log drops it, over an agreeing one keeps it', () => {
    const snapshot = { index: 3, configuration: THREE, data: new Uint8Array() };
    const agreeing = staged();
    agreeing.applySnapshot({ ...snapshot, term: 2 });
    expect([agreeing.firstIndex(), agreeing.lastIndex()]).toEqual([1, 3]);
    const conflicting = staged();
    conflicting.applySnapshot({ ...snapshot, term: 9 });
    expect([conflicting.firstIndex(), conflicting.lastIndex(), conflicting.lastTerm()]).toEqual([4, 3, 9]);
  });
});
