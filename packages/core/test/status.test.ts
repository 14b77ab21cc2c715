// What a node says of itself: plain data of one moment, and the accessors beside it.

import { describe, expect, it } from 'vitest';
import { MemoryTransport, RaftNode } from '../src/index.js';
import {
  append,
  appendReply,
  appliedIndexes,
  configuration,
  electLeader,
  entry,
  flush,
  nodeWithLog,
  propose,
  receive,
  tick,
  tickUntilElection,
} from './support/node.js';

describe('status', () => {
  it('of a new node', () => {
    expect(new RaftNode({ id: 2, peers: [1, 3] }).status()).toEqual({
      id: 2,
      role: 'follower',
      term: 0,
      votedFor: undefined,
      leader: undefined,
      commitIndex: 0,
      lastApplied: 0,
      firstIndex: 1,
      lastIndex: 0,
      durableIndex: 0,
      snapshotIndex: 0,
      stagedSeq: 0,
      durableSeq: 0,
      gatedEffects: 0,
      configuration: configuration([1, 2, 3]),
      configurationIndex: 0,
      pendingReads: 0,
      isHalted: false,
      leadership: undefined,
    });
  });

  it('of a leader, with what it knows of every peer by rising id', () => {
    const node = nodeWithLog({ id: 2, peers: [3, 1], config: { learners: [4] } });
    electLeader(node);
    const [sizeOfA, sizeOfB] = ['a', 'bb'].map((text, i) => entry(2 + i, 1, text).encoded?.length ?? 0);
    propose(node, 'a');
    receive(node, appendReply(node, 1));
    propose(node, 'bb');
    const peer = { recentlyActive: true, pendingSnapshot: 0, isPaused: false };
    expect(node.status()).toMatchObject({
      role: 'leader',
      term: 1,
      votedFor: 2,
      leader: 2,
      commitIndex: 2,
      lastIndex: 3,
      durableIndex: 3,
    });
    expect(node.status().leadership).toEqual({
      peers: new Map([
        [
          1,
          {
            ...peer,
            state: 'replicate',
            matchIndex: 2,
            nextIndex: 4,
            inflightMessages: 1,
            inflightBytes: sizeOfB,
          },
        ],
        [
          3,
          {
            ...peer,
            state: 'replicate',
            matchIndex: 1,
            nextIndex: 4,
            inflightMessages: 2,
            inflightBytes: (sizeOfA ?? 0) + (sizeOfB ?? 0),
          },
        ],
        [
          4,
          {
            ...peer,
            state: 'probe',
            matchIndex: 0,
            nextIndex: 1,
            inflightMessages: 0,
            inflightBytes: 0,
            recentlyActive: false,
            isPaused: true,
          },
        ],
      ]),
      uncommittedBytes: sizeOfB,
      isReady: true,
      transferTo: undefined,
      heartbeatRound: 0,
    });
    expect([...(node.status().leadership?.peers.keys() ?? [])]).toEqual([1, 3, 4]);
  });

  it('a leader is ready once an entry of its term is committed', () => {
    const node = nodeWithLog({ terms: [1] });
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 2, { matchIndex: 1 }));
    expect(node.status().leadership?.isReady).toBe(false);
    receive(node, appendReply(node, 2));
    expect(node.status().leadership?.isReady).toBe(true);
  });

  it('counts what the gate holds back, and rounds', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    tickUntilElection(node);
    expect(node.status()).toMatchObject({ role: 'candidate', gatedEffects: 3, stagedSeq: 1, durableSeq: 0 }); // a self-vote, two requests
    flush(node);
    expect(node.status()).toMatchObject({ gatedEffects: 0, durableSeq: 1 });
    receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    tick(node, 1);
    expect(node.status().leadership?.heartbeatRound).toBe(1);
  });

  it('is of one moment: what happens later does not change it', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const status = node.status();
    const copy = structuredClone(status);
    propose(node, 'a');
    receive(node, appendReply(node, 2));
    node.step({ type: 'addServer', id: 4 });
    expect(status).toEqual(copy);
  });
});

describe('accessors', () => {
  it('say the same as the status', () => {
    const node = nodeWithLog({});
    electLeader(node);
    const { id, role, term, leader, commitIndex, lastApplied, configuration: inForce } = node.status();
    expect({ id, role, term, leader, commitIndex, lastApplied, inForce }).toEqual({
      id: node.id,
      role: node.role,
      term: node.term,
      leader: node.leader,
      commitIndex: node.commitIndex,
      lastApplied: node.lastApplied,
      inForce: node.configuration,
    });
    expect(node.isLeader).toBe(true);
  });

  it('the log is the one that was given', () => {
    const node = nodeWithLog({ terms: [1, 2] });
    expect(node.log.lastTerm()).toBe(2);
    expect(node.log.mutations).toEqual([]);
  });
});

describe('applying in portions', () => {
  const size = entry(1, 1, 'x').encoded?.length ?? 0;

  it('one step hands out at most maxApplyBytes, the next ones go on, and nothing twice', () => {
    const node = nodeWithLog({ config: { maxApplyBytes: size * 2 } });
    const entries = [1, 2, 3, 4, 5].map((index) => entry(index, 1, 'x'));
    const first = receive(node, append(node, 2, { term: 1, entries, leaderCommit: 5 }));
    expect([appliedIndexes(first), node.lastApplied, node.commitIndex, node.hasUnapplied]).toEqual([
      [1, 2],
      2,
      5,
      true,
    ]);
    const second = tick(node);
    expect([appliedIndexes(second), node.hasUnapplied]).toEqual([[3, 4], true]);
    expect([appliedIndexes(tick(node)), node.hasUnapplied]).toEqual([[5], false]);
    expect(tick(node)).toEqual([]);
  });

  it('an entry larger than that is handed out alone', () => {
    const node = nodeWithLog({ config: { maxApplyBytes: 1 } });
    const entries = [entry(1, 1, 'x'.repeat(100)), entry(2, 1, 'y')];
    expect(appliedIndexes(receive(node, append(node, 2, { term: 1, entries, leaderCommit: 2 })))).toEqual([
      1,
    ]);
    expect(appliedIndexes(tick(node))).toEqual([2]);
  });

  it('a halted node has nothing left to apply', () => {
    const node = nodeWithLog({ config: { maxApplyBytes: 1 } });
    receive(node, append(node, 2, { term: 1, terms: [1, 1], leaderCommit: 2 }));
    expect(node.hasUnapplied).toBe(true);
    node.step({ type: 'storageFailed', error: new Error('EIO') });
    expect([node.hasUnapplied, node.status().isHalted]).toEqual([false, true]);
  });
});

it('MemoryTransport keeps what was sent, in order, until it is taken', () => {
  const transport = new MemoryTransport();
  const node = nodeWithLog({ peers: [2] });
  for (const action of tickUntilElection(node))
    if (action.type === 'send') transport.send(action.to, action.message);
  transport.send(3, { type: 'readIndex', from: 1, to: 3, term: 1, incarnation: 0, request: 1 });
  expect(transport.take().map(({ to, message }) => [to, message.type])).toEqual([
    [2, 'requestVote'],
    [3, 'readIndex'],
  ]);
  expect(transport.take()).toEqual([]);
});
