// Messages that are not for this server, or that nobody here asked for, and news about servers that are none of its
// business: nothing changes, nothing is said, and nothing breaks.

import { describe, expect, it } from 'vitest';
import { type Event, type Message, type MessageType, RaftError } from '../src/index.js';
import { MESSAGE_TYPES } from './support/arbitraries.js';
import { snapshotAt } from './support/compacted.js';
import {
  bytes,
  electLeader,
  entry,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  snapshotOf,
} from './support/node.js';
import { refusal } from './support/refusal.js';

type Envelope = { readonly from: number; readonly to: number; readonly term: number };

/** A message of this type that would matter to a server of this term, were it for it. */
function messageOf(type: MessageType, envelope: Envelope): Message {
  const { term } = envelope;
  switch (type) {
    case 'requestVote':
      return { type, ...envelope, lastLogIndex: 9, lastLogTerm: 9, transfer: true };
    case 'preVote':
      return { type, ...envelope, lastLogIndex: 9, lastLogTerm: 9 };
    case 'requestVoteReply':
    case 'preVoteReply':
      return { type, ...envelope, voteGranted: true };
    case 'appendEntries':
      return {
        type,
        ...envelope,
        prevLogIndex: 0,
        prevLogTerm: 0,
        leaderCommit: 1,
        entries: [entry(1, term, 'x')],
      };
    case 'appendEntriesReply':
      return { type, ...envelope, success: true, prevLogIndex: 0, matchIndex: 1, hintIndex: 0, hintTerm: 0 };
    case 'heartbeat':
      return { type, ...envelope, leaderCommit: 0, round: 1 };
    case 'heartbeatReply':
      return { type, ...envelope, round: 1 };
    case 'installSnapshot':
      return { type, ...envelope, snapshot: snapshotAt(9, 1) };
    case 'installSnapshotReply':
      return { type, ...envelope, snapshotIndex: 1, success: true, matchIndex: 1 };
    case 'timeoutNow':
      return { type, ...envelope };
    case 'readIndex':
      return { type, ...envelope, incarnation: 0, request: 1 };
    case 'readIndexReply':
      return { type, ...envelope, incarnation: 0, request: 1, index: 9 };
  }
}

function follower() {
  const node = nodeWithLog({});
  receive(node, heartbeat(node, 2, { term: 1 }));
  return node;
}

describe('a message', () => {
  it.each(MESSAGE_TYPES)('%s for another server is not read, whatever its term', (type) => {
    for (const term of [0, 1, 2]) {
      const node = follower();
      const before = snapshotOf(node);
      expect(receive(node, messageOf(type, { from: 2, to: 3, term }))).toEqual([]);
      expect(snapshotOf(node)).toEqual(before);
    }
  });

  it.each(MESSAGE_TYPES)('%s from this very server is not read', (type) => {
    for (const term of [0, 1, 2]) {
      const node = follower();
      const before = snapshotOf(node);
      expect(receive(node, messageOf(type, { from: 1, to: 1, term }))).toEqual([]);
      expect(snapshotOf(node)).toEqual(before);
    }
  });
});

describe('an answer that nobody asked for', () => {
  const ANSWERS = MESSAGE_TYPES.filter((type) => type.endsWith('Reply'));

  it.each(ANSWERS)('%s at a follower', (type) => {
    const node = follower();
    const before = snapshotOf(node);
    expect(receive(node, messageOf(type, { from: 3, to: 1, term: 1 }))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it.each(ANSWERS)('%s at a leader, from a server that is not in the cluster', (type) => {
    const node = nodeWithLog({});
    electLeader(node);
    propose(node, 'a');
    node.step({ type: 'read', context: bytes('r') });
    const before = snapshotOf(node);
    expect(receive(node, messageOf(type, { from: 9, to: 1, term: 1 }))).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });
});

describe("a driver's news", () => {
  it.each<Event>([
    { type: 'unreachable', id: 2 },
    { type: 'unreachable', id: 9 },
    { type: 'snapshotStatus', to: 2, ok: true },
    { type: 'snapshotStatus', to: 2, ok: false },
  ])('$type at a follower means nothing', (event) => {
    const node = follower();
    const before = snapshotOf(node);
    expect(node.step(event)).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P49: that the log failed halts the node, whatever kind of error it brings', () => {
    for (const error of [new Error('EIO'), new RaftError('ENCODING', 'damaged'), 'gone', undefined]) {
      const node = follower();
      expect(node.step({ type: 'storageFailed', error })).toEqual([]);
      expect(node.status().isHalted).toBe(true);
      expect(refusal(() => propose(node, 'a'))).toMatch(/^STORAGE: the node has halted: /);
    }
  });
});
