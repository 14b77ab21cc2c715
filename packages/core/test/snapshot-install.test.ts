// A server that is sent a snapshot (§7): what it replaces, what it keeps, what it never does (go back, apply twice, be
// ahead of its own disk), and what it refuses.

import { describe, expect, it } from 'vitest';
import type { InstallSnapshot, RaftNode, Snapshot } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { compactedLog, snapshotAt } from './support/compacted.js';
import {
  append,
  appliedIndexes,
  configEntry,
  configuration,
  described,
  entriesOf,
  flush,
  nodeWithLog,
  noop,
  receive,
  snapshotOf,
  termsOf,
  tickUntilElection,
} from './support/node.js';

function install(
  node: RaftNode,
  snapshot: Snapshot,
  term = Math.max(node.term, snapshot.term),
): InstallSnapshot {
  return { type: 'installSnapshot', from: 2, to: node.id, term, snapshot };
}

/** A server with entries of these terms, that has applied the first `commit` of them. */
function follower(terms: readonly number[], commit: number) {
  const node = nodeWithLog({ terms });
  receive(node, append(node, 2, { leaderCommit: commit }));
  return node;
}

describe('restoring', () => {
  it('P90 §7: a snapshot beyond the log replaces log, configuration and state machine', () => {
    const node = nodeWithLog({});
    const actions = receive(
      node,
      install(node, snapshotAt(5, 2, { configuration: configuration([1, 2, 3, 4]) })),
    );
    expect(described(actions)).toEqual([
      'follower t2 leader S2',
      'membership [1 2 3 4] at 5',
      'commit 5/t2',
      'restore snapshot 5/t2',
      'send S1->S2 installSnapshotReply t2 of 5 match 5',
    ]);
    expect(node.status()).toMatchObject({
      firstIndex: 6,
      lastIndex: 5,
      commitIndex: 5,
      lastApplied: 5,
      snapshotIndex: 5,
      durableIndex: 5,
      configurationIndex: 5,
    });
  });

  it('P90 §7: what comes behind it is appended, committed and applied from the next index on', () => {
    const node = nodeWithLog({});
    receive(node, install(node, snapshotAt(5, 2)));
    const actions = receive(node, append(node, 2, { terms: [2, 2], leaderCommit: 7 }));
    expect(described(actions)).toEqual([
      'commit 7/t2',
      'send S1->S2 appendReply t2 match 7',
      'apply 6/t2"6" 7/t2"7"',
    ]);
  });

  it('P90: a candidate that is sent one follows its leader', () => {
    const node = nodeWithLog({});
    tickUntilElection(node);
    const actions = receive(node, install(node, snapshotAt(5, 1)));
    expect(described(actions)[0]).toBe('follower t1 leader S2');
    expect(node.status()).toMatchObject({ role: 'follower', snapshotIndex: 5 });
  });

  it('P90: nothing is restored, answered or applied before the snapshot is durable', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    expect(described(receive(node, install(node, snapshotAt(5, 2))))).toEqual([
      'follower t2 leader S2',
      'membership [1 2 3] at 5',
      'commit 5/t2',
    ]);
    expect(described(receive(node, append(node, 2, { terms: [2], leaderCommit: 6 })))).toEqual([
      'commit 6/t2',
    ]);
    expect(node.status()).toMatchObject({ commitIndex: 6, lastApplied: 0, durableIndex: 0 });
    expect(described(flush(node, 1))).toEqual([]); // the term alone
    expect(described(flush(node, 2))).toEqual([
      'restore snapshot 5/t2',
      'send S1->S2 installSnapshotReply t2 of 5 match 5',
    ]);
    expect(described(flush(node))).toEqual(['send S1->S2 appendReply t2 match 6', 'apply 6/t2"6"']);
  });

  it('P90: committed entries that wait for the disk are not applied on top of an older state', () => {
    const node = nodeWithLog({ durability: 'deferred', hardState: { term: 1, votedFor: undefined } });
    receive(node, append(node, 2, { terms: [1, 1], leaderCommit: 2 }));
    receive(node, install(node, snapshotAt(9, 1)));
    const actions = flush(node);
    expect(appliedIndexes(actions)).toEqual([]);
    expect(described(actions)).toContain('restore snapshot 9/t1');
    expect(node.lastApplied).toBe(9);
  });

  it('P90: two in a row are restored in order', () => {
    const node = nodeWithLog({ durability: 'deferred', hardState: { term: 1, votedFor: undefined } });
    receive(node, install(node, snapshotAt(5, 1)));
    receive(node, install(node, snapshotAt(9, 1)));
    expect(described(flush(node)).filter((text) => text.startsWith('restore'))).toEqual([
      'restore snapshot 5/t1',
      'restore snapshot 9/t1',
    ]);
  });

  it('P90: a crash before it is durable leaves the log as it was', () => {
    const cluster = new Cluster({ voters: 3, durability: 'deferred' });
    cluster.elect(1);
    cluster.stalledDisks.add(3);
    const node = cluster.node(3);
    cluster.deliver({ ...install(node, snapshotAt(9, 1)), from: 1, to: 3 });
    expect(node.log.snapshotIndex()).toBe(9);
    cluster.restart(3);
    expect(cluster.node(3).status()).toMatchObject({ snapshotIndex: 0, lastIndex: 1, commitIndex: 0 });
  });

  it('P90: a server that is restarted goes on from its snapshot', () => {
    const node = nodeWithLog({
      log: compactedLog({ entries: entriesOf([1, 1, 2]), snapshot: snapshotAt(2, 1) }),
    });
    expect(node.status()).toMatchObject({
      commitIndex: 2,
      lastApplied: 2,
      firstIndex: 3,
      lastIndex: 3,
      term: 2,
    });
    const actions = receive(node, append(node, 2, { leaderCommit: 3 }));
    expect(appliedIndexes(actions)).toEqual([3]);
  });
});

describe('stale snapshots', () => {
  it.each([1, 3])(
    'P91 §7: one at %d, not beyond the commit index 3, is answered with what is held and changes nothing',
    (index) => {
      const node = follower([1, 1, 1, 1], 3);
      const before = snapshotOf(node);
      expect(described(receive(node, install(node, snapshotAt(index, 1))))).toEqual([
        `send S1->S2 installSnapshotReply t1 of ${index} match 3`,
      ]);
      expect(snapshotOf(node)).toEqual(before);
    },
  );

  it('P91: the same one again is answered again and restored once', () => {
    const node = nodeWithLog({});
    receive(node, install(node, snapshotAt(5, 2)));
    expect(described(receive(node, install(node, snapshotAt(5, 2))))).toEqual([
      'send S1->S2 installSnapshotReply t2 of 5 match 5',
    ]);
  });

  it('P91: again while the first waits for the disk, it is restored once, and answered when that is durable', () => {
    const node = nodeWithLog({ durability: 'deferred' });
    receive(node, install(node, snapshotAt(5, 2)));
    expect(described(receive(node, install(node, snapshotAt(5, 2))))).toEqual([]);
    expect(described(flush(node))).toEqual([
      'restore snapshot 5/t2',
      'send S1->S2 installSnapshotReply t2 of 5 match 5',
      'send S1->S2 installSnapshotReply t2 of 5 match 5',
    ]);
  });

  it('X2 §7: a stale snapshot rolls nothing back and nothing is applied twice', () => {
    const node = nodeWithLog({});
    const applied = appliedIndexes(
      receive(node, append(node, 2, { term: 1, terms: [1, 1, 1, 1, 1], leaderCommit: 5 })),
    );
    receive(node, install(node, snapshotAt(3, 1)));
    expect(node.status()).toMatchObject({ lastApplied: 5, commitIndex: 5, lastIndex: 5, snapshotIndex: 0 });
    applied.push(
      ...appliedIndexes(
        receive(node, append(node, 2, { prevLogIndex: 3, terms: [1, 1, 1], leaderCommit: 6 })),
      ),
    );
    expect(applied).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('P91 §5.1: one from an earlier term is refused with the later one', () => {
    const node = nodeWithLog({ hardState: { term: 4, votedFor: undefined } });
    expect(described(receive(node, install(node, snapshotAt(5, 2), 3)))).toEqual([
      'send S1->S2 installSnapshotReply t4 of 5 refused',
    ]);
    expect(node.status()).toMatchObject({ lastIndex: 0, leader: undefined });
  });
});

describe('what the log already holds', () => {
  it('P93 §7: an entry that is there is only committed: nothing is replaced, and the tail stays', () => {
    const node = follower([1, 1, 2, 2], 1);
    const mutations = node.log.mutations.length;
    expect(described(receive(node, install(node, snapshotAt(3, 2))))).toEqual([
      'commit 3/t2',
      'send S1->S2 installSnapshotReply t2 of 3 match 3',
      'apply 2/t1"2" 3/t2"3"',
    ]);
    expect([termsOf(node.log), node.log.snapshotIndex(), node.log.mutations.length]).toEqual([
      [1, 1, 2, 2],
      0,
      mutations,
    ]);
  });

  it.each([
    ['in the middle', [1, 1, 1, 1, 1], 3],
    ['at the last index', [1, 1, 1], 3],
  ])('P95 §7: a log that has another entry %s is dropped whole', (_where, terms, index) => {
    const node = follower(terms, 1);
    expect(described(receive(node, install(node, snapshotAt(index, 2))))).toEqual([
      'follower t2 leader S2',
      'membership [1 2 3] at 3',
      'commit 3/t2',
      'restore snapshot 3/t2',
      'send S1->S2 installSnapshotReply t2 of 3 match 3',
    ]);
    expect(node.status()).toMatchObject({ firstIndex: 4, lastIndex: 3, durableIndex: 3 });
  });

  it('P95: what of it was staged and not durable counts for nothing', () => {
    const node = nodeWithLog({ durability: 'deferred', hardState: { term: 1, votedFor: undefined } });
    receive(node, append(node, 2, { terms: [1, 1, 1, 1, 1, 1] }));
    receive(node, install(node, snapshotAt(4, 2)));
    flush(node, 1); // the entries that are gone by now
    expect(node.status()).toMatchObject({ durableIndex: 0, lastApplied: 0 });
    flush(node);
    expect(node.status()).toMatchObject({ durableIndex: 4, lastApplied: 4 });
  });
});

describe('configurations', () => {
  it('P94 §7: one with learners is in force with them', () => {
    const node = nodeWithLog({ id: 4, peers: [1, 2], config: { learners: [4] } });
    const inForce = configuration([1, 2, 3], { learners: [4, 5], addresses: { 4: 'd:1' } });
    receive(node, install(node, snapshotAt(5, 2, { configuration: inForce })));
    expect([node.configuration, node.role]).toEqual([inForce, 'learner']);
  });

  it('P94 §6: a joint one stays joint: an election needs both halves', () => {
    const joint = configuration([1, 4, 5], { votersOutgoing: [1, 2, 3], autoLeave: true });
    const node = nodeWithLog({});
    receive(node, install(node, snapshotAt(5, 2, { configuration: joint })));
    expect(node.configuration).toEqual(joint);
    tickUntilElection(node);
    const vote = (from: number) =>
      receive(node, { type: 'requestVoteReply', from, to: 1, term: node.term, voteGranted: true });
    for (const from of [2, 3]) vote(from);
    expect(node.role).toBe('candidate');
    vote(4);
    expect(node.isLeader).toBe(true);
  });

  it('P94: one that promotes the receiver makes it a voter', () => {
    const node = nodeWithLog({ id: 4, peers: [1, 2, 3], config: { learners: [4] } });
    receive(node, install(node, snapshotAt(5, 2, { configuration: configuration([1, 2, 3, 4]) })));
    expect(node.role).toBe('follower');
  });

  it("P94: a restart finds the snapshot's configuration, and the newer one in the log where there is one", () => {
    const of = (entries: Parameters<typeof compactedLog>[0]['entries']) =>
      nodeWithLog({
        log: compactedLog({ entries, snapshot: snapshotAt(2, 1, { configuration: configuration([1, 7]) }) }),
      });
    expect(of(entriesOf([1, 1])).configuration).toEqual(configuration([1, 7]));
    const newer = configEntry(3, 1, configuration([1, 7, 8]));
    const restarted = of([...entriesOf([1, 1]), newer]);
    expect(restarted.status()).toMatchObject({
      configuration: configuration([1, 7, 8]),
      configurationIndex: 3,
    });
    const actions = receive(
      restarted,
      append(restarted, 7, { term: 2, prevLogIndex: 2, prevLogTerm: 1, terms: [2] }),
    );
    expect(described(actions)).toContain('membership [1 7] at 2'); // the truncated one gives way to the snapshot's
  });

  it('P94: entries below the snapshot that the log still holds do not outvote it', () => {
    const older = configEntry(1, 1, configuration([1, 9]));
    const log = compactedLog({ entries: [older, noop(2, 1)], snapshot: snapshotAt(2, 1), compacted: 0 });
    expect(nodeWithLog({ log }).status()).toMatchObject({
      configuration: configuration([1, 2, 3]),
      configurationIndex: 2,
    });
  });
});

describe('what is refused', () => {
  it.each([2, 3])(
    'P98: a snapshot at %d that contradicts what is committed through 3: refused, and nothing changes',
    (index) => {
      const node = follower([1, 1, 1], 3);
      const before = snapshotOf(node);
      expect(receive(node, { ...install(node, snapshotAt(index, 9)), term: 1 })).toEqual([
        {
          type: 'send',
          to: 2,
          message: {
            type: 'installSnapshotReply',
            from: 1,
            to: 2,
            term: 1,
            snapshotIndex: index,
            success: false,
            matchIndex: 0,
          },
        },
      ]);
      expect(snapshotOf(node)).toEqual(before);
    },
  );

  it.each([
    ['no voters', configuration([])],
    ['a learner that votes', configuration([1, 2, 3], { learners: [2] })],
    ['a learner that leaves as a voter', configuration([1, 2], { votersOutgoing: [1, 3], learners: [3] })],
    ['a server 0', configuration([0, 1])],
  ])('P98: a snapshot with %s: refused, and nothing changes but the leader that is known', (_what, bad) => {
    const node = follower([1, 1, 1], 2);
    const before = snapshotOf(node);
    expect(described(receive(node, install(node, snapshotAt(9, 1, { configuration: bad }))))).toEqual([
      'send S1->S2 installSnapshotReply t1 of 9 refused',
    ]);
    expect(snapshotOf(node)).toEqual(before);
  });
});
