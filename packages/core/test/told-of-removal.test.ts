// A server that was removed and did not get the entry that says so: others tell it (docs/protocol.md, section 7). It may
// lose nothing by believing them, and the cluster neither.

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import {
  append,
  configEntry,
  configuration,
  described,
  electLeader,
  nodeWithLog,
  noop,
  receive,
  requestVote,
  sentText,
  snapshotOf,
  tick,
  tickUntilElection,
} from './support/node.js';

/** Voter 3 of three; its log ends at index 1. */
function follower() {
  return nodeWithLog({ id: 3, entries: [noop(1, 1)], config: { preVote: true } });
}

describe('P81 a server that is told of its removal', () => {
  it('does not campaign any more, knows no leader, and calls itself a learner', () => {
    const node = follower();
    receive(node, append(node, 2, { term: 1, prevLogIndex: 1, prevLogTerm: 1 }));
    expect([node.role, node.leader]).toEqual(['follower', 2]);
    expect(described(node.step({ type: 'removed', index: 2 }))).toEqual(['learner t1 leader none']);
    expect(node.leader).toBeUndefined();
    expect(tick(node, 300)).toEqual([]);
    expect(described(receive(node, { type: 'timeoutNow', from: 2, to: 3, term: 1 }))).toEqual([]);
  });

  it('gives up a candidacy', () => {
    const node = nodeWithLog({ id: 3, entries: [noop(1, 1)] });
    tickUntilElection(node);
    expect(node.role).toBe('candidate');
    node.step({ type: 'removed', index: 2 });
    expect(node.role).toBe('learner');
    expect(tick(node, 300)).toEqual([]);
  });

  it('still gives its vote by the rules: who told it may know less than who asks', () => {
    const node = nodeWithLog({ id: 3, entries: [noop(1, 1)] });
    node.step({ type: 'removed', index: 2 });
    const asked = requestVote(node, 2, { term: 2, lastLogIndex: 5, lastLogTerm: 1 });
    expect(sentText(receive(node, asked))).toEqual(['S3->S2 requestVoteReply t2 granted']);
  });

  it.each([
    ['below', 1, 'follower'],
    ['at', 2, 'follower'],
    ['above', 3, 'learner'],
  ] as const)('believes nothing that is %s its own configuration', (_, index, role) => {
    const own = configEntry(2, 1, configuration([1, 2, 3]));
    const node = nodeWithLog({ id: 3, entries: [noop(1, 1), own] });
    node.step({ type: 'removed', index });
    expect(node.role).toBe(role);
  });

  it('campaigns again once it has the entry that added it again', () => {
    const node = follower();
    node.step({ type: 'removed', index: 2 });
    const entries = [configEntry(2, 1, configuration([1, 2])), configEntry(3, 1, configuration([1, 2, 3]))];
    receive(node, append(node, 2, { term: 1, prevLogIndex: 1, prevLogTerm: 1, entries }));
    expect(node.role).toBe('follower');
    expect(sentText(tickUntilElection(node))).toEqual([
      'S3->S1 preVote t2 last 3/t1',
      'S3->S2 preVote t2 last 3/t1',
    ]);
  });

  it('is not made to forget by older news', () => {
    const node = follower();
    node.step({ type: 'removed', index: 5 });
    node.step({ type: 'removed', index: 1 });
    expect(node.role).toBe('learner');
  });

  it('does nothing while it leads: no quorum answers it, and that ends it', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const before = snapshotOf(node);
    expect(node.step({ type: 'removed', index: 2 })).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
    tick(node, 100);
    expect(node.role).toBe('learner');
    expect(tick(node, 300)).toEqual([]);
  });

  it('is not missed: the others elect without it, and it follows when it is added again', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.fate = ({ to }) => (to === 3 ? 'drop' : 'deliver');
    cluster.step(1, { type: 'removeServer', id: 3 });
    cluster.settle();
    cluster.step(3, { type: 'removed', index: cluster.node(1).status().configurationIndex });
    cluster.fate = () => 'deliver';
    cluster.step(1, { type: 'addServer', id: 3 });
    cluster.settle();
    cluster.tickAll(5);
    expect(cluster.node(3).role).toBe('follower');
    cluster.crash(1);
    cluster.elect(3);
    expect(cluster.leader).toBe(3);
  });
});
