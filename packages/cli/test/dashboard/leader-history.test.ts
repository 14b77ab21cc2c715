import { describe, expect, it } from 'vitest';
import { LeaderHistory, LeaderLedger } from '../../src/dashboard/leader-history.js';
import { SPELLS_MAX } from '../../src/dashboard/report.js';

describe('LeaderHistory', () => {
  it('a spell ends when its leader is lost, and the next one begins when a leader is known', () => {
    const history = new LeaderHistory();
    history.heard(1, 4, 100);
    history.heard(undefined, 4, 250);
    history.heard(2, 5, 300);
    expect(history.spells).toEqual([
      { term: 4, leader: 1, from: 100, to: 250 },
      { term: 5, leader: 2, from: 300, to: undefined },
    ]);
  });

  it('a leader that is lost and found again in its term has led all the time', () => {
    const history = new LeaderHistory();
    history.heard(1, 4, 100);
    history.heard(undefined, 4, 250);
    history.heard(1, 4, 300);
    expect(history.spells).toEqual([{ term: 4, leader: 1, from: 100, to: undefined }]);
  });

  it('says nothing of a time without a leader before the first one', () => {
    const history = new LeaderHistory();
    history.heard(undefined, 0, 100);
    expect(history.spells).toEqual([]);
  });

  it('keeps the last spells only', () => {
    const history = new LeaderHistory();
    for (let term = 1; term <= SPELLS_MAX + 3; term++) history.heard(1, term, term * 10);
    expect(history.spells).toHaveLength(SPELLS_MAX);
    expect(history.spells[0]?.term).toBe(4);
  });
});

describe('LeaderLedger', () => {
  it('puts together what several servers saw, by its own clock', () => {
    const ledger = new LeaderLedger();
    ledger.add([{ term: 4, leader: 1, from: 100, to: 250 }], { shift: 0, date: 400 });
    ledger.add(
      [
        { term: 4, leader: 1, from: 1090, to: 1260 },
        { term: 5, leader: 2, from: 1300, to: undefined },
      ],
      { shift: -1000, date: 400 },
    );
    expect(ledger.spells({ leader: 2, term: 5 })).toEqual([
      { term: 4, leader: 1, from: 90, to: 260 },
      { term: 5, leader: 2, from: 300, to: undefined },
    ]);
  });

  it('a leader that was killed ends when it was last seen, not when somebody says so', () => {
    const ledger = new LeaderLedger();
    ledger.add([{ term: 4, leader: 1, from: 100, to: undefined }], { shift: 0, date: 900 });
    expect(ledger.spells(undefined)).toEqual([{ term: 4, leader: 1, from: 100, to: 900 }]);
  });

  it('nobody leads after the next one has begun, whatever a cut-off leader believes', () => {
    const ledger = new LeaderLedger();
    ledger.add([{ term: 4, leader: 1, from: 100, to: undefined }], { shift: 0, date: 900 });
    ledger.add([{ term: 5, leader: 2, from: 600, to: undefined }], { shift: 0, date: 900 });
    expect(ledger.spells({ leader: 2, term: 5 })).toEqual([
      { term: 4, leader: 1, from: 100, to: 600 },
      { term: 5, leader: 2, from: 600, to: undefined },
    ]);
  });

  it('forgets the oldest terms first', () => {
    const ledger = new LeaderLedger();
    for (let term = SPELLS_MAX + 5; term >= 1; term--)
      ledger.add([{ term, leader: 1, from: term, to: term + 1 }], { shift: 0, date: 0 });
    const terms = ledger.spells(undefined).map((spell) => spell.term);
    expect(terms).toHaveLength(SPELLS_MAX);
    expect(terms.at(-1)).toBe(SPELLS_MAX + 5);
  });
});
