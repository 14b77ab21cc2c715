// Linearizable reads without a log entry (thesis §6.4): a read is let go only when a quorum has answered a round of
// heartbeats that began after the read arrived, and only where the noted index is applied.

import { describe, expect, it } from 'vitest';
import type { Message, NodeId } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  appendReply,
  bytes,
  described,
  electLeader,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  sentText,
  tick,
} from './support/node.js';

type Node = ReturnType<typeof nodeWithLog>;

function leader(peers: readonly NodeId[] = [2, 3]): Node {
  const node = nodeWithLog({ peers, config: { checkQuorum: false, heartbeatTicks: 5 } });
  electLeader(node);
  return node;
}

function read(node: Node, text: string): string[] {
  return described(node.step({ type: 'read', context: bytes(text) }));
}

/** What an answer to a round does for reads; that it may also revive an append is another's test. */
function answer(node: Node, from: NodeId, round: number): string[] {
  const message: Message = { type: 'heartbeatReply', from, to: node.id, term: node.term, round };
  return described(receive(node, message)).filter((text) => !text.includes(' append '));
}

describe('at the leader', () => {
  it('P110 thesis §6.4: a read waits for a quorum to answer a round that it began', () => {
    const node = leader();
    expect(read(node, 'r')).toEqual([
      'send S1->S2 heartbeat t1 round 1 commit 1',
      'send S1->S3 heartbeat t1 round 1 commit 1',
    ]);
    expect(node.status().pendingReads).toBe(1);
    expect(answer(node, 2, 1)).toEqual(['read ready "r" at 1']);
    expect(answer(node, 3, 1)).toEqual([]);
    expect(node.status().pendingReads).toBe(0);
  });

  it('P110: of five servers two others have to answer', () => {
    const node = leader([2, 3, 4, 5]);
    read(node, 'r');
    expect(answer(node, 4, 1)).toEqual([]);
    expect(answer(node, 4, 1)).toEqual([]); // the same one again
    expect(answer(node, 5, 1)).toEqual(['read ready "r" at 1']);
  });

  it('P110: it is told what was committed when it arrived, not what is when it is let go', () => {
    const node = leader();
    read(node, 'r');
    propose(node, 'a');
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(2);
    expect(answer(node, 2, 1)).toEqual(['read ready "r" at 1']);
  });

  it('P110: those that arrive while a round is out share the next one', () => {
    const node = leader();
    read(node, 'a');
    expect([read(node, 'b'), read(node, 'c')]).toEqual([[], []]);
    expect(answer(node, 2, 1)).toEqual([
      'read ready "a" at 1',
      'send S1->S2 heartbeat t1 round 2 commit 1',
      'send S1->S3 heartbeat t1 round 2 commit 1',
    ]);
    expect(answer(node, 3, 2)).toEqual(['read ready "b" at 1', 'read ready "c" at 1']);
  });

  it('P110: a round that the clock begins serves them as well', () => {
    const node = leader();
    read(node, 'a');
    read(node, 'b');
    const round = sentText(tick(node, 5), 'heartbeat');
    expect(round.at(-1)).toBe('S1->S3 heartbeat t1 round 2 commit 1');
    expect(answer(node, 2, 2)).toEqual(['read ready "a" at 1', 'read ready "b" at 1']);
  });

  it('P110: a single server lets it go at once', () => {
    const node = leader([]);
    expect(read(node, 'r')).toEqual(['read ready "r" at 1']);
  });

  it('P110: an empty context is a context; two reads with the same one are two reads', () => {
    const node = leader();
    read(node, '');
    read(node, '');
    expect([...answer(node, 2, 1), ...answer(node, 2, 2)].filter((text) => text.startsWith('read'))).toEqual([
      'read ready "" at 1',
      'read ready "" at 1',
    ]);
  });

  it('P110: learners confirm nothing', () => {
    const node = nodeWithLog({ config: { learners: [4, 5], checkQuorum: false } });
    electLeader(node);
    read(node, 'r');
    expect([...answer(node, 4, 1), ...answer(node, 5, 1), ...answer(node, 6, 1)]).toEqual([]);
    expect(answer(node, 3, 1)).toEqual(['read ready "r" at 1']);
  });

  it('P110 §6: a joint configuration needs a majority of both halves to answer', () => {
    const node = leader();
    node.step({ type: 'changeMembership', voters: [1, 4, 5], autoLeave: false });
    for (const from of [2, 4]) receive(node, appendReply(node, from));
    read(node, 'r');
    const { heartbeatRound: round = 0 } = node.status().leadership ?? {};
    expect([...answer(node, 2, round), ...answer(node, 3, round)]).toEqual([]);
    expect(answer(node, 5, round)).toEqual(['read ready "r" at 2']);
  });

  it('P110: an append that is answered confirms nothing: it may have been asked before', () => {
    const node = leader();
    read(node, 'r');
    for (const from of [2, 3]) expect(described(receive(node, appendReply(node, from)))).toEqual([]);
  });

  it('P110: the context that comes back is a copy', () => {
    const node = leader([]);
    const context = bytes('r');
    const [action] = node.step({ type: 'read', context });
    context.fill(0);
    expect(action).toEqual({ type: 'readReady', context: bytes('r'), index: 1 });
  });
});

describe('a new leader', () => {
  it('P111 §8: notes no index before it has committed an entry of its own term', () => {
    const node = nodeWithLog({ terms: [1, 1], config: { checkQuorum: false } });
    electLeader(node, { ready: false });
    expect(read(node, 'r')).toEqual([]);
    receive(node, appendReply(node, 2, { matchIndex: 2 }));
    expect(node.status()).toMatchObject({ commitIndex: 0, pendingReads: 1 });
    const actions = described(receive(node, appendReply(node, 2, { matchIndex: 3 })));
    expect(actions).toEqual([
      'commit 3/t2',
      'send S1->S2 heartbeat t2 round 1 commit 3',
      'send S1->S3 heartbeat t2 round 1 commit 0',
      'apply 1/t1"1" 2/t1"2"',
    ]);
    expect(answer(node, 3, 1)).toEqual(['read ready "r" at 3']);
  });

  it('P111: a round answered before that commit confirms nothing', () => {
    const node = nodeWithLog({ config: { checkQuorum: false } });
    electLeader(node, { ready: false });
    read(node, 'r');
    tick(node, 1); // round 1
    answer(node, 2, 1);
    expect(described(receive(node, appendReply(node, 2))).filter((text) => text.startsWith('read'))).toEqual(
      [],
    );
    expect(answer(node, 2, 2)).toEqual(['read ready "r" at 1']);
  });
});

describe('answers that come late', () => {
  it('P112: to an earlier round never confirm a later read', () => {
    const node = leader();
    tick(node, 1); // round 1, before the read
    expect(read(node, 'r')).toEqual([
      'send S1->S2 heartbeat t1 round 2 commit 1',
      'send S1->S3 heartbeat t1 round 2 commit 1',
    ]);
    expect([...answer(node, 2, 1), ...answer(node, 3, 1), ...answer(node, 2, 0)]).toEqual([]);
    expect(answer(node, 3, 2)).toEqual(['read ready "r" at 1']);
  });

  it('P112: an old answer after a newer one takes nothing back', () => {
    const node = leader([2, 3, 4, 5]);
    read(node, 'r');
    answer(node, 2, 1);
    answer(node, 2, 0);
    expect(answer(node, 3, 1)).toEqual(['read ready "r" at 1']);
  });

  it('P112: of an earlier term confirm nothing in this one', () => {
    const node = leader();
    receive(node, { type: 'heartbeatReply', from: 2, to: 1, term: 2, round: 0 }); // term 2, somebody tried
    electLeader(node);
    read(node, 'r');
    const { heartbeatRound: round } = node.status().leadership ?? { heartbeatRound: 0 };
    const old: Message = { type: 'heartbeatReply', from: 2, to: 1, term: 1, round };
    expect(described(receive(node, old))).toEqual([]);
    expect(answer(node, 2, round)).toEqual(['read ready "r" at 2']);
  });

  it("P112: a leader cut off with its late answers serves no read that a new leader's commit has overtaken", () => {
    const cluster = new Cluster({ voters: 3, config: { checkQuorum: false } });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.fate = ({ type, to }) => (type === 'heartbeatReply' && to === 1 ? 'hold' : 'deliver');
    cluster.tick(1, 4); // rounds whose answers come late
    cluster.settle();
    cluster.fate = () => 'deliver';
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2, 'new');
    cluster.tickAll(2);
    cluster.takeActions(1);
    cluster.step(1, { type: 'read', context: bytes('stale') });
    cluster.heal();
    cluster.isolate(1);
    for (const message of cluster.held.splice(0)) cluster.deliver(message);
    expect(described(cluster.takeActions(1)).filter((text) => text.startsWith('read'))).toEqual([]);
  });
});

describe('a quorum that shrinks', () => {
  it('P113 §6: a read that waited for a removed server is let go by those who are left', () => {
    const node = leader([2, 3, 4]);
    read(node, 'r');
    expect(answer(node, 2, 1)).toEqual([]); // two of four
    const actions = described(node.step({ type: 'removeServer', id: 4 }));
    expect(actions.filter((text) => text.startsWith('read'))).toEqual(['read ready "r" at 1']); // two of three
  });

  it('P113: down to the leader alone, none waits for ever', () => {
    const node = leader([2]);
    read(node, 'a');
    read(node, 'b');
    const actions = described([...node.step({ type: 'removeServer', id: 2 }), ...tick(node, 5)]);
    expect(actions.filter((text) => text.startsWith('read'))).toEqual([
      'read ready "a" at 1',
      'read ready "b" at 1',
    ]);
  });
});

describe('a deposed leader', () => {
  it('P114: fails the reads that wait, with the reason', () => {
    const node = leader();
    read(node, 'a');
    read(node, 'b');
    expect(described(receive(node, heartbeat(node, 2, { term: 2 })))).toEqual([
      'read failed "a": leadershipLost',
      'read failed "b": leadershipLost',
      'follower t2 leader S2',
      'send S1->S2 heartbeatReply t2 round 1',
    ]);
    expect(node.status().pendingReads).toBe(0);
  });

  it('P114: and those that wait for its noop', () => {
    const node = nodeWithLog({});
    electLeader(node, { ready: false });
    read(node, 'r');
    expect(described(receive(node, heartbeat(node, 2, { term: 2 })))[0]).toBe(
      'read failed "r": leadershipLost',
    );
  });

  it('P114: other servers are told no', () => {
    const node = leader();
    receive(node, { type: 'readIndex', from: 3, to: 1, term: 1, incarnation: 8, request: 5 });
    const [reply] = described(receive(node, heartbeat(node, 2, { term: 2 })));
    expect(reply).toMatch(/^send S1->S3 readIndexReply t2 .*refused$/);
  });

  it('P114: that steps down because nobody answers fails them too', () => {
    const node = nodeWithLog({ config: { electionTimeoutTicks: [10, 10] } });
    electLeader(node);
    tick(node, 10);
    read(node, 'r');
    expect(described(tick(node, 10)).filter((text) => !text.startsWith('send'))).toEqual([
      'read failed "r": leadershipLost',
      'follower t1 leader none',
    ]);
  });
});
