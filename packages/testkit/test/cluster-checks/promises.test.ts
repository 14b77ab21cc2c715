// What left a server is kept by its next life: planted lies, and the legal ways to look like one.

import type { AppendEntries, Message } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { PromisedEntries } from '../../src/cluster-checks/promised-entries.js';
import { PromisedVotes } from '../../src/cluster-checks/promised-votes.js';
import { entryOf, expectViolation } from '../support/fake-server.js';
import { lifeOf, stepRecord } from '../support/planted.js';

const grant = (term: number, to: number): Message => ({
  ...{ type: 'requestVoteReply', from: 1, to, term, voteGranted: true },
});

const acknowledgement = (term: number, matchIndex: number): Message => ({
  ...{ type: 'appendEntriesReply', from: 1, to: 2, term, success: true },
  ...{ prevLogIndex: 0, matchIndex, hintIndex: 0, hintTerm: 0 },
});

const appended = (term: number, from: number, to: number, prevLogTerm: number): AppendEntries => ({
  ...{ type: 'appendEntries', from: 2, to: 1, term, prevLogIndex: from - 1, prevLogTerm, leaderCommit: 0 },
  entries: Array.from({ length: to - from + 1 }, (_, i) => entryOf(from + i, term)),
});

describe('promised-votes', () => {
  const told = (message: Message): PromisedVotes => {
    const check = new PromisedVotes();
    const state = { term: message.term };
    const votedFor = message.type === 'requestVoteReply' && message.voteGranted ? message.to : undefined;
    check.stepped(lifeOf(1), stepRecord(1, { after: { ...state, votedFor }, sends: [message] }));
    return check;
  };

  it('finds a life that has forgotten a term which the last one told', () => {
    const check = told(grant(5, 2));
    expectViolation('promised-votes', /forgotten a term/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 4 } })),
    );
  });

  it('finds a life that has forgotten the vote and kept the term', () => {
    const check = told(grant(5, 2));
    expectViolation('promised-votes', /forgotten a vote/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 5 } })),
    );
  });

  it('finds two votes in one term, one of them the own candidacy', () => {
    const check = told(grant(5, 2));
    const campaign: Message = {
      ...{ type: 'requestVote', from: 1, to: 3, term: 5, lastLogIndex: 0, lastLogTerm: 0, transfer: false },
    };
    expectViolation('promised-votes', /two candidates/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 5, votedFor: 2 }, sends: [campaign] })),
    );
  });

  it('lets a crash take back a term that only an answer to a heartbeat told', () => {
    const check = told({ type: 'heartbeatReply', from: 1, to: 2, term: 7, round: 1 });
    expect(() => check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 6 } }))).not.toThrow();
  });

  it('lets a later term forget the vote of an earlier one', () => {
    const check = told(grant(5, 2));
    expect(() =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 6 }, sends: [grant(6, 3)] })),
    ).not.toThrow();
  });
});

describe('promised-entries', () => {
  /** Server 1 has told the leader of term 3 that it holds its log up to 10, of which 6 to 10 are of term 3. */
  const acknowledged = (): PromisedEntries => {
    const check = new PromisedEntries();
    check.stepped(
      lifeOf(2),
      stepRecord(2, { before: { role: 'leader', term: 3, lastIndex: 10 }, sends: [appended(3, 6, 10, 2)] }),
    );
    check.stepped(
      lifeOf(1),
      stepRecord(1, { before: { term: 3, lastIndex: 10 }, sends: [acknowledgement(3, 10)] }),
    );
    return check;
  };

  it('finds a life whose log ends before what was acknowledged', () => {
    const check = acknowledged();
    expectViolation('promised-entries', /lost entries that it acknowledged/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 3, lastIndex: 9 } })),
    );
  });

  it('finds a candidate whose log is less up to date than what it acknowledged', () => {
    const check = acknowledged();
    const campaign: Message = {
      ...{ type: 'requestVote', from: 1, to: 2, term: 4, lastLogIndex: 10, lastLogTerm: 2, transfer: false },
    };
    expectViolation('promised-entries', /less up to date/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 4, lastIndex: 10 }, sends: [campaign] })),
    );
  });

  it('finds the loss of an acknowledged snapshot', () => {
    const check = new PromisedEntries();
    const reply: Message = {
      ...{
        type: 'installSnapshotReply',
        from: 1,
        to: 2,
        term: 3,
        snapshotIndex: 40,
        success: true,
        matchIndex: 40,
      },
    };
    check.stepped(lifeOf(1), stepRecord(1, { before: { term: 3, lastIndex: 40 }, sends: [reply] }));
    expectViolation('promised-entries', /lost entries/, () =>
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 3, lastIndex: 12 } })),
    );
  });

  it('lets a leader of a later term replace what lies above the place where its log agrees', () => {
    const check = acknowledged();
    check.stepped(lifeOf(1), cutByLaterLeader(acknowledgement(4, 8)));
    expectNothingLost(check);
  });

  it('does not let the leader of the same term, or of an earlier one, take anything back', () => {
    for (const term of [2, 3]) {
      const check = acknowledged();
      const message = appended(term, 8, 8, 2);
      expectViolation('promised-entries', /lost entries/, () =>
        check.stepped(
          lifeOf(1),
          stepRecord(1, {
            event: { type: 'message', message },
            before: { term: 3, lastIndex: 10 },
            after: { lastIndex: 8 },
          }),
        ),
      );
    }
  });

  it('knows what a leader has sent, which the step that ended a life may have obeyed: a later leader, and no further than it said', () => {
    const speaks = (term: number, from: number): PromisedEntries => {
      const check = acknowledged();
      const sends = [appended(term, from, from, 3)];
      check.stepped(lifeOf(3), stepRecord(3, { before: { role: 'leader', term, lastIndex: 20 }, sends }));
      return check;
    };
    expectNothingLost(speaks(4, 9));
    expectNothingLost(speaks(4, 8));
    for (const check of [speaks(3, 8), speaks(4, 10)]) {
      expectViolation('promised-entries', /lost entries/, () =>
        check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 4, lastIndex: 8 } })),
      );
    }
    const sameLife = speaks(4, 8);
    expectViolation('promised-entries', /lost entries/, () =>
      sameLife.stepped(lifeOf(1), stepRecord(1, { before: { term: 4, lastIndex: 8 } })),
    );
  });

  it('believes no acknowledgement that was released after a later leader had changed the log', () => {
    const check = new PromisedEntries();
    check.stepped(lifeOf(1), cutByLaterLeader(acknowledgement(3, 10)));
    expectNothingLost(check);
  });
});

/** The leader of term 4 replaces what server 1 held above index 8, of 10. */
function cutByLaterLeader(sent: Message): ReturnType<typeof stepRecord> {
  return stepRecord(1, {
    event: { type: 'message', message: appended(4, 8, 8, 3) },
    before: { term: 3, lastIndex: 10 },
    after: { term: 4, lastIndex: 8 },
    sends: [sent],
  });
}

function expectNothingLost(check: PromisedEntries): void {
  const next = stepRecord(1, { before: { term: 4, lastIndex: 8 } });
  expect(() => check.stepped(lifeOf(1, 2), next)).not.toThrow();
}
