// What a new leader sets up, how it learns that it really leads, and how it learns that it does not (§5.3, §5.4.2, §8;
// thesis §6.2).

import { describe, expect, it } from 'vitest';
import { type Action, describeStatus, type Message, type NodeId, type RaftNode } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  configEntry,
  configuration,
  described,
  electLeader,
  nodeWithLog,
  propose,
  receive,
  sent,
  sentText,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusedWith } from './support/refusal.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

function upTo(last: number, from = 1): NodeId[] {
  return Array.from({ length: last - from + 1 }, (_, i) => from + i);
}

/** Every peer's [matchIndex, nextIndex] as the leader has them. */
function indexes(node: Node): Record<NodeId, [number, number]> {
  const peers = node.status().leadership?.peers ?? new Map();
  return Object.fromEntries([...peers].map(([id, peer]) => [id, [peer.matchIndex, peer.nextIndex]]));
}

function heartbeatReply(node: Node, from: NodeId): Message {
  return { type: 'heartbeatReply', from, to: node.id, term: node.term, round: 1 };
}

/** Elected by the others, nothing acknowledged. */
function newLeader(options: Parameters<typeof nodeWithLog>[0] = {}): { node: Node; actions: Action[] } {
  const node = nodeWithLog(options);
  return { node, actions: electLeader(node, { ready: false }) };
}

describe('A4 a new leader', () => {
  it('A4.1 §5.2: leads the term that it was elected in, and says so', () => {
    const { node, actions } = newLeader({ terms: [1, 2], hardState: { term: 4, votedFor: undefined } });
    expect([node.isLeader, node.role, node.term, node.leader, node.status().votedFor]).toEqual([
      true,
      'leader',
      5,
      1,
      1,
    ]);
    expect(described(actions)).toContain('leader t5 leader S1');
    expect(node.log.crash().hardState()).toEqual({ term: 5, votedFor: 1 });
  });

  it.each([0, 1, 2, 5])(
    'A4.2 §5.3: with a log of %i entries, nextIndex is the one behind it and matchIndex 0',
    (count) => {
      const terms = upTo(count).map(() => 1);
      const { node, actions } = newLeader({ terms });
      expect(indexes(node)).toEqual({ 2: [0, count + 1], 3: [0, count + 1] });
      const appends = sent(actions, 'appendEntries');
      expect(appends.map(({ to, prevLogIndex, prevLogTerm }) => [to, prevLogIndex, prevLogTerm])).toEqual([
        [2, count, count === 0 ? 0 : 1],
        [3, count, count === 0 ? 0 : 1],
      ]);
    },
  );

  it('A4.3 §6: sends to and counts the members in force; a change in its log takes effect at once', () => {
    const { node } = newLeader();
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    const adding = node.step({ type: 'addServer', id: 4 });
    expect(sent(adding, 'appendEntries').map(({ to }) => to)).toEqual([2, 3, 4]);
    expect(Object.keys(indexes(node))).toEqual(['2', '3', '4']);
    // Three of four are needed now: two are no longer enough for the change itself.
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(1);
    receive(node, appendReply(node, 3));
    expect(node.commitIndex).toBe(2);
    receive(node, appendReply(node, 4));
    const removing = node.step({ type: 'removeServer', id: 3 });
    expect(sent(removing, 'appendEntries').map(({ to }) => to)).toEqual([2, 4]);
    expect(Object.keys(indexes(node))).toEqual(['2', '4']);
  });

  it('A4.4 §8: appends a noop of its own term behind what it holds, on disk at once', () => {
    const { node, actions } = newLeader({ terms: [1, 3] });
    expect(described(actions).slice(-2)).toEqual([
      'send S1->S2 append t4 after 2/t3: 3/t4(noop) commit 0',
      'send S1->S3 append t4 after 2/t3: 3/t4(noop) commit 0',
    ]);
    expect(node.log.crash().entry(3)).toMatchObject({ term: 4, kind: 'noop', command: new Uint8Array(0) });
  });

  it('A4.5 §8: leadership is verified when the noop commits, and not before', () => {
    const { node } = newLeader({ terms: [1, 1] });
    expect(node.status().leadership?.isReady).toBe(false);
    expect(refusedWith(() => node.step({ type: 'addServer', id: 4 })).code).toBe('NOT_READY');
    receive(node, appendReply(node, 2, { matchIndex: 2 })); // old entries alone verify nothing
    expect([node.status().leadership?.isReady, node.commitIndex]).toEqual([false, 0]);
    const actions = receive(node, appendReply(node, 2, { matchIndex: 3 }));
    expect(node.status().leadership?.isReady).toBe(true);
    expect(described(actions)).toEqual(['commit 3/t2', 'apply 1/t1"1" 2/t1"2"']);
  });

  it('A4.6 thesis §6.2: steps down at the end of an election timeout without a majority of answers, not before', () => {
    const { node } = newLeader({ config: { electionTimeoutTicks: [10, 20] } });
    tick(node, 9);
    expect(node.isLeader).toBe(true);
    const actions = tick(node, 1);
    expect(described(actions)).toEqual(['follower t1 leader none']);
    expect([node.role, node.term]).toEqual(['follower', 1]);
  });

  it('A4.6 thesis §6.2: each timeout asks anew: who was silent for the last one counts no more', () => {
    const { node } = newLeader();
    receive(node, heartbeatReply(node, 2));
    tick(node, 10);
    expect(node.isLeader).toBe(true);
    tick(node, 9);
    expect(node.isLeader).toBe(true);
    tick(node, 1);
    expect(node.role).toBe('follower');
  });

  it.each<[string, NodeId[], boolean]>([
    ['one of four is no majority', [2], false],
    ['two of four and itself are', [2, 5], true],
    ['one that answers twice is one', [3, 3, 3], false],
  ])('A4.6 thesis §6.2: of five voters, %s', (_name, answering, stays) => {
    const { node } = newLeader({ peers: [2, 3, 4, 5] });
    for (const from of answering) receive(node, heartbeatReply(node, from));
    tick(node, 10);
    expect(node.isLeader).toBe(stays);
  });

  it('A4.6: a refusal is an answer', () => {
    const { node } = newLeader({ terms: [1, 1, 1] });
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 0)
        receive(node, appendReply(node, 2, { success: false, prevLogIndex: 3, hintIndex: 0 }));
      tick(node);
    }
    expect(node.isLeader).toBe(true);
  });

  it('A4.6: slow disks of the others do not count against it', () => {
    const cluster = new Cluster({ voters: 3, durability: 'deferred', config: { diskStallTicks: 1000 } });
    cluster.elect(1);
    for (const id of [2, 3]) cluster.stalledDisks.add(id);
    cluster.propose(1, 'x');
    cluster.tickAll(200);
    expect([cluster.node(1).isLeader, cluster.node(1).term]).toEqual([true, 1]);
    expect(cluster.node(1).commitIndex).toBe(1);
    cluster.stalledDisks.delete(3);
    cluster.settle();
    expect(cluster.node(1).commitIndex).toBe(2);
  });

  it('A4.6: without checkQuorum it stays, as the paper has it', () => {
    const { node } = newLeader({ config: { checkQuorum: false } });
    tick(node, 100);
    expect(node.isLeader).toBe(true);
  });

  it('A4.7: alone, it skips peers: no message is ever sent', () => {
    const node = nodeWithLog({ peers: [] });
    const actions = [...tickUntilElection(node), ...propose(node, 'x'), ...tick(node, 100)];
    expect(sent(actions)).toEqual([]);
    expect(node.status().leadership?.peers.size).toBe(0);
    expect([node.isLeader, node.commitIndex]).toEqual([true, 2]);
  });
});

describe('C1 what a leader knows of its peers at first', () => {
  it.each([
    ['C1.1', 1],
    ['C1.2', 2],
    ['C1.3', 3],
    ['C1.4', 5],
  ])('%s §5.3: each of %i peers is next sent what follows the log', (_id, count) => {
    const peers = upTo(count + 1, 2);
    const { node } = newLeader({ peers, terms: [1, 1, 2] });
    expect(indexes(node)).toEqual(Object.fromEntries(peers.map((id) => [id, [0, 4]])));
    expect(describeStatus(node.status()).split('\n').slice(1)).toEqual(
      peers.map((id) => `  S${id} probe match 0 next 4 paused`),
    );
  });

  it('C1.5 §5.3: matchIndex starts at 0 for everybody, also for who was caught up under the same leader before', () => {
    const { node } = newLeader({ terms: [1] });
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(indexes(node)).toEqual({ 2: [2, 3], 3: [2, 3] });
    while (node.isLeader) tick(node);
    electLeader(node, { ready: false });
    expect(indexes(node)).toEqual({ 2: [0, 3], 3: [0, 3] });
  });

  it('C1.6 thesis §4.2.1: learners are peers too, and no voters', () => {
    const { node, actions } = newLeader({ peers: [2], config: { learners: [3, 4] }, terms: [1] });
    expect(indexes(node)).toEqual({ 2: [0, 2], 3: [0, 2], 4: [0, 2] });
    expect(sent(actions, 'requestVote').map(({ to }) => to)).toEqual([2]);
    expect(node.configuration).toMatchObject({ voters: [1, 2], learners: [3, 4] });
  });

  it('C1.7: voters and learners together, and one noop for each', () => {
    const { node, actions } = newLeader({ peers: [2, 5], config: { learners: [3, 4] }, terms: [1, 1] });
    expect(indexes(node)).toEqual({ 2: [0, 3], 3: [0, 3], 4: [0, 3], 5: [0, 3] });
    expect(sentText(actions, 'appendEntries')).toEqual(
      [2, 3, 4, 5].map((to) => `S1->S${to} append t2 after 2/t1: 3/t2(noop) commit 0`),
    );
  });
});

describe('C2 the membership that counts', () => {
  it('C2.1 §6: replication goes to the members of the newest configuration in the log, not to the first ones', () => {
    const entries = [configEntry(1, 1, configuration([1, 4], { learners: [5] }))];
    const { node, actions } = newLeader({ entries });
    expect(sentText(actions)).toEqual([
      'S1->S4 requestVote t2 last 1/t1',
      'S1->S4 append t2 after 1/t1: 2/t2(noop) commit 0',
      'S1->S5 append t2 after 1/t1: 2/t2(noop) commit 0',
    ]);
    expect(Object.keys(indexes(node))).toEqual(['4', '5']);
  });

  it('C2.2 §6: votes and acknowledgements count where the configuration in force has a voter', () => {
    const node = nodeWithLog({ entries: [configEntry(1, 1, configuration([1, 4, 5]))] });
    tickUntilElection(node);
    for (const from of [2, 3]) receive(node, voteReply(node, from));
    expect(node.role).toBe('candidate');
    receive(node, voteReply(node, 5));
    expect(node.isLeader).toBe(true);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 4));
    expect(node.commitIndex).toBe(2);
  });

  it('C2.3 §6: everyone in force is included, the two halves of a joint configuration as well', () => {
    const joint = configuration([1, 2], { votersOutgoing: [1, 3], learners: [4] });
    const { node } = newLeader({ entries: [configEntry(1, 1, joint)] });
    expect(Object.keys(indexes(node))).toEqual(['2', '3', '4']);
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 3));
    expect(node.commitIndex).toBe(2);
  });

  it('C2.4 thesis §4.2.1: learners receive, voters decide', () => {
    const { node } = newLeader({ peers: [2], config: { learners: [3, 4] } });
    for (const from of [3, 4]) receive(node, appendReply(node, from));
    expect([node.commitIndex, indexes(node)]).toEqual([0, { 2: [0, 1], 3: [1, 2], 4: [1, 2] }]);
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(1);
  });

  it('C2.5: a single voter decides alone, and its learner still receives', () => {
    const { node, actions } = newLeader({ peers: [], config: { learners: [2] } });
    expect([node.commitIndex, sentText(actions)]).toEqual([
      1,
      ['S1->S2 append t1 after 0/t0: 1/t1(noop) commit 0'],
    ]);
  });
});

describe('D verification (§5.4.2)', () => {
  it('D1.1 §8: the noop carries the new term, whatever terms the log ends with', () => {
    const { node } = newLeader({ terms: [2, 7], hardState: { term: 11, votedFor: undefined } });
    expect(node.log.entry(3)).toMatchObject({ term: 12, kind: 'noop' });
  });

  it('D1.2 §5.4.2: a majority on the noop commits it and everything before it', () => {
    const { node } = newLeader({ terms: [1, 2, 2] });
    const actions = receive(node, appendReply(node, 3));
    expect(described(actions)).toEqual(['commit 4/t3', 'apply 1/t1"1" 2/t2"2" 3/t2"3"']);
  });

  it('D1.3: it stays leader of its term as long as it is answered', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(2);
    cluster.tickAll(500);
    expect([cluster.leader, cluster.node(2).term, cluster.node(2).log.lastIndex()]).toEqual([2, 1, 1]);
  });

  it('D2.1 D2.2 thesis §6.2: majority lost: it steps down without a new term and refuses what clients ask', () => {
    const cluster = new Cluster({ voters: 5 });
    cluster.elect(1);
    cluster.partition([1, 2], [3, 4, 5]);
    cluster.propose(1, 'lost');
    for (let i = 0; i < 20; i++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect([cluster.node(1).role, cluster.node(1).term, cluster.node(1).leader]).toEqual([
      'follower',
      1,
      undefined,
    ]);
    expect(cluster.node(1).commitIndex).toBe(1);
    const { code, detail } = refusedWith(() => cluster.propose(1, 'refused'));
    expect([code, detail]).toEqual(['NOT_LEADER', { leader: undefined }]);
  });

  it('D2.3: a single node always succeeds, at once and for ever', () => {
    const node = nodeWithLog({ peers: [], terms: [1, 1] });
    const actions = tickUntilElection(node);
    expect(described(actions)).toEqual([
      'candidate t2 leader none',
      'leader t2 leader S1',
      'commit 3/t2',
      'apply 1/t1"1" 2/t1"2"',
    ]);
    tick(node, 500);
    expect([node.isLeader, node.term]).toEqual([true, 2]);
  });

  it('D3.1 §5.3: of three, the leader and one other commit', () => {
    const { node } = newLeader();
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 3));
    expect(node.commitIndex).toBe(1);
  });

  it('D3.2 §5.3: of five, the leader and one other do not commit; with two others they do', () => {
    const { node } = newLeader({ peers: [2, 3, 4, 5] });
    receive(node, appendReply(node, 5));
    receive(node, appendReply(node, 5));
    expect(node.commitIndex).toBe(0);
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(1);
  });

  it('D3.3 thesis §6.2: the minority side of a partition loses leadership, the other side elects, and healing makes them one', () => {
    const cluster = new Cluster({ voters: 5 });
    cluster.elect(1);
    cluster.partition([1, 2], [3, 4, 5]);
    cluster.propose(1, 'lost');
    cluster.tickAll(100);
    expect(cluster.node(1).isLeader).toBe(false);
    const { leader } = cluster;
    expect([3, 4, 5]).toContain(leader);
    cluster.propose(leader as NodeId, 'kept');
    cluster.settle();
    cluster.heal();
    cluster.tickAll(100);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['kept']);
  });

  it('D3.3 §5.1: a leader that was cut off follows the new one as soon as it hears a later term', () => {
    const node = nodeWithLog();
    electLeader(node);
    const actions = receive(node, append(node, 2, { term: 3, prevLogIndex: 1, entries: [] }));
    expect(described(actions)).toEqual(['follower t3 leader S2', 'send S1->S2 appendReply t3 match 1']);
  });
});
