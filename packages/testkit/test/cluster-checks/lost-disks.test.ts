// A disk that is lost: the new life is held to nothing that the old disk had, and nobody may count on it; what was promised
// from the old disk stands all the same.

import type { Action, Configuration, Message, TraceLine } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { AppliedEntries } from '../../src/cluster-checks/applied-entries.js';
import { CommittedLog } from '../../src/cluster-checks/committed-log.js';
import { Leaders } from '../../src/cluster-checks/leaders.js';
import { LostDisks } from '../../src/cluster-checks/lost-disks.js';
import { PromisedEntries } from '../../src/cluster-checks/promised-entries.js';
import { PromisedVotes } from '../../src/cluster-checks/promised-votes.js';
import { SpecifiedSteps } from '../../src/cluster-checks/specified-steps.js';
import { configurationOf, entryOf, expectViolation, THREE } from '../support/fake-server.js';
import { lifeOf, stepRecord } from '../support/planted.js';

const grant = (term: number, to: number): Message => ({
  ...{ type: 'requestVoteReply', from: 1, to, term, voteGranted: true },
});

const acknowledgement = (matchIndex: number, to = 2): Message => ({
  ...{ type: 'appendEntriesReply', from: 1, to, term: 3, success: true },
  ...{ prevLogIndex: 0, matchIndex, hintIndex: 0, hintTerm: 0 },
});

const received = (message: Message) => ({ type: 'message', message }) as const;

describe('a new life on an empty disk', () => {
  const empty = stepRecord(1, { before: { term: 0, lastIndex: 0 } });

  it('is not held to votes, entries and commands of the old one', () => {
    const votes = new PromisedVotes();
    const entries = new PromisedEntries();
    const applied = new AppliedEntries(new CommittedLog());
    const checks = [votes, entries, applied];
    const before = { term: 5, votedFor: 2, lastIndex: 9, commitIndex: 7 };
    const apply: Action = { type: 'apply', entries: [entryOf(7, 2)] };
    const rich = stepRecord(1, {
      ...{ before, after: { lastApplied: 7 }, actions: [apply] },
      sends: [grant(5, 2), acknowledgement(9)],
    });
    for (const check of checks) check.stepped(lifeOf(1), rich);
    applied.serverStarted(lifeOf(1, 2));
    for (const check of checks) expectViolation(check.name, /./, () => check.stepped(lifeOf(1, 2), empty));
    for (const check of checks) check.diskLost(1);
    applied.serverStarted(lifeOf(1, 2));
    for (const check of checks) expect(() => check.stepped(lifeOf(1, 2), empty)).not.toThrow();
  });

  it('is held to its own votes, and to its own entries', () => {
    const votes = new PromisedVotes();
    const entries = new PromisedEntries();
    for (const check of [votes, entries]) {
      check.diskLost(1);
      const sends = [grant(5, 2), acknowledgement(9)];
      check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 5, votedFor: 2, lastIndex: 9 }, sends }));
      expectViolation(check.name, /./, () => check.stepped(lifeOf(1, 3), empty));
    }
  });

  it('may not lead a term that the old one led', () => {
    const check = new Leaders(new CommittedLog());
    const lead = stepRecord(1, { before: { term: 2 }, after: { role: 'leader', term: 3 } });
    check.stepped(lifeOf(1), lead);
    expect(() => check.stepped(lifeOf(1, 2), lead)).not.toThrow();
    check.diskLost(1);
    expectViolation('leaders', /two servers lead/, () => check.stepped(lifeOf(1, 3), lead));
  });
});

describe('a vote from a lost disk', () => {
  const counts = (candidate: number, term: number, role: 'candidate' | 'follower' = 'candidate') =>
    stepRecord(candidate, { event: received(grant(term, candidate)), before: { role, term } });
  const lost = (): PromisedVotes => {
    const check = new PromisedVotes();
    check.stepped(lifeOf(1), stepRecord(1, { before: { term: 5, votedFor: 2 }, sends: [grant(5, 2)] }));
    check.diskLost(1);
    return check;
  };

  it('stands: a second one in its term is found when another candidate counts it', () => {
    expectViolation('promised-votes', /voted for another before it lost its disk/, () =>
      lost().stepped(lifeOf(3), counts(3, 5)),
    );
  });

  it('and still when the next disk is lost, too', () => {
    const check = lost();
    check.stepped(lifeOf(1, 2), stepRecord(1, { before: { term: 5, votedFor: 3 }, sends: [grant(5, 3)] }));
    check.diskLost(1);
    expectViolation('promised-votes', /voted for another/, () => check.stepped(lifeOf(3), counts(3, 5)));
  });

  it('may arrive late, and a new one of another term, or one that nobody counts, does no harm', () => {
    for (const step of [counts(2, 5), counts(3, 6), counts(3, 5, 'follower')])
      expect(() => lost().stepped(lifeOf(step.id), step)).not.toThrow();
  });
});

describe('lost-disks', () => {
  const hears = (message: Message, configuration: Configuration = THREE, commitIndex = 4) =>
    stepRecord(message.to, {
      event: received(message),
      before: { configuration, commitIndex, lastIndex: 4 },
    });
  const heartbeatReply: Message = { type: 'heartbeatReply', from: 1, to: 2, term: 3, round: 8 };
  const promises: readonly Message[] = [
    grant(5, 2),
    { type: 'preVoteReply', from: 1, to: 2, term: 5, voteGranted: true },
    acknowledgement(9),
    heartbeatReply,
  ];

  /** Server 2 has met server 1, which then lost its disk and made `promise`. */
  const lost = (promise: Message, met: ReturnType<typeof hears> = hears(acknowledgement(2))): LostDisks => {
    const check = new LostDisks();
    check.stepped(lifeOf(met.id), met);
    check.diskLost(1);
    check.stepped(lifeOf(1, 2), stepRecord(1, { sends: [promise] }));
    return check;
  };

  it('finds whatever a server may count of one that it has met on another disk, in its later lives as well', () => {
    for (const promise of promises)
      for (const life of [1, 2])
        expectViolation('lost-disks', /counts on another/, () =>
          lost(promise).stepped(lifeOf(2, life), hears(promise)),
        );
  });

  it('lets be what the old disk had promised and comes late, refusals, and the campaigns of the new one', () => {
    const refusal: Message = { ...grant(5, 2), type: 'requestVoteReply', voteGranted: false };
    const campaign: Message = {
      ...{ type: 'requestVote', from: 1, to: 2, term: 1, lastLogIndex: 0, lastLogTerm: 0, transfer: false },
    };
    expect(() => lost(acknowledgement(9)).stepped(lifeOf(2), hears(acknowledgement(8)))).not.toThrow();
    for (const message of [refusal, campaign])
      expect(() => lost(message).stepped(lifeOf(2), hears(message))).not.toThrow();
  });

  it('lets be who has never met it as a member, or knows that it was removed', () => {
    const promise = acknowledgement(9);
    const without = configurationOf([2, 3]);
    for (const met of [
      hears(acknowledgement(2, 3)), // it was another who met it,
      hears(acknowledgement(2), without), // or it was none of the members,
      hears(acknowledgement(2), THREE, 3), // or not for certain
    ])
      expect(() => lost(promise, met).stepped(lifeOf(2), hears(promise))).not.toThrow();
    expect(() => lost(promise).stepped(lifeOf(2), hears(promise, without))).not.toThrow();
    const forgetful = lost(promise);
    forgetful.diskLost(2);
    expect(() => forgetful.stepped(lifeOf(2, 2), hears(promise))).not.toThrow();
  });
});

describe('specification', () => {
  const begins = (term: number): TraceLine['event'] => ({
    ...{ name: 'InitState', nid: '1', state: { term, vote: '0', commit: 0 }, role: 'StateFollower', log: 0 },
    ...{ conf: [['1', '2', '3'], []], learners: [] },
  });
  const campaigns: TraceLine['event'] = {
    ...begins(1),
    ...{ name: 'BecomeCandidate', role: 'StateCandidate', state: { term: 1, vote: '1', commit: 0 } },
  };
  const durable: TraceLine['event'] = { ...campaigns, name: 'Ready', prop: { seq: 1 } };
  const staged: TraceLine['event'] = { ...campaigns, name: 'Stage', prop: { seq: 1 } };

  it('has a server begin anew where its disk was lost, once, and nowhere else', () => {
    const steps = new SpecifiedSteps();
    const follow = (...events: TraceLine['event'][]) => {
      steps.sink(events.map((event) => ({ tag: 'trace', event })));
      steps.stepped();
    };
    follow(begins(0), campaigns, staged, durable);
    steps.diskLost(1);
    follow(begins(0), campaigns, staged, durable);
    expectViolation('specification', /restart/, () => follow(begins(0)));
  });
});
