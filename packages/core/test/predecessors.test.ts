// Faults of the engines that came before, each under its id: none of them may return. (X2 is in snapshot-install, X4 in
// transfer, X8 in snapshot-send and X19 in membership-joint.)

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  bytes,
  described,
  electLeader,
  entry,
  flush,
  heartbeat,
  logWith,
  nodeWithLog,
  propose,
  receive,
  sent,
  snapshotOf,
  termsOf,
  tick,
} from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

describe('commit', () => {
  it('X1 §5.3: a shorter append that comes late takes no commit index back', () => {
    const node = nodeWithLog({});
    receive(node, append(node, 2, { term: 1, terms: [1, 1, 1, 1], leaderCommit: 4 }));
    const before = { commitIndex: 4, lastApplied: 4, lastIndex: 4 };
    expect(node.status()).toMatchObject(before);
    for (const late of [
      append(node, 2, { prevLogIndex: 0, terms: [1, 1], leaderCommit: 4 }),
      append(node, 2, { prevLogIndex: 0, terms: [1], leaderCommit: 1 }),
      append(node, 2, { prevLogIndex: 0, leaderCommit: 0 }),
      heartbeat(node, 2, { leaderCommit: 2 }),
    ]) {
      const actions = described(receive(node, late));
      expect(actions.filter((text) => !text.startsWith('send'))).toEqual([]);
      expect(node.status()).toMatchObject(before);
    }
  });

  it('X6 §5.4.2 §8: entries of earlier terms commit without a client, by the noop of a new leader', () => {
    const logs = new Map(
      [1, 2, 3].map((id) => [id, logWith({ entries: [entry(1, 1, 'a'), entry(2, 1, 'b')] })]),
    );
    const cluster = new Cluster({ voters: 3, logs });
    const leader = cluster.awaitLeader();
    cluster.tickAll(3);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['a', 'b']);
    expect(termsOf(cluster.log(leader))).toEqual([1, 1, 2]);
  });

  it('X6 §8: and reads begin without one', () => {
    const cluster = new Cluster({ voters: 3 });
    const leader = cluster.awaitLeader();
    cluster.step(leader, { type: 'read', context: bytes('r') });
    cluster.settle();
    expect(described(cluster.takeActions(leader))).toContain('read ready "r" at 1');
  });

  it('X10: an append that contradicts what is committed stops the node; nothing is truncated', () => {
    const node = nodeWithLog({});
    receive(node, append(node, 2, { term: 1, terms: [1, 1, 1], leaderCommit: 2 }));
    const { length } = node.log.mutations;
    const error = refusedWith(() =>
      receive(node, append(node, 2, { prevLogIndex: 1, term: 2, terms: [2, 2, 2] })),
    );
    expect([error.code, error.message]).toEqual([
      'STORAGE',
      'the node has halted: server 2 has an entry of term 2 at index 2, and what is committed there is of term 1',
    ]);
    expect(termsOf(node.log)).toEqual([1, 1, 1]);
    expect(node.log.mutations.slice(length)).toEqual([
      { type: 'setHardState', state: { term: 2, votedFor: undefined } },
    ]);
    expect(tick(node, 100)).toEqual([]); // silent for good
  });

  it.each([
    ['the entry before it differs', { prevLogIndex: 2, prevLogTerm: 2, terms: [2] }],
    ['its entry at the commit index differs', { prevLogIndex: 1, prevLogTerm: 1, terms: [2] }],
  ])('X10: also when only %s', (_what, fields) => {
    const node = nodeWithLog({});
    receive(node, append(node, 2, { term: 1, terms: [1, 1, 1], leaderCommit: 2 }));
    expect(refusal(() => receive(node, append(node, 2, { ...fields, term: 2 })))).toMatch(
      /^STORAGE: the node has halted/,
    );
  });

  it('X10 §5.3: a conflict just above the commit index is resolved as ever', () => {
    const node = nodeWithLog({});
    receive(node, append(node, 2, { term: 1, terms: [1, 1, 1], leaderCommit: 2 }));
    receive(node, append(node, 2, { term: 2, prevLogIndex: 2, terms: [2] }));
    expect(termsOf(node.log)).toEqual([1, 1, 2]);
  });

  it('X10: a heartbeat that commits what a server does not hold stops it: it once said that it does', () => {
    const node = nodeWithLog({ terms: [1, 1] });
    expect(refusal(() => receive(node, heartbeat(node, 2, { term: 1, leaderCommit: 3 })))).toBe(
      'STORAGE: the node has halted: server 2 says that this server has acknowledged index 3, and its log ends at 2',
    );
    const other = nodeWithLog({ terms: [1, 1] });
    receive(other, heartbeat(other, 2, { term: 1, leaderCommit: 2 }));
    expect(other.commitIndex).toBe(2);
  });

  it('X20: a leader counts itself only as far as its own log is durable', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    tick(node, 20);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    expect([node.isLeader, node.status().durableIndex]).toEqual([true, 0]);
    expect(described(receive(node, appendReply(node, 2)))).toEqual([]); // one durable copy of three
    expect(node.commitIndex).toBe(0);
    expect(described(flush(node))).toEqual(['commit 1/t1']);
  });

  it('X20: two others that hold it durably are a majority without the leader', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    tick(node, 20);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    receive(node, appendReply(node, 2));
    expect(described(receive(node, appendReply(node, 3)))).toEqual(['commit 1/t1']);
    expect(node.status()).toMatchObject({ commitIndex: 1, lastApplied: 0, durableIndex: 0 }); // and applies nothing yet
    flush(node);
    expect(node.lastApplied).toBe(1);
  });

  it('X20: a follower acknowledges only what is durable', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    expect(sent(receive(node, append(node, 2, { term: 1, terms: [1, 1] })))).toEqual([]);
    expect(sent(flush(node, 1))).toEqual([]); // the term
    expect(described(flush(node, 2))).toEqual(['send S1->S2 appendReply t1 match 2']);
  });
});

describe('membership', () => {
  it('X3: a change is refused before the leader has committed an entry of its own term', () => {
    const node = nodeWithLog({ terms: [1] });
    electLeader(node, { ready: false });
    const before = snapshotOf(node);
    expect(refusal(() => node.step({ type: 'addServer', id: 4 }))).toMatch(/^NOT_READY/);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('X3 Ongaro 2015: two leaders that start from the same configuration commit no two changes by disjoint majorities', () => {
    const cluster = new Cluster({ voters: 4 });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.add({ id: 5, peers: [1, 2, 3, 4], learners: [5] });
    cluster.fate = ({ from, type }) => (from === 1 && type === 'appendEntries' ? 'drop' : 'deliver');
    cluster.step(1, { type: 'addServer', id: 5 }); // reaches nobody
    cluster.settle();
    cluster.fate = () => 'deliver';
    cluster.isolate(1);
    cluster.elect(2);
    cluster.step(2, { type: 'removeServer', id: 1 }); // committed by 2, 3, 4
    cluster.settle();
    expect([2, 3, 4].map((id) => cluster.node(id).configuration.voters)).toEqual([
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 4],
    ]);
    cluster.heal();
    cluster.partition([1, 5, 3], [2, 4]);
    cluster.tickAll(200);
    expect(cluster.node(1).isLeader).toBe(false);
    cluster.heal();
    cluster.tickAll(200);
    expect([2, 3, 4]).toContain(cluster.leader);
    expect(cluster.node(3).configuration.voters).toEqual([2, 3, 4]);
  });

  it('X5: the last voter cannot be removed', () => {
    const node = nodeWithLog({ peers: [] });
    electLeader(node);
    expect(refusal(() => node.step({ type: 'removeServer', id: 1 }))).toBe(
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    );
    expect(described(propose(node, 'a'))).toEqual(['proposed 2 t1', 'commit 2/t1', 'apply 2/t1"a"']);
  });
});

describe('leaders and their peers', () => {
  it('X7 thesis §6.2: an isolated leader does not reign on: it steps down, and its clients are told', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.isolate(1);
    cluster.propose(1, 'lost');
    cluster.step(1, { type: 'read', context: bytes('r') });
    cluster.takeActions(1);
    cluster.tick(1, 20);
    expect(cluster.node(1).isLeader).toBe(false);
    const ended = described(cluster.takeActions(1));
    expect(ended).toContain('read failed "r": leadershipLost');
    expect(ended).toContain('follower t1 leader none');
    expect(refusedWith(() => cluster.propose(1, 'x')).code).toBe('NOT_LEADER');
  });

  it.each([
    ['messages', { maxInflightMessages: 3 }, 3],
    ['bytes', { maxInflightBytes: 40 }, 3], // an entry takes 17: the third passes the limit
  ])('X9: unacknowledged appends to a silent peer are bounded by %s', (_what, config, most) => {
    const node = nodeWithLog({ config: { ...config, checkQuorum: false } });
    electLeader(node);
    const size = 'x'.repeat(10);
    const appends = Array.from({ length: 1000 }, () => sent(propose(node, size), 'appendEntries')).flat();
    const silent = appends.filter(({ to }) => to === 3);
    expect(silent.length).toBe(most);
    expect(node.status().leadership?.peers.get(3)).toMatchObject({ inflightMessages: most, isPaused: true });
    const [first] = silent;
    receive(node, appendReply(node, 3, { matchIndex: (first?.prevLogIndex ?? 0) + 1 }));
    expect(node.status().leadership?.peers.get(3)?.inflightMessages).toBe(most); // one answered, one sent
  });
});
