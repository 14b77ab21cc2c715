// The leader's side of replication: what commits, what is sent when, and what stale answers must not do (§5.3, §5.4.2).

import { describe, expect, it } from 'vitest';
import type { Message, NodeId, PeerStatus, RaftNode } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  bytes,
  described,
  electLeader,
  logWith,
  nodeWithLog,
  propose,
  receive,
  sent,
  sentText,
  snapshotOf,
  termsOf,
  tick,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

function peer(node: Node, id: NodeId): PeerStatus {
  const status = node.status().leadership?.peers.get(id);
  if (status === undefined) throw new Error(`${id} is no peer`);
  return status;
}

function heartbeatReply(node: Node, from: NodeId, round = 1): Message {
  return { type: 'heartbeatReply', from, to: node.id, term: node.term, round };
}

/** What goes to one server, without heartbeats. */
function appendsTo(actions: Parameters<typeof sent>[0], to: NodeId): string[] {
  return sentText(actions, 'appendEntries').filter((text) => text.includes(`->S${to} `));
}

describe('P22 entries of earlier terms', () => {
  it.each([[[]], [[2]], [[1, 2]], [[1, 1, 2, 2, 2]]])(
    'P22 §5.4.2: %j commit behind an entry of the own term, all at once and in order',
    (terms) => {
      const node = nodeWithLog({ terms, hardState: { term: 2, votedFor: undefined } });
      electLeader(node, { ready: false });
      const actions = receive(node, appendReply(node, 3));
      expect(node.commitIndex).toBe(terms.length + 1);
      expect(described(actions)[0]).toBe(`commit ${terms.length + 1}/t3`);
      expect(node.lastApplied).toBe(terms.length + 1);
    },
  );

  it('P22 §5.4.2: and not before, on however many servers they are', () => {
    const node = nodeWithLog({ terms: [1, 2, 2], peers: [2, 3, 4, 5] });
    electLeader(node, { ready: false });
    for (const from of [2, 3, 4, 5]) receive(node, appendReply(node, from, { matchIndex: 3 }));
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 2, { matchIndex: 4 }));
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 3, { matchIndex: 4 }));
    expect(node.commitIndex).toBe(4);
  });
});

describe('P23 figure 8', () => {
  /** (a), (b): 1 led term 2 and 5 led term 3; 1 is about to be elected in term 4, one entry per append. */
  function servers(): Cluster {
    const hardState = { term: 3, votedFor: undefined };
    const terms = new Map([
      [1, [1, 2]],
      [2, [1, 2]],
      [3, [1]],
      [4, [1]],
      [5, [1, 3]],
    ]);
    const logs = new Map([...terms].map(([id, own]) => [id, logWith({ terms: own, hardState })] as const));
    return new Cluster({ voters: 5, logs, config: { maxBatchEntries: 1 } });
  }

  /** The noop of term 4, where the receiver would take it. */
  function isNoopThatFits(cluster: Cluster, message: Message): boolean {
    if (message.type !== 'appendEntries' || message.entries[0]?.term !== 4) return false;
    return cluster.log(message.to).termAt(message.prevLogIndex) === message.prevLogTerm;
  }

  it('P23 §5.4.2: an entry of term 2 on a majority is not committed by the leader of term 4, and term 3 overwrites it', () => {
    const cluster = servers();
    cluster.fate = (message) => (isNoopThatFits(cluster, message) ? 'drop' : 'deliver');
    cluster.isolate(5); // down in the paper
    cluster.elect(1);
    expect([1, 2, 3, 4].map((id) => cluster.log(id).termAt(2))).toEqual([2, 2, 2, 2]); // (c)
    expect(peer(cluster.node(1), 3).matchIndex).toBe(2);
    expect(cluster.ids.map((id) => cluster.node(id).commitIndex)).toEqual([0, 0, 0, 0, 0]);
    cluster.crash(1);
    cluster.heal();
    cluster.fate = () => 'deliver';
    cluster.elect(5); // (d)
    cluster.restart(1);
    cluster.tickAll(5);
    for (const id of cluster.ids) {
      expect(termsOf(cluster.log(id))).toEqual([1, 3, 5]);
      expect(cluster.node(id).commitIndex).toBe(3);
    }
  });

  it('P23 §5.4.2: once an entry of term 4 is on a majority, everything before it is committed and 5 cannot win', () => {
    const cluster = servers();
    cluster.partition([1, 2, 3], [4], [5]);
    cluster.elect(1); // (e)
    expect([cluster.node(1).term, cluster.node(1).commitIndex]).toEqual([4, 3]);
    cluster.crash(1);
    cluster.heal();
    expect(() => cluster.elect(5)).toThrow('server 5 was not elected');
    cluster.awaitLeader();
    cluster.restart(1);
    cluster.tickAll(50);
    for (const id of cluster.ids) expect(termsOf(cluster.log(id)).slice(0, 3)).toEqual([1, 2, 4]);
  });
});

describe('P26 a peer that does not answer', () => {
  it('P26 §5.3: is sent at most so many appends, exactly full and not one more; the answers free as many', () => {
    const node = nodeWithLog({ config: { maxInflightMessages: 3 } });
    electLeader(node);
    const sentTo2 = ['a', 'b', 'c', 'd', 'e'].map((text) => appendsTo(propose(node, text), 2).length);
    expect(sentTo2).toEqual([1, 1, 1, 0, 0]);
    expect(peer(node, 2)).toMatchObject({
      state: 'replicate',
      inflightMessages: 3,
      isPaused: true,
      nextIndex: 5,
    });
    expect(appendsTo(receive(node, appendReply(node, 2, { matchIndex: 2 })), 2)).toEqual([
      'S1->S2 append t1 after 4/t1: 5/t1"d" 6/t1"e" commit 2',
    ]);
    expect(peer(node, 2)).toMatchObject({ inflightMessages: 3, isPaused: true, nextIndex: 7 });
    receive(node, appendReply(node, 2, { matchIndex: 6 }));
    expect(peer(node, 2)).toMatchObject({
      inflightMessages: 0,
      inflightBytes: 0,
      isPaused: false,
      matchIndex: 6,
    });
  });

  it('P26 §5.3: is sent at most so many bytes, one larger append alone', () => {
    const node = nodeWithLog({ config: { maxInflightBytes: 100, maxBatchBytes: 1000 } });
    electLeader(node);
    expect(appendsTo(propose(node, 'x'.repeat(500)), 2)).toHaveLength(1);
    expect(peer(node, 2).isPaused).toBe(true);
    expect(appendsTo(propose(node, 'y'), 2)).toEqual([]);
    receive(node, appendReply(node, 2, { matchIndex: 2 }));
    expect(peer(node, 2)).toMatchObject({ inflightMessages: 1, nextIndex: 4, isPaused: false });
  });

  it('P26 §5.3: probes go on: each answered heartbeat lets one more out', () => {
    const node = nodeWithLog({ config: { maxInflightMessages: 2 } });
    electLeader(node);
    for (const text of ['a', 'b', 'c', 'd']) propose(node, text);
    expect(peer(node, 2)).toMatchObject({ isPaused: true, nextIndex: 4 });
    expect(appendsTo(tick(node, 8), 2)).toEqual([]);
    expect(appendsTo(receive(node, heartbeatReply(node, 2)), 2)).toEqual([
      'S1->S2 append t1 after 3/t1: 4/t1"c" 5/t1"d" commit 1',
    ]);
    expect(appendsTo(receive(node, heartbeatReply(node, 2)), 2)).toEqual([
      'S1->S2 append t1 after 5/t1: nothing commit 1',
    ]);
    expect(peer(node, 2).inflightMessages).toBeLessThanOrEqual(2);
  });

  it('P26 §5.3: a batch is cut at its entries and at its bytes, and never to nothing', () => {
    const byCount = nodeWithLog({ config: { maxBatchEntries: 2 } });
    electLeader(byCount);
    expect(appendsTo(propose(byCount, 'a', 'b', 'c'), 2)).toEqual([
      'S1->S2 append t1 after 1/t1: 2/t1"a" 3/t1"b" commit 1',
      'S1->S2 append t1 after 3/t1: 4/t1"c" commit 1',
    ]);
    const byBytes = nodeWithLog({ config: { maxBatchBytes: 1 } });
    electLeader(byBytes);
    expect(appendsTo(propose(byBytes, 'long', 'longer'), 2)).toEqual([
      'S1->S2 append t1 after 1/t1: 2/t1"long" commit 1',
      'S1->S2 append t1 after 2/t1: 3/t1"longer" commit 1',
    ]);
  });

  it('P26 §5.3: in probe, one append is out at a time', () => {
    const node = nodeWithLog();
    electLeader(node, { ready: false });
    expect(peer(node, 2)).toMatchObject({ state: 'probe', isPaused: true });
    for (let i = 0; i < 5; i++) expect(appendsTo(propose(node, `${i}`), 2)).toEqual([]);
    expect(appendsTo(receive(node, appendReply(node, 2, { matchIndex: 1 })), 2)).toEqual([
      'S1->S2 append t1 after 1/t1: 2/t1"0" 3/t1"1" 4/t1"2" 5/t1"3" 6/t1"4" commit 1',
    ]);
    expect(peer(node, 2).state).toBe('replicate');
  });
});

describe('P27 lost appends', () => {
  it('P27 §5.3: an answered heartbeat revives a probe; an unanswered one does not', () => {
    const node = nodeWithLog();
    electLeader(node, { ready: false }); // both noops are lost
    expect(sent(tick(node, 6), 'appendEntries')).toEqual([]);
    expect(sentText(receive(node, heartbeatReply(node, 3)))).toEqual([
      'S1->S3 append t1 after 0/t0: 1/t1(noop) commit 0',
    ]);
    expect(sent(tick(node, 1), 'appendEntries')).toEqual([]);
  });

  it('P27 §5.3: in replicate, an answered heartbeat finds out that the last append was lost', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.settle();
    cluster.fate = ({ type }) => (type === 'appendEntries' ? 'drop' : 'deliver');
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.fate = () => 'deliver';
    expect([cluster.node(1).commitIndex, peer(cluster.node(1), 2).nextIndex]).toEqual([1, 4]);
    cluster.tickAll(4);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['a', 'b']);
  });

  it('P27: a peer that holds everything is left in peace', () => {
    const node = nodeWithLog();
    electLeader(node);
    tick(node, 2);
    expect(receive(node, heartbeatReply(node, 2))).toEqual([]);
  });

  it('P27: unreachable goes back to probing from what is known', () => {
    const node = nodeWithLog();
    electLeader(node);
    propose(node, 'a');
    expect(peer(node, 2)).toMatchObject({ state: 'replicate', nextIndex: 3 });
    const actions = node.step({ type: 'unreachable', id: 2 });
    expect(appendsTo(actions, 2)).toEqual(['S1->S2 append t1 after 1/t1: 2/t1"a" commit 1']);
    expect(peer(node, 2)).toMatchObject({ state: 'probe', nextIndex: 2, isPaused: true });
    const before = snapshotOf(node);
    expect(node.step({ type: 'unreachable', id: 2 })).toEqual([]);
    expect(node.step({ type: 'unreachable', id: 9 })).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });
});

describe('P28 a commit that lags behind', () => {
  it('P28 §5.3: reaches the followers with the next append', () => {
    const node = nodeWithLog();
    electLeader(node);
    expect(appendsTo(propose(node, 'a'), 2)).toEqual(['S1->S2 append t1 after 1/t1: 2/t1"a" commit 1']);
    receive(node, appendReply(node, 3));
    expect(appendsTo(propose(node, 'b'), 2)).toEqual(['S1->S2 append t1 after 2/t1: 3/t1"b" commit 2']);
  });

  it('P28: when none follows, with the next tick, to those who hold it and have not been told', () => {
    const node = nodeWithLog({ config: { heartbeatTicks: 5 } });
    electLeader(node);
    tick(node); // the first round
    propose(node, 'a');
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(2);
    expect(sentText(tick(node))).toEqual(['S1->S2 heartbeat t1 round 1 commit 2']);
    expect(tick(node)).toEqual([]); // told once
    receive(node, appendReply(node, 3));
    expect(sentText(tick(node))).toEqual(['S1->S3 heartbeat t1 round 1 commit 2']);
  });

  it('P28: whom an append has told needs no heartbeat to hear it again', () => {
    const node = nodeWithLog({ config: { heartbeatTicks: 5 } });
    electLeader(node);
    tick(node); // the first round
    propose(node, 'a');
    receive(node, appendReply(node, 3));
    expect(appendsTo(propose(node, 'b'), 3)).toEqual(['S1->S3 append t1 after 2/t1: 3/t1"b" commit 2']);
    expect(tick(node)).toEqual([]);
  });

  it('P28 §5.3: a follower that lags commits what it holds, and the rest when it comes', () => {
    const node = nodeWithLog({ terms: [1], hardState: { term: 1, votedFor: undefined } });
    const actions = receive(node, append(node, 2, { terms: [1], leaderCommit: 9 }));
    expect(described(actions)).toEqual([
      'follower t1 leader S2',
      'commit 2/t1',
      'apply 1/t1"1"', // it was on disk before
      'send S1->S2 appendReply t1 match 2',
      'apply 2/t1"2"',
    ]);
    receive(node, append(node, 2, { terms: [1, 1], leaderCommit: 9 }));
    expect([node.commitIndex, node.lastApplied]).toEqual([4, 4]);
  });
});

describe('P29 a slow follower after compaction', () => {
  function compacted(keepEntries: number): Cluster {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, ...Array.from({ length: 10 }, (_, i) => `${i}`));
    cluster.settle();
    cluster.tickAll(3);
    cluster.step(1, { type: 'snapshot', index: 11, data: bytes('0..9'), keepEntries });
    cluster.propose(1, 'after');
    cluster.settle();
    cluster.restart(3);
    return cluster;
  }

  it('P29 §7: whose next entry is gone gets the snapshot, then what follows it', () => {
    const cluster = compacted(0);
    cluster.tickAll(6);
    expect(cluster.restored(3)).toMatchObject({ index: 11, term: 1, data: bytes('0..9') });
    expect(cluster.appliedTexts(3)).toEqual(['after']);
    expect(peer(cluster.node(1), 3)).toMatchObject({ state: 'replicate', matchIndex: 12 });
  });

  it.each([
    ['is there to the last entry', 10, undefined],
    ['misses one', 9, 11],
  ])('P29 §7: a kept tail serves it when what it needs %s', (_name, keepEntries, restored) => {
    const cluster = compacted(keepEntries);
    cluster.tickAll(6);
    expect(cluster.restored(3)?.index).toBe(restored);
    expect(cluster.node(3).lastApplied).toBe(12);
  });
});
