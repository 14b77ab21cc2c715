// A server that joins: a learner until it has caught up, by a snapshot first where there is one (§6, §7; thesis §4.2.1).

import { describe, expect, it } from 'vitest';
import { describeEntry, describeMessage, type Message, type NodeId, type Snapshot } from '../src/index.js';
import { Cluster } from './support/cluster.js';
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
  sent,
  sentText,
  snapshotOf,
  textOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusedWith } from './support/refusal.js';

const joiner = { id: 4, peers: [1, 2, 3], config: { learners: [4] } };

/** Three voters, led by 1; it has applied `a` to `e` and, unless told otherwise, a snapshot of that. */
function cluster(options: { readonly snapshot?: boolean; readonly keepEntries?: number } = {}): Cluster {
  const { snapshot = true, keepEntries = 0 } = options;
  const servers = new Cluster({ voters: 3 });
  servers.elect(1);
  servers.propose(1, 'a', 'b', 'c', 'd', 'e');
  servers.settle();
  servers.tickAll(5);
  if (snapshot) servers.step(1, { type: 'snapshot', index: 6, data: bytes('a..e'), keepEntries });
  return servers;
}

/** Starts server `id` as one that joins, and has the leader take it in as a learner. */
function join(servers: Cluster, id: NodeId, leader: NodeId = 1): void {
  servers.add({ id, peers: [1, 2, 3], learners: [id] });
  servers.step(leader, { type: 'addLearner', id });
}

/** Everything said between two servers from now on, as text without heartbeats, while it is delivered. */
function overhear(servers: Cluster, id: NodeId): string[] {
  const heard: string[] = [];
  servers.fate = (message) => {
    const isSmallTalk = message.type === 'heartbeat' || message.type === 'heartbeatReply';
    if (!isSmallTalk && (message.to === id || message.from === id)) heard.push(describeMessage(message));
    return 'deliver';
  };
  return heard;
}

function snapshotAt(index: number, term: number, voters: readonly NodeId[] = [1, 2, 3]): Snapshot {
  return { index, term, configuration: configuration(voters, { learners: [4] }), data: bytes(`to ${index}`) };
}

function install(snapshot: Snapshot, fields: Partial<Message> = {}): Message {
  return { type: 'installSnapshot', from: 1, to: 4, term: 3, snapshot, ...fields } as Message; // fields never change the type
}

describe('H1 a new server and the snapshot', () => {
  it('H1.1 thesis §4.2.1: starts as a learner', () => {
    const node = nodeWithLog(joiner);
    expect([node.role, node.term, node.leader, node.log.lastIndex()]).toEqual(['learner', 0, undefined, 0]);
    expect(node.configuration).toMatchObject({ voters: [1, 2, 3], learners: [4] });
  });

  it.each([0, 100])(
    'H1.2 §7: gets the snapshot before any entry, also where the log reaches back to the beginning (%i kept)',
    (keepEntries) => {
      const servers = cluster({ keepEntries });
      const heard = overhear(servers, 4);
      join(servers, 4);
      servers.tickAll(5);
      const withContent = heard.filter(
        (text) =>
          text.includes('installSnapshot t') || (text.includes(' append ') && !text.includes('nothing')),
      );
      expect(withContent[0]).toBe('S1->S4 installSnapshot t1 at 6/t1 [1 2 3] 4 B');
      expect(heard.filter((text) => text.includes('S1->S4 installSnapshot'))).toHaveLength(1);
    },
  );

  it("H1.3 §7: holds the leader's prefix once it is installed", () => {
    const servers = cluster();
    join(servers, 4);
    servers.tickAll(5);
    expect(textOf(servers.restored(4)?.data ?? bytes(''))).toBe('a..e');
    expect([servers.log(4).snapshotIndex(), servers.log(4).termAt(6), servers.node(4).lastApplied]).toEqual([
      6, 1, 7,
    ]);
    expect(servers.log(4).crash().snapshot()).toMatchObject({ index: 6, term: 1 });
  });

  it('H1.4 §7: falls back to appends from the beginning when the snapshot fails and the log still reaches back', () => {
    const servers = cluster({ keepEntries: 100 });
    servers.fate = ({ type, to }) => (type === 'installSnapshot' && to === 4 ? 'drop' : 'deliver');
    join(servers, 4);
    servers.tickAll(5);
    expect(servers.log(4).lastIndex()).toBe(0);
    servers.step(1, { type: 'snapshotStatus', to: 4, ok: false });
    servers.tickAll(10);
    expect(servers.restored(4)).toBeUndefined();
    expect(servers.appliedTexts(4)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('H1.4 §7: where the log is compacted there is no way around the snapshot: it is offered again', () => {
    const servers = cluster();
    let offers = 0;
    servers.fate = ({ type, to }) => {
      if (type !== 'installSnapshot' || to !== 4) return 'deliver';
      offers += 1;
      return offers < 3 ? 'drop' : 'deliver';
    };
    join(servers, 4);
    for (let i = 0; i < 5; i++) {
      servers.tickAll(5);
      servers.step(1, { type: 'snapshotStatus', to: 4, ok: offers >= 3 });
    }
    servers.tickAll(5);
    expect(offers).toBe(3);
    expect(servers.node(4).lastApplied).toBe(servers.node(1).lastApplied);
  });

  it('H1.5 thesis §4.2.1: does not campaign, before the snapshot and after it', () => {
    const node = nodeWithLog(joiner);
    expect(tick(node, 200)).toEqual([]);
    receive(node, install(snapshotAt(6, 2)));
    expect(sent(tick(node, 200))).toEqual([]);
    expect([node.role, node.term, node.status().votedFor]).toEqual(['learner', 3, undefined]);
  });

  it('H1.6: after the snapshot it takes part in replication like any other', () => {
    const servers = cluster();
    join(servers, 4);
    servers.tickAll(5);
    expect(servers.node(1).status().leadership?.peers.get(4)).toMatchObject({
      state: 'replicate',
      matchIndex: 7,
    });
    servers.propose(1, 'f');
    servers.settle();
    expect(servers.log(4).lastIndex()).toBe(8);
    servers.tickAll(3);
    expect(servers.appliedTexts(4)).toEqual(['f']);
  });
});

describe('H2 catching up', () => {
  it('H2.1 H2.2 H2.3 §5.3: receives appends until its matchIndex is the last index', () => {
    const servers = new Cluster({ voters: 3, config: { maxBatchEntries: 3, maxInflightMessages: 2 } });
    servers.elect(1);
    servers.propose(1, ...Array.from({ length: 20 }, (_, i) => `${i}`));
    servers.settle();
    const matches: number[] = [];
    join(servers, 4);
    for (let i = 0; i < 200; i++) {
      const before = servers.node(1).status().leadership?.peers.get(4)?.matchIndex ?? 0;
      if (before !== matches.at(-1)) matches.push(before);
      if (servers.deliverNext() === undefined) servers.tickAll();
    }
    expect(matches.at(-1)).toBe(servers.log(1).lastIndex());
    expect(matches).toEqual([...matches].sort((a, b) => a - b));
    expect(matches.length).toBeGreaterThan(5); // it took several batches
    expect(servers.appliedTexts(4)).toHaveLength(20);
  });

  it('H2.4 thesis §4.2.1: once caught up it may become a voter, and then counts', () => {
    const servers = cluster();
    join(servers, 4);
    servers.tickAll(5);
    servers.step(1, { type: 'promoteLearner', id: 4 });
    servers.tickAll(5);
    expect(servers.node(4).role).toBe('follower');
    // Of four, three are needed: with 3 cut off, 4 makes the difference.
    servers.isolate(3);
    servers.propose(1, 'with 4');
    servers.settle();
    expect(servers.node(1).commitIndex).toBe(9);
    servers.isolate(4);
    servers.propose(1, 'without 4');
    servers.settle();
    expect(servers.node(1).commitIndex).toBe(9);
  });

  it('H2.5 thesis §4.2.1: until then it does not count, however much it holds', () => {
    const servers = cluster();
    join(servers, 4);
    servers.tickAll(5);
    servers.isolate(2);
    servers.isolate(3);
    servers.propose(1, 'x');
    servers.settle();
    expect([servers.log(4).lastIndex(), servers.node(1).commitIndex]).toEqual([8, 7]);
  });
});

describe('H3 the beginning', () => {
  it('H3.1 §7: the state machine is restored before anything is applied, also when entries arrive first', () => {
    const node = nodeWithLog(joiner);
    const entries = entriesOf([3, 3], 7);
    const early = receive(
      node,
      append(node, 1, { term: 3, prevLogIndex: 6, prevLogTerm: 2, entries, leaderCommit: 8 }),
    );
    expect(described(early)).toEqual([
      'learner t3 leader S1',
      'send S4->S1 appendReply t3 refused 6 hint 0/t0',
    ]);
    const actions = receive(node, install(snapshotAt(6, 2)));
    actions.push(
      ...receive(node, append(node, 1, { prevLogIndex: 6, prevLogTerm: 2, entries, leaderCommit: 8 })),
    );
    const done = described(actions).filter((text) => /^(apply|restore)/.test(text));
    expect(done).toEqual(['restore snapshot 6/t2', 'apply 7/t3"7" 8/t3"8"']);
  });

  it('H3.2: it is a learner from the first moment: nothing has to tell it', () => {
    const node = nodeWithLog(joiner);
    expect(node.role).toBe('learner');
    expect(tick(node, 3)).toEqual([]);
    // And when it starts again halfway, its log says so.
    receive(node, install(snapshotAt(6, 2)));
    const again = nodeWithLog({ ...joiner, log: node.log.crash() });
    expect([again.role, again.lastApplied, again.configuration.learners]).toEqual(['learner', 6, [4]]);
  });

  it('H3.3 thesis §4.2.1: nobody holds an election because of it while it bootstraps', () => {
    const servers = cluster();
    servers.fate = ({ type }) => (type === 'installSnapshot' ? 'drop' : 'deliver');
    join(servers, 4);
    servers.tickAll(300);
    expect([servers.leader, servers.node(1).term, servers.node(4).role]).toEqual([1, 1, 'learner']);
  });

  it('H3.4: started before the cluster took it in, it waits; taken in before it is started, it is waited for', () => {
    const early = cluster();
    early.add({ id: 4, peers: [1, 2, 3], learners: [4] });
    early.tickAll(50);
    expect(early.node(4).log.lastIndex()).toBe(0);
    early.step(1, { type: 'addLearner', id: 4 });
    early.tickAll(10);

    const late = cluster();
    late.step(1, { type: 'addLearner', id: 4 });
    late.tickAll(50);
    expect([late.leader, late.node(1).commitIndex]).toEqual([1, 7]);
    late.add({ id: 4, peers: [1, 2, 3], learners: [4] });
    late.tickAll(10);

    for (const servers of [early, late]) expect(servers.node(4).lastApplied).toBe(7);
  });
});

describe('H4 when joining goes wrong', () => {
  it('H4.1: the leader dies before it sends anything: the next one takes over', () => {
    const servers = cluster({ snapshot: false });
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
    const servers = cluster();
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
    const servers = cluster({ snapshot: false });
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
    const servers = cluster();
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
    const servers = cluster();
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

    const servers = cluster();
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
