// Reads at servers that do not lead (thesis §6.4): forwarded to the leader, answered there once, and served here; and the
// bounds on reads that wait, wherever they wait.

import { describe, expect, it } from 'vitest';
import type { Message, NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  bytes,
  described,
  electLeader,
  heartbeat,
  nodeWithLog,
  receive,
  snapshotOf,
  tick,
} from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

type Node = ReturnType<typeof nodeWithLog>;

function leader(peers: readonly NodeId[] = [2, 3]): Node {
  const node = nodeWithLog({ peers, config: { checkQuorum: false, heartbeatTicks: 5 } });
  electLeader(node);
  return node;
}

function read(node: Node, text: string): string[] {
  return described(node.step({ type: 'read', context: bytes(text) }));
}

describe('at a follower', () => {
  const follower = (incarnation = 0): Node => {
    const node = nodeWithLog({ config: { incarnation } });
    receive(node, heartbeat(node, 2, { term: 1 }));
    return node;
  };
  const reply = (request: number, index: number, incarnation = 0): Message => ({
    type: 'readIndexReply',
    from: 2,
    to: 1,
    term: 1,
    incarnation,
    request,
    index,
  });

  it('P115 thesis §6.4: a read is forwarded to the leader and let go with its index', () => {
    const node = follower(7);
    expect(node.step({ type: 'read', context: bytes('r') })).toEqual([
      {
        type: 'send',
        to: 2,
        message: { type: 'readIndex', from: 1, to: 2, term: 1, incarnation: 7, request: 1 },
      },
    ]);
    expect(node.status().pendingReads).toBe(1);
    expect(described(receive(node, reply(1, 9, 7)))).toEqual(['read ready "r" at 9']);
    expect(described(receive(node, reply(1, 9, 7)))).toEqual([]); // once
  });

  it('P115: the leader confirms it like its own and answers whoever asked', () => {
    const node = leader();
    expect(
      described(receive(node, { type: 'readIndex', from: 3, to: 1, term: 1, incarnation: 8, request: 5 })),
    ).toEqual(['send S1->S2 heartbeat t1 round 1 commit 1', 'send S1->S3 heartbeat t1 round 1 commit 1']);
    expect(receive(node, { type: 'heartbeatReply', from: 2, to: 1, term: 1, round: 1 })).toEqual([
      {
        type: 'send',
        to: 3,
        message: { type: 'readIndexReply', from: 1, to: 3, term: 1, incarnation: 8, request: 5, index: 1 },
      },
    ]);
  });

  it('P115: an answer to an earlier life of this server is not taken for one of this', () => {
    const node = follower(7);
    read(node, 'r');
    for (const incarnation of [6, 8, 0]) expect(receive(node, reply(1, 9, incarnation))).toEqual([]);
    expect(described(receive(node, reply(1, 9, 7)))).toEqual(['read ready "r" at 9']);
  });

  it('P115: a refusal fails it', () => {
    const node = follower();
    read(node, 'r');
    expect(described(receive(node, reply(1, 0)))).toEqual(['read failed "r": noLeader']);
  });

  it('P115: without an answer it fails after the largest election timeout, not before', () => {
    const node = follower();
    read(node, 'r');
    const waited: string[] = [];
    for (let i = 0; i < 20; i++) {
      waited.push(...described(tick(node)));
      receive(node, heartbeat(node, 2)); // the leader lives
    }
    expect(waited).toEqual([]);
    expect(described(tick(node))).toEqual(['read failed "r": timeout']);
    expect(receive(node, reply(1, 9))).toEqual([]);
  });

  it('P115: without a leader it fails at once', () => {
    expect(read(nodeWithLog({}), 'r')).toEqual(['read failed "r": noLeader']);
    const candidate = nodeWithLog({ config: { electionTimeoutTicks: [1, 1] } });
    tick(candidate);
    expect([candidate.role, read(candidate, 'r')]).toEqual(['candidate', ['read failed "r": noLeader']]);
  });

  it.each<readonly [string, (node: Node) => Message | undefined]>([
    ['another leader', (node) => heartbeat(node, 3, { term: 2 })],
    [
      'a later term without a leader',
      () => ({ type: 'preVoteReply', from: 3, to: 1, term: 2, voteGranted: false }),
    ],
    ['its own candidacy', () => undefined],
  ])('P115: %s fails it', (_what, cause) => {
    const node = follower();
    read(node, 'r');
    const message = cause(node);
    const actions = message === undefined ? tick(node, 20) : receive(node, message);
    expect(described(actions).filter((text) => text.startsWith('read'))).toEqual([
      'read failed "r": leadershipLost',
    ]);
    expect(node.status().pendingReads).toBe(0);
  });

  it("P115: a server that does not lead answers another's request with no", () => {
    const node = follower();
    const asked: Message = { type: 'readIndex', from: 3, to: 1, term: 1, incarnation: 8, request: 5 };
    expect(receive(node, asked)).toEqual([
      {
        type: 'send',
        to: 3,
        message: { type: 'readIndexReply', from: 1, to: 3, term: 1, incarnation: 8, request: 5, index: 0 },
      },
    ]);
  });

  it('P115: it may be served where the index is applied: a follower reads what was committed before', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.takeActions(3);
    cluster.step(3, { type: 'read', context: bytes('r') });
    cluster.settle();
    expect(described(cluster.takeActions(3))).toContain('read ready "r" at 2');
    cluster.tickAll(2);
    expect(cluster.node(3).lastApplied).toBe(2);
  });
});

describe('bounds', () => {
  it('a context of exactly 256 bytes passes, one more is refused', () => {
    const node = leader([]);
    expect(node.step({ type: 'read', context: new Uint8Array(256) })).toHaveLength(1);
    expect(refusal(() => node.step({ type: 'read', context: new Uint8Array(257) }))).toBe(
      'TOO_LARGE: a read context of 257 bytes is larger than 256',
    );
  });

  it.each(['leader', 'unready leader', 'follower'])('at most maxPendingReads wait at a %s', (role) => {
    const node = nodeWithLog({ config: { maxPendingReads: 2 } });
    if (role === 'follower') receive(node, append(node, 2, { term: 1 }));
    else electLeader(node, { ready: role === 'leader' });
    read(node, 'a');
    read(node, 'b');
    const before = snapshotOf(node);
    const error = refusedWith(() => read(node, 'c'));
    expect([error.code, error.message, error.detail]).toEqual([
      'QUOTA_EXCEEDED',
      '2 reads are waiting already (maxPendingReads)',
      { pending: 2 },
    ]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('a leader with that many refuses what others ask', () => {
    const node = nodeWithLog({ config: { maxPendingReads: 1 } });
    electLeader(node);
    read(node, 'a');
    const actions = receive(node, { type: 'readIndex', from: 3, to: 1, term: 1, incarnation: 0, request: 1 });
    expect(described(actions)[0]).toMatch(/^send S1->S3 readIndexReply t1 .*refused$/);
  });
});
