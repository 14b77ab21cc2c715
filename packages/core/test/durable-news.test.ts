// What follows from the disk's news, part by part: acknowledgements, votes, commits, applies (docs/protocol.md,
// "Durability"; thesis §10.2.1).

import { describe, expect, it } from 'vitest';
import type { Message, RaftNode } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  described,
  electLeader,
  entriesOf,
  flush,
  type NodeOptions,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  roleChanges,
  sent,
  sentText,
  snapshotOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusedWith } from './support/refusal.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

function deferred(options: NodeOptions = {}): Node {
  return nodeWithLog({ durability: 'deferred', ...options });
}

/** Leader in term 1, everything flushed and acknowledged by both others. */
function leader(options: NodeOptions = {}): Node {
  const node = deferred(options);
  tickUntilElection(node);
  flush(node);
  receive(node, voteReply(node, 2));
  flush(node);
  for (const from of [2, 3]) receive(node, appendReply(node, from));
  return node;
}

describe('P42 duplicates', () => {
  it('P42 §5.3: a duplicate append does not acknowledge entries that the first one only staged', () => {
    const node = deferred({ terms: [1], hardState: { term: 1, votedFor: undefined } });
    const message = append(node, 2, { terms: [1, 1] });
    for (let i = 0; i < 3; i++) expect(sentText(receive(node, message))).toEqual([]);
    expect(node.log.stagedSeq()).toBe(1);
    expect(sentText(flush(node))).toEqual(Array(3).fill('S1->S2 appendReply t1 match 3'));
    expect(sentText(receive(node, message))).toEqual(['S1->S2 appendReply t1 match 3']);
  });

  it('P42 §5.3: nor does an empty append behind them, nor one of a shorter prefix', () => {
    const node = deferred({ terms: [1], hardState: { term: 1, votedFor: undefined } });
    receive(node, append(node, 2, { terms: [1, 1] }));
    expect(sentText(receive(node, append(node, 2, { prevLogIndex: 3, prevLogTerm: 1 })))).toEqual([]);
    expect(sentText(receive(node, append(node, 2, { prevLogIndex: 1, prevLogTerm: 1, terms: [1] })))).toEqual(
      [],
    );
    expect(sentText(flush(node))).toEqual([3, 3, 2].map((match) => `S1->S2 appendReply t1 match ${match}`));
  });

  it('P42 §5.2: a repeated vote request does not get the vote that is only staged', () => {
    const node = deferred();
    const message = requestVote(node, 2);
    receive(node, message);
    const { length } = node.log.mutations;
    expect(sentText(receive(node, message))).toEqual([]);
    expect(node.log.mutations).toHaveLength(length);
    expect(sentText(flush(node))).toEqual(Array(2).fill('S1->S2 requestVoteReply t1 granted'));
  });
});

describe('P44 news of the disk', () => {
  it('P44: out of order, the older is old news', () => {
    const node = leader();
    propose(node, 'a');
    const first = node.log.stagedSeq();
    propose(node, 'b');
    const second = node.log.stagedSeq();
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(described(flush(node, second))).toEqual(['apply 2/t1"a" 3/t1"b"']);
    const before = snapshotOf(node);
    expect(node.step({ type: 'durable', seq: first })).toEqual([]);
    expect(node.step({ type: 'durable', seq: second })).toEqual([]);
    expect(node.step({ type: 'durable', seq: 0 })).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P44: of what was never staged, it is refused and changes nothing', () => {
    const node = leader();
    propose(node, 'a');
    const before = snapshotOf(node);
    const seq = node.log.stagedSeq() + 1;
    expect(refusedWith(() => node.step({ type: 'durable', seq })).code).toBe('CONFIG_INVALID');
    expect(snapshotOf(node)).toEqual(before);
  });

  it.each([
    ['NaN', Number.NaN],
    ['nothing', undefined as unknown as number], // what a log's flush resolves with that returns no seq
    ['half a mutation', 0.5],
    ['less than nothing', -1],
    ['everything', Number.POSITIVE_INFINITY],
  ])('P44: of %s, it is refused and opens nothing, now or later', (_name, seq) => {
    const node = deferred();
    receive(node, requestVote(node, 2));
    const before = snapshotOf(node);
    expect(refusedWith(() => node.step({ type: 'durable', seq })).code).toBe('CONFIG_INVALID');
    expect(snapshotOf(node)).toEqual(before);
    expect(sentText(receive(node, requestVote(node, 2, { term: 1 })))).toEqual([]);
    expect(sentText(flush(node))).toEqual(Array(2).fill('S1->S2 requestVoteReply t1 granted'));
  });

  it('P44: after so long a silence that answers were lost, they are asked for again', () => {
    const cluster = new Cluster({ voters: 3, durability: 'deferred', config: { diskStallTicks: 1000 } });
    cluster.elect(1);
    for (const id of [2, 3]) cluster.stalledDisks.add(id);
    cluster.propose(1, 'x');
    const append = cluster.queue.find(({ type, to }) => type === 'appendEntries' && to === 2) as Message;
    for (let i = 0; i < 10_000; i++) cluster.deliver(append);
    expect(cluster.node(2).status().gatedEffects).toBeLessThan(10_000);
    const vote = cluster.deliver({
      type: 'requestVote',
      from: 3,
      to: 2,
      term: 1,
      lastLogIndex: 9,
      lastLogTerm: 9,
      transfer: true,
    });
    expect(vote).toEqual([]);
    cluster.stalledDisks.delete(2);
    cluster.tickAll(3);
    expect(cluster.appliedTexts(1)).toEqual(['x']);
    expect(cluster.node(2).status().gatedEffects).toBe(0);
  });

  it('P44: in parts, each part has its consequences and no more', () => {
    const node = leader();
    for (const text of ['a', 'b', 'c']) propose(node, text);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    const last = node.log.stagedSeq();
    expect([last - 2, last - 1, last].map((seq) => described(flush(node, seq)))).toEqual([
      ['apply 2/t1"a"'],
      ['apply 3/t1"b"'],
      ['apply 4/t1"c"'],
    ]);
  });
});

describe('P45 a single voter', () => {
  it('P45 §5.3: commits and applies only what its disk has, part by part', () => {
    const node = deferred({ peers: [] });
    tickUntilElection(node);
    flush(node);
    expect(node.isLeader).toBe(true);
    expect(node.commitIndex).toBe(0); // the noop is staged
    flush(node);
    propose(node, 'a');
    const first = node.log.stagedSeq();
    propose(node, 'b', 'c');
    expect(tick(node, 3)).toEqual([]);
    expect(described(flush(node, first))).toEqual(['commit 2/t1', 'apply 2/t1"a"']);
    expect(described(flush(node))).toEqual(['commit 4/t1', 'apply 3/t1"b" 4/t1"c"']);
  });

  it('P45 thesis §4.2.1: learners that hold it do not make up for its disk', () => {
    const node = deferred({ peers: [], config: { learners: [2, 3] } });
    tickUntilElection(node);
    flush(node);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(node.commitIndex).toBe(0);
    expect(described(flush(node))).toEqual(['commit 1/t1']);
  });
});

describe('P50 a leader writes in parallel', () => {
  it('P50 thesis §10.2.1: sends before its own sync, counts itself after', () => {
    const node = leader();
    expect(sent(propose(node, 'x'), 'appendEntries').map(({ to }) => to)).toEqual([2, 3]);
    expect(node.log.crash().lastIndex()).toBe(1); // nothing of it is on its disk
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(1);
    expect(described(flush(node))).toEqual(['commit 2/t1', 'apply 2/t1"x"']);
  });

  it('P50 thesis §10.2.1: may commit by the disks of the others alone, and still applies behind its own', () => {
    const node = leader();
    propose(node, 'x');
    receive(node, appendReply(node, 2));
    expect(described(receive(node, appendReply(node, 3)))).toEqual(['commit 2/t1']);
    expect([node.commitIndex, node.lastApplied]).toEqual([2, 1]);
    expect(described(flush(node))).toEqual(['apply 2/t1"x"']);
  });

  it('P50: sends its noop before its own sync as well', () => {
    const node = deferred({ terms: [1] });
    tickUntilElection(node);
    flush(node);
    expect(roleChanges(receive(node, voteReply(node, 3)))).toEqual(['leader t2 leader S1']);
    expect(node.log.crash().lastIndex()).toBe(1);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect([node.commitIndex, node.lastApplied]).toEqual([2, 1]);
  });

  it('P50: inline, a single node is elected, commits and applies in one step', () => {
    const node = nodeWithLog({ peers: [], entries: entriesOf([1]) });
    electLeader(node);
    expect(described(propose(node, 'x'))).toEqual(['proposed 3 t2', 'commit 3/t2', 'apply 3/t2"x"']);
  });
});
