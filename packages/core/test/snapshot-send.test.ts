// A leader that brings a server near by a snapshot (§7): when one is sent, when it is sent again, and what follows it.

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import { compactedLog, snapshotAt } from './support/compacted.js';
import {
  appendReply,
  bytes,
  configEntry,
  configuration,
  described,
  electLeader,
  entriesOf,
  nodeWithLog,
  propose,
  receive,
  sentText,
  snapshotOf,
  termsOf,
  tick,
} from './support/node.js';

const SNAPSHOT = 'S1->S3 installSnapshot t2 at 5/t1 [1 2 3] 5 B';

/** Server 1 leads in term 2 with everything through 5 compacted; server 2 has all, server 3 was just found to need it. */
function sending(config: { snapshotRetryTicks?: number; maxInflightMessages?: number } = {}) {
  const log = compactedLog({ entries: entriesOf([1, 1, 1, 1, 1]), snapshot: snapshotAt(5, 1) });
  const node = nodeWithLog({ log, config: { ...config, checkQuorum: false } });
  electLeader(node, { ready: false });
  receive(node, appendReply(node, 2));
  const actions = receive(
    node,
    appendReply(node, 3, { success: false, prevLogIndex: 5, hintIndex: 2, hintTerm: 1 }),
  );
  return { node, actions };
}

function heartbeatReply(node: ReturnType<typeof nodeWithLog>, from: number) {
  return receive(node, { type: 'heartbeatReply', from, to: 1, term: node.term, round: 1 });
}

function peer(node: ReturnType<typeof nodeWithLog>, id: number) {
  return node.status().leadership?.peers.get(id);
}

describe('sending', () => {
  it('P90 §7: a server whose next entry is compacted gets the snapshot, and nothing else while it is installed', () => {
    const { node, actions } = sending();
    expect(sentText(actions)).toEqual([SNAPSHOT]);
    expect(peer(node, 3)).toMatchObject({ state: 'snapshot', pendingSnapshot: 5, isPaused: true });
    expect(sentText(propose(node, 'a'))).toEqual(['S1->S2 append t2 after 6/t2: 7/t2"a" commit 6']);
  });

  it('P90 §7: once it is installed the entries behind it follow', () => {
    const { node } = sending();
    propose(node, 'a');
    const actions = receive(node, {
      type: 'installSnapshotReply',
      from: 3,
      to: 1,
      term: 2,
      snapshotIndex: 5,
      success: true,
      matchIndex: 5,
    });
    expect(sentText(actions)).toEqual(['S1->S3 append t2 after 5/t1: 6/t2(noop) 7/t2"a" commit 6']);
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', matchIndex: 5, pendingSnapshot: 0 });
  });

  it('P90: the answer again, or from a stranger, sends nothing again', () => {
    const { node } = sending();
    const installed = (from: number) =>
      receive(node, {
        type: 'installSnapshotReply',
        from,
        to: 1,
        term: 2,
        snapshotIndex: 5,
        success: true,
        matchIndex: 5,
      });
    installed(3);
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', nextIndex: 7, inflightMessages: 1 });
    expect([...installed(3), ...installed(9)]).toEqual([]);
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', nextIndex: 7, inflightMessages: 1 });
  });

  it('P60 P90: an answer about a snapshot is an answer: it keeps the leader', () => {
    for (const success of [true, false]) {
      const log = compactedLog({ entries: entriesOf([1, 1, 1, 1, 1]), snapshot: snapshotAt(5, 1) });
      const node = nodeWithLog({ log, config: { electionTimeoutTicks: [10, 10] } });
      electLeader(node);
      tick(node, 10); // the window in which it was elected
      receive(node, {
        type: 'installSnapshotReply',
        from: 3,
        to: 1,
        term: 2,
        snapshotIndex: 5,
        success,
        matchIndex: 5,
      });
      tick(node, 10);
      expect([success, node.isLeader]).toEqual([success, true]);
    }
  });

  it('P90: an answer that names more than the snapshot saves the rest', () => {
    const { node } = sending();
    receive(node, {
      type: 'installSnapshotReply',
      from: 3,
      to: 1,
      term: 2,
      snapshotIndex: 5,
      success: true,
      matchIndex: 6,
    });
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', matchIndex: 6, nextIndex: 7 });
  });

  it.each([
    [3, 'S1->S3 append t2 after 3/t1: 4/t1"4" 5/t1"5" 6/t2(noop) commit 5'],
    [2, 'S1->S3 installSnapshot t2 at 5/t1 [1 2 3] 5 B'],
  ])(
    'P90: with 4 and 5 left, a server that holds everything through %d gets what it needs',
    (hintIndex, message) => {
      const log = compactedLog({
        entries: entriesOf([1, 1, 1, 1, 1]),
        snapshot: snapshotAt(5, 1),
        compacted: 3,
      });
      const node = nodeWithLog({ log });
      electLeader(node, { ready: false });
      const refused = appendReply(node, 3, { success: false, prevLogIndex: 5, hintIndex, hintTerm: 1 });
      expect(sentText(receive(node, refused))).toEqual([message]);
    },
  );

  it('P90: one that holds nothing is brought near by a snapshot, even where the log reaches back to the beginning', () => {
    const log = compactedLog({
      entries: entriesOf([1, 1, 1, 1, 1]),
      snapshot: snapshotAt(5, 1),
      compacted: 0,
    });
    const node = nodeWithLog({ log });
    electLeader(node, { ready: false });
    const actions = receive(node, appendReply(node, 3, { success: false, prevLogIndex: 5, hintIndex: 0 }));
    expect(sentText(actions)).toEqual([SNAPSHOT]);
  });

  it('P94 §7: the snapshot carries the configuration at its index, not the one in force', () => {
    const entries = [
      ...entriesOf([1, 1]),
      configEntry(3, 1, configuration([1, 2, 3, 4])),
      ...entriesOf([1], 4),
    ];
    const node = nodeWithLog({ entries });
    electLeader(node); // with all four
    node.step({ type: 'snapshot', index: 2, data: bytes('state') });
    expect(node.log.snapshot()?.configuration).toEqual(configuration([1, 2, 3]));
    node.step({ type: 'snapshot', index: 3, data: bytes('state') });
    expect(node.log.snapshot()?.configuration).toEqual(configuration([1, 2, 3, 4]));
  });
});

describe('when it does not arrive', () => {
  it('P92 X8 §7: it is not sent again on heartbeats, ticks or proposals', () => {
    const { node } = sending();
    const sent = [];
    for (let i = 0; i < 100; i++) {
      sent.push(...sentText(tick(node), 'installSnapshot'));
      sent.push(...sentText(heartbeatReply(node, 3), 'installSnapshot'));
      sent.push(...sentText(propose(node, 'a'), 'installSnapshot'));
    }
    expect(sent).toEqual([]);
  });

  it('P92: the driver could not deliver it: it goes out again after the next sign of life', () => {
    const { node } = sending();
    expect(described(node.step({ type: 'snapshotStatus', to: 3, ok: false }))).toEqual([]);
    expect(peer(node, 3)).toMatchObject({ state: 'probe', isPaused: true, pendingSnapshot: 0 });
    expect(sentText(tick(node, 10), 'installSnapshot')).toEqual([]);
    expect(sentText(heartbeatReply(node, 3))).toEqual([SNAPSHOT]);
    expect(sentText(heartbeatReply(node, 3))).toEqual([]);
  });

  it('P92: the receiver refused it: the same', () => {
    const { node } = sending();
    const refused = (snapshotIndex: number) =>
      receive(node, {
        type: 'installSnapshotReply',
        from: 3,
        to: 1,
        term: 2,
        snapshotIndex,
        success: false,
        matchIndex: 0,
      });
    refused(4); // about another one
    expect(peer(node, 3)?.state).toBe('snapshot');
    expect(described(refused(5))).toEqual([]);
    expect(peer(node, 3)?.state).toBe('probe');
    expect(sentText(heartbeatReply(node, 3))).toEqual([SNAPSHOT]);
  });

  it('P92: nobody answers: it is given up after snapshotRetryTicks, not before', () => {
    const { node } = sending({ snapshotRetryTicks: 30 });
    for (let i = 0; i < 29; i++) tick(node);
    heartbeatReply(node, 3);
    expect(peer(node, 3)?.state).toBe('snapshot');
    expect(sentText(tick(node), 'installSnapshot')).toEqual([]);
    expect(peer(node, 3)?.state).toBe('probe');
    expect(sentText(heartbeatReply(node, 3))).toEqual([SNAPSHOT]);
    tick(node, 29);
    expect(peer(node, 3)?.state).toBe('snapshot'); // the count began again
  });

  it('P92: where the log reaches back to the beginning, entries go out instead', () => {
    const log = compactedLog({
      entries: entriesOf([1, 1, 1, 1, 1]),
      snapshot: snapshotAt(5, 1),
      compacted: 0,
    });
    const node = nodeWithLog({ log });
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 3, { success: false, prevLogIndex: 5, hintIndex: 0 }));
    node.step({ type: 'snapshotStatus', to: 3, ok: false });
    expect(sentText(heartbeatReply(node, 3))).toEqual([
      'S1->S3 append t2 after 0/t0: 1/t1"1" 2/t1"2" 3/t1"3" 4/t1"4" 5/t1"5" 6/t2(noop) commit 5',
    ]);
  });

  it('P92: a driver that has delivered it waits for the answer of its receiver', () => {
    const { node } = sending();
    expect(described(node.step({ type: 'snapshotStatus', to: 3, ok: true }))).toEqual([]);
    expect(peer(node, 3)).toMatchObject({ state: 'probe', nextIndex: 6, isPaused: true });
    expect(sentText(heartbeatReply(node, 3))).toEqual(['S1->S3 append t2 after 5/t1: 6/t2(noop) commit 6']);
  });

  it('P92: as long as it comes along it is not given up, however long that takes; from then on it is', () => {
    const { node } = sending({ snapshotRetryTicks: 30 });
    for (let i = 0; i < 20; i++) {
      tick(node, 29);
      for (const to of [3, 2, 9]) expect(node.step({ type: 'snapshotProgress', to })).toEqual([]);
      expect(peer(node, 3)).toMatchObject({ state: 'snapshot', pendingSnapshot: 5 });
    }
    tick(node, 30);
    expect(peer(node, 3)).toMatchObject({ state: 'probe', pendingSnapshot: 0 });
  });

  it('P92: that a server cannot be reached gives up no snapshot: its own status, or time, tells that', () => {
    const { node } = sending();
    const before = snapshotOf(node);
    expect(node.step({ type: 'unreachable', id: 3 })).toEqual([]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P92: a status about nobody, or about a server that is sent none, means nothing', () => {
    const { node } = sending();
    const before = snapshotOf(node);
    for (const to of [1, 2, 9]) {
      for (const ok of [true, false]) expect(node.step({ type: 'snapshotStatus', to, ok })).toEqual([]);
    }
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P93: a server that caught up by appends meanwhile needs no snapshot any more', () => {
    const { node } = sending();
    propose(node, 'a');
    const actions = receive(node, appendReply(node, 3, { matchIndex: 6 }));
    expect(sentText(actions)).toEqual(['S1->S3 append t2 after 6/t2: 7/t2"a" commit 6']);
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', matchIndex: 6 });
  });

  it('P93: an acknowledgement that does not reach what is left of the log changes nothing', () => {
    const { node } = sending();
    expect(sentText(receive(node, appendReply(node, 3, { matchIndex: 4 })))).toEqual([]);
    expect(peer(node, 3)?.state).toBe('snapshot');
  });

  it('P97: one that fell silent and is not reached any more is sent none before it answers again', () => {
    const node = nodeWithLog({ config: { electionTimeoutTicks: [10, 10] } });
    electLeader(node);
    propose(node, 'a', 'b');
    receive(node, appendReply(node, 2));
    node.step({ type: 'snapshot', index: 3, data: bytes('state') });
    for (let window = 0; window < 2; window++) {
      tick(node, 10);
      receive(node, appendReply(node, 2));
    }
    expect(peer(node, 3)).toMatchObject({ state: 'replicate', recentlyActive: false });
    expect(sentText(node.step({ type: 'unreachable', id: 3 }))).toEqual([]);
    expect(peer(node, 3)).toMatchObject({ state: 'probe', isPaused: true, pendingSnapshot: 0 });
    expect(sentText(heartbeatReply(node, 3))).toEqual(['S1->S3 installSnapshot t1 at 3/t1 [1 2 3] 5 B']);
  });

  it('P97: a server that gives no sign of life is sent none, and holds nobody up', () => {
    const log = compactedLog({ entries: entriesOf([1, 1, 1, 1, 1]), snapshot: snapshotAt(5, 1) });
    const node = nodeWithLog({
      log,
      config: { checkQuorum: true, electionTimeoutTicks: [10, 10], learners: [4] },
    });
    electLeader(node, { ready: false });
    // Server 3 is silent from here on, and what it would need is compacted.
    receive(node, appendReply(node, 2));
    receive(node, appendReply(node, 3, { success: false, prevLogIndex: 5, hintIndex: 1, hintTerm: 1 }));
    node.step({ type: 'snapshotStatus', to: 3, ok: false });
    const sent: string[] = [];
    for (let i = 0; i < 40; i++) {
      sent.push(...sentText(tick(node), 'installSnapshot'));
      sent.push(...sentText(propose(node, `${i}`), 'installSnapshot'));
      receive(node, appendReply(node, 2));
    }
    expect(sent).toEqual([]);
    expect(node.commitIndex).toBe(46);
    expect(sentText(heartbeatReply(node, 3))).toEqual([SNAPSHOT]);
  });
});

describe('at the ends of the log', () => {
  it("P96 §7: a snapshot at the leader's last index empties the log, and the next entries follow it", () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.tickAll(2);
    cluster.step(1, { type: 'snapshot', index: 3, data: bytes('ab') });
    expect(cluster.node(1).status()).toMatchObject({ firstIndex: 4, lastIndex: 3, snapshotIndex: 3 });
    cluster.propose(1, 'c');
    cluster.tickAll(2);
    expect(cluster.appliedTexts(2)).toEqual(['a', 'b', 'c']);
    cluster.heal();
    cluster.tickAll(5);
    expect([cluster.restored(3)?.index, cluster.appliedTexts(3)]).toEqual([3, ['c']]);
  });

  it('P96: with nothing behind the snapshot, it alone brings a server up to date', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.tickAll(2);
    cluster.step(1, { type: 'snapshot', index: 3, data: bytes('ab') });
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.node(3).status()).toMatchObject({ lastIndex: 3, commitIndex: 3, lastApplied: 3 });
    expect(cluster.node(1).status().leadership?.peers.get(3)).toMatchObject({
      state: 'replicate',
      matchIndex: 3,
    });
  });

  it('P96: a server whose whole log is compacted campaigns and wins by its snapshot', () => {
    const log = compactedLog({ entries: entriesOf([1, 1, 3]), snapshot: snapshotAt(3, 3) });
    const node = nodeWithLog({ log });
    expect(sentText(electLeader(node, { ready: false }), 'requestVote')[0]).toBe(
      'S1->S2 requestVote t4 last 3/t3',
    );
    expect(termsOf(node.log)).toEqual([4]);
  });
});
