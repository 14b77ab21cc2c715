// Elections in which several take part: spread timeouts, duels, votes that come too late (§5.2, §9.3; thesis §9.6).

import { describe, expect, it } from 'vitest';
import type { Message, NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  described,
  electLeader,
  flush,
  heartbeat,
  logWith,
  nodeWithLog,
  receive,
  roleChanges,
  sent,
  sentText,
  snapshotOf,
  termsOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';

describe('P7 timeouts', () => {
  it('P7 §5.2: are spread over the whole range, both ends included', () => {
    const seen = new Map<number, number>();
    for (let seed = 0; seed < 600; seed++) {
      const node = nodeWithLog({ config: { seed, electionTimeoutTicks: [5, 10] } });
      let ticks = 0;
      while (node.role !== 'candidate') {
        tick(node);
        ticks += 1;
      }
      seen.set(ticks, (seen.get(ticks) ?? 0) + 1);
    }
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10]);
    // 100 of each on average; half or twice that would be no accident.
    for (const count of seen.values()) {
      expect(count).toBeGreaterThan(50);
      expect(count).toBeLessThan(200);
    }
  });

  it('P7 §5.2: are drawn anew for each candidacy', () => {
    const node = nodeWithLog({ config: { electionTimeoutTicks: [10, 20] } });
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      let ticks = 0;
      const { term } = node;
      while (node.term === term) {
        tick(node);
        ticks += 1;
      }
      waits.push(ticks);
    }
    expect(new Set(waits).size).toBeGreaterThan(4);
    for (const wait of waits) expect(wait >= 10 && wait <= 20).toBe(true);
  });

  it('P7 §9.3: the same seed gives the same timeouts, and servers differ by default', () => {
    const timeouts = (config: { seed?: number }, id: NodeId) => {
      const node = nodeWithLog({ id, config });
      return Array.from({ length: 200 }, () => tick(node).length > 0);
    };
    expect(timeouts({ seed: 7 }, 1)).toEqual(timeouts({ seed: 7 }, 2));
    expect(timeouts({}, 1)).not.toEqual(timeouts({}, 2));
  });

  it.each([3, 5])(
    'P7 §5.2: votes split among %i that start together, and somebody wins within bounded terms',
    (voters) => {
      for (let seed = 1; seed <= 40; seed++) {
        const cluster = new Cluster({
          voters,
          config: (id) => ({ preVote: false, seed: seed * 100 + id, electionTimeoutTicks: [3, 9] }),
        });
        // All campaign before any request arrives: the worst split there is.
        for (const id of cluster.ids) {
          while (cluster.node(id).role !== 'candidate') cluster.tick(id);
        }
        cluster.settle();
        cluster.awaitLeader(2000);
        expect(cluster.node(1).term).toBeLessThan(60);
      }
    },
  );
});

describe('P7 who waits how long', () => {
  const config = { electionTimeoutTicks: [10, 10] } as const;

  it('P7 §5.2: a candidate that is beaten waits a whole timeout from then on', () => {
    const node = nodeWithLog({ config });
    tick(node, 10);
    tick(node, 6);
    for (const from of [2, 3]) receive(node, voteReply(node, from, false));
    expect(node.role).toBe('follower');
    expect(tick(node, 9)).toEqual([]);
    tick(node, 1);
    expect([node.role, node.term]).toEqual(['candidate', 2]);
  });

  it('P7 thesis §9.6: so does one whose question was refused, and one whose question was not answered', () => {
    const node = nodeWithLog({ config: { ...config, preVote: true } });
    for (let i = 0; i < 3; i++) {
      expect(tick(node, 9)).toEqual([]);
      expect(sent(tick(node, 1), 'preVote')).toHaveLength(2);
      const message: Message = { type: 'preVoteReply', from: 2, to: 1, term: 0, voteGranted: false };
      receive(node, message);
    }
  });

  it('P7: a server whose own disk has stalled does not campaign: nobody could count on its vote', () => {
    const node = nodeWithLog({ durability: 'deferred', config: { ...config, diskStallTicks: 30 } });
    tick(node, 10); // its first candidacy is staged; ticks 11 to 40 are the stall
    expect(node.term).toBe(1);
    tick(node, 29);
    expect(node.term).toBe(3); // at 20 and 30; the stall has lasted 29 ticks
    tick(node, 1);
    tick(node, 100);
    expect([node.role, node.term]).toEqual(['candidate', 3]);
    flush(node);
    tick(node, 1);
    expect(node.term).toBe(4);
  });

  it.each([false, true])(
    'P7 thesis §4.2.3: a candidacy of its own asks nobody to leave a living leader (pre-vote %s)',
    (preVote) => {
      const node = nodeWithLog({ config: { ...config, preVote } });
      const actions = tick(node, 10);
      if (preVote)
        actions.push(...receive(node, { type: 'preVoteReply', from: 3, to: 1, term: 1, voteGranted: true }));
      expect(sent(actions, 'requestVote')).toEqual(
        [2, 3].map((to) => ({
          type: 'requestVote',
          from: 1,
          to,
          term: 1,
          lastLogIndex: 0,
          lastLogTerm: 0,
          transfer: false,
        })),
      );
      const asked = nodeWithLog();
      const transfer = receive(asked, { type: 'timeoutNow', from: 2, to: 1, term: 0 });
      expect(sent(transfer, 'requestVote').map((message) => message.transfer)).toEqual([true, true]);
    },
  );
});

describe('P8 duels', () => {
  it.each([false, true])(
    'P8 §5.2: two candidates of one term: at most one wins, and the other follows it (pre-vote %s)',
    (preVote) => {
      const cluster = new Cluster({ voters: 3, config: { preVote } });
      for (const id of [1, 2]) {
        while (cluster.queue.every(({ from }) => from !== id)) cluster.tick(id);
      }
      cluster.settle();
      const leader = cluster.awaitLeader();
      cluster.tickAll(3);
      for (const id of cluster.ids)
        expect([cluster.node(id).leader, cluster.node(id).term]).toEqual([leader, cluster.node(leader).term]);
    },
  );

  it('P8 §5.2: a candidate cut off from a third that decides comes back beaten, with a later term of its own', () => {
    // 1 and 3 cannot hear each other; 2 votes for 1, which leads; 3 has only raised its term.
    const cluster = new Cluster({ voters: 3, config: { preVote: false, checkQuorum: false } });
    cluster.cut(1, 3);
    cluster.cut(3, 1);
    for (const id of [1, 3]) {
      while (cluster.node(id).role !== 'candidate') cluster.tick(id);
    }
    cluster.settle();
    expect([cluster.node(1).role, cluster.node(3).role, cluster.node(2).status().votedFor]).toEqual([
      'leader',
      'candidate',
      1,
    ]);
    while (cluster.node(3).term === 1) cluster.tick(3);
    cluster.settle();
    // 3 lacks the noop of 1: refused by 2, which takes over the later term, and so 1 will hear of it.
    expect([cluster.node(3).isLeader, cluster.node(2).term, cluster.node(2).status().votedFor]).toEqual([
      false,
      2,
      undefined,
    ]);
    cluster.heal();
    cluster.tickAll(100);
    expect(cluster.node(cluster.awaitLeader()).term).toBeGreaterThan(2);
    expect(termsOf(cluster.log(3))).toEqual(termsOf(cluster.log(1)));
  });

  it("P8 thesis §9.6: pre-votes in a duel raise nobody's term", () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.fate = ({ type }) => (type === 'preVoteReply' ? 'drop' : 'deliver');
    cluster.tickAll(200);
    expect(cluster.ids.map((id) => cluster.node(id).term)).toEqual([0, 0, 0]);
  });
});

describe('P9 everybody in turn', () => {
  it.each(['inline', 'deferred'] as const)(
    'P9 §5.2: each of five leads in turn, over and over, and what each proposes stays (%s)',
    (durability) => {
      const cluster = new Cluster({ voters: 5, durability });
      const expected: string[] = [];
      for (let round = 0; round < 3; round++) {
        for (const id of cluster.ids) {
          cluster.elect(id);
          expect(cluster.leader).toBe(id);
          expected.push(`${round}.${id}`);
          cluster.propose(id, `${round}.${id}`);
          cluster.settle();
        }
      }
      cluster.tickAll(5);
      for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(expected);
    },
  );
});

describe('P10 a leader that lacks newer uncommitted entries', () => {
  it('P10 §5.3: overwrites them: they were never committed', () => {
    // 1 has entries of t2 that 2 and 3 never saw; 2 is elected in t3 by 3.
    const logs = new Map([
      [1, logWith({ terms: [1, 2, 2, 2] })],
      [2, logWith({ terms: [1], hardState: { term: 2, votedFor: 1 } })],
      [3, logWith({ terms: [1], hardState: { term: 2, votedFor: 1 } })],
    ]);
    const cluster = new Cluster({ voters: 3, logs });
    cluster.isolate(1);
    cluster.elect(2);
    cluster.heal();
    cluster.tickAll(5);
    for (const id of cluster.ids) {
      expect(termsOf(cluster.log(id))).toEqual([1, 3]);
      expect(cluster.appliedTexts(id)).toEqual(['1']);
    }
  });

  it('P10 §5.4.1: but cannot be elected by those who hold them', () => {
    const logs = new Map([1, 2].map((id) => [id, logWith({ terms: [1, 2] })] as const));
    const cluster = new Cluster({ voters: 3, logs });
    cluster.isolate(3);
    cluster.tickAll(100);
    cluster.heal();
    expect(() => cluster.elect(3)).toThrow('server 3 was not elected');
    expect(cluster.awaitLeader()).not.toBe(3);
    expect(termsOf(cluster.log(3)).slice(0, 2)).toEqual([1, 2]);
  });
});

describe('P11 a vote for oneself that comes too late', () => {
  function candidate() {
    const node = nodeWithLog({ durability: 'deferred' });
    tickUntilElection(node);
    return node;
  }

  it('P11 §5.2: is not counted before it is durable, however many others granted', () => {
    const node = nodeWithLog({ durability: 'deferred', peers: [2] });
    tickUntilElection(node);
    receive(node, voteReply(node, 2));
    expect(node.role).toBe('candidate');
    expect(roleChanges(flush(node))).toEqual(['leader t1 leader S1']);
  });

  it('P11 §5.2: is dropped when the candidacy is over, in the same term', () => {
    const node = candidate();
    receive(node, heartbeat(node, 2));
    expect(node.role).toBe('follower');
    expect(sentText(flush(node), 'requestVote')).toEqual([]);
    expect(node.role).toBe('follower');
  });

  it('P11 §5.2: is dropped in a later term, and does not count for the next candidacy', () => {
    const node = candidate();
    const first = node.log.stagedSeq();
    tickUntilElection(node);
    expect([node.role, node.term]).toEqual(['candidate', 2]);
    expect(flush(node, first)).toEqual([]); // neither its requests nor its own vote of t1 are of use
    receive(node, voteReply(node, 2));
    expect(node.role).toBe('candidate'); // one vote: its own of t2 is not durable
    expect(roleChanges(flush(node))).toEqual(['leader t2 leader S1']);
  });

  it('P11 §5.2: is dropped when the term was taken over from somebody else', () => {
    const node = candidate();
    receive(node, heartbeat(node, 3, { term: 4 }));
    expect(described(flush(node))).toEqual([]);
    expect([node.role, node.term, node.leader]).toEqual(['follower', 4, 3]);
  });
});

describe('P12 a pre-vote that comes too late', () => {
  function grant(term: number, from = 3): Message {
    return { type: 'preVoteReply', from, to: 1, term, voteGranted: true };
  }

  it('P12 thesis §9.6: after winning it changes nothing', () => {
    const node = nodeWithLog({ config: { preVote: true } });
    electLeader(node);
    const before = snapshotOf(node);
    for (const term of [1, 2, 9]) expect(receive(node, grant(term))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P12 thesis §9.6: while it is a candidate it starts no second candidacy', () => {
    const node = nodeWithLog({ config: { preVote: true }, peers: [2, 3, 4, 5] });
    tickUntilElection(node);
    receive(node, grant(1, 2));
    receive(node, grant(1, 3));
    expect([node.role, node.term]).toEqual(['candidate', 1]);
    const before = snapshotOf(node);
    for (const from of [4, 5]) expect(receive(node, grant(1, from))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P12 thesis §9.6: to a question that was given up since, it counts no more', () => {
    const node = nodeWithLog({ config: { preVote: true }, hardState: { term: 3, votedFor: undefined } });
    tickUntilElection(node);
    receive(node, heartbeat(node, 2)); // the leader is there after all
    const before = snapshotOf(node);
    expect(receive(node, grant(4))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P12 thesis §9.6: an answer about an earlier term is none to the present question', () => {
    const node = nodeWithLog({ config: { preVote: true }, hardState: { term: 3, votedFor: undefined } });
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 preVote t4 last 0/t0',
      'S1->S3 preVote t4 last 0/t0',
    ]);
    for (const term of [3, 5]) expect(receive(node, grant(term))).toEqual([]);
    expect([node.role, node.term]).toEqual(['follower', 3]);
    receive(node, grant(4));
    expect([node.role, node.term]).toEqual(['candidate', 4]);
  });

  it('P12 thesis §9.6: a majority of refusals ends the question, without a new term', () => {
    const node = nodeWithLog({ config: { preVote: true }, hardState: { term: 3, votedFor: undefined } });
    tickUntilElection(node);
    for (const from of [2, 3])
      receive(node, { type: 'preVoteReply', from, to: 1, term: 3, voteGranted: false });
    receive(node, grant(4, 2));
    receive(node, grant(4, 3));
    expect([node.role, node.term]).toEqual(['follower', 3]);
    expect(sent(tickUntilElection(node), 'preVote')).toHaveLength(2); // the next timeout asks again
  });

  it('P12 thesis §9.6: the same server answering twice is one answer', () => {
    const node = nodeWithLog({ config: { preVote: true }, peers: [2, 3, 4, 5] });
    tickUntilElection(node);
    for (let i = 0; i < 3; i++) receive(node, grant(1, 2));
    expect(node.role).toBe('follower');
    receive(node, { type: 'preVoteReply', from: 2, to: 1, term: 0, voteGranted: false });
    receive(node, grant(1, 3));
    expect([node.role, node.term]).toEqual(['candidate', 1]);
  });
});
