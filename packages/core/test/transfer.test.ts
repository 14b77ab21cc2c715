// Leadership transfer (thesis §3.10): the successor is brought up to date, told, and elected past every stickiness; a
// transfer that does not work out ends by itself and the leader goes on.

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import { compactedLog, snapshotAt } from './support/compacted.js';
import {
  appendReply,
  bytes,
  described,
  electLeader,
  entriesOf,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  sentText,
  snapshotOf,
  tick,
} from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

/** Server 1 leads 1, 2, 3 and learner 4 in term 1; everybody holds its noop. */
function leader(config: { transferTimeoutTicks?: number } = {}) {
  const node = nodeWithLog({ config: { ...config, learners: [4], checkQuorum: false } });
  electLeader(node);
  receive(node, appendReply(node, 4));
  return node;
}

describe('handing over', () => {
  it('P100 thesis §3.10: a successor that holds the whole log is told at once', () => {
    const node = leader();
    expect(described(node.step({ type: 'transferLeadership', to: 2 }))).toEqual([
      'send S1->S2 timeoutNow t1',
    ]);
    expect([node.isLeader, node.status().leadership?.transferTo]).toEqual([true, 2]);
  });

  it('P100: it is told once', () => {
    const node = leader();
    node.step({ type: 'transferLeadership', to: 2 });
    receive(node, appendReply(node, 2));
    expect(sentText([...tick(node, 5), ...receive(node, appendReply(node, 2))], 'timeoutNow')).toEqual([]);
  });

  it('P100: it campaigns at once, without pre-vote, for votes that nobody withholds', () => {
    const node = nodeWithLog({ config: { preVote: true } });
    receive(node, heartbeat(node, 2, { term: 1 }));
    expect(described(receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 1 }))).toEqual([
      'candidate t2 leader none',
      'send S1->S2 requestVote t2 last 0/t0 transfer',
      'send S1->S3 requestVote t2 last 0/t0 transfer',
    ]);
  });

  it('P100 thesis §4.2.3: a voter that hears its leader votes for its successor all the same, and for nobody else', () => {
    const node = nodeWithLog({});
    receive(node, heartbeat(node, 2, { term: 1 }));
    expect(receive(node, requestVote(node, 3))).toEqual([]);
    expect(described(receive(node, requestVote(node, 3, { transfer: true })))).toEqual([
      'follower t2 leader none',
      'send S1->S3 requestVoteReply t2 granted',
    ]);
  });

  it('P100: the old leader steps down for it, and votes', () => {
    const node = leader();
    node.step({ type: 'transferLeadership', to: 2 });
    expect(described(receive(node, requestVote(node, 2, { transfer: true })))).toEqual([
      'follower t2 leader none',
      'send S1->S2 requestVoteReply t2 granted',
    ]);
  });

  it.each([1, 2, 3, 5])('P100: in a cluster of %d no tick is needed, and no entry is lost', (count) => {
    const cluster = new Cluster({ voters: count });
    cluster.elect(1);
    cluster.propose(1, 'a');
    cluster.tickAll(2);
    const to = count;
    if (count > 1) cluster.step(1, { type: 'transferLeadership', to });
    cluster.settle();
    expect([cluster.leader, cluster.node(to).term]).toEqual([to, count > 1 ? 2 : 1]);
    cluster.propose(to, 'b');
    cluster.tickAll(2);
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['a', 'b']);
  });

  it('P101: a slow successor is told as soon as it holds the last entry, not before', () => {
    const node = leader();
    propose(node, 'a', 'b');
    expect(sentText(node.step({ type: 'transferLeadership', to: 2 }))).toEqual([]);
    expect(sentText(receive(node, appendReply(node, 3)))).toEqual([]);
    expect(sentText(receive(node, appendReply(node, 2, { matchIndex: 2 })), 'timeoutNow')).toEqual([]);
    expect(sentText(receive(node, appendReply(node, 2, { matchIndex: 3 })))).toEqual([
      'S1->S2 timeoutNow t1',
    ]);
  });

  it('P102: one that needs a snapshot first gets it, then the entries behind it, then the word', () => {
    const log = compactedLog({ entries: entriesOf([1, 1, 1]), snapshot: snapshotAt(3, 1) });
    const node = nodeWithLog({ log, config: { checkQuorum: false } });
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 2));
    node.step({ type: 'transferLeadership', to: 3 });
    const said = [
      ...receive(node, appendReply(node, 3, { success: false, prevLogIndex: 3, hintIndex: 0 })),
      ...receive(node, {
        type: 'installSnapshotReply',
        from: 3,
        to: 1,
        term: 2,
        snapshotIndex: 3,
        success: true,
        matchIndex: 3,
      }),
      ...receive(node, appendReply(node, 3)),
    ];
    expect(sentText(said)).toEqual([
      'S1->S3 installSnapshot t2 at 3/t1 [1 2 3] 5 B',
      'S1->S3 append t2 after 3/t1: 4/t2(noop) commit 4',
      'S1->S3 timeoutNow t2',
    ]);
  });

  it('P107: and back again, and on to the third', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    for (const [from, to] of [
      [1, 2],
      [2, 1],
      [1, 3],
      [3, 2],
    ] as const) {
      cluster.step(from, { type: 'transferLeadership', to });
      cluster.settle();
      expect(cluster.leader).toBe(to);
      cluster.propose(to, `${from} to ${to}`);
      cluster.tickAll(2);
    }
    expect(cluster.node(2).term).toBe(5);
    for (const id of cluster.ids)
      expect(cluster.appliedTexts(id)).toEqual(['1 to 2', '2 to 1', '1 to 3', '3 to 2']);
  });
});

describe('what cannot be', () => {
  it.each([
    [1, 'server 1 leads already'],
    [9, 'server 9 is not a voter'],
    [4, 'server 4 is not a voter'],
  ])('P103: to server %d is refused', (to, why) => {
    const node = leader();
    const before = snapshotOf(node);
    expect(refusal(() => node.step({ type: 'transferLeadership', to }))).toBe(`CONFIG_INVALID: ${why}`);
    expect(snapshotOf(node)).toEqual(before);
    expect(sentText(propose(node, 'a'), 'appendEntries')).toHaveLength(3);
  });

  it('P103: to a server whose removal is staged is refused', () => {
    const node = leader();
    node.step({ type: 'removeServer', id: 3 });
    expect(refusal(() => node.step({ type: 'transferLeadership', to: 3 }))).toBe(
      'CONFIG_INVALID: server 3 is not a voter',
    );
  });

  it('P103: to an outgoing voter of a joint configuration is refused, to an incoming one is not', () => {
    const node = leader();
    node.step({ type: 'changeMembership', voters: [1, 2, 5], autoLeave: false });
    expect(refusal(() => node.step({ type: 'transferLeadership', to: 3 }))).toBe(
      'CONFIG_INVALID: server 3 is not a voter',
    );
    expect(node.step({ type: 'transferLeadership', to: 5 })).toEqual([]);
  });

  it.each(['transferLeadership', 'abortTransfer'] as const)(
    'P103: %s at a follower is refused with the leader it knows',
    (type) => {
      const node = nodeWithLog({});
      receive(node, heartbeat(node, 2, { term: 1 }));
      const error = refusedWith(() => node.step({ type, to: 3 }));
      expect([error.code, error.detail]).toEqual(['NOT_LEADER', { leader: 2 }]);
    },
  );

  it('P106: a second one to the same server is the same one', () => {
    const node = leader({ transferTimeoutTicks: 10 });
    node.step({ type: 'transferLeadership', to: 2 });
    tick(node, 6);
    expect(node.step({ type: 'transferLeadership', to: 2 })).toEqual([]);
    tick(node, 3);
    expect(node.status().leadership?.transferTo).toBe(2);
    tick(node); // the first one's time is up
    expect(node.status().leadership?.transferTo).toBeUndefined();
  });

  it('P106: a second one to another server is refused until the first has ended', () => {
    const node = leader();
    node.step({ type: 'transferLeadership', to: 2 });
    const error = refusedWith(() => node.step({ type: 'transferLeadership', to: 3 }));
    expect([error.code, error.message, error.detail]).toEqual([
      'TRANSFER_IN_PROGRESS',
      'leadership is being handed to server 2',
      { to: 2 },
    ]);
    node.step({ type: 'abortTransfer' });
    expect(described(node.step({ type: 'transferLeadership', to: 3 }))).toEqual([
      'send S1->S3 timeoutNow t1',
    ]);
  });
});

describe('when it does not work out', () => {
  const proposalsAreTaken = (node: ReturnType<typeof leader>): boolean =>
    described(propose(node, 'x')).some((text) => text.startsWith('proposed'));

  it('P104: proposals are refused meanwhile, single and in batches', () => {
    const node = leader();
    node.step({ type: 'transferLeadership', to: 2 });
    const before = snapshotOf(node);
    expect(refusal(() => propose(node, 'a'))).toBe(
      'TRANSFER_IN_PROGRESS: leadership is being handed to server 2',
    );
    expect(refusal(() => node.step({ type: 'propose', command: bytes('a') }))).toMatch(
      /^TRANSFER_IN_PROGRESS/,
    );
    expect(snapshotOf(node)).toEqual(before);
  });

  it.each([
    ['that was told', 'S1->S2 timeoutNow t1'],
    ['that was not told yet', undefined],
  ])('P104 X4: a successor %s has transferTimeoutTicks; then the leader goes on', (_what, told) => {
    const node = leader({ transferTimeoutTicks: 7 });
    if (told === undefined) propose(node, 'not replicated');
    expect(sentText(node.step({ type: 'transferLeadership', to: 2 }))).toEqual(
      told === undefined ? [] : [told],
    );
    expect(described(tick(node, 6)).filter((text) => text.startsWith('transfer'))).toEqual([]);
    expect(refusal(() => propose(node, 'a'))).toMatch(/^TRANSFER_IN_PROGRESS/);
    expect(described(tick(node)).filter((text) => text.startsWith('transfer'))).toEqual([
      'transfer to S2 failed: timeout',
    ]);
    expect(node.status().leadership?.transferTo).toBeUndefined();
    expect(proposalsAreTaken(node)).toBe(true);
    expect(described(tick(node, 50)).filter((text) => text.startsWith('transfer'))).toEqual([]);
  });

  it('X4: a transfer to a dead server does not block proposals for ever', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.crash(3);
    cluster.step(1, { type: 'transferLeadership', to: 3 });
    cluster.tickAll(20); // the largest election timeout, which is the default
    cluster.propose(1, 'a');
    cluster.tickAll(2);
    expect(cluster.appliedTexts(2)).toEqual(['a']);
  });

  it('P104: the caller may give it up', () => {
    const node = leader();
    expect(node.step({ type: 'abortTransfer' })).toEqual([]); // nothing to give up
    node.step({ type: 'transferLeadership', to: 2 });
    expect(described(node.step({ type: 'abortTransfer' }))).toEqual(['transfer to S2 failed: aborted']);
    expect(proposalsAreTaken(node)).toBe(true);
  });

  it('P104: a successor that was told too late still takes over by a vote', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.fate = ({ type }) => (type === 'timeoutNow' ? 'hold' : 'deliver');
    cluster.step(1, { type: 'transferLeadership', to: 2 });
    cluster.tickAll(20);
    cluster.propose(1, 'a');
    cluster.fate = () => 'deliver';
    cluster.release();
    cluster.settle();
    cluster.tickAll(50);
    expect(cluster.leader).toBeDefined();
    for (const id of cluster.ids) expect(cluster.appliedTexts(id)).toEqual(['a']);
  });

  it('P105 §5.1: a later term ends leadership and with it a transfer that had not begun', () => {
    const node = leader();
    propose(node, 'a');
    node.step({ type: 'transferLeadership', to: 2 });
    expect(described(receive(node, { type: 'heartbeatReply', from: 3, to: 1, term: 5, round: 0 }))).toEqual([
      'transfer to S2 failed: leadershipLost',
      'follower t5 leader none',
    ]);
  });

  it('P105: once the successor was told, who leads next says how it ended', () => {
    const node = leader();
    node.step({ type: 'transferLeadership', to: 2 });
    expect(described(receive(node, heartbeat(node, 2, { term: 2 })))).toEqual([
      'follower t2 leader S2',
      'send S1->S2 heartbeatReply t2 round 1',
    ]);
  });

  it("P105: a vote request of another candidate does not pass for the successor's", () => {
    const node = nodeWithLog({});
    electLeader(node);
    node.step({ type: 'transferLeadership', to: 2 });
    expect(receive(node, requestVote(node, 3))).toEqual([]);
    expect([node.isLeader, node.term]).toEqual([true, 1]);
  });

  it('P105: a leader that loses its quorum meanwhile steps down, and the transfer with it', () => {
    const node = nodeWithLog({ config: { electionTimeoutTicks: [5, 10], transferTimeoutTicks: 30 } });
    electLeader(node);
    propose(node, 'a');
    tick(node, 5); // the answers to the noop counted
    node.step({ type: 'transferLeadership', to: 2 });
    const ended = described(tick(node, 5)).filter((text) => !text.startsWith('send'));
    expect(ended).toEqual(['transfer to S2 failed: leadershipLost', 'follower t1 leader none']);
  });
});

describe('timeoutNow at whoever cannot use it', () => {
  it('P103: a leader ignores it', () => {
    const node = leader();
    expect(receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 1 })).toEqual([]);
    expect([node.isLeader, node.term]).toEqual([true, 1]);
  });

  it('P103 §5.1: one of an earlier term is ignored', () => {
    const node = nodeWithLog({ hardState: { term: 3, votedFor: undefined } });
    expect(receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 2 })).toEqual([]);
    expect([node.role, node.term]).toEqual(['follower', 3]);
  });

  it('P103 §5.1: one of a later term is followed into that term and then acted on', () => {
    const node = nodeWithLog({});
    expect(described(receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 4 })).slice(0, 2)).toEqual([
      'follower t4 leader none',
      'candidate t5 leader none',
    ]);
  });
});
