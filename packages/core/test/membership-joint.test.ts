// Changing several voters at once by way of a joint configuration (§6): while it lasts, every decision needs a majority
// of the old voters and a majority of the new ones.

import { describe, expect, it } from 'vitest';
import type { Event, NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  appendReply,
  configEntry,
  configuration,
  described,
  electLeader,
  flush,
  nodeWithLog,
  noop,
  propose,
  receive,
  sentText,
  snapshotOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusal } from './support/refusal.js';

/** Server 1 leads 1, 2, 3; a change to 1, 4, 5 is staged at index 2. */
function inJoint(autoLeave: boolean) {
  const node = nodeWithLog({});
  electLeader(node);
  node.step({ type: 'changeMembership', voters: [1, 4, 5], autoLeave });
  return node;
}

describe('entering', () => {
  it('P72 §6: the old voters stay beside the new ones, and everybody is sent to', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const actions = node.step({ type: 'changeMembership', voters: [5, 4, 1], addresses: { 4: 'd', 5: 'e' } });
    expect(described(actions)).toEqual([
      'membership [1 4 5 & 1 2 3] at 2',
      'proposed 2 t1',
      'send S1->S2 append t1 after 1/t1: 2/t1(config [1 4 5 & 1 2 3]) commit 1',
      'send S1->S3 append t1 after 1/t1: 2/t1(config [1 4 5 & 1 2 3]) commit 1',
      'send S1->S4 append t1 after 2/t1: nothing commit 1',
      'send S1->S5 append t1 after 2/t1: nothing commit 1',
    ]);
    expect(node.configuration).toEqual(
      configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], autoLeave: true, addresses: { 4: 'd', 5: 'e' } }),
    );
  });

  it.each<readonly [acked: NodeId[], commits: boolean]>([
    [[2, 3], false],
    [[4, 5], false],
    [[2], false],
    [[4], false],
    [[2, 4], true],
    [[3, 5], true],
  ])('P72 §6: with the answers of %j it commits: %s', (acked, commits) => {
    const node = inJoint(false);
    for (const from of acked) receive(node, appendReply(node, from));
    expect(node.commitIndex).toBe(commits ? 2 : 1);
  });

  it.each<readonly [votes: NodeId[], won: boolean]>([
    [[2, 3], false],
    [[4, 5], false],
    [[2, 4], true],
  ])('P72 §6: with the votes of %j an election is won: %s', (votes, won) => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3] });
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, joint)] });
    expect(sentText(tickUntilElection(node))).toEqual(
      [2, 3, 4, 5].map((to) => `S1->S${to} requestVote t2 last 2/t1`),
    );
    for (const from of votes) receive(node, voteReply(node, from));
    expect(node.isLeader).toBe(won);
  });

  it.each<readonly [refusals: NodeId[], lost: boolean]>([
    [[2, 4], false],
    [[2, 3], true],
    [[4, 5], true],
  ])('P72 §6: with the refusals of %j an election is lost: %s', (refusals, lost) => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3] });
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, joint)] });
    tickUntilElection(node);
    for (const from of refusals) receive(node, voteReply(node, from, false));
    expect(node.role).toBe(lost ? 'follower' : 'candidate');
  });

  it('P72: a change of learners alone needs no second majority and is taken at once', () => {
    const node = nodeWithLog({ config: { learners: [7] } });
    electLeader(node);
    const actions = node.step({
      type: 'changeMembership',
      voters: [3, 2, 1],
      learners: [8, 9],
      addresses: { 8: 'h', 99: 'x' },
    });
    expect(described(actions)[0]).toBe('membership [1 2 3 +8 +9] at 2');
    expect(node.configuration).toEqual(configuration([1, 2, 3], { learners: [8, 9], addresses: { 8: 'h' } }));
  });
});

describe('leaving', () => {
  it('P72 §6: with autoLeave the leader leaves once the joint configuration is committed, not before', () => {
    const node = inJoint(true);
    expect(node.log.lastIndex()).toBe(2);
    receive(node, appendReply(node, 2));
    expect(described(receive(node, appendReply(node, 4)))).toEqual([
      'commit 2/t1',
      'membership [1 4 5] at 3',
      'send S1->S4 append t1 after 2/t1: 3/t1(config [1 4 5]) commit 2',
    ]);
    expect(node.configuration).toEqual(configuration([1, 4, 5]));
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(2); // the old voters decide nothing any more
    expect(described(receive(node, appendReply(node, 4)))).toEqual(['commit 3/t1']);
  });

  it('P72: without autoLeave it stays joint until it is told', () => {
    const node = inJoint(false);
    expect(refusal(() => node.step({ type: 'leaveJoint' }))).toMatch(
      /^CONFIG_IN_PROGRESS: the configuration at 2 /,
    );
    for (const from of [2, 4]) receive(node, appendReply(node, from));
    expect(node.configuration.votersOutgoing).toEqual([1, 2, 3]);
    expect(described(node.step({ type: 'leaveJoint' })).slice(0, 2)).toEqual([
      'membership [1 4 5] at 3',
      'proposed 3 t1',
    ]);
  });

  it.each<Event>([
    { type: 'addServer', id: 6 },
    { type: 'addLearner', id: 6 },
    { type: 'removeServer', id: 2 },
    { type: 'promoteLearner', id: 6 },
    { type: 'changeMembership', voters: [1] },
  ])('P75 §6: $type is refused while the configuration is joint', (event) => {
    const node = inJoint(false);
    for (const from of [2, 4]) receive(node, appendReply(node, from));
    const before = snapshotOf(node);
    expect(refusal(() => node.step(event))).toBe(
      'CONFIG_IN_PROGRESS: the joint configuration has to be left first',
    );
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P72: outgoing voters that stay as learners become learners only then', () => {
    const node = nodeWithLog({ config: { learners: [7] } });
    electLeader(node);
    node.step({ type: 'changeMembership', voters: [1, 2, 4], learners: [3, 7, 8] });
    expect(node.configuration).toEqual(
      configuration([1, 2, 4], {
        votersOutgoing: [1, 2, 3],
        learners: [7, 8],
        learnersNext: [3],
        autoLeave: true,
      }),
    );
    receive(node, appendReply(node, 2));
    expect(node.configuration).toEqual(configuration([1, 2, 4], { learners: [3, 7, 8] }));
  });

  it('P72: a new leader leaves the joint configuration that it inherits, after its own noop', () => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], autoLeave: true });
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, joint)] });
    electLeader(node, { ready: false });
    for (const from of [2, 4]) receive(node, appendReply(node, from, { matchIndex: 2 }));
    expect(node.log.lastIndex()).toBe(3);
    for (const from of [2, 4]) receive(node, appendReply(node, from, { matchIndex: 3 }));
    expect([node.log.lastIndex(), node.configuration]).toEqual([4, configuration([1, 4, 5])]);
  });

  it('P74: nor before its noop is committed, when the joint configuration was committed long ago', () => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], autoLeave: true });
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, joint)] });
    receive(node, { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 2, round: 1 });
    electLeader(node, { ready: false });
    expect([node.commitIndex, node.log.lastIndex()]).toEqual([2, 3]);
    for (const from of [2, 4]) receive(node, appendReply(node, from));
    expect(node.log.lastIndex()).toBe(4);
  });

  it('P79: what waited for the outgoing half is committed in the very step that leaves it', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    tickUntilElection(node);
    flush(node);
    for (const from of [2, 3]) receive(node, voteReply(node, from));
    flush(node);
    receive(node, appendReply(node, 2));
    node.step({ type: 'changeMembership', voters: [1] });
    propose(node, 'a');
    flush(node);
    const actions = receive(node, appendReply(node, 2, { matchIndex: 2 }));
    expect(described(actions).filter((text) => text.startsWith('commit'))).toEqual([
      'commit 2/t1',
      'commit 3/t1',
    ]);
  });

  it('P72: a follower never leaves by itself', () => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], autoLeave: true });
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, joint)] });
    receive(node, {
      type: 'appendEntries',
      from: 2,
      to: 1,
      term: 1,
      prevLogIndex: 2,
      prevLogTerm: 1,
      leaderCommit: 2,
      entries: [],
    });
    tick(node, 5);
    expect([node.commitIndex, node.log.lastIndex()]).toEqual([2, 2]);
  });

  it('P72: a single server becomes three in one change', () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.awaitLeader();
    for (const id of [2, 3]) cluster.add({ id, peers: [1], learners: [id] });
    cluster.step(1, { type: 'changeMembership', voters: [1, 2, 3] });
    cluster.tickAll(5);
    for (const id of [1, 2, 3]) expect(cluster.node(id).configuration).toEqual(configuration([1, 2, 3]));
    cluster.crash(3);
    cluster.propose(1, 'a');
    cluster.tickAll(3);
    expect(cluster.appliedTexts(2)).toEqual(['a']);
  });
});

describe('replacing', () => {
  it('P73: every server, the leader included, in one change', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.propose(1, 'before');
    for (const id of [4, 5, 6]) cluster.add({ id, peers: [1, 2, 3], learners: [id] });
    cluster.step(1, { type: 'changeMembership', voters: [4, 5, 6] });
    cluster.tickAll(5);
    for (const id of [1, 2, 3]) cluster.crash(id);
    const leader = cluster.awaitLeader();
    expect([4, 5, 6]).toContain(leader);
    expect(cluster.node(leader).configuration).toEqual(configuration([4, 5, 6]));
    cluster.propose(leader, 'after');
    cluster.tickAll(3);
    for (const id of [4, 5, 6]) expect(cluster.appliedTexts(id)).toEqual(['before', 'after']);
  });

  it('P73: the leader that is left out leads through both entries and steps down when the second is committed', () => {
    const node = nodeWithLog({});
    electLeader(node);
    node.step({ type: 'changeMembership', voters: [2, 3, 4] });
    for (const from of [2, 3]) receive(node, appendReply(node, from, { matchIndex: 2 }));
    expect([node.isLeader, node.configuration]).toEqual([true, configuration([2, 3, 4])]);
    receive(node, appendReply(node, 2, { matchIndex: 3 }));
    expect(node.isLeader).toBe(true);
    const last = described(receive(node, appendReply(node, 4, { matchIndex: 3 })));
    expect(last).toEqual([
      'commit 3/t1',
      'send S1->S2 heartbeat t1 round 1 commit 3',
      'send S1->S3 heartbeat t1 round 1 commit 2',
      'send S1->S4 heartbeat t1 round 1 commit 3',
      'learner t1 leader none',
    ]);
  });

  it('P73: a leader elected in the middle finishes the change', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    for (const id of [4, 5]) cluster.add({ id, peers: [1, 2, 3], learners: [id] });
    cluster.fate = (message) =>
      message.type === 'appendEntriesReply' && message.from >= 4 ? 'drop' : 'deliver';
    cluster.step(1, { type: 'changeMembership', voters: [2, 4, 5] });
    cluster.settle();
    cluster.crash(1);
    cluster.fate = () => 'deliver';
    const leader = cluster.awaitLeader();
    cluster.tickAll(5);
    expect([2, 4, 5]).toContain(cluster.awaitLeader());
    expect(leader).not.toBe(1);
    for (const id of [2, 4, 5]) expect(cluster.node(id).configuration).toEqual(configuration([2, 4, 5]));
  });
});

describe('two at once', () => {
  it('X19 §6: promoting two learners of one voter in one change leaves no disjoint majorities', () => {
    const node = nodeWithLog({ peers: [], config: { learners: [2, 3] } });
    electLeader(node);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    node.step({ type: 'changeMembership', voters: [1, 2, 3] });
    // A majority of the new voters alone is none of the old: servers 2 and 3 elect nobody without server 1.
    const taken = node.log.entry(2);
    if (taken === undefined) return expect.unreachable();
    const other = nodeWithLog({
      id: 2,
      peers: [1],
      config: { learners: [2, 3] },
      entries: [noop(1, 1), taken],
    });
    tickUntilElection(other);
    receive(other, voteReply(other, 3));
    expect(other.role).toBe('candidate');
    receive(other, voteReply(other, 1));
    expect(other.isLeader).toBe(true);
  });

  it('X19 §6: one by one, the second promotion waits until the first is committed', () => {
    const node = nodeWithLog({ config: { learners: [4, 5] } });
    electLeader(node);
    for (const from of [4, 5]) receive(node, appendReply(node, from));
    node.step({ type: 'promoteLearner', id: 4 });
    expect(refusal(() => node.step({ type: 'promoteLearner', id: 5 }))).toMatch(/^CONFIG_IN_PROGRESS/);
    for (const from of [2, 4, 5]) receive(node, appendReply(node, from));
    expect(described(node.step({ type: 'promoteLearner', id: 5 })).slice(0, 1)).toEqual([
      'membership [1 2 3 4 5] at 3',
    ]);
  });
});
