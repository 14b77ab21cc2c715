// Planted violations for the invariants about terms, votes and leaders: each must be caught, and its lawful twin not.

import { describe, it } from 'vitest';
import { ElectionSafety } from '../../src/invariants/election-safety.js';
import { History } from '../../src/invariants/history.js';
import { LeaderCompleteness } from '../../src/invariants/leader-completeness.js';
import { LeaderDuties } from '../../src/invariants/leader-duties.js';
import { MonotonicState } from '../../src/invariants/monotonic-state.js';
import { SingleVote } from '../../src/invariants/single-vote.js';
import {
  append,
  configEntry,
  configurationOf,
  entryOf,
  expectViolation,
  FakeServer,
  historyOf,
  stepOf,
  THREE,
  vote,
} from '../support/fake-server.js';

function leaderOf(id: number, term: number): FakeServer {
  const server = new FakeServer(id);
  server.role = 'leader';
  server.term = term;
  return server;
}

describe('election safety', () => {
  it('one leader in each of two terms is lawful, also told twice', () => {
    const invariant = new ElectionSafety(new History(THREE));
    invariant.stepped(stepOf(leaderOf(1, 1), { before: { role: 'candidate' } }));
    invariant.stepped(stepOf(leaderOf(1, 1)));
    invariant.stepped(stepOf(leaderOf(2, 2), { before: { role: 'candidate' } }));
  });

  it('catches two leaders in one term', () => {
    const invariant = new ElectionSafety(new History(THREE));
    invariant.stepped(stepOf(leaderOf(1, 3), { before: { role: 'candidate' } }));
    expectViolation('election-safety', /two servers lead in one term/, () =>
      invariant.stepped(stepOf(leaderOf(2, 3), { before: { role: 'candidate' } })),
    );
  });

  it('catches a leader that came and went within one step', () => {
    const invariant = new ElectionSafety(new History(THREE));
    invariant.stepped(stepOf(leaderOf(1, 3), { before: { role: 'candidate' } }));
    const other = new FakeServer(2);
    other.term = 3;
    expectViolation('election-safety', /two servers lead/, () =>
      invariant.stepped(
        stepOf(other, { actions: [{ type: 'roleChanged', role: 'leader', term: 3, leader: 2 }] }),
      ),
    );
  });

  it('catches a leader that dies of its first append', () => {
    const invariant = new ElectionSafety(new History(THREE));
    invariant.stepped(stepOf(leaderOf(1, 3), { before: { role: 'candidate' } }));
    expectViolation('election-safety', /two servers lead/, () =>
      leaderOf(2, 3).stage(append(entryOf(1, 3, 'noop')), invariant),
    );
  });

  it('A1 catches a learner that leads', () => {
    const invariant = new ElectionSafety(new History(THREE));
    const learner = new FakeServer(4, configurationOf([1, 2, 3], { learners: [4] }));
    learner.role = 'leader';
    expectViolation('election-safety', /no voter/, () =>
      invariant.stepped(stepOf(learner, { before: { role: 'candidate' } })),
    );
  });

  it('P83 whose removal is staged may lead, whose removal is committed may not', () => {
    const removed = leaderOf(3, 2);
    removed.both(append(entryOf(1, 1), configEntry(2, 1, configurationOf([1, 2]))));
    removed.commitIndex = 1;
    new ElectionSafety(new History(THREE)).stepped(stepOf(removed, { before: { role: 'candidate' } }));
    removed.commitIndex = 2;
    expectViolation('election-safety', /no voter/, () =>
      new ElectionSafety(new History(THREE)).stepped(stepOf(removed, { before: { role: 'candidate' } })),
    );
  });
});

describe('leader completeness', () => {
  const committed = [entryOf(1, 1), entryOf(2, 1)];

  it('a new leader with everything that is committed is lawful', () => {
    const leader = leaderOf(2, 2).both(append(...committed));
    new LeaderCompleteness(historyOf(committed)).stepped(stepOf(leader, { before: { role: 'candidate' } }));
  });

  it('catches a new leader that lacks a committed entry', () => {
    const leader = leaderOf(2, 2).both(append(entryOf(1, 1)));
    expectViolation('leader-completeness', /lacks a committed entry/, () =>
      new LeaderCompleteness(historyOf(committed)).stepped(stepOf(leader, { before: { role: 'candidate' } })),
    );
  });

  it('catches what an old leader commits after a newer one was elected without it', () => {
    const history = historyOf([entryOf(1, 1)]);
    history.leaders.set(2, 2);
    history.register({ term: 2, index: 2, previousTerm: 1, entry: entryOf(2, 2), creator: 2 });
    const late = { term: 1, index: 2, previousTerm: 1, entry: entryOf(2, 1), creator: 1 };
    history.register(late);
    const invariant = new LeaderCompleteness(history);
    history.commit(late, 1);
    expectViolation('leader-completeness', /later leader lacks/, () =>
      invariant.stepped(stepOf(new FakeServer(3))),
    );
  });
});

describe('monotonic state', () => {
  it.each([
    ['the term', { term: 2 }],
    ['the commit index', { commitIndex: 1 }],
    ['the applied index', { lastApplied: 1 }],
    ['the staged seq', { stagedSeq: 1 }],
  ])('catches %s going back', (what, before) => {
    const server = new FakeServer(1).both(vote(1));
    expectViolation('monotonic-state', new RegExp(`${what} went back`), () =>
      new MonotonicState().stepped(stepOf(server, { before })),
    );
  });

  it('catches a term that is not staged', () => {
    const server = new FakeServer(1).both(vote(1));
    server.term = 2;
    expectViolation('monotonic-state', /not the one staged/, () =>
      new MonotonicState().stepped(stepOf(server)),
    );
  });

  it('A2.3 P4 a vote in a new term is lawful, a changed one is caught, staged or durable', () => {
    const invariant = new MonotonicState();
    const server = new FakeServer(1)
      .both(vote(1, 2), invariant)
      .both(vote(2), invariant)
      .both(vote(2, 3), invariant);
    expectViolation('monotonic-state', /vote is changed/, () => server.stage(vote(2, 1), invariant));
    expectViolation('monotonic-state', /vote is changed/, () => server.land(vote(2, 1), invariant));
    expectViolation('monotonic-state', /older term/, () => server.land(vote(1, 2), invariant));
  });

  it('catches a restart that forgot its durable term, or what it was told is applied', () => {
    const server = new FakeServer(1).both(vote(5));
    server.term = 4;
    expectViolation('monotonic-state', /forgotten its term/, () => new MonotonicState().started(server, 0));
    server.term = 5;
    expectViolation('monotonic-state', /apply again/, () => new MonotonicState().started(server, 1));
  });
});

describe('single vote', () => {
  const grant = (to: number, term: number) =>
    ({ type: 'requestVoteReply', from: 1, to, term, voteGranted: true }) as const;

  it('P4 the same vote told again, or another in another term, is lawful', () => {
    const invariant = new SingleVote();
    const server = new FakeServer(1);
    invariant.sent(server, grant(2, 1));
    invariant.sent(server, grant(2, 1));
    invariant.sent(server, grant(3, 2));
  });

  it('P43 catches two votes in one term, also in two lives and for itself', () => {
    const invariant = new SingleVote();
    const server = new FakeServer(1);
    invariant.sent(server, grant(2, 1));
    server.life = 2;
    expectViolation('single-vote', /votes for two candidates/, () => invariant.sent(server, grant(3, 1)));
    expectViolation('single-vote', /votes for two candidates/, () =>
      invariant.sent(server, {
        type: 'requestVote',
        from: 1,
        to: 3,
        term: 1,
        lastLogIndex: 0,
        lastLogTerm: 0,
        transfer: false,
      }),
    );
  });
});

describe('leader duties', () => {
  const limits = { checkQuorum: true, electionTimeoutTicksMin: 2, diskStallTicks: 3 };

  function leading(configuration = THREE) {
    const invariant = new LeaderDuties(limits);
    const server = new FakeServer(1, configuration);
    server.role = 'leader';
    invariant.started(server);
    const tick = (times: number, parts: { stagedSeq?: number } = {}) => {
      for (let i = 0; i < times; i++) invariant.stepped(stepOf(server, parts));
    };
    const hear = (from: number) =>
      invariant.stepped(
        stepOf(server, {
          event: { type: 'message', message: { type: 'heartbeatReply', from, to: 1, term: 1, round: 1 } },
        }),
      );
    return { invariant, server, tick, hear };
  }

  it('X7 A4.6 catches a leader that no quorum answers, and lets one that is answered', () => {
    const { tick, hear } = leading();
    tick(4);
    hear(2);
    tick(4);
    hear(3);
    tick(4);
    expectViolation('leader-duties', /no quorum answers/, () => tick(2));
  });

  it('does not ask for a quorum without check-quorum', () => {
    const invariant = new LeaderDuties({ ...limits, checkQuorum: false });
    const server = new FakeServer(1);
    server.role = 'leader';
    invariant.started(server);
    for (let i = 0; i < 20; i++) invariant.stepped(stepOf(server));
  });

  it('P71 catches a leader that leads on after its removal is committed', () => {
    const { server, tick } = leading();
    server.both(append(configEntry(1, 1, configurationOf([2, 3]))));
    server.configuration = configurationOf([2, 3]);
    tick(1);
    server.commitIndex = 1;
    expectViolation('leader-duties', /removal is committed/, () => tick(1));
  });

  it('P66 catches a leader with a stalled disk, and lets one whose disk makes progress', () => {
    const { invariant, server, tick } = leading(configurationOf([1]));
    tick(3, { stagedSeq: 2 });
    invariant.stepped(stepOf(server, { event: { type: 'durable', seq: 1 }, stagedSeq: 2 }));
    tick(3, { stagedSeq: 2 });
    expectViolation('leader-duties', /stalled disk/, () => tick(1, { stagedSeq: 2 }));
  });

  it('P67 P81 catches a candidate that disturbs whoever hears its leader', () => {
    const invariant = new LeaderDuties(limits);
    const server = new FakeServer(2);
    invariant.started(server);
    const heartbeat = { type: 'heartbeat', from: 1, to: 2, term: 1, leaderCommit: 0, round: 1 } as const;
    invariant.stepped(stepOf(server, { event: { type: 'message', message: heartbeat } }));
    server.term = 2;
    const disturbed = (transfer: boolean) =>
      stepOf(server, {
        before: { term: 1 },
        event: {
          type: 'message',
          message: {
            type: 'requestVote',
            from: 3,
            to: 2,
            term: 2,
            lastLogIndex: 9,
            lastLogTerm: 1,
            transfer,
          },
        },
      });
    expectViolation('leader-duties', /disturbs/, () => invariant.stepped(disturbed(false)));
    invariant.stepped(disturbed(true));
  });

  it('P67 P81 lets a candidate ask a server that was told of its removal, and so forgot its leader', () => {
    const invariant = new LeaderDuties(limits);
    const server = new FakeServer(2);
    invariant.started(server);
    const message = { type: 'heartbeat', from: 1, to: 2, term: 1, leaderCommit: 0, round: 1 } as const;
    invariant.stepped(stepOf(server, { event: { type: 'message', message } }));
    invariant.stepped(stepOf(server, { event: { type: 'removed', index: 3 } }));
    server.term = 2;
    const asked = { from: 3, to: 2, term: 2, lastLogIndex: 9, lastLogTerm: 1, transfer: false };
    invariant.stepped(
      stepOf(server, {
        before: { term: 1 },
        event: { type: 'message', message: { type: 'requestVote', ...asked } },
      }),
    );
  });
});
