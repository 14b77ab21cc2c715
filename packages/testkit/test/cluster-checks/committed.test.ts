// One committed log, its leaders, what is sent of it, applied from it and read from it: planted violations of each.

import { type Action, encodeEntry, type Message } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { AppliedEntries } from '../../src/cluster-checks/applied-entries.js';
import { CommittedEntries } from '../../src/cluster-checks/committed-entries.js';
import { CommittedLog } from '../../src/cluster-checks/committed-log.js';
import { FreshReads } from '../../src/cluster-checks/fresh-reads.js';
import { Leaders } from '../../src/cluster-checks/leaders.js';
import { SentEntries } from '../../src/cluster-checks/sent-entries.js';
import { entryOf, expectViolation } from '../support/fake-server.js';
import { lifeOf, stepRecord } from '../support/planted.js';

const committed = (...entries: ReturnType<typeof entryOf>[]): CommittedLog => {
  const log = new CommittedLog();
  for (const entry of entries)
    log.claim({ index: entry.index, term: entry.term, by: 1, inTerm: entry.term, entry }, 'test');
  return log;
};

const commit = (index: number, term: number): Action => ({ type: 'commit', index, term });

const appends = (parts: Partial<Extract<Message, { type: 'appendEntries' }>>): Message => ({
  ...{ type: 'appendEntries', from: 1, to: 2, term: 3, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0 },
  entries: [],
  ...parts,
});

const snapshotAt = (index: number) => ({
  index,
  term: 1,
  configuration: stepRecord(1, {}).before.configuration,
  data: new Uint8Array(),
});

const leading = { role: 'leader', term: 3, lastIndex: 9 } as const;

describe('committed-entries', () => {
  it('finds two servers that commit entries of different terms at one index', () => {
    const check = new CommittedEntries(committed(entryOf(4, 2)));
    expectViolation('committed-entries', /servers 1 and 3 committed different entries at index 4/, () =>
      check.stepped(lifeOf(3), stepRecord(3, { before: leading, actions: [commit(4, 3)] })),
    );
  });

  it('finds two servers that apply different commands of one name', () => {
    const check = new CommittedEntries(committed(entryOf(4, 2, 'normal', 'left')));
    const entries = [entryOf(4, 2, 'normal', 'right')];
    expectViolation('committed-entries', /different entries at index 4/, () =>
      check.stepped(lifeOf(3), stepRecord(3, { actions: [{ type: 'apply', entries }] })),
    );
  });

  it('finds a commit index that goes back within a life, and lets a new life begin below', () => {
    const check = new CommittedEntries(committed(entryOf(4, 2)));
    const at = (commitIndex: number) => stepRecord(1, { before: { commitIndex } });
    check.stepped(lifeOf(1), at(4));
    expectViolation('committed-entries', /went back/, () => check.stepped(lifeOf(1), at(3)));
    check.serverStarted(lifeOf(1, 2));
    expect(() => check.stepped(lifeOf(1, 2), at(0))).not.toThrow();
  });

  it('finds a follower that commits what nobody committed before', () => {
    const check = new CommittedEntries(committed(entryOf(4, 2)));
    expectViolation('committed-entries', /does not lead commits/, () =>
      check.stepped(lifeOf(2), stepRecord(2, { before: { commitIndex: 4 }, after: { commitIndex: 6 } })),
    );
  });

  it('finds a leader that commits an entry of an earlier term by counting, and lets followers do so', () => {
    const check = new CommittedEntries(committed());
    check.stepped(
      lifeOf(3),
      stepRecord(3, { before: leading, after: { commitIndex: 5 }, actions: [commit(5, 3)] }),
    );
    const older = { after: { commitIndex: 4 }, actions: [commit(4, 2)] };
    expect(() => check.stepped(lifeOf(2), stepRecord(2, older))).not.toThrow();
    expectViolation('committed-entries', /earlier term by counting/, () =>
      check.stepped(lifeOf(1), stepRecord(1, { before: { ...leading, term: 4 }, ...older })),
    );
  });
});

describe('leaders', () => {
  it('finds two leaders of one term', () => {
    const check = new Leaders(committed());
    const lead: Action = { type: 'roleChanged', role: 'leader', term: 3, leader: 1 };
    check.stepped(lifeOf(1), stepRecord(1, { actions: [lead] }));
    expectViolation('leaders', /two servers lead/, () =>
      check.stepped(lifeOf(2), stepRecord(2, { before: { term: 3 }, after: { role: 'leader' } })),
    );
  });

  it('finds a leader whose log ends before what an earlier leader committed', () => {
    const check = new Leaders(committed(entryOf(8, 2)));
    expectViolation('leaders', /lacks a committed entry/, () =>
      check.stepped(lifeOf(1), stepRecord(1, { after: { role: 'leader', term: 3, lastIndex: 7 } })),
    );
  });

  it('lets a leader of an earlier term know nothing of what a later one committed', () => {
    const log = committed();
    log.claim({ index: 8, term: 4, by: 2, inTerm: 4 }, 'test');
    const check = new Leaders(log);
    const step = stepRecord(1, { after: { role: 'leader', term: 3, lastIndex: 7 } });
    expect(() => check.stepped(lifeOf(1), step)).not.toThrow();
  });

  it('finds a leader that sends another entry than the committed one, as one of its entries or before them', () => {
    for (const message of [
      appends({ prevLogIndex: 8, prevLogTerm: 1 }),
      appends({ prevLogIndex: 7, prevLogTerm: 1, entries: [entryOf(8, 3)] }),
    ])
      expectViolation('leaders', /another entry than the one that is committed/, () =>
        new Leaders(committed(entryOf(8, 2))).stepped(
          lifeOf(1),
          stepRecord(1, { before: leading, sends: [message] }),
        ),
      );
  });

  it('finds a leader that shortens its log', () => {
    const check = new Leaders(committed());
    expectViolation('leaders', /shortened/, () =>
      check.stepped(lifeOf(1), stepRecord(1, { before: leading, after: { lastIndex: 8 } })),
    );
  });

  it('finds a campaign around a leader who did not ask for it, and lets the one that was asked for be', () => {
    const campaign = (term: number): Message => ({
      ...{ type: 'requestVote', from: 1, to: 2, term, lastLogIndex: 9, lastLogTerm: 3, transfer: true },
    });
    const message: Message = { type: 'timeoutNow', from: 2, to: 1, term: 3 };
    const check = new Leaders(committed());
    const before = { term: 4 };
    check.stepped(lifeOf(1), stepRecord(1, { event: { type: 'message', message }, before }));
    expect(() => check.stepped(lifeOf(1), stepRecord(1, { before, sends: [campaign(4)] }))).not.toThrow();
    expectViolation('leaders', /did not ask/, () =>
      check.stepped(lifeOf(1), stepRecord(1, { before: { term: 5 }, sends: [campaign(5)] })),
    );
  });
});

describe('sent-entries', () => {
  const send = (check: SentEntries, message: Message) =>
    check.stepped(lifeOf(1), stepRecord(1, { before: { ...leading, commitIndex: 5 }, sends: [message] }));

  it('finds one name for two entries, and one entry with two pasts', () => {
    for (const other of [
      appends({ prevLogIndex: 3, prevLogTerm: 2, entries: [entryOf(4, 2, 'normal', 'other')] }),
      appends({ prevLogIndex: 3, prevLogTerm: 1, entries: [entryOf(4, 2)] }),
    ]) {
      const check = new SentEntries();
      send(check, appends({ prevLogIndex: 3, prevLogTerm: 2, entries: [entryOf(4, 2)] }));
      expectViolation('sent-entries', /two entries, or has two pasts/, () => send(check, other));
    }
  });

  it('finds a gap in a message, terms that fall, and commits beyond the own ones', () => {
    for (const message of [
      appends({ prevLogIndex: 3, prevLogTerm: 2, entries: [entryOf(5, 2)] }),
      appends({ prevLogIndex: 3, prevLogTerm: 2, entries: [entryOf(4, 1)] }),
      appends({ leaderCommit: 6 }),
    ])
      expectViolation('sent-entries', /./, () => send(new SentEntries(), message));
  });
});

describe('applied-entries', () => {
  const apply = (...entries: ReturnType<typeof entryOf>[]): Action => ({ type: 'apply', entries });
  const state = { commitIndex: 9, lastApplied: 0 };
  const step = (actions: readonly Action[], lastApplied: number) =>
    stepRecord(1, { before: state, after: { lastApplied }, actions });

  it('finds an entry that is applied twice, out of order, or that is no command', () => {
    for (const actions of [
      [apply(entryOf(3, 1)), apply(entryOf(3, 1))],
      [apply(entryOf(3, 1), entryOf(2, 1))],
      [apply(entryOf(3, 1, 'noop'))],
    ])
      expectViolation('applied-entries', /twice, out of order/, () =>
        new AppliedEntries(committed()).stepped(lifeOf(1), step(actions, 3)),
      );
  });

  it('finds a committed command that is passed over, and lets a noop be', () => {
    expectViolation('applied-entries', /passed over/, () =>
      new AppliedEntries(committed(entryOf(2, 1))).stepped(lifeOf(1), step([apply(entryOf(3, 1))], 3)),
    );
    expect(() =>
      new AppliedEntries(committed(entryOf(2, 1, 'noop'))).stepped(
        lifeOf(1),
        step([apply(entryOf(3, 1))], 3),
      ),
    ).not.toThrow();
  });

  it('finds a snapshot that leads back, and what is applied before it is committed', () => {
    const snapshot = snapshotAt(2);
    expectViolation('applied-entries', /leads a state machine back/, () =>
      new AppliedEntries(committed()).stepped(
        lifeOf(1),
        step([apply(entryOf(3, 1)), { type: 'restoreSnapshot', snapshot }], 3),
      ),
    );
    expectViolation('applied-entries', /does not know to be committed/, () =>
      new AppliedEntries(committed()).stepped(lifeOf(1), step([], 10)),
    );
  });

  it('finds a life whose log lacks what an earlier one has given to its state machine', () => {
    const restored: Action = { type: 'restoreSnapshot', snapshot: snapshotAt(7) };
    for (const actions of [[{ type: 'apply', entries: [entryOf(7, 2)] } as const], [restored]]) {
      const check = new AppliedEntries(committed());
      const after = { commitIndex: 7, lastApplied: 7 };
      check.stepped(lifeOf(1), stepRecord(1, { before: { lastIndex: 9 }, after, actions }));
      check.serverStarted(lifeOf(1, 2));
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { lastIndex: 7 } }));
      check.serverStarted(lifeOf(1, 3));
      expectViolation('applied-entries', /lost what it had given/, () =>
        check.stepped(lifeOf(1, 3), stepRecord(1, { before: { lastIndex: 6 } })),
      );
    }
  });
});

describe('fresh-reads', () => {
  const context = new Uint8Array([7]);
  const ask = stepRecord(1, { event: { type: 'read', context } });
  const answer = (index: number) => stepRecord(1, { actions: [{ type: 'readReady', context, index }] });

  it('finds an answer that is older than the question', () => {
    const check = new FreshReads(committed(entryOf(8, 2)));
    check.stepped(lifeOf(1), ask);
    expectViolation('fresh-reads', /older than its question/, () => check.stepped(lifeOf(1), answer(7)));
  });

  it('finds an answer that comes twice, or to a life that did not ask', () => {
    const check = new FreshReads(committed(entryOf(8, 2)));
    check.serverStarted(lifeOf(1));
    check.stepped(lifeOf(1), ask);
    check.stepped(lifeOf(1), answer(8));
    expectViolation('fresh-reads', /answered before/, () => check.stepped(lifeOf(1), answer(8)));
    check.stepped(lifeOf(1), ask);
    check.serverStarted(lifeOf(1, 2));
    expectViolation('fresh-reads', /did not ask/, () => check.stepped(lifeOf(1, 2), answer(8)));
  });
});

it('an entry is known again by its kind as well as by its bytes', () => {
  const command = new TextEncoder().encode('same');
  const check = new CommittedEntries(committed(encodeEntry({ index: 4, term: 2, kind: 'config', command })));
  const entries = [encodeEntry({ index: 4, term: 2, kind: 'normal', command })];
  expectViolation('committed-entries', /different entries/, () =>
    check.stepped(lifeOf(3), stepRecord(3, { actions: [{ type: 'apply', entries }] })),
  );
});
