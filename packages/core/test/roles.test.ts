// Which role follows which, and what a node keeps and forgets on the way (§5.1, §5.2; figure 2).

import { describe, expect, it } from 'vitest';
import type { Action, Message, RaftNode } from '../src/index.js';
import {
  append,
  appendReply,
  configEntry,
  configuration,
  electLeader,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  roleChanges,
  sentText,
  snapshotOf,
  termsOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

/** A node of three voters in the role, in term 1 (a candidate and a leader by its own election). */
function inRole(role: 'follower' | 'candidate' | 'leader' | 'learner'): Node {
  if (role === 'learner')
    return nodeWithLog({
      id: 4,
      peers: [1, 2, 3],
      config: { learners: [4] },
      hardState: { term: 1, votedFor: undefined },
    });
  const node = nodeWithLog(role === 'follower' ? { hardState: { term: 1, votedFor: undefined } } : {});
  if (role !== 'follower') tickUntilElection(node);
  if (role === 'leader') electLeader(node);
  return node;
}

function refuseAll(node: Node): Action[] {
  return [2, 3].flatMap((from) => receive(node, voteReply(node, from, false)));
}

function timeoutNow(node: Node, from: number, term = node.term): Message {
  return { type: 'timeoutNow', from, to: node.id, term };
}

describe('A1 transitions that happen', () => {
  it('A1.1 §5.1: follower, candidate, leader, and follower again when a later term appears', () => {
    const node = nodeWithLog();
    expect(node.role).toBe('follower');
    const actions = [
      ...tickUntilElection(node),
      ...receive(node, voteReply(node, 2)),
      ...receive(node, heartbeat(node, 3, { term: 2 })),
    ];
    expect(roleChanges(actions)).toEqual([
      'candidate t1 leader none',
      'leader t1 leader S1',
      'follower t2 leader S3',
    ]);
    expect(node.role).toBe('follower');
  });

  it('A1.2 §5.2: follower, candidate, and follower again when a majority refuses', () => {
    const node = nodeWithLog();
    const actions = tickUntilElection(node);
    actions.push(...receive(node, voteReply(node, 2, false)));
    expect(node.role).toBe('candidate'); // one refusal of three decides nothing
    actions.push(...receive(node, voteReply(node, 3, false)));
    expect(roleChanges(actions)).toEqual(['candidate t1 leader none', 'follower t1 leader none']);
  });

  it('A1.3 §5.2: follower, candidate, leader with a majority', () => {
    const node = nodeWithLog();
    const actions = [...tickUntilElection(node), ...receive(node, voteReply(node, 3))];
    expect(roleChanges(actions)).toEqual(['candidate t1 leader none', 'leader t1 leader S1']);
    expect([node.isLeader, node.term, node.leader]).toEqual([true, 1, 1]);
  });

  it.each<[string, (node: Node) => Message]>([
    ['a refused vote', (node) => voteReply(node, 2, false, 2)],
    ['a refused append', (node) => appendReply(node, 2, { term: 2, success: false })],
    ['a vote request', (node) => requestVote(node, 2, { term: 2 })],
    ['a leader', (node) => heartbeat(node, 2, { term: 2 })],
  ])('A1.4 §5.1: a candidate that hears of a later term follows: %s', (_name, message) => {
    const node = inRole('candidate');
    receive(node, message(node));
    expect([node.role, node.term]).toEqual(['follower', 2]);
  });

  it('A1.6 §5.1: a leader that hears of a later term follows', () => {
    const node = inRole('leader');
    receive(node, appendReply(node, 2, { term: 2, success: false }));
    expect([node.role, node.term, node.leader]).toEqual(['follower', 2, undefined]);
    expect(node.status().leadership).toBeUndefined();
  });

  it('A1.9 thesis §4.2.1: a learner that is promoted follows', () => {
    const node = inRole('learner');
    const entries = [configEntry(1, 1, configuration([1, 2, 3, 4]))];
    const actions = receive(node, append(node, 1, { entries, leaderCommit: 0 }));
    expect(roleChanges(actions)).toEqual(['learner t1 leader S1', 'follower t1 leader S1']);
  });
});

describe('A1 transitions that no input reaches', () => {
  it('A1.5 §5.2: no second candidacy in one term; a candidate that waits in vain campaigns in the next', () => {
    const node = inRole('candidate');
    const before = snapshotOf(node);
    receive(node, voteReply(node, 2, false));
    receive(node, voteReply(node, 2, true)); // only the first word of a server counts
    receive(node, voteReply(node, 9, true)); // and only a voter's
    expect(snapshotOf(node)).toEqual(before);
    const actions = tickUntilElection(node);
    expect(roleChanges(actions)).toEqual(['candidate t2 leader none']);
  });

  it.each<[string, (node: Node) => Message]>([
    ['its own timeoutNow comes back', (node) => timeoutNow(node, 2)],
    [
      'a vote request of its own term',
      (node) => requestVote(node, 2, { term: node.term, lastLogIndex: 99, lastLogTerm: 9 }),
    ],
    ['an old timeoutNow', (node) => timeoutNow(node, 2, 0)],
  ])('A1.7: a leader never becomes a candidate in its term: %s', (_name, message) => {
    const node = inRole('leader');
    const before = snapshotOf(node);
    const actions = receive(node, message(node));
    expect(snapshotOf(node)).toEqual(before);
    expect(roleChanges(actions)).toEqual([]);
  });

  it('A1.7: a timeoutNow of a later term makes a leader a follower first', () => {
    const node = inRole('leader');
    const actions = receive(node, timeoutNow(node, 2, 5));
    expect(roleChanges(actions)).toEqual(['follower t5 leader none', 'candidate t6 leader none']);
    expect(node.status().leadership).toBeUndefined();
  });

  it('A1.8: a leader is elected once: later votes change nothing and no second noop appears', () => {
    const node = inRole('candidate');
    receive(node, voteReply(node, 2));
    const before = snapshotOf(node);
    const actions = [...receive(node, voteReply(node, 3)), ...receive(node, voteReply(node, 2))];
    expect(actions).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
    expect(termsOf(node.log)).toEqual([1]);
  });

  it.each<[string, (node: Node) => Action[]]>([
    ['time passes', (node) => tick(node, 500)],
    ['a timeoutNow', (node) => receive(node, timeoutNow(node, 1))],
    [
      'a pre-vote is granted',
      (node) => receive(node, { type: 'preVoteReply', from: 1, to: 4, term: 2, voteGranted: true }),
    ],
  ])('A1.10 thesis §4.2.1: a learner never becomes a candidate: %s', (_name, provoke) => {
    const node = inRole('learner');
    const before = snapshotOf(node);
    expect(provoke(node)).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('A1.11 thesis §4.2.1: a learner never becomes a leader, whoever votes for it', () => {
    const node = inRole('learner');
    const before = snapshotOf(node);
    for (const from of [1, 2, 3]) expect(receive(node, voteReply(node, from))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('A1.12: a learner that stays one is told nothing about its role', () => {
    const node = inRole('learner');
    receive(node, heartbeat(node, 1));
    const entries = [configEntry(1, 1, configuration([1, 2], { learners: [4] }))];
    const actions = receive(node, append(node, 1, { entries }));
    expect(roleChanges(actions)).toEqual([]);
    expect(node.role).toBe('learner');
  });
});

describe('A2 a follower', () => {
  it('A2.1 §5.2: knows the leader that it hears', () => {
    const node = inRole('follower');
    expect(node.leader).toBeUndefined();
    expect(roleChanges(receive(node, heartbeat(node, 3)))).toEqual(['follower t1 leader S3']);
    expect(node.leader).toBe(3);
  });

  it('A2.2 §5.1: knows no leader in a term that nobody has led yet', () => {
    const node = inRole('follower');
    receive(node, heartbeat(node, 3));
    tick(node, 10); // long enough to let go of the leader
    expect(roleChanges(receive(node, requestVote(node, 2)))).toEqual(['follower t2 leader none']);
    expect(node.leader).toBeUndefined();
  });

  it('A2.3 §5.1: a new term clears the vote', () => {
    const node = nodeWithLog({ hardState: { term: 3, votedFor: 2 } });
    receive(node, appendReply(node, 2, { term: 4, success: false }));
    expect([node.term, node.status().votedFor]).toEqual([4, undefined]);
    expect(node.log.crash().hardState()).toEqual({ term: 4, votedFor: undefined });
    expect(sentText(receive(node, requestVote(node, 3, { term: 4 })))).toEqual([
      'S1->S3 requestVoteReply t4 granted',
    ]);
    expect(node.log.crash().hardState()).toEqual({ term: 4, votedFor: 3 });
  });

  it('A2.4 §5.2: a role change alone changes neither term nor vote', () => {
    const loser = inRole('candidate');
    refuseAll(loser);
    expect([loser.role, loser.term, loser.status().votedFor]).toEqual(['follower', 1, 1]);
    expect(sentText(receive(loser, requestVote(loser, 2, { term: 1 })))).toEqual([
      'S1->S2 requestVoteReply t1 refused',
    ]);

    const deposed = inRole('leader');
    while (deposed.isLeader) tick(deposed);
    expect([deposed.role, deposed.term, deposed.status().votedFor]).toEqual(['follower', 1, 1]);

    const beaten = inRole('candidate');
    receive(beaten, heartbeat(beaten, 2));
    expect([beaten.role, beaten.term, beaten.leader, beaten.status().votedFor]).toEqual([
      'follower',
      1,
      2,
      1,
    ]);
  });
});

describe('A3 a candidate', () => {
  it('A3.1 §5.2: raises its term by one, on disk before it asks', () => {
    const node = nodeWithLog({ terms: [1, 4], hardState: { term: 6, votedFor: 3 } });
    const actions = tickUntilElection(node);
    expect(node.term).toBe(7);
    expect(sentText(actions)).toEqual(['S1->S2 requestVote t7 last 2/t4', 'S1->S3 requestVote t7 last 2/t4']);
    expect(node.log.crash().hardState()).toEqual({ term: 7, votedFor: 1 });
  });

  it('A3.2 §5.2: votes for itself and so for nobody else', () => {
    const node = inRole('candidate');
    expect(node.status().votedFor).toBe(1);
    const rival = requestVote(node, 2, { term: 1, lastLogIndex: 50, lastLogTerm: 1 });
    expect(sentText(receive(node, rival))).toEqual(['S1->S2 requestVoteReply t1 refused']);
    // Its own vote counts: of three, one more is enough; of five it is not.
    receive(node, voteReply(node, 3));
    expect(node.isLeader).toBe(true);
    const ofFive = nodeWithLog({ peers: [2, 3, 4, 5] });
    tickUntilElection(ofFive);
    receive(ofFive, voteReply(ofFive, 3));
    expect(ofFive.role).toBe('candidate');
    receive(ofFive, voteReply(ofFive, 5));
    expect(ofFive.isLeader).toBe(true);
  });

  it('A3.3 §5.2: forgets the leader', () => {
    const node = inRole('follower');
    receive(node, heartbeat(node, 3));
    expect(roleChanges(tickUntilElection(node))).toEqual(['candidate t2 leader none']);
    expect(node.leader).toBeUndefined();
  });

  it('A3.4 §5.2: a timeout without a leader starts an election: never before the shortest, always by the longest', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const node = nodeWithLog({ config: { seed, electionTimeoutTicks: [5, 9] } });
      expect(tick(node, 4)).toEqual([]);
      const ticks = ticksUntilCandidate(node);
      expect(ticks).toBeGreaterThanOrEqual(1);
      expect(ticks).toBeLessThanOrEqual(5);
    }
  });

  it('A3.4 §5.2: a candidate whose election comes to nothing times out as well', () => {
    const node = nodeWithLog({ config: { electionTimeoutTicks: [5, 5] } });
    expect(roleChanges(tick(node, 5))).toEqual(['candidate t1 leader none']);
    expect(roleChanges(tick(node, 4))).toEqual([]);
    expect(roleChanges(tick(node, 1))).toEqual(['candidate t2 leader none']);
  });
});

function ticksUntilCandidate(node: Node): number {
  for (let ticks = 1; ; ticks++) {
    tick(node);
    if (node.role === 'candidate') return ticks;
  }
}

describe('A5 a learner', () => {
  it('A5.1 thesis §4.2.1: does not campaign or vote for itself, and knows its leader', () => {
    const node = inRole('learner');
    expect(node.leader).toBeUndefined();
    receive(node, heartbeat(node, 2));
    expect([node.role, node.leader]).toEqual(['learner', 2]);
    expect(tick(node, 300)).toEqual([]);
    expect([node.role, node.term, node.status().votedFor]).toEqual(['learner', 1, undefined]);
  });

  it('A5.2 thesis §4.2.1: a promoted learner campaigns like any voter', () => {
    const node = inRole('learner');
    receive(node, append(node, 1, { entries: [configEntry(1, 1, configuration([1, 2, 3, 4]))] }));
    expect(node.role).toBe('follower');
    expect(sentText(tickUntilElection(node))).toEqual([
      'S4->S1 requestVote t2 last 1/t1',
      'S4->S2 requestVote t2 last 1/t1',
      'S4->S3 requestVote t2 last 1/t1',
    ]);
  });

  it('A5.3 thesis §4.2.1: several learners hold the log and are not counted', () => {
    const node = nodeWithLog({ config: { learners: [4, 5, 6] } });
    electLeader(node);
    const actions = propose(node, 'x');
    expect(sentText(actions)).toEqual(
      [2, 3].map((to) => `S1->S${to} append t1 after 1/t1: 2/t1"x" commit 1`),
    );
    for (const from of [4, 5, 6]) receive(node, appendReply(node, from));
    expect(node.commitIndex).toBe(1);
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(2);
    // Nor do they answer for the quorum.
    for (let i = 0; i < 20; i++) {
      tick(node);
      for (const from of [4, 5, 6])
        receive(node, { type: 'heartbeatReply', from, to: 1, term: node.term, round: 1 });
    }
    expect(node.role).toBe('follower');
  });
});
