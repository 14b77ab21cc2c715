// Elections, black box (§5.2, §5.4.1; thesis §9.6): who gets a vote, when, and that one term never has two leaders.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message, NodeId, RaftNode, Term } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  configuration,
  described,
  electLeader,
  heartbeat,
  logWith,
  nodeWithLog,
  receive,
  requestVote,
  sent,
  sentText,
  snapshotOf,
  termsOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

const none = new Uint8Array(0);
const snapshot = { index: 1, term: 1, configuration: configuration([1, 2, 3]), data: none };

/** One message of each kind, from 2 to `node`, in `term`. */
function everyMessage(node: Node, term: Term): Message[] {
  const envelope = { from: 2, to: node.id, term };
  const last = { lastLogIndex: node.log.lastIndex(), lastLogTerm: node.log.lastTerm() };
  return [
    { ...envelope, type: 'requestVote', ...last, transfer: true },
    { ...envelope, type: 'requestVoteReply', voteGranted: false },
    { ...envelope, type: 'preVoteReply', voteGranted: false },
    append(node, 2, { term, prevLogIndex: 0 }),
    appendReply(node, 2, { term, success: false }),
    heartbeat(node, 2, { term }),
    { ...envelope, type: 'heartbeatReply', round: 0 },
    { ...envelope, type: 'installSnapshot', snapshot },
    { ...envelope, type: 'installSnapshotReply', snapshotIndex: 1, success: false, matchIndex: 0 },
  ];
}

const ROLES: Readonly<Record<string, () => Node>> = {
  follower: () => nodeWithLog({ terms: [1], hardState: { term: 1, votedFor: 3 } }),
  candidate: () => {
    const node = nodeWithLog({ terms: [1] });
    tickUntilElection(node);
    return node;
  },
  leader: () => {
    const node = nodeWithLog({ terms: [1] });
    electLeader(node);
    return node;
  },
  learner: () => nodeWithLog({ id: 4, peers: [1, 2, 3], config: { learners: [4] }, terms: [1] }),
};

describe('P1 later terms', () => {
  it.each(Object.keys(ROLES))(
    'P1 §5.1: a %s takes over a later term from every kind of message, durably, without a vote',
    (role) => {
      for (const { type } of everyMessage(ROLES.follower?.() as Node, 9)) {
        const node = ROLES[role]?.() as Node;
        const message = everyMessage(node, 9).find((other) => other.type === type) as Message;
        receive(node, message);
        const votedFor = type === 'requestVote' && node.status().votedFor === 2 ? 2 : undefined;
        expect([type, node.role, node.term]).toEqual([type, role === 'learner' ? 'learner' : 'follower', 9]);
        expect(node.log.crash().hardState()).toEqual({ term: 9, votedFor });
        const isLeaders = ['appendEntries', 'heartbeat', 'installSnapshot'].includes(type);
        expect([type, node.leader]).toEqual([type, isLeaders ? 2 : undefined]);
      }
    },
  );

  it.each(Object.keys(ROLES))('P1 thesis §9.6: questions about a later term disturb no %s', (role) => {
    const node = ROLES[role]?.() as Node;
    const { term } = node;
    const last = { lastLogIndex: 1, lastLogTerm: 1 };
    receive(node, { type: 'preVote', from: 2, to: node.id, term: 9, ...last });
    receive(node, { type: 'preVoteReply', from: 2, to: node.id, term: 9, voteGranted: true });
    expect([node.role, node.term]).toEqual([role, term]);
  });
});

describe('P2 earlier terms', () => {
  const ANSWERS: Readonly<Record<string, string>> = {
    requestVote: 'requestVoteReply t5 refused',
    appendEntries: 'appendReply t5 refused 0 hint 0/t0',
    heartbeat: 'heartbeatReply t5 round 0',
    installSnapshot: 'installSnapshotReply t5 of 1 refused',
    preVote: 'preVoteReply t5 refused',
  };

  it.each([4, 0])(
    'P2 §5.1: a request of an earlier term (%i of 5) is answered with the present one; a reply is dropped',
    (term) => {
      const node = nodeWithLog({ terms: [1, 5], hardState: { term: 5, votedFor: undefined } });
      const preVote: Message = { type: 'preVote', from: 2, to: 1, term, lastLogIndex: 99, lastLogTerm: 99 };
      const stale: Message[] = [
        ...everyMessage(node, term),
        preVote,
        { type: 'timeoutNow', from: 2, to: 1, term },
        { type: 'preVoteReply', from: 2, to: 1, term, voteGranted: true },
      ];
      for (const message of stale) {
        const before = snapshotOf(node);
        const answer = ANSWERS[message.type];
        expect(sentText(receive(node, message))).toEqual(answer === undefined ? [] : [`S1->S2 ${answer}`]);
        expect(snapshotOf(node)).toEqual(before);
      }
    },
  );

  it('P2 §5.1: a leader is not deposed by an earlier leader, and tells it so', () => {
    const node = nodeWithLog({ terms: [1] });
    electLeader(node);
    const actions = receive(node, append(node, 2, { term: 1, prevLogIndex: 0, terms: [1, 1, 1] }));
    expect(described(actions)).toEqual(['send S1->S2 appendReply t2 refused 0 hint 0/t0']);
    expect([node.isLeader, termsOf(node.log)]).toEqual([true, [1, 2]]);
  });
});

describe('P3 one round', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'P3 §5.2: of %i voters a candidate is elected by exactly a majority',
    (count) => {
      const needed = Math.floor(count / 2) + 1;
      const node = nodeWithLog({ peers: Array.from({ length: count - 1 }, (_, i) => i + 2) });
      tickUntilElection(node);
      for (let votes = 1; votes < needed; votes++) {
        expect([votes, node.isLeader]).toEqual([votes, false]);
        receive(node, voteReply(node, votes + 1));
      }
      expect([node.isLeader, node.term]).toEqual([true, 1]);
    },
  );

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])(
    'P3 §5.2: of %i voters a candidate is beaten by exactly those refusals that leave no majority',
    (count) => {
      const refusalsMax = count - (Math.floor(count / 2) + 1);
      const node = nodeWithLog({ peers: Array.from({ length: count - 1 }, (_, i) => i + 2) });
      tickUntilElection(node);
      if (count === 1) return expect(node.isLeader).toBe(true);
      for (let refusals = 1; refusals <= refusalsMax; refusals++) {
        receive(node, voteReply(node, refusals + 1, false));
        expect([refusals, node.role]).toEqual([refusals, 'candidate']);
      }
      receive(node, voteReply(node, refusalsMax + 2, false));
      expect(node.role).toBe('follower');
    },
  );

  it.each([1, 2, 3, 5, 9])(
    'P3 §5.2: the first of %i to time out is elected, and everybody follows',
    (voters) => {
      const cluster = new Cluster({ voters });
      const leader = cluster.awaitLeader();
      cluster.tickAll(2);
      for (const id of cluster.ids)
        expect([cluster.node(id).leader, cluster.node(id).term]).toEqual([leader, 1]);
    },
  );
});

describe('P4 one vote per term', () => {
  it('P4 §5.2: the first to ask gets it, the second does not, the first gets it again', () => {
    const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
    const ask = (from: NodeId, term: Term) => sentText(receive(node, requestVote(node, from, { term })))[0];
    expect(ask(2, 1)).toBe('S1->S2 requestVoteReply t1 granted');
    expect(ask(3, 1)).toBe('S1->S3 requestVoteReply t1 refused');
    expect(ask(2, 1)).toBe('S1->S2 requestVoteReply t1 granted');
    expect(ask(3, 2)).toBe('S1->S3 requestVoteReply t2 granted');
    expect(ask(2, 2)).toBe('S1->S2 requestVoteReply t2 refused');
  });

  it('P4 §5.2: a restart does not forget the vote', () => {
    const node = nodeWithLog();
    receive(node, requestVote(node, 2));
    const again = nodeWithLog({ log: node.log.crash() });
    expect(sentText(receive(again, requestVote(again, 3, { term: 1 })))).toEqual([
      'S1->S3 requestVoteReply t1 refused',
    ]);
    expect(sentText(receive(again, requestVote(again, 2, { term: 1 })))).toEqual([
      'S1->S2 requestVoteReply t1 granted',
    ]);
  });

  it('P4 §5.2: who knows the leader of the term votes for nobody else in it', () => {
    const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined }, config: { checkQuorum: false } });
    receive(node, heartbeat(node, 2));
    expect(sentText(receive(node, requestVote(node, 3, { term: 1 })))).toEqual([
      'S1->S3 requestVoteReply t1 refused',
    ]);
    expect(node.status().votedFor).toBeUndefined();
  });

  it('P4 §5.2: whatever is asked in whatever order, over restarts, no term gets two votes', () => {
    const question = fc.record({
      from: fc.integer({ min: 2, max: 5 }),
      term: fc.integer({ min: 1, max: 6 }),
      restart: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(question, { maxLength: 40 }), (questions) => {
        let node = nodeWithLog({ peers: [2, 3, 4, 5] });
        const votes = new Map<Term, NodeId>();
        for (const { from, term, restart } of questions) {
          for (const reply of sent(receive(node, requestVote(node, from, { term })), 'requestVoteReply')) {
            if (!reply.voteGranted) continue;
            expect(votes.get(reply.term) ?? reply.to).toBe(reply.to);
            votes.set(reply.term, reply.to);
          }
          if (restart) node = nodeWithLog({ peers: [2, 3, 4, 5], log: node.log.crash() });
        }
      }),
    );
  });
});

describe('P5 who is up to date', () => {
  // The voter's log is 1/t1 2/t2 3/t2.
  const MATRIX: [lastLogIndex: number, lastLogTerm: number, granted: boolean][] = [
    [0, 0, false],
    [1, 1, false],
    [99, 1, false],
    [2, 2, false],
    [3, 2, true],
    [4, 2, true],
    [1, 3, true],
    [3, 3, true],
    [99, 3, true],
  ];

  it.each(MATRIX)(
    'P5 §5.4.1: to a log 1/t1 2/t2 3/t2, a candidate with last %i/t%i: granted %s',
    (lastLogIndex, lastLogTerm, granted) => {
      const node = nodeWithLog({ terms: [1, 2, 2], hardState: { term: 3, votedFor: undefined } });
      const last = { lastLogIndex, lastLogTerm };
      const preVote = receive(node, { type: 'preVote', from: 2, to: 1, term: 4, ...last });
      expect(sentText(preVote)).toEqual([
        granted ? 'S1->S2 preVoteReply t4 granted' : 'S1->S2 preVoteReply t3 refused',
      ]);
      expect(node.term).toBe(3);
      const vote = receive(node, requestVote(node, 2, { term: 4, ...last }));
      expect(sentText(vote)).toEqual([`S1->S2 requestVoteReply t4 ${granted ? 'granted' : 'refused'}`]);
      expect([node.term, node.status().votedFor]).toEqual([4, granted ? 2 : undefined]);
    },
  );

  it.each([
    ['the present term', 3, 'S1->S2 preVoteReply t3 refused'],
    ['the next term', 4, 'S1->S2 preVoteReply t4 granted'],
    ['a term far ahead', 99, 'S1->S2 preVoteReply t99 granted'],
  ])('P5 thesis §9.6: a pre-vote for %s, from a log that is up to date', (_name, term, expected) => {
    const node = nodeWithLog({ terms: [1, 2, 2], hardState: { term: 3, votedFor: undefined } });
    const message: Message = { type: 'preVote', from: 2, to: 1, term, lastLogIndex: 3, lastLogTerm: 2 };
    expect(sentText(receive(node, message))).toEqual([expected]);
    expect([node.term, node.status().votedFor]).toEqual([3, undefined]);
  });

  it('P5 §5.4.1: an empty log grants to an empty log', () => {
    const node = nodeWithLog();
    const vote = receive(node, requestVote(node, 2, { lastLogIndex: 0, lastLogTerm: 0 }));
    expect(sentText(vote)).toEqual(['S1->S2 requestVoteReply t1 granted']);
  });

  it('P5 §5.4.1, §7: the end of a compacted log counts like any other', () => {
    const log = logWith({ terms: [1, 2, 2] });
    log.applySnapshot({ ...snapshot, index: 3, term: 2 });
    log.compact(3);
    const node = nodeWithLog({ log });
    expect(node.log.firstIndex()).toBe(4);
    const grants = MATRIX.map(([lastLogIndex, lastLogTerm], i) => {
      const term = 10 + i;
      const [reply] = sent(
        receive(node, requestVote(node, 2, { term, lastLogIndex, lastLogTerm })),
        'requestVoteReply',
      );
      return reply?.voteGranted;
    });
    expect(grants).toEqual(MATRIX.map(([, , granted]) => granted));
  });

  it("P5 §5.2: a refused candidate still makes its term known, and does not put the voter's own election off", () => {
    const config = { electionTimeoutTicks: [10, 10] } as const;
    const node = nodeWithLog({ terms: [1, 2], config });
    tick(node, 9);
    receive(node, requestVote(node, 2, { term: 5, lastLogIndex: 1, lastLogTerm: 1 }));
    expect(node.term).toBe(5);
    tick(node, 1);
    expect([node.role, node.term]).toEqual(['candidate', 6]);
    const granting = nodeWithLog({ terms: [1, 2], config });
    tick(granting, 9);
    receive(granting, requestVote(granting, 2, { term: 5 }));
    tick(granting, 9);
    expect(granting.role).toBe('follower');
    tick(granting, 1);
    expect(granting.role).toBe('candidate');
  });
});

describe('P6 a candidate that is not needed', () => {
  it.each<[string, (node: Node) => Message]>([
    ['an append', (node) => append(node, 2)],
    ['a heartbeat', (node) => heartbeat(node, 2)],
    ['a snapshot', (node) => ({ type: 'installSnapshot', from: 2, to: 1, term: node.term, snapshot })],
  ])('P6 §5.2: falls back when the leader of its own term shows itself by %s', (_name, message) => {
    const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
    tickUntilElection(node);
    expect([node.role, node.term]).toEqual(['candidate', 2]);
    receive(node, message(node));
    expect([node.role, node.term, node.leader, node.status().votedFor]).toEqual(['follower', 2, 2, 1]);
    receive(node, voteReply(node, 3));
    expect(node.role).toBe('follower'); // the votes it had are gone
  });

  it('P6 §5.1: is not impressed by the leader of an earlier term', () => {
    const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
    tickUntilElection(node);
    receive(node, heartbeat(node, 2, { term: 1 }));
    expect([node.role, node.term]).toEqual(['candidate', 2]);
  });
});
