// Changing one voter at a time (§6; thesis §4.1): in force when appended, back when truncated, one at a time, never
// before the leader has committed in its term, and never down to nobody.

import { describe, expect, it } from 'vitest';
import { decodeConfiguration, type Event } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import {
  append,
  appendReply,
  configEntry,
  configuration,
  described,
  electLeader,
  entry,
  heartbeat,
  nodeWithLog,
  noop,
  propose,
  receive,
  snapshotOf,
  tick,
  tickUntilElection,
} from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

/** Server 1 leads 1, 2, 3 in term 1; its noop at index 1 is committed. */
function leaderOfThree(learners: readonly number[] = []) {
  const node = nodeWithLog({ config: { learners, heartbeatTicks: 3 } });
  electLeader(node);
  return node;
}

const CHANGES: readonly Event[] = [
  { type: 'addServer', id: 4 },
  { type: 'addLearner', id: 4 },
  { type: 'removeServer', id: 3 },
  { type: 'promoteLearner', id: 9 },
  { type: 'changeMembership', voters: [1, 2] },
  { type: 'leaveJoint' },
];

describe('adding and removing', () => {
  it('P70 §6: an added server counts from the moment its entry is appended', () => {
    const node = leaderOfThree();
    const actions = node.step({ type: 'addServer', id: 4, address: 'd:1' });
    expect(described(actions)).toEqual([
      'membership [1 2 3 4] at 2',
      'proposed 2 t1',
      'send S1->S2 append t1 after 1/t1: 2/t1(config [1 2 3 4]) commit 1',
      'send S1->S3 append t1 after 1/t1: 2/t1(config [1 2 3 4]) commit 1',
      'send S1->S4 append t1 after 2/t1: nothing commit 1',
    ]);
    expect(node.configuration).toEqual(configuration([1, 2, 3, 4], { addresses: { 4: 'd:1' } }));
    expect(described(receive(node, appendReply(node, 2)))).toEqual([]); // two of four
    expect(described(receive(node, appendReply(node, 3)))).toEqual(['commit 2/t1']);
  });

  it('P70 §6: a removed server counts no longer from the moment its entry is appended', () => {
    const node = nodeWithLog({ peers: [2, 3, 4] });
    electLeader(node);
    const actions = node.step({ type: 'removeServer', id: 4 });
    expect(described(actions).slice(0, 2)).toEqual(['membership [1 2 3] at 2', 'proposed 2 t1']);
    expect(described(actions).filter((text) => text.includes('S1->S4'))).toEqual([]);
    expect(described(receive(node, appendReply(node, 4)))).toEqual([]);
    expect(described(receive(node, appendReply(node, 2)))).toEqual(['commit 2/t1']); // two of three
  });

  it('P70: the entry carries the configuration, with the addresses of those who are in it', () => {
    const node = leaderOfThree();
    node.step({ type: 'addServer', id: 4, address: 'd:1' });
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    node.step({ type: 'removeServer', id: 4 });
    const configurations = [2, 3].map((index) =>
      decodeConfiguration(node.log.entry(index)?.command ?? new Uint8Array()),
    );
    expect(configurations).toEqual([
      configuration([1, 2, 3, 4], { addresses: { 4: 'd:1' } }),
      configuration([1, 2, 3]),
    ]);
  });

  it('P70: a follower puts it in force when it is appended, committed or not', () => {
    const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
    const change = append(node, 2, { entries: [configEntry(1, 1, configuration([1, 2, 3, 4]))] });
    expect(described(receive(node, change))).toEqual([
      'follower t1 leader S2',
      'membership [1 2 3 4] at 1',
      'send S1->S2 appendReply t1 match 1',
    ]);
    expect(node.status()).toMatchObject({ commitIndex: 0, configurationIndex: 1 });
  });

  it('P70: a learner that lags behind may be removed, and others added beside it', () => {
    const node = leaderOfThree([7]);
    expect(described(node.step({ type: 'addLearner', id: 8 }))[0]).toBe('membership [1 2 3 +7 +8] at 2');
    receive(node, appendReply(node, 2));
    expect(described(node.step({ type: 'removeServer', id: 7 }))[0]).toBe('membership [1 2 3 +8] at 3');
  });

  it('P70: a cluster grows from one to five and shrinks back to one, committing all the way', () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.awaitLeader();
    const texts: string[] = [];
    const commit = (text: string): void => {
      texts.push(text);
      cluster.propose(cluster.awaitLeader(), text);
      cluster.tickAll(3);
    };
    for (const id of [2, 3, 4, 5]) {
      cluster.add({ id, peers: [1], learners: [id] });
      cluster.step(1, { type: 'addServer', id });
      cluster.tickAll(3);
      commit(`add ${id}`);
    }
    for (const id of [2, 3, 4, 5]) {
      cluster.step(1, { type: 'removeServer', id });
      cluster.tickAll(3);
      commit(`remove ${id}`);
    }
    expect(cluster.node(1).configuration.voters).toEqual([1]);
    expect(cluster.appliedTexts(1)).toEqual(texts);
    expect(cluster.appliedTexts(5)).toEqual(texts.slice(0, -1)); // all that was committed while it was in
  });

  it.each<readonly [Event, string]>([
    [{ type: 'addServer', id: 2 }, 'server 2 is a voter already'],
    [{ type: 'addLearner', id: 7 }, 'server 7 is a learner already'],
    [{ type: 'removeServer', id: 4 }, 'server 4 is not in the cluster'],
    [{ type: 'promoteLearner', id: 2 }, 'server 2 is not a learner'],
    [{ type: 'promoteLearner', id: 4 }, 'server 4 is not a learner'],
    [{ type: 'addServer', id: 0 }, '0 is not a server id (a positive safe integer)'],
    [{ type: 'addLearner', id: 1.5 }, '1.5 is not a server id (a positive safe integer)'],
    [{ type: 'leaveJoint' }, 'the configuration is not joint'],
    [
      { type: 'changeMembership', voters: [1, 2], learners: [2] },
      'server 2 cannot be voter and learner at once',
    ],
  ])('P70: %j makes no sense, is refused and changes nothing', (event, why) => {
    const node = leaderOfThree([7]);
    const before = snapshotOf(node);
    expect(refusal(() => node.step(event))).toBe(`CONFIG_INVALID: ${why}`);
    expect(snapshotOf(node)).toEqual(before);
  });

  it.each(CHANGES)('P70: $type at a follower is refused with the leader it knows', (event) => {
    const node = nodeWithLog({});
    receive(node, heartbeat(node, 2, { term: 1 }));
    const before = snapshotOf(node);
    const error = refusedWith(() => node.step(event));
    expect([error.code, error.detail]).toEqual(['NOT_LEADER', { leader: 2 }]);
    expect(snapshotOf(node)).toEqual(before);
  });
});

describe('the leader itself', () => {
  it('P71 thesis §4.2.2: a leader that removes itself leads until that is committed, without counting itself', () => {
    const node = leaderOfThree();
    const removal = described(node.step({ type: 'removeServer', id: 1 }));
    expect(removal.slice(0, 2)).toEqual(['membership [2 3] at 2', 'proposed 2 t1']);
    expect([node.isLeader, node.role]).toEqual([true, 'leader']);
    expect(described(propose(node, 'a'))).toContain('proposed 3 t1');
    expect(described(receive(node, appendReply(node, 2, { matchIndex: 2 })))).toEqual([]); // one of two
    expect(described(receive(node, appendReply(node, 3, { matchIndex: 2 })))).toEqual([
      'commit 2/t1',
      'send S1->S2 heartbeat t1 round 1 commit 2',
      'send S1->S3 heartbeat t1 round 1 commit 2',
      'learner t1 leader none',
    ]);
    expect([node.isLeader, node.role, node.commitIndex]).toEqual([false, 'learner', 2]);
  });

  it('P71: once it is out it never campaigns again', () => {
    const node = leaderOfThree();
    node.step({ type: 'removeServer', id: 1 });
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(tick(node, 200)).toEqual([]);
    expect(receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 1 })).toEqual([]);
  });

  it('P71: the others know that the removal is committed and elect a leader among themselves', () => {
    const cluster = new Cluster({ voters: 3 });
    cluster.elect(1);
    cluster.step(1, { type: 'removeServer', id: 1 });
    cluster.settle();
    expect([2, 3].map((id) => cluster.node(id).commitIndex)).toEqual([2, 2]);
    cluster.crash(1);
    const leader = cluster.awaitLeader();
    expect([2, 3]).toContain(leader);
    expect(cluster.node(leader).configuration.voters).toEqual([2, 3]);
  });

  it('P71: of two servers the leader removes itself and the other goes on alone', () => {
    const cluster = new Cluster({ voters: 2 });
    cluster.elect(1);
    cluster.step(1, { type: 'removeServer', id: 1 });
    cluster.settle();
    cluster.crash(1);
    expect(cluster.awaitLeader()).toBe(2);
  });

  it('P71: a leader that makes a learner of itself steps down when that is committed', () => {
    const node = leaderOfThree();
    expect(described(node.step({ type: 'addLearner', id: 1 }))[0]).toBe('membership [2 3 +1] at 2');
    receive(node, appendReply(node, 2));
    expect(node.isLeader).toBe(true);
    receive(node, appendReply(node, 3));
    expect([node.isLeader, node.role]).toEqual([false, 'learner']);
  });
});

describe('when a change may be made', () => {
  it.each(CHANGES)(
    'P74 §6, Ongaro 2015: $type is refused before the leader has committed in its own term',
    (event) => {
      const node = nodeWithLog({ terms: [1, 1] });
      electLeader(node, { ready: false });
      receive(node, appendReply(node, 2, { matchIndex: 2 })); // the old entries are everywhere; the noop at 3 is not
      const before = snapshotOf(node);
      expect(refusal(() => node.step(event))).toBe(
        'NOT_READY: this leader has not committed an entry of its own term yet',
      );
      expect(snapshotOf(node)).toEqual(before);
    },
  );

  it('P74: exactly the commit of the noop opens the way', () => {
    const node = nodeWithLog({ terms: [1, 1] });
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 2, { matchIndex: 3 }));
    expect(described(node.step({ type: 'addServer', id: 4 }))).toContain('proposed 4 t2');
  });

  it.each(CHANGES)('P75 thesis §4.1: $type is refused while the last change is not committed', (event) => {
    const node = leaderOfThree();
    node.step({ type: 'addLearner', id: 9 });
    propose(node, 'a');
    const before = snapshotOf(node);
    const error = refusedWith(() => node.step(event));
    expect([error.code, error.message, error.detail]).toEqual([
      'CONFIG_IN_PROGRESS',
      'the configuration at 2 is not committed yet',
      { index: 2 },
    ]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P75: exactly its commit opens the way for the next', () => {
    const node = leaderOfThree();
    node.step({ type: 'addServer', id: 4 });
    receive(node, appendReply(node, 2));
    expect(refusal(() => node.step({ type: 'addServer', id: 5 }))).toMatch(/^CONFIG_IN_PROGRESS/);
    receive(node, appendReply(node, 3));
    expect(described(node.step({ type: 'addServer', id: 5 }))).toContain('membership [1 2 3 4 5] at 3');
  });

  it('P75: a new leader finishes the change of the last one before it takes another', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, configuration([1, 2, 3, 4]))] });
    electLeader(node, { ready: false });
    for (const from of [2, 3]) receive(node, appendReply(node, from, { matchIndex: 2 }));
    expect(refusal(() => node.step({ type: 'removeServer', id: 4 }))).toMatch(/^NOT_READY/);
    for (const from of [2, 3]) receive(node, appendReply(node, from));
    expect(described(node.step({ type: 'removeServer', id: 4 }))).toContain('proposed 4 t2');
  });

  it('P75: none while leadership is being handed over', () => {
    const node = leaderOfThree();
    node.step({ type: 'transferLeadership', to: 2 });
    expect(refusal(() => node.step({ type: 'addServer', id: 4 }))).toBe(
      'TRANSFER_IN_PROGRESS: leadership is being handed to server 2',
    );
  });
});

describe('a truncated change', () => {
  const added = configuration([1, 2, 3, 4]);
  const removed = configuration([2, 3, 4]);

  it('P76 §6: the configuration before it is in force again', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, added)] });
    expect(node.configuration).toEqual(added);
    const actions = receive(node, append(node, 3, { term: 2, prevLogIndex: 1, terms: [2] }));
    expect(described(actions)).toEqual([
      'follower t2 leader S3',
      'membership [1 2 3] at 0',
      'send S1->S3 appendReply t2 match 2',
    ]);
    expect(node.status()).toMatchObject({ configuration: configuration([1, 2, 3]), configurationIndex: 0 });
  });

  it('P76 §6: of several the newest that is left is in force', () => {
    const node = nodeWithLog({
      entries: [
        configEntry(1, 1, added),
        entry(2, 1),
        configEntry(3, 2, configuration([1, 2, 3, 4, 5])),
        configEntry(4, 2, removed),
      ],
    });
    receive(node, append(node, 3, { term: 3, prevLogIndex: 2, prevLogTerm: 1, terms: [3] }));
    expect(node.status()).toMatchObject({ configuration: added, configurationIndex: 1 });
  });

  it('P76 §6: a truncation above it leaves it alone', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, added), entry(3, 1)] });
    const actions = receive(node, append(node, 3, { term: 2, prevLogIndex: 2, terms: [2] }));
    expect(described(actions)).toEqual(['follower t2 leader S3', 'send S1->S3 appendReply t2 match 3']);
    expect(node.configuration).toEqual(added);
  });

  it('P76 §6: the change that replaces it is in force instead', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, added)] });
    const other = configEntry(2, 2, configuration([1, 2]));
    const actions = receive(node, append(node, 3, { term: 2, prevLogIndex: 1, entries: [other] }));
    expect(described(actions)).toContain('membership [1 2] at 2');
    expect(node.configuration).toEqual(configuration([1, 2]));
  });

  it('P76: a server whose removal was truncated is a voter again and campaigns', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), configEntry(2, 1, configuration([2, 3]))] });
    receive(node, append(node, 3, { term: 2, prevLogIndex: 1, terms: [2], leaderCommit: 1 }));
    expect(node.role).toBe('follower');
    tickUntilElection(node);
    expect([node.role, node.term]).toEqual(['candidate', 3]);
  });

  it('P76: a change that a crash took back is not in force after it', () => {
    const cluster = new Cluster({ voters: 3, durability: 'deferred' });
    cluster.elect(1);
    cluster.stalledDisks.add(2);
    cluster.step(1, { type: 'addServer', id: 4 });
    cluster.settle();
    expect(cluster.node(2).configuration.voters).toEqual([1, 2, 3, 4]);
    cluster.restart(2);
    expect(cluster.node(2).configuration.voters).toEqual([1, 2, 3]);
  });
});

describe('the last voter', () => {
  it.each<readonly [string, Event]>([
    ['removed', { type: 'removeServer', id: 1 }],
    ['made a learner', { type: 'addLearner', id: 1 }],
    ['left out', { type: 'changeMembership', voters: [] }],
    ['left out for learners', { type: 'changeMembership', voters: [], learners: [1, 2] }],
  ])('P80: is not to be %s', (_what, event) => {
    const node = nodeWithLog({ peers: [], config: { learners: [2] } });
    electLeader(node);
    const before = snapshotOf(node);
    expect(refusal(() => node.step(event))).toBe(
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    );
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P80: the last but one may go', () => {
    const node = nodeWithLog({ peers: [2] });
    electLeader(node);
    expect(described(node.step({ type: 'removeServer', id: 2 }))).toEqual([
      'membership [1] at 2',
      'proposed 2 t1',
      'commit 2/t1',
    ]);
  });
});
