// A server that joins: a learner until it has caught up, by a snapshot first where there is one (§6, §7; thesis §4.2.1).

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import { clusterToJoin, install, join, joiner, overhear, snapshotAt } from './support/joining.js';
import {
  append,
  bytes,
  described,
  entriesOf,
  nodeWithLog,
  receive,
  sent,
  textOf,
  tick,
} from './support/node.js';

describe('H1 a new server and the snapshot', () => {
  it('H1.1 thesis §4.2.1: starts as a learner', () => {
    const node = nodeWithLog(joiner);
    expect([node.role, node.term, node.leader, node.log.lastIndex()]).toEqual(['learner', 0, undefined, 0]);
    expect(node.configuration).toMatchObject({ voters: [1, 2, 3], learners: [4] });
  });

  it.each([0, 100])(
    'H1.2 §7: gets the snapshot before any entry, also where the log reaches back to the beginning (%i kept)',
    (keepEntries) => {
      const servers = clusterToJoin({ keepEntries });
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
    const servers = clusterToJoin();
    join(servers, 4);
    servers.tickAll(5);
    expect(textOf(servers.restored(4)?.data ?? bytes(''))).toBe('a..e');
    expect([servers.log(4).snapshotIndex(), servers.log(4).termAt(6), servers.node(4).lastApplied]).toEqual([
      6, 1, 7,
    ]);
    expect(servers.log(4).crash().snapshot()).toMatchObject({ index: 6, term: 1 });
  });

  it('H1.4 §7: falls back to appends from the beginning when the snapshot fails and the log still reaches back', () => {
    const servers = clusterToJoin({ keepEntries: 100 });
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
    const servers = clusterToJoin();
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
    const servers = clusterToJoin();
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
    const servers = clusterToJoin();
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
    const servers = clusterToJoin();
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
    const servers = clusterToJoin();
    servers.fate = ({ type }) => (type === 'installSnapshot' ? 'drop' : 'deliver');
    join(servers, 4);
    servers.tickAll(300);
    expect([servers.leader, servers.node(1).term, servers.node(4).role]).toEqual([1, 1, 'learner']);
  });

  it('H3.4: started before the cluster took it in, it waits; taken in before it is started, it is waited for', () => {
    const early = clusterToJoin();
    early.add({ id: 4, peers: [1, 2, 3], learners: [4] });
    early.tickAll(50);
    expect(early.node(4).log.lastIndex()).toBe(0);
    early.step(1, { type: 'addLearner', id: 4 });
    early.tickAll(10);

    const late = clusterToJoin();
    late.step(1, { type: 'addLearner', id: 4 });
    late.tickAll(50);
    expect([late.leader, late.node(1).commitIndex]).toEqual([1, 7]);
    late.add({ id: 4, peers: [1, 2, 3], learners: [4] });
    late.tickAll(10);

    for (const servers of [early, late]) expect(servers.node(4).lastApplied).toBe(7);
  });
});
