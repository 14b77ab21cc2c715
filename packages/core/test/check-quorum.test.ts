// A leader that cannot lead steps down: one that no quorum answers, and one whose disk takes work and does not finish it.

import { describe, expect, it } from 'vitest';
import type { NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  appendReply,
  described,
  electLeader,
  flush,
  nodeWithLog,
  propose,
  receive,
  tick,
  tickUntilElection,
} from './support/node.js';

const TIMEOUT = { electionTimeoutTicks: [10, 10] } as const;

describe('check-quorum', () => {
  const answer = (node: ReturnType<typeof nodeWithLog>, from: NodeId) =>
    receive(node, { type: 'heartbeatReply', from, to: 1, term: node.term, round: 1 });

  it('P60 thesis §6.2: a leader that a quorum answers within every election timeout stays', () => {
    const node = nodeWithLog({ config: TIMEOUT });
    electLeader(node);
    for (let window = 0; window < 5; window++) {
      tick(node, 9);
      answer(node, 2);
      tick(node);
      expect(node.isLeader).toBe(true);
    }
  });

  it('P60 thesis §6.2: one that nobody answers steps down at the end of the timeout, not before, in its term', () => {
    const node = nodeWithLog({ config: TIMEOUT });
    electLeader(node, { ready: false });
    tick(node, 9);
    expect(node.isLeader).toBe(true);
    expect(described(tick(node))).toEqual(['follower t1 leader none']);
    expect(node.status()).toMatchObject({ role: 'follower', term: 1, votedFor: 1, leader: undefined });
  });

  it('P60 thesis §6.2: an answer counts for one timeout only', () => {
    const node = nodeWithLog({ config: TIMEOUT });
    electLeader(node);
    answer(node, 2);
    tick(node, 10);
    expect(node.isLeader).toBe(true);
    tick(node, 9);
    expect(node.isLeader).toBe(true);
    tick(node);
    expect(node.isLeader).toBe(false);
  });

  it('P60 thesis §6.2: of five servers two answers keep the leader, one does not', () => {
    for (const answers of [1, 2]) {
      const node = nodeWithLog({ peers: [2, 3, 4, 5], config: TIMEOUT });
      electLeader(node, { ready: false });
      for (const from of [2, 3].slice(0, answers)) answer(node, from);
      tick(node, 10);
      expect(node.isLeader).toBe(answers === 2);
    }
  });

  it('P60 thesis §6.2: the answers of learners and strangers keep nobody', () => {
    const node = nodeWithLog({ config: { ...TIMEOUT, learners: [4, 5] } });
    electLeader(node, { ready: false });
    for (const from of [4, 5, 6]) answer(node, from);
    tick(node, 10);
    expect(node.isLeader).toBe(false);
  });

  it('P60 §6: a joint configuration needs the answers of a majority of both halves', () => {
    for (const [from, stays] of [
      [[2, 3], false],
      [[2, 4], true],
      [[4, 5], false],
    ] as const) {
      const node = nodeWithLog({ config: TIMEOUT });
      electLeader(node);
      node.step({ type: 'changeMembership', voters: [1, 4, 5], autoLeave: false });
      tick(node, 10); // the window of the election and of the newcomers, who count as heard once
      for (const id of from) answer(node, id);
      tick(node, 10);
      expect([from, node.isLeader]).toEqual([from, stays]);
    }
  });

  it('P60: without check-quorum a leader reigns on, heard or not', () => {
    const node = nodeWithLog({ config: { ...TIMEOUT, checkQuorum: false } });
    electLeader(node, { ready: false });
    tick(node, 100);
    expect(node.isLeader).toBe(true);
  });
});

describe('a disk that takes work and does not finish it', () => {
  const config = { ...TIMEOUT, diskStallTicks: 25 };

  it('P66: a leader with such a disk steps down after diskStallTicks, answered or not', () => {
    const node = nodeWithLog({ durability: 'deferred', config });
    flush(node);
    tickUntilElection(node);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    for (let i = 1; i <= 25; i++) {
      expect(node.isLeader).toBe(true);
      receive(node, appendReply(node, 2));
      tick(node);
    }
    expect(node.isLeader).toBe(false);
    expect(node.status()).toMatchObject({ role: 'follower', term: 1, leader: undefined, commitIndex: 0 });
  });

  it('P66: any progress starts the count again; an idle disk is not counted at all', () => {
    const node = nodeWithLog({ durability: 'deferred', config });
    tickUntilElection(node);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    for (let i = 0; i < 10; i++) {
      propose(node, 'a', 'b');
      propose(node, 'c');
      receive(node, appendReply(node, 2));
      tick(node, 8);
      receive(node, appendReply(node, 2));
      tick(node, 8);
      flush(node, node.log.stagedSeq() - 1); // some of it, never all
    }
    expect(node.isLeader).toBe(true);
    flush(node);
    for (let i = 0; i < 100; i++) {
      receive(node, appendReply(node, 2));
      tick(node);
    }
    expect(node.isLeader).toBe(true);
  });

  it('P66: the others elect a leader that works, and the stalled server does not campaign', () => {
    const cluster = new Cluster({ voters: 3, durability: 'deferred', config: { diskStallTicks: 25 } });
    cluster.elect(1);
    cluster.stalledDisks.add(1);
    cluster.propose(1, 'a');
    cluster.tickAll(26);
    expect(cluster.node(1).isLeader).toBe(false);
    const leader = cluster.awaitLeader();
    expect(leader).not.toBe(1);
    const { term } = cluster.node(leader);
    cluster.isolate(1);
    cluster.tickAll(100);
    expect(cluster.node(1).role).toBe('follower');
    expect(cluster.node(leader).term).toBe(term);
    cluster.stalledDisks.delete(1);
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.appliedTexts(1)).toEqual(['a']);
  });

  it('P66: a leader with a full disk (inline) steps down as well', () => {
    const node = nodeWithLog({ config });
    electLeader(node);
    node.log.syncError = Object.assign(new Error('no space'), { code: 'WAL_FULL' });
    propose(node, 'a');
    for (let i = 1; i <= 25; i++) {
      expect(node.isLeader).toBe(true);
      receive(node, appendReply(node, 2));
      tick(node);
    }
    expect(node.isLeader).toBe(false);
  });
});
