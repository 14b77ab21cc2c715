// Servers whose term runs ahead or lags behind: none of them may stop the others, and none is left behind for good.

import { describe, expect, it } from 'vitest';
import type { NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  described,
  heartbeat,
  nodeWithLog,
  receive,
  requestVote,
  sentText,
  tickUntilElection,
} from './support/node.js';

describe('servers whose term ran ahead', () => {
  it('P61: a candidate that is stuck in a later term is freed: its answer makes the leader follow it there', () => {
    const cluster = new Cluster({ voters: 3, config: { preVote: false } });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.tick(3, 100);
    expect(cluster.node(3).role).toBe('candidate');
    const ahead = cluster.node(3).term;
    expect(ahead).toBeGreaterThan(3);
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.node(1).term).toBeGreaterThanOrEqual(ahead);
    const leader = cluster.awaitLeader();
    expect(leader).not.toBe(3); // its log lacks what was committed
    cluster.tickAll(3);
    expect(cluster.ids.map((id) => cluster.node(id).leader)).toEqual([leader, leader, leader]);
    expect(cluster.appliedTexts(3)).toEqual(['a']);
  });

  it.each([
    ['appendEntries', 'S1->S2 appendReply t9 refused 0 hint 0/t0'],
    ['heartbeat', 'S1->S2 heartbeatReply t9 round 0'],
    ['requestVote', 'S1->S2 requestVoteReply t9 refused'],
    ['preVote', 'S1->S2 preVoteReply t9 refused'],
    ['installSnapshot', 'S1->S2 installSnapshotReply t9 of 5 refused'],
  ] as const)('P61 §5.1: a stale %s is answered with the later term', (type, expected) => {
    const node = nodeWithLog({ hardState: { term: 9, votedFor: 1 } });
    const { configuration } = node;
    const fields = {
      appendEntries: append(node, 2, { term: 8 }),
      heartbeat: heartbeat(node, 2, { term: 8 }),
      requestVote: requestVote(node, 2, { term: 8 }),
      preVote: { type: 'preVote', from: 2, to: 1, term: 8, lastLogIndex: 0, lastLogTerm: 0 },
      installSnapshot: {
        type: 'installSnapshot',
        from: 2,
        to: 1,
        term: 8,
        snapshot: { index: 5, term: 8, configuration, data: new Uint8Array(0) },
      },
    } as const;
    expect(described(receive(node, fields[type]))).toEqual([`send ${expected}`]);
  });

  it('P62: without pre-vote a follower that cannot hear its leader takes a majority from nobody, but deposes the leader on its return', () => {
    const cluster = new Cluster({ voters: 3, config: { preVote: false } });
    cluster.elect(1);
    const { term } = cluster.node(1);
    cluster.cut(1, 3);
    cluster.tickAll(60);
    expect(cluster.node(3).role).toBe('candidate');
    expect([cluster.leader, cluster.node(1).term, cluster.node(2).term]).toEqual([1, term, term]);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.node(1).term).toBe(cluster.node(3).term);
    expect(cluster.node(1).isLeader).toBe(false);
    expect(cluster.node(cluster.awaitLeader()).term).toBeGreaterThan(term);
  });

  it('P62 thesis §9.6: with pre-vote the same follower disturbs nobody, then or later', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    const { term } = cluster.node(1);
    cluster.cut(1, 3);
    cluster.tickAll(200);
    cluster.heal();
    cluster.tickAll(10);
    expect(cluster.ids.map((id) => [cluster.node(id).term, cluster.node(id).leader])).toEqual([
      [term, 1],
      [term, 1],
      [term, 1],
    ]);
  });

  it('P63: a server whose term is behind takes part in the next election', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.tick(3, 100); // asks in vain, in its old term
    cluster.elect(2);
    cluster.elect(1);
    expect([1, 2, 3].map((id) => cluster.node(id).term)).toEqual([3, 3, 1]);
    cluster.crash(1);
    cluster.heal();
    const leader = cluster.awaitLeader();
    expect([leader, cluster.node(2).term, cluster.node(3).term]).toEqual([2, 4, 4]);
  });

  it('P64: two servers win their pre-votes in the same term, split the votes, and elect one of them afterwards', () => {
    const cluster = new Cluster({
      voters: 3,
      config: (id) => ({ electionTimeoutTicks: [10, 20], seed: id * 7 }),
    });
    cluster.elect(1);
    cluster.settle();
    cluster.crash(1);
    const { term } = cluster.node(2);
    // Neither hears the other's candidacy before it has voted for itself.
    cluster.fate = (message) => (message.type === 'requestVote' ? 'hold' : 'deliver');
    const askAtOnce = (id: NodeId, other: NodeId): void => {
      tickUntilElection(cluster.node(id));
      cluster.deliver({ type: 'preVoteReply', from: other, to: id, term: term + 1, voteGranted: true });
    };
    askAtOnce(2, 3);
    askAtOnce(3, 2);
    cluster.settle();
    expect([2, 3].map((id) => [cluster.node(id).role, cluster.node(id).term])).toEqual([
      ['candidate', term + 1],
      ['candidate', term + 1],
    ]);
    cluster.fate = () => 'deliver';
    cluster.release();
    cluster.settle();
    expect(cluster.leader).toBeUndefined();
    expect([2, 3]).toContain(cluster.awaitLeader());
  });

  it('P64 thesis §9.6: a refused pre-vote brings whoever lags behind to the later term, in which it asks next', () => {
    const node = nodeWithLog({ config: { preVote: true } });
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 preVote t1 last 0/t0',
      'S1->S3 preVote t1 last 0/t0',
    ]);
    const refused = { type: 'preVoteReply', from: 2, to: 1, term: 5, voteGranted: false } as const;
    expect(described(receive(node, refused))).toEqual(['follower t5 leader none']);
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 preVote t6 last 0/t0',
      'S1->S3 preVote t6 last 0/t0',
    ]);
  });
});
