// Joining when something goes wrong, and what stays true of a server that is not there yet (§6, §7; thesis §4.2.1).

import { describe, expect, it } from 'vitest';
import { describeEntry, type Snapshot } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { clusterToJoin, install, join, joiner, overhear, snapshotAt } from './support/joining.js';
import {
  append,
  appendReply,
  bytes,
  configEntry,
  configuration,
  described,
  electLeader,
  entriesOf,
  heartbeat,
  nodeWithLog,
  receive,
  requestVote,
  sentText,
  snapshotOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusedWith } from './support/refusal.js';

describe('H4 when joining goes wrong', () => {
  it('H4.1: the leader dies before it sends anything: the next one takes over', () => {
    const servers = clusterToJoin({ snapshot: false });
    for (const id of [2, 3]) servers.step(id, { type: 'snapshot', index: 6, data: bytes('a..e') });
    servers.fate = ({ to }) => (to === 4 ? 'drop' : 'deliver');
    join(servers, 4);
    servers.settle();
    servers.fate = () => 'deliver';
    servers.crash(1);
    const leader = servers.awaitLeader();
    servers.tickAll(10);
    expect([leader !== 1, servers.node(4).leader]).toEqual([true, leader]);
    expect(servers.restored(4)?.index).toBe(6);
    expect(servers.node(4).lastApplied).toBe(servers.node(leader).lastApplied);
  });

  it('H4.2: several join at once, each with its own progress; one change at a time', () => {
    const servers = clusterToJoin();
    for (const id of [4, 5, 6]) servers.add({ id, peers: [1, 2, 3], learners: [id] });
    servers.step(1, { type: 'addLearner', id: 4 });
    expect(refusedWith(() => servers.step(1, { type: 'addLearner', id: 5 })).code).toBe('CONFIG_IN_PROGRESS');
    servers.settle();
    servers.step(1, { type: 'changeMembership', voters: [1, 2, 3], learners: [4, 5, 6] });
    servers.isolate(6);
    servers.tickAll(10);
    expect([4, 5].map((id) => servers.node(id).lastApplied)).toEqual([8, 8]);
    expect(servers.node(6).lastApplied).toBe(0);
    expect([servers.leader, servers.node(1).commitIndex]).toEqual([1, 8]);
  });

  it('H4.3: to a cluster without a snapshot it comes with an empty log and gets all of it', () => {
    const servers = clusterToJoin({ snapshot: false });
    const heard = overhear(servers, 4);
    join(servers, 4);
    servers.tickAll(5);
    expect(heard.some((text) => text.includes('installSnapshot'))).toBe(false);
    expect(servers.log(4).entries(1, 7).map(describeEntry)).toEqual(
      servers.log(1).entries(1, 7).map(describeEntry),
    );
    // And to a cluster that holds nothing but its noop.
    const fresh = new Cluster({ voters: 3 });
    fresh.elect(1);
    join(fresh, 4);
    fresh.tickAll(5);
    expect(fresh.log(4).lastIndex()).toBe(2);
  });

  it('H4.4: without a leader it waits, and is served by the first one there is', () => {
    const servers = clusterToJoin();
    join(servers, 4);
    servers.isolate(4);
    servers.settle();
    servers.crash(1);
    servers.crash(2);
    servers.heal();
    servers.tickAll(100);
    expect([servers.leader, servers.node(4).log.lastIndex()]).toEqual([undefined, 0]);
    servers.restart(1);
    servers.awaitLeader();
    servers.tickAll(10);
    expect(servers.node(4).lastApplied).toBe(servers.node(3).lastApplied);
  });

  it('H4.5 thesis §4.2.1: promoted too early is refused and changes nothing; the join goes on', () => {
    const servers = clusterToJoin();
    servers.fate = ({ type }) => (type === 'installSnapshot' ? 'hold' : 'deliver');
    join(servers, 4);
    servers.tickAll(3);
    const before = snapshotOf(servers.node(1));
    for (const type of ['promoteLearner', 'addServer'] as const) {
      const { code, detail } = refusedWith(() => servers.step(1, { type, id: 4 }));
      expect([code, detail]).toEqual(['NOT_CAUGHT_UP', { id: 4, matchIndex: 0, commitIndex: 7 }]);
    }
    expect(snapshotOf(servers.node(1))).toEqual(before);
    servers.release();
    servers.tickAll(5);
    servers.step(1, { type: 'promoteLearner', id: 4 });
    servers.tickAll(5);
    expect(servers.node(4).configuration.voters).toEqual([1, 2, 3, 4]);
  });
});

describe('H5 what stays true meanwhile', () => {
  it('H5.1 §5.3: commits nothing that it is not known to hold, whatever the leader has committed', () => {
    const leader = nodeWithLog({ terms: [1, 1, 1], config: { learners: [4] } });
    electLeader(leader);
    expect(leader.commitIndex).toBe(4);
    const heartbeats = sentText(tick(leader), 'heartbeat');
    expect(heartbeats.at(-1)).toBe('S1->S4 heartbeat t2 round 1 commit 0');
    receive(leader, appendReply(leader, 4, { matchIndex: 2 }));
    tick(leader);
    expect(sentText(tick(leader, 2), 'heartbeat').at(-1)).toBe('S1->S4 heartbeat t2 round 2 commit 2');

    const learner = nodeWithLog(joiner);
    const actions = receive(learner, append(learner, 1, { term: 1, terms: [1, 1], leaderCommit: 40 }));
    expect(described(actions)).toContain('commit 2/t1');
    expect(learner.commitIndex).toBe(2);
  });

  it('H5.2 thesis §4.2.1: votes by the rules when it is asked, and its vote never counts', () => {
    const learner = nodeWithLog(joiner);
    expect(sentText(receive(learner, requestVote(learner, 2)))).toEqual([
      'S4->S2 requestVoteReply t1 granted',
    ]);
    const candidate = nodeWithLog({ config: { learners: [4, 5] } });
    tickUntilElection(candidate);
    for (const from of [4, 5]) receive(candidate, voteReply(candidate, from));
    expect(candidate.role).toBe('candidate');
  });

  it.each<[string, Snapshot]>([
    ['without voters', snapshotAt(9, 2, [])],
    ['with a server that is voter and learner', snapshotAt(9, 2, [1, 4])],
    ['that contradicts what is committed', snapshotAt(2, 2)],
  ])('H5.3 §7: a snapshot %s is refused and changes nothing', (_name, snapshot) => {
    const node = nodeWithLog({ ...joiner, terms: [1, 1, 1] });
    receive(node, heartbeat(node, 1, { term: 3, leaderCommit: 3 }));
    const before = snapshotOf(node);
    const actions = receive(node, install(snapshot));
    expect(described(actions)).toEqual([`send S4->S1 installSnapshotReply t3 of ${snapshot.index} refused`]);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('H5.4 §5.3, §7: the first entry follows the snapshot, and no other is taken', () => {
    const node = nodeWithLog(joiner);
    receive(node, install(snapshotAt(6, 2)));
    const gap = append(node, 1, { prevLogIndex: 7, prevLogTerm: 3, entries: entriesOf([3], 8) });
    expect(sentText(receive(node, gap))).toEqual(['S4->S1 appendReply t3 refused 7 hint 6/t2']);
    const fits = append(node, 1, { prevLogIndex: 6, prevLogTerm: 2, entries: entriesOf([3], 7) });
    expect(sentText(receive(node, fits))).toEqual(['S4->S1 appendReply t3 match 7']);
    expect([node.log.firstIndex(), node.log.lastIndex()]).toEqual([7, 7]);

    const servers = clusterToJoin();
    const heard = overhear(servers, 4);
    join(servers, 4);
    servers.tickAll(5);
    const behind = heard.filter((text) => text.startsWith('S1->S4 append') && !text.includes('nothing'));
    expect(behind[0]).toMatch(/^S1->S4 append t1 after 6\/t1: 7\/t1\(config \[1 2 3 \+4\]\)/);
  });

  it('H5.4 §6: the configuration of the snapshot is in force until an entry behind it says otherwise', () => {
    const node = nodeWithLog(joiner);
    receive(node, install(snapshotAt(6, 2, [1, 2, 3, 5])));
    expect(node.configuration.voters).toEqual([1, 2, 3, 5]);
    const entries = [configEntry(7, 3, configuration([1, 2, 3, 4]))];
    receive(node, append(node, 1, { prevLogIndex: 6, prevLogTerm: 2, entries }));
    expect([node.configuration.voters, node.role]).toEqual([[1, 2, 3, 4], 'follower']);
  });
});
