// A log that fails is never believed again: the node halts and is silent for ever. A full disk is not a failure
// (docs/protocol.md, "When the log fails").

import { describe, expect, it } from 'vitest';
import { type Event, MemoryLog, RaftNode } from '../src/index.js';
import {
  append,
  appendReply,
  bytes,
  described,
  electLeader,
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
import { refusedWith } from './support/refusal.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

const REQUESTS: readonly Event[] = [
  { type: 'propose', command: bytes('x') },
  { type: 'proposeBatch', commands: [bytes('x')] },
  { type: 'proposeBatch', commands: [] },
  { type: 'read', context: bytes('r') },
  { type: 'snapshot', index: 1, data: bytes('s') },
  { type: 'addServer', id: 4 },
  { type: 'addLearner', id: 4 },
  { type: 'removeServer', id: 3 },
  { type: 'promoteLearner', id: 4 },
  { type: 'changeMembership', voters: [1, 2] },
  { type: 'leaveJoint' },
  { type: 'transferLeadership', to: 2 },
  { type: 'abortTransfer' },
];

function quietEvents(node: Node): Event[] {
  return [
    { type: 'tick' },
    { type: 'message', message: heartbeat(node, 2, { term: node.term + 1 }) },
    { type: 'message', message: requestVote(node, 2, { transfer: true }) },
    { type: 'message', message: appendReply(node, 2) },
    { type: 'durable', seq: node.log.stagedSeq() },
    { type: 'durable', seq: node.log.stagedSeq() + 1000 },
    { type: 'storageFailed', error: new Error('again') },
    { type: 'snapshotStatus', to: 2, ok: true },
    { type: 'unreachable', id: 2 },
    { type: 'removed', index: 99 },
  ];
}

function expectSilence(node: Node, cause: string): void {
  expect(node.status().isHalted).toBe(true);
  const before = snapshotOf(node);
  const { syncs } = node.log;
  for (let i = 0; i < 3; i++) {
    for (const event of quietEvents(node)) expect([event.type, node.step(event)]).toEqual([event.type, []]);
  }
  for (const event of REQUESTS) {
    const { code, message } = refusedWith(() => node.step(event));
    expect([event.type, code, message]).toEqual([event.type, 'STORAGE', `the node has halted: ${cause}`]);
  }
  for (let i = 0; i < 100; i++) expect(node.step({ type: 'tick' })).toEqual([]);
  expect(snapshotOf(node)).toEqual(before);
  expect(node.log.syncs).toBe(syncs); // never tried again
  expect(node.hasUnapplied).toBe(false);
}

describe('P49 a failed log', () => {
  it('P49: told by the driver: nothing that was held back leaves, then or ever', () => {
    const node = nodeWithLog({ durability: 'deferred', terms: [1] });
    receive(node, append(node, 2, { term: 1, terms: [1] }));
    expect(node.status().gatedEffects).toBe(1);
    expect(node.step({ type: 'storageFailed', error: new Error('EIO') })).toEqual([]);
    expectSilence(node, 'EIO');
  });

  it('P49: a leader goes silent as well: no heartbeat covers for its disk', () => {
    const node = nodeWithLog();
    electLeader(node);
    node.step({ type: 'storageFailed', error: new Error('EIO') });
    expectSilence(node, 'EIO');
  });

  it.each([
    ['an error', new Error('EIO'), 'EIO'],
    ['a text', 'the disk is gone', 'the disk is gone'],
    ['nothing at all', undefined, 'the log failed'],
  ])('P49: whatever the failure is: %s', (_name, error, cause) => {
    const node = nodeWithLog();
    expect(node.step({ type: 'storageFailed', error })).toEqual([]);
    expectSilence(node, cause);
  });

  it('P49: a sync that fails, inline: the step throws, and none of its actions gets out', () => {
    const node = nodeWithLog({ terms: [1] });
    node.log.syncError = new Error('EIO on fdatasync');
    const { code, message, cause } = refusedWith(() =>
      receive(node, append(node, 2, { term: 1, terms: [1], leaderCommit: 1 })),
    );
    expect([code, message, cause]).toEqual([
      'STORAGE',
      'the node has halted: EIO on fdatasync',
      node.log.syncError,
    ]);
    node.log.syncError = undefined; // the disk says that all is well again, and is not believed (X12)
    expectSilence(node, 'EIO on fdatasync');
  });

  it('P49: a write that fails: the same', () => {
    const node = nodeWithLog();
    electLeader(node);
    node.log.appendError = new Error('EIO on write');
    expect(refusedWith(() => propose(node, 'x')).code).toBe('STORAGE');
    node.log.appendError = undefined;
    expectSilence(node, 'EIO on write');
  });

  it('P49: so is a follower whose log refuses an entry as too large: it could never hold what the leader holds', () => {
    const node = nodeWithLog({ terms: [1] });
    node.log.appendError = Object.assign(new Error('too large'), { code: 'WAL_TOO_LARGE' });
    expect(refusedWith(() => receive(node, append(node, 2, { term: 1, terms: [1] }))).code).toBe('STORAGE');
    expectSilence(node, 'too large');
  });

  it('P49: a broken promise of a peer halts it too, and the log keeps what was committed', () => {
    const node = nodeWithLog({ terms: [1, 1, 1] });
    receive(node, append(node, 2, { term: 1, leaderCommit: 3 }));
    const { code, message } = refusedWith(() =>
      receive(node, append(node, 3, { term: 2, prevLogIndex: 1, terms: [2] })),
    );
    expect([code, message]).toEqual([
      'STORAGE',
      'the node has halted: server 3 has an entry of term 2 at index 2, and what is committed there is of term 1',
    ]);
    expect(termsOf(node.log)).toEqual([1, 1, 1]);
    expectSilence(
      node,
      'server 3 has an entry of term 2 at index 2, and what is committed there is of term 1',
    );
  });

  it('P49: a log that cannot be synced when the node is made is refused at once', () => {
    const node = nodeWithLog({ terms: [1] });
    node.log.syncError = new Error('EIO');
    expect(() => nodeWithLog({ log: node.log })).toThrow('EIO');
  });

  it('P49: a new node on the reopened log goes on from what is durable', () => {
    const node = nodeWithLog({ terms: [1] });
    receive(node, append(node, 2, { term: 1, terms: [1] }));
    node.log.syncError = new Error('EIO');
    expect(refusedWith(() => receive(node, append(node, 2, { term: 1, terms: [1] }))).code).toBe('STORAGE');
    const again = nodeWithLog({ log: node.log.crash() });
    expect([again.status().isHalted, termsOf(again.log)]).toEqual([false, [1, 1]]);
    expect(sentText(receive(again, append(again, 2)))).toEqual(['S1->S2 appendReply t1 match 2']);
  });
});

describe('a command that the log cannot hold', () => {
  it('is refused as TOO_LARGE and changes nothing', () => {
    const node = nodeWithLog();
    electLeader(node);
    const before = snapshotOf(node);
    node.log.appendError = Object.assign(new Error('4 MiB at most'), { code: 'WAL_TOO_LARGE' });
    const { code, message } = refusedWith(() => propose(node, 'x'));
    expect([code, message]).toEqual(['TOO_LARGE', '4 MiB at most']);
    expect(snapshotOf(node)).toEqual(before);
    node.log.appendError = undefined;
    expect(described(propose(node, 'x'))[0]).toBe('proposed 2 t1');
  });
});

describe('a full disk', () => {
  const full = Object.assign(new Error('no space'), { code: 'WAL_FULL' });

  it('keeps the gate shut, lets out what is not gated, and tries again with every step', () => {
    const node = nodeWithLog({ terms: [1] });
    node.log.syncError = full;
    const actions = receive(node, append(node, 2, { term: 1, terms: [1], leaderCommit: 2 }));
    expect(described(actions)).toEqual(['follower t1 leader S2', 'commit 2/t1', 'apply 1/t1"1"']);
    expect(described(receive(node, heartbeat(node, 2)))).toEqual(['send S1->S2 heartbeatReply t1 round 1']);
    const { syncs } = node.log;
    tick(node, 3);
    expect(node.log.syncs).toBe(syncs + 3);
    node.log.syncError = undefined;
    expect(described(tick(node))).toEqual(['send S1->S2 appendReply t1 match 2', 'apply 2/t1"2"']);
    expect(node.status()).toMatchObject({ isHalted: false, gatedEffects: 0, durableIndex: 2 });
  });

  it('makes a leader refuse proposals, and take them again when there is space', () => {
    const node = nodeWithLog();
    electLeader(node);
    node.log.syncError = full;
    expect(described(propose(node, 'a'))[0]).toBe('proposed 2 t1');
    const before = snapshotOf(node);
    const { code, detail } = refusedWith(() => propose(node, 'b'));
    expect([code, detail]).toEqual(['QUOTA_EXCEEDED', { reason: 'diskFull' }]);
    expect(snapshotOf(node)).toEqual(before);
    node.log.syncError = undefined;
    tick(node);
    expect(described(propose(node, 'b'))[0]).toBe('proposed 3 t1');
  });

  it('grants no vote that is not on it', () => {
    const node = nodeWithLog();
    node.log.syncError = full;
    expect(sentText(receive(node, requestVote(node, 2)))).toEqual([]);
    expect(node.log.crash().hardState()).toEqual({ term: 0, votedFor: undefined });
    node.log.syncError = undefined;
    expect(sentText(tick(node))).toEqual(['S1->S2 requestVoteReply t1 granted']);
  });

  it('is a failure when something else follows it', () => {
    const node = nodeWithLog({ terms: [1] });
    node.log.syncError = full;
    receive(node, append(node, 2, { term: 1, terms: [1] }));
    node.log.syncError = new Error('EIO');
    expect(refusedWith(() => tick(node)).code).toBe('STORAGE');
    expect(node.status().isHalted).toBe(true);
  });

  it('deferred, the driver gives no news: everything waits and nothing is lost', () => {
    const node = nodeWithLog({ durability: 'deferred', terms: [1] });
    receive(node, append(node, 2, { term: 1, terms: [1] }));
    expect(sentText(tick(node, 5))).toEqual([]);
    expect(sentText(flush(node))).toEqual(['S1->S2 appendReply t1 match 2']);
  });
});

describe('P49 a failed log that is watched', () => {
  /** As the write-ahead log does once it is poisoned: every call throws. */
  class PoisonedLog extends MemoryLog {
    poison: Error | undefined;

    override lastIndex(): number {
      if (this.poison !== undefined) throw this.poison;
      return super.lastIndex();
    }
  }

  it('P49: cannot even be read for the trace: the node halts all the same, and says STORAGE', () => {
    for (const event of [
      { type: 'storageFailed', error: new Error('EIO') },
      { type: 'propose', command: bytes('x') },
      { type: 'tick' },
    ] as const satisfies readonly Event[]) {
      const log = new PoisonedLog();
      const traced: string[] = [];
      const node = RaftNode.withLog(
        { id: 1, peers: [], trace: ({ event: { type } }) => traced.push(type) },
        log,
      );
      log.poison = new Error('poisoned');
      if (event.type === 'storageFailed') expect(node.step(event)).toEqual([]);
      else expect(refusedWith(() => node.step(event)).code).toBe('STORAGE');
      expect(refusedWith(() => node.step({ type: 'propose', command: bytes('y') })).code).toBe('STORAGE');
      expect(traced).toEqual([]);
    }
  });
});
