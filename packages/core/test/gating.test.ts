// Nothing leaves a node that depends on what its disk could still lose; everything else leaves at once
// (docs/protocol.md, "Durability"; thesis §10.2.1).

import { describe, expect, it } from 'vitest';
import type { Action, RaftNode } from '../src/index.js';
import {
  append,
  appendReply,
  bytes,
  configuration,
  described,
  flush,
  heartbeat,
  type NodeOptions,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  sent,
  sentText,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

function deferred(options: NodeOptions = {}): Node {
  return nodeWithLog({ durability: 'deferred', ...options });
}

/** Follower of server 2 in term 3 with 1/t1 2/t1 on disk, the term and 3/t3 4/t3 staged. */
function busyFollower(options: NodeOptions = {}): Node {
  const node = deferred({ terms: [1, 1], ...options });
  receive(node, append(node, 2, { term: 3, terms: [3, 3] }));
  return node;
}

/** Leader in term 1, everything flushed and acknowledged by both others. */
function leader(options: NodeOptions = {}): Node {
  const node = deferred(options);
  tickUntilElection(node);
  flush(node);
  receive(node, voteReply(node, 2));
  flush(node);
  for (const from of [2, 3]) receive(node, appendReply(node, from));
  return node;
}

const snapshot = { index: 9, term: 2, configuration: configuration([1, 2, 3]), data: bytes('s') };

interface GatedRow {
  readonly what: string;
  readonly node: () => Node;
  readonly cause: (node: Node) => Action[];
  /** What leaves at once, and what only when the disk is done. */
  readonly atOnce: readonly string[];
  readonly afterwards: readonly string[];
}

const GATED: readonly GatedRow[] = [
  {
    what: 'requestVote',
    node: () => deferred(),
    cause: tickUntilElection,
    atOnce: ['candidate t1 leader none'],
    afterwards: ['send S1->S2 requestVote t1 last 0/t0', 'send S1->S3 requestVote t1 last 0/t0'],
  },
  {
    what: 'requestVoteReply, a grant',
    node: () => deferred(),
    cause: (node) => receive(node, requestVote(node, 2, { term: 4 })),
    atOnce: ['follower t4 leader none'],
    afterwards: ['send S1->S2 requestVoteReply t4 granted'],
  },
  {
    what: 'requestVoteReply, a refusal in a new term',
    node: () => deferred({ terms: [1, 2] }),
    cause: (node) => receive(node, requestVote(node, 2, { term: 4, lastLogIndex: 1, lastLogTerm: 1 })),
    atOnce: ['follower t4 leader none'],
    afterwards: ['send S1->S2 requestVoteReply t4 refused'],
  },
  {
    what: 'requestVoteReply, to a candidate of an earlier term',
    node: busyFollower,
    cause: (node) => receive(node, requestVote(node, 3, { term: 2 })),
    atOnce: [],
    afterwards: ['send S1->S2 appendReply t3 match 4', 'send S1->S3 requestVoteReply t3 refused'],
  },
  {
    what: 'preVoteReply, a grant judged by entries that are only staged',
    node: () => {
      const node = busyFollower();
      tick(node, 10); // it no longer sticks to its leader
      return node;
    },
    cause: (node) =>
      receive(node, { type: 'preVote', from: 3, to: 1, term: 4, lastLogIndex: 4, lastLogTerm: 3 }),
    atOnce: [],
    afterwards: ['send S1->S2 appendReply t3 match 4', 'send S1->S3 preVoteReply t4 granted'],
  },
  {
    what: 'preVoteReply, a refusal',
    node: () => {
      const node = busyFollower();
      tick(node, 10);
      return node;
    },
    cause: (node) =>
      receive(node, { type: 'preVote', from: 3, to: 1, term: 4, lastLogIndex: 2, lastLogTerm: 1 }),
    atOnce: [],
    afterwards: ['send S1->S2 appendReply t3 match 4', 'send S1->S3 preVoteReply t3 refused'],
  },
  {
    what: 'appendEntriesReply, an acknowledgement',
    node: () => deferred({ terms: [1] }),
    cause: (node) => receive(node, append(node, 2, { term: 1, terms: [1, 1] })),
    atOnce: ['follower t1 leader S2'],
    afterwards: ['send S1->S2 appendReply t1 match 3'],
  },
  {
    what: 'appendEntriesReply, a refusal',
    node: () => deferred({ terms: [1] }),
    cause: (node) => receive(node, append(node, 2, { term: 2, prevLogIndex: 5, prevLogTerm: 2 })),
    atOnce: ['follower t2 leader S2'],
    afterwards: ['send S1->S2 appendReply t2 refused 5 hint 1/t1'],
  },
  {
    what: 'appendEntriesReply, to a leader of an earlier term',
    node: busyFollower,
    cause: (node) => receive(node, append(node, 3, { term: 2, prevLogIndex: 0 })),
    atOnce: [],
    afterwards: ['send S1->S2 appendReply t3 match 4', 'send S1->S3 appendReply t3 refused 0 hint 0/t0'],
  },
  {
    what: 'installSnapshotReply and restoreSnapshot',
    node: () => deferred({ terms: [1] }),
    cause: (node) => receive(node, { type: 'installSnapshot', from: 2, to: 1, term: 2, snapshot }),
    atOnce: ['follower t2 leader S2', 'membership [1 2 3] at 9', 'commit 9/t2'],
    afterwards: ['restore snapshot 9/t2', 'send S1->S2 installSnapshotReply t2 of 9 match 9'],
  },
  {
    what: 'installSnapshotReply, a refusal',
    node: busyFollower,
    cause: (node) =>
      receive(node, {
        type: 'installSnapshot',
        from: 2,
        to: 1,
        term: 3,
        snapshot: { ...snapshot, configuration: configuration([]) },
      }),
    atOnce: [],
    afterwards: ['send S1->S2 appendReply t3 match 4', 'send S1->S2 installSnapshotReply t3 of 9 refused'],
  },
  {
    what: 'installSnapshotReply, for what is committed and only staged',
    node: () => {
      const node = busyFollower();
      receive(node, heartbeat(node, 2, { leaderCommit: 4 }));
      return node;
    },
    cause: (node) =>
      receive(node, {
        type: 'installSnapshot',
        from: 2,
        to: 1,
        term: 3,
        snapshot: { ...snapshot, index: 2, term: 1 },
      }),
    atOnce: [],
    afterwards: [
      'send S1->S2 appendReply t3 match 4',
      'send S1->S2 installSnapshotReply t3 of 2 match 4',
      'apply 3/t3"3" 4/t3"4"',
    ],
  },
  {
    what: 'the vote for itself',
    node: () => deferred({ peers: [] }),
    cause: tickUntilElection,
    atOnce: ['candidate t1 leader none'],
    afterwards: ['leader t1 leader S1'],
  },
  {
    what: 'its own match index as leader, and what it applies',
    node: () => {
      const node = leader();
      propose(node, 'x');
      return node;
    },
    cause: (node) => receive(node, appendReply(node, 2)),
    atOnce: [],
    afterwards: ['commit 2/t1', 'apply 2/t1"x"'],
  },
];

describe('P40 what waits for the disk', () => {
  it.each(GATED)(
    'P40: $what does not leave before it is durable',
    ({ node: make, cause, atOnce, afterwards }) => {
      const node = make();
      expect(described(cause(node))).toEqual(atOnce);
      const staged = node.log.stagedSeq();
      for (let seq = node.status().durableSeq + 1; seq < staged; seq++) {
        const actions = flush(node, seq);
        expect(described(actions).filter((text) => afterwards.includes(text))).toEqual([]);
      }
      expect(described(flush(node, staged))).toEqual(afterwards);
      expect(node.status().gatedEffects).toBe(0);
    },
  );

  it.each(GATED)('P40: nothing else brings it out: $what', ({ node: make, cause, afterwards }) => {
    const node = make();
    cause(node);
    const actions = [
      ...node.step({ type: 'durable', seq: 0 }),
      ...receive(node, { type: 'heartbeatReply', from: 3, to: 1, term: 0, round: 0 }),
      ...tick(node, 3),
    ];
    expect(described(actions).filter((text) => afterwards.includes(text))).toEqual([]);
  });

  it('P40: a request for votes does not leave once its candidacy has ended', () => {
    const node = deferred();
    tickUntilElection(node);
    receive(node, heartbeat(node, 2)); // another one leads this term
    expect(node.role).toBe('follower');
    expect(sent(flush(node), 'requestVote')).toEqual([]);
    expect(node.status().gatedEffects).toBe(0);
  });

  it('P40: inline, the step returns everything, after one sync', () => {
    for (const { what, cause } of GATED.slice(0, 3)) {
      const node = nodeWithLog(what.includes('new term') ? { terms: [1, 2] } : {});
      const syncs = node.log.syncs;
      expect(sent(cause(node)).length).toBeGreaterThan(0);
      expect([what, node.log.syncs, node.log.durableSeq]).toEqual([what, syncs + 1, node.log.stagedSeq()]);
    }
  });

  it('P40: inline, a step that stages nothing syncs nothing', () => {
    const node = nodeWithLog({ terms: [1] });
    receive(node, append(node, 2));
    const { syncs } = node.log;
    receive(node, append(node, 2));
    receive(node, heartbeat(node, 2));
    tick(node, 3);
    expect(node.log.syncs).toBe(syncs);
  });

  it('P40: with nothing staged an answer leaves at once', () => {
    const node = deferred({ terms: [1], hardState: { term: 1, votedFor: undefined } });
    expect(sentText(receive(node, append(node, 2)))).toEqual(['S1->S2 appendReply t1 match 1']);
  });
});

describe('P40 what does not wait', () => {
  const UNGATED: readonly [string, () => Node, (node: Node) => Action[], readonly string[]][] = [
    [
      "a leader's appends",
      leader,
      (node) => propose(node, 'x'),
      ['S1->S2 append t1 after 1/t1: 2/t1"x" commit 1', 'S1->S3 append t1 after 1/t1: 2/t1"x" commit 1'],
    ],
    [
      'heartbeats',
      leader,
      (node) => {
        propose(node, 'x');
        return tick(node);
      },
      ['S1->S2 heartbeat t1 round 1 commit 1', 'S1->S3 heartbeat t1 round 1 commit 1'],
    ],
    [
      'a heartbeat reply',
      busyFollower,
      (node) => receive(node, heartbeat(node, 2, { round: 7 })),
      ['S1->S2 heartbeatReply t3 round 7'],
    ],
    [
      'a heartbeat reply to an earlier leader',
      busyFollower,
      (node) => receive(node, heartbeat(node, 3, { term: 1 })),
      ['S1->S3 heartbeatReply t3 round 0'],
    ],
    [
      'a pre-vote',
      () => busyFollower({ config: { preVote: true } }),
      tickUntilElection,
      ['S1->S2 preVote t4 last 4/t3', 'S1->S3 preVote t4 last 4/t3'],
    ],
    [
      'timeoutNow',
      () => {
        const node = leader();
        propose(node, 'x');
        receive(node, appendReply(node, 2));
        return node;
      },
      (node) => node.step({ type: 'transferLeadership', to: 2 }),
      ['S1->S2 timeoutNow t1'],
    ],
    [
      'a read of a follower',
      busyFollower,
      (node) => node.step({ type: 'read', context: bytes('r') }),
      ['readIndex'],
    ],
  ];

  it.each(UNGATED)('P40: %s', (_name, make, cause, expected) => {
    const node = make();
    const actions = cause(node);
    expect(node.status().durableSeq).toBeLessThan(node.log.stagedSeq());
    if (expected[0] === 'readIndex') expect(sent(actions).map(({ type }) => type)).toEqual(['readIndex']);
    else expect(sentText(actions)).toEqual(expected);
  });
});
