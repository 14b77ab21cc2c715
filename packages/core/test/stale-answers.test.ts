// Answers, and flushes of the own disk, that come after what they speak of has changed (§5.1, §5.3).

import { describe, expect, it } from 'vitest';
import type { NodeId, PeerStatus, RaftNode } from '../src/index.js';
import {
  append,
  appendReply,
  described,
  electLeader,
  entriesOf,
  flush,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  requestVote,
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

describe('P31 refusals that are overtaken', () => {
  it('P31 §5.3: a stale conflict after an acknowledgement rewinds nothing', () => {
    const node = nodeWithLog({ terms: [1, 1, 1] });
    electLeader(node, { ready: false });
    const stale = appendReply(node, 2, { success: false, prevLogIndex: 3, hintIndex: 1, hintTerm: 1 });
    receive(node, appendReply(node, 2));
    expect(peer(node, 2)).toMatchObject({ state: 'replicate', matchIndex: 4, nextIndex: 5 });
    const before = snapshotOf(node);
    expect(receive(node, stale)).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P31 §5.3: an older acknowledgement takes matchIndex nowhere', () => {
    const node = nodeWithLog({ terms: [1, 1, 1] });
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 2));
    const before = snapshotOf(node);
    expect(receive(node, appendReply(node, 2, { matchIndex: 2 }))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P31 §5.3: in probe, an older acknowledgement does not answer the question where the logs agree now', () => {
    const node = nodeWithLog({ terms: [1, 1, 1] });
    electLeader(node);
    propose(node, 'a');
    node.step({ type: 'unreachable', id: 2 });
    expect(peer(node, 2)).toMatchObject({ state: 'probe', matchIndex: 4, nextIndex: 5, isPaused: true });
    const before = snapshotOf(node);
    expect(receive(node, appendReply(node, 2, { matchIndex: 2 }))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
    receive(node, appendReply(node, 2, { matchIndex: 4 })); // what is known to agree does answer it
    expect(peer(node, 2)).toMatchObject({ state: 'replicate', matchIndex: 4 });
  });

  it('P31 §5.3: in probe, only the refusal of the probe that is out counts', () => {
    const node = nodeWithLog({ terms: [1, 2, 3, 4, 5] });
    electLeader(node, { ready: false });
    const refusal = appendReply(node, 2, { success: false, prevLogIndex: 5, hintIndex: 3, hintTerm: 3 });
    expect(sentText(receive(node, refusal))).toEqual([
      'S1->S2 append t6 after 3/t3: 4/t4"4" 5/t5"5" 6/t6(noop) commit 0',
    ]);
    expect(peer(node, 2).nextIndex).toBe(4);
    expect(receive(node, refusal)).toEqual([]); // the network repeated it
    expect(peer(node, 2)).toMatchObject({ state: 'probe', nextIndex: 4, isPaused: true });
  });
});

describe('P32 acknowledgements of another life', () => {
  it('P32 §5.3: a leader whose entry was reverted and replaced counts only new words', () => {
    const node = nodeWithLog({ peers: [2, 3, 4, 5] });
    electLeader(node); // term 1
    propose(node, 'mine');
    const stale = appendReply(node, 2); // of 2/t1, on its way for long
    // Server 3 leads term 2 and replaces it.
    receive(node, append(node, 3, { term: 2, prevLogIndex: 1, terms: [2] }));
    expect(termsOf(node.log)).toEqual([1, 2]);
    while (node.role === 'follower') tick(node);
    electLeader(node, { ready: false }); // term 3
    expect(termsOf(node.log)).toEqual([1, 2, 3]);
    receive(node, appendReply(node, 4, { matchIndex: 3 }));
    receive(node, stale);
    expect([node.commitIndex, peer(node, 2).matchIndex]).toEqual([1, 0]);
    receive(node, appendReply(node, 5, { matchIndex: 3 }));
    expect(node.commitIndex).toBe(3);
  });
});

describe('P33 the own disk after a term change', () => {
  it('P33 §5.3: what became durable of a replaced entry does not count for the one that replaced it', () => {
    const node = nodeWithLog({ durability: 'deferred', terms: [1] });
    while (node.role !== 'candidate') tick(node);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 2, voteGranted: true });
    expect(node.isLeader).toBe(true);
    propose(node, 'a', 'b'); // 2 to 4 of term 2, staged
    const early = node.log.stagedSeq();
    receive(node, append(node, 3, { term: 3, prevLogIndex: 1, entries: entriesOf([3], 2) }));
    receive(node, requestVote(node, 2, { term: 4, transfer: true, lastLogIndex: 0, lastLogTerm: 0 }));
    while (node.role !== 'candidate') tick(node); // term 5
    flush(node, early); // the disk is at term 2 still: its entries 2 to 4 are on it
    expect([node.role, node.status().durableIndex]).toEqual(['candidate', 1]);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 5, voteGranted: true });
    expect(node.isLeader).toBe(true);
    propose(node, 'c', 'd');
    receive(node, appendReply(node, 2)); // 2 holds everything, the leader's own disk does not
    expect([node.status().durableIndex, node.commitIndex]).toEqual([2, 0]);
    flush(node);
    expect([node.status().durableIndex, node.commitIndex]).toEqual([5, 5]);
  });

  it('P33 §5.3: a flush that ends after leadership was lost commits nothing', () => {
    const node = nodeWithLog({ durability: 'deferred', peers: [2] });
    while (node.role !== 'candidate') tick(node);
    flush(node);
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    receive(node, appendReply(node, 2)); // only the own disk is missing
    expect(node.commitIndex).toBe(0);
    receive(node, heartbeat(node, 2, { term: 2 }));
    expect(described(flush(node))).toEqual([]);
    expect([node.commitIndex, node.status().durableIndex]).toEqual([0, 1]);
  });
});
