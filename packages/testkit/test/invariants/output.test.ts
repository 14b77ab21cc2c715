// Planted violations for the invariants about what a server says: to other servers, to its driver, to its clients.

import { type Action, type Event, type LogEntry, type Message, RaftError } from '@waldb/core';
import { describe, it } from 'vitest';
import { GatedOutput } from '../../src/invariants/gated-output.js';
import { History } from '../../src/invariants/history.js';
import { PacedOutput } from '../../src/invariants/paced-output.js';
import { RefusalsChangeNothing } from '../../src/invariants/refusals.js';
import { TruthfulActions } from '../../src/invariants/truthful-actions.js';
import { TruthfulMessages } from '../../src/invariants/truthful-messages.js';
import {
  append,
  configurationOf,
  entryOf,
  expectViolation,
  FakeServer,
  historyOf,
  stepOf,
  THREE,
  vote,
} from '../support/fake-server.js';

const appended = (term: number, matchIndex: number): Message => ({
  type: 'appendEntriesReply',
  from: 1,
  to: 2,
  term,
  success: true,
  prevLogIndex: 0,
  matchIndex,
  hintIndex: 0,
  hintTerm: 0,
});

const installed = (term: number, matchIndex: number): Message => ({
  type: 'installSnapshotReply',
  from: 1,
  to: 2,
  term,
  snapshotIndex: matchIndex,
  success: true,
  matchIndex,
});

const appends = (term: number, entries: readonly LogEntry[], leaderCommit = 0): Message => ({
  type: 'appendEntries',
  from: 1,
  to: 2,
  term,
  prevLogIndex: 0,
  prevLogTerm: 0,
  leaderCommit,
  entries,
});

const heartbeat = (leaderCommit: number): Message => ({
  type: 'heartbeat',
  from: 1,
  to: 2,
  term: 1,
  leaderCommit,
  round: 1,
});

describe('P40 gated output', () => {
  const requestVote: Message = {
    type: 'requestVote',
    from: 1,
    to: 2,
    term: 2,
    lastLogIndex: 0,
    lastLogTerm: 0,
    transfer: false,
  };

  it('P40 requestVote leaves once the vote for itself is durable, and not before', () => {
    const invariant = new GatedOutput(new History(THREE));
    const server = new FakeServer(1).stage(vote(2, 1), invariant);
    expectViolation('gated-output', /before the vote behind it/, () => invariant.sent(server, requestVote));
    server.land(vote(2, 1), invariant);
    invariant.sent(server, requestVote);
  });

  it('P40 a grant leaves once that vote is durable, not with another one', () => {
    const invariant = new GatedOutput(new History(THREE));
    const grant = { type: 'requestVoteReply', from: 1, to: 3, term: 2, voteGranted: true } as const;
    const server = new FakeServer(1).land(vote(2, 2), invariant);
    expectViolation('gated-output', /before the vote behind it/, () => invariant.sent(server, grant));
    invariant.sent(server, { ...grant, to: 2 });
  });

  it('a vote of a term that has passed was durable all the same', () => {
    const invariant = new GatedOutput(new History(THREE));
    const server = new FakeServer(1).land(vote(2, 2), invariant).land(vote(5), invariant);
    invariant.sent(server, { type: 'requestVoteReply', from: 1, to: 2, term: 2, voteGranted: true });
  });

  it.each(['requestVoteReply', 'preVoteReply'] as const)('P40 a refusing %s waits for its term', (type) => {
    const invariant = new GatedOutput(new History(THREE));
    const server = new FakeServer(1).land(vote(2), invariant);
    const refusal = { type, from: 1, to: 2, term: 3, voteGranted: false } as const;
    expectViolation('gated-output', /before its term was durable/, () => invariant.sent(server, refusal));
    invariant.sent(server, { ...refusal, term: 2 });
  });

  it.each([
    ['appends', appends(2, [])],
    ['heartbeats', { ...heartbeat(0), term: 2 }],
    ['timeoutNow', { type: 'timeoutNow', from: 1, to: 2, term: 2 }],
  ] as const)('a leader that %s has a durable vote', (_what, message) => {
    const invariant = new GatedOutput(new History(THREE));
    const server = new FakeServer(1).land(vote(2), invariant);
    expectViolation('gated-output', /before the vote behind it/, () =>
      invariant.sent(server, message as Message),
    );
  });

  it.each([
    ['appendEntriesReply', appended],
    ['installSnapshotReply', installed],
  ] as const)('P40 P42 %s acknowledges what is durable and agrees, no more', (_type, reply) => {
    const history = historyOf([entryOf(1, 2), entryOf(2, 2)]);
    const invariant = new GatedOutput(history);
    const server = new FakeServer(1).land(vote(2), invariant).both(append(entryOf(1, 2)));
    server.stage(append(entryOf(2, 2)));
    invariant.sent(server, reply(2, 1));
    expectViolation('gated-output', /acknowledges what is not durable/, () =>
      invariant.sent(server, reply(2, 2)),
    );
  });

  it('P32 catches the acknowledgement of an entry that is another one there', () => {
    const history = historyOf([entryOf(1, 2)]);
    const invariant = new GatedOutput(history);
    const server = new FakeServer(1).land(vote(2), invariant).both(append(entryOf(1, 1)));
    expectViolation('gated-output', /acknowledges what is not durable/, () =>
      invariant.sent(server, appended(2, 1)),
    );
  });

  it('what was durable in a term that has passed may still be acknowledged, what came later may not', () => {
    const history = historyOf([entryOf(1, 2), entryOf(2, 2)]);
    const invariant = new GatedOutput(history);
    const server = new FakeServer(1).land(vote(2), invariant).both(append(entryOf(1, 2)));
    server
      .land(vote(3), invariant)
      .land({ type: 'truncate', from: 1 })
      .land(append(entryOf(1, 3), entryOf(2, 3)));
    invariant.sent(server, appended(2, 1));
    expectViolation('gated-output', /acknowledges what is not durable/, () =>
      invariant.sent(server, appended(2, 2)),
    );
  });

  it('heartbeat answers and questions wait for nothing', () => {
    const invariant = new GatedOutput(new History(THREE));
    const server = new FakeServer(1);
    invariant.sent(server, { type: 'heartbeatReply', from: 1, to: 2, term: 9, round: 1 });
    invariant.sent(server, { type: 'preVote', from: 1, to: 2, term: 9, lastLogIndex: 0, lastLogTerm: 0 });
    invariant.sent(server, { type: 'preVoteReply', from: 1, to: 2, term: 9, voteGranted: true });
  });
});

describe('truthful messages', () => {
  const committed = [entryOf(1, 1, 'noop'), entryOf(2, 1)];

  function leader() {
    const history = historyOf(committed);
    const server = new FakeServer(1).both(append(...committed));
    server.role = 'leader';
    server.commitIndex = 2;
    const peer = new FakeServer(2);
    const servers = new Map([
      [1, server],
      [2, peer],
    ]);
    return { server, peer, invariant: new TruthfulMessages(history, servers, { maxBatchEntries: 2 }) };
  }

  it('what is in the log and within the limits is lawful', () => {
    const { server, peer, invariant } = leader();
    peer.both(append(...committed));
    invariant.sent(server, appends(1, committed, 2));
    invariant.sent(server, heartbeat(2));
  });

  it.each([
    ['another name', /another name/, { ...heartbeat(0), from: 3 }],
    ['itself as receiver', /to itself/, { ...heartbeat(0), to: 1 }],
    ['a term to come', /from the future/, { ...heartbeat(0), term: 2 }],
    ['an entry that is not in the log', /not in the leader log/, appends(1, [entryOf(1, 1, 'normal', 'x')])],
    ['a gap between entries', /not in the leader log/, appends(1, [entryOf(2, 1)])],
    ['a wrong predecessor', /said to come before/, { ...appends(1, []), prevLogIndex: 1, prevLogTerm: 9 }],
    ['a commit beyond its own', /does not know/, appends(1, committed, 3)],
    ['a heartbeat beyond its own commit', /does not know/, heartbeat(3)],
    ['a heartbeat beyond what the peer holds', /not known to hold/, heartbeat(1)],
  ] as const)('catches %s', (_what, message, sent) => {
    const { server, invariant } = leader();
    expectViolation('truthful-messages', message, () => invariant.sent(server, sent as Message));
  });

  it('catches more entries than a message may hold, and a snapshot of what is not committed', () => {
    const { server, invariant } = leader();
    const many = [entryOf(1, 1), entryOf(2, 1), entryOf(3, 1)];
    expectViolation('truthful-messages', /more entries/, () => invariant.sent(server, appends(1, many)));
    const snapshot = { index: 2, term: 9, configuration: THREE, data: new Uint8Array() };
    expectViolation('truthful-messages', /snapshot of what is not committed/, () =>
      invariant.sent(server, { type: 'installSnapshot', from: 1, to: 2, term: 1, snapshot }),
    );
  });
});

describe('truthful actions', () => {
  it('a change that is told is lawful, one that is not is caught', () => {
    const invariant = new TruthfulActions();
    const server = new FakeServer(1);
    invariant.started(server);
    server.leader = 2;
    const told: Action = { type: 'roleChanged', role: 'follower', term: 1, leader: 2 };
    invariant.stepped(stepOf(server, { actions: [told] }));
    expectViolation('truthful-actions', /told twice/, () =>
      invariant.stepped(stepOf(server, { actions: [told] })),
    );
    server.leader = 3;
    expectViolation('truthful-actions', /not told/, () => invariant.stepped(stepOf(server)));
  });

  it('catches a silent commit, and one told that is none', () => {
    const invariant = new TruthfulActions();
    const server = new FakeServer(1).both(append(entryOf(1, 1)));
    invariant.started(server);
    server.commitIndex = 1;
    expectViolation('truthful-actions', /not told/, () => invariant.stepped(stepOf(server)));
    expectViolation('truthful-actions', /is none/, () =>
      invariant.stepped(stepOf(server, { actions: [{ type: 'commit', index: 1, term: 9 }] })),
    );
  });

  it('catches a configuration that changes silently', () => {
    const invariant = new TruthfulActions();
    const server = new FakeServer(1);
    invariant.started(server);
    server.configuration = configurationOf([1, 2]);
    expectViolation('truthful-actions', /not told/, () => invariant.stepped(stepOf(server)));
    const action: Action = { type: 'membershipChanged', configuration: configurationOf([1, 2]), index: 1 };
    invariant.stepped(stepOf(server, { actions: [action] }));
  });
});

describe('paced output', () => {
  const limits = { maxInflightMessages: 2, snapshotRetryTicks: 3 };
  const send = (message: Message): Action => ({ type: 'send', to: message.to, message });
  const append1 = send(appends(1, [entryOf(1, 1)]));
  const snapshot = { index: 1, term: 1, configuration: THREE, data: new Uint8Array() };
  const install = send({ type: 'installSnapshot', from: 1, to: 2, term: 1, snapshot });

  function leader(): { invariant: PacedOutput; step: (actions: readonly Action[], event?: Event) => void } {
    const invariant = new PacedOutput(limits);
    const server = new FakeServer(1);
    server.role = 'leader';
    invariant.started(server);
    return {
      invariant,
      step: (actions, event = { type: 'tick' }) => invariant.stepped(stepOf(server, { actions, event })),
    };
  }

  it('X9 catches appends that pile up for a silent peer', () => {
    const { step } = leader();
    step([append1, append1, append1]);
    expectViolation('paced-output', /pile up/, () => step([append1]));
  });

  it('X9 a sign of life makes room', () => {
    const { step } = leader();
    step([append1, append1, append1]);
    const reply: Message = { type: 'heartbeatReply', from: 2, to: 1, term: 1, round: 1 };
    step([append1, append1], { type: 'message', message: reply });
  });

  it('X8 catches a snapshot sent again on a heartbeat, and lets it after its time', () => {
    const { step } = leader();
    step([install]);
    step([]);
    expectViolation('paced-output', /before its time/, () => step([install]));
    step([]);
    step([install]);
  });

  it('P92 a snapshot that failed may be sent again', () => {
    const { step } = leader();
    step([install]);
    step([install], { type: 'snapshotStatus', to: 2, ok: false });
  });
});

describe('refusals', () => {
  const refusal = new RaftError('NOT_LEADER', 'not here');
  const propose: Event = { type: 'propose', command: new Uint8Array([1]) };

  it('a refusal that changed nothing is lawful', () => {
    new RefusalsChangeNothing().stepped(stepOf(new FakeServer(1), { event: propose, error: refusal }));
  });

  it.each([{ term: 0 }, { commitIndex: -1 }, { stagedSeq: -1 }, { votedFor: 2 }, { lastApplied: -1 }])(
    'catches a refusal that changed something: %o',
    (before) => {
      expectViolation('refusals-change-nothing', /changed the node/, () =>
        new RefusalsChangeNothing().stepped(
          stepOf(new FakeServer(1), { event: propose, error: refusal, before }),
        ),
      );
    },
  );

  it('catches the refusal of what is no request', () => {
    expectViolation('refusals-change-nothing', /no request is refused/, () =>
      new RefusalsChangeNothing().stepped(stepOf(new FakeServer(1), { error: refusal })),
    );
  });

  it('P49 catches a node that speaks after its storage failed', () => {
    const server = new FakeServer(1);
    server.isHalted = true;
    new RefusalsChangeNothing().stepped(stepOf(server));
    expectViolation('refusals-change-nothing', /speaks after/, () =>
      new RefusalsChangeNothing().stepped(
        stepOf(server, { actions: [{ type: 'send', to: 2, message: heartbeat(0) }] }),
      ),
    );
  });
});
