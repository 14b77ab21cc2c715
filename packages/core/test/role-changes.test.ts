// What a driver is told when roles, leaders and commits change, and which changes no input can bring about.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Message,
  type NodeId,
  RaftError,
  type RaftNode,
  type Role,
  type Term,
} from '../src/index.js';
import {
  append,
  appendReply,
  configEntry,
  configuration,
  described,
  electLeader,
  entriesOf,
  flush,
  heartbeat,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  roleChanges,
  sentText,
  snapshotOf,
  termsOf,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';

const inTerm1 = { hardState: { term: 1, votedFor: undefined } };
const asLearner = { id: 4, peers: [1, 2, 3], config: { learners: [4] }, ...inTerm1 };

describe('B what becomes of a node with each role', () => {
  it('B1.1 §5.1: a leader that follows drops everything that it knew as leader', () => {
    const node = nodeWithLog();
    electLeader(node);
    node.step({ type: 'transferLeadership', to: 2 });
    expect(node.status().leadership?.transferTo).toBe(2);
    receive(node, heartbeat(node, 3, { term: 2 }));
    expect([node.role, node.status().leadership]).toEqual(['follower', undefined]);
    // Its next leadership begins from nothing.
    receive(node, requestVote(node, 2, { term: 3, transfer: true }));
    electLeader(node);
    expect(node.status().leadership?.transferTo).toBeUndefined();
    expect(node.status().leadership?.heartbeatRound).toBe(0);
  });

  it('B1.2 §5.2: following is notified with leader and term', () => {
    const node = nodeWithLog();
    expect(roleChanges(receive(node, heartbeat(node, 2, { term: 4 })))).toEqual(['follower t4 leader S2']);
  });

  it('B1.3 §5.1: following in a later term begins without a vote, in the same term it keeps it', () => {
    const later = nodeWithLog({ hardState: { term: 1, votedFor: 3 } });
    receive(later, heartbeat(later, 2, { term: 2 }));
    expect(later.log.crash().hardState()).toEqual({ term: 2, votedFor: undefined });
    const same = nodeWithLog({ hardState: { term: 1, votedFor: 3 } });
    receive(same, heartbeat(same, 2));
    expect(same.log.crash().hardState()).toEqual({ term: 1, votedFor: 3 });
  });

  it('B2.1 B2.2 §5.2: a candidacy is notified with leader "none"', () => {
    const node = nodeWithLog(inTerm1);
    receive(node, heartbeat(node, 2));
    expect(roleChanges(tickUntilElection(node))).toEqual(['candidate t2 leader none']);
  });

  it('B3.1 B3.2 B3.3 B3.4 B3.5 B3.6 §5.3: leadership is notified with the own id; peers, membership and noop are set up', () => {
    const node = nodeWithLog({ terms: [1, 1], config: { learners: [4] } });
    const actions = electLeader(node, { ready: false });
    expect(described(actions)).toEqual([
      'candidate t2 leader none',
      'send S1->S2 requestVote t2 last 2/t1',
      'send S1->S3 requestVote t2 last 2/t1',
      'leader t2 leader S1',
      'send S1->S2 append t2 after 2/t1: 3/t2(noop) commit 0',
      'send S1->S3 append t2 after 2/t1: 3/t2(noop) commit 0',
      'send S1->S4 append t2 after 2/t1: 3/t2(noop) commit 0',
    ]);
    const peers = [...(node.status().leadership?.peers ?? [])];
    expect(peers.map(([id, { nextIndex, matchIndex }]) => [id, nextIndex, matchIndex])).toEqual([
      [2, 3, 0],
      [3, 3, 0],
      [4, 3, 0],
    ]);
  });

  it('B3.7 thesis §6.2: a leader that no majority answers steps down and says so', () => {
    const node = nodeWithLog();
    electLeader(node, { ready: false });
    const actions: Action[] = [];
    while (node.isLeader) actions.push(...tick(node));
    expect(roleChanges(actions)).toEqual(['follower t1 leader none']);
  });

  it('B4.1 thesis §4.2.1: a voter whose demotion commits is a learner', () => {
    const node = nodeWithLog({ id: 3, peers: [1, 2], ...inTerm1 });
    receive(node, heartbeat(node, 1));
    const entries = [configEntry(1, 1, configuration([1, 2], { learners: [3] }))];
    expect(roleChanges(receive(node, append(node, 1, { entries })))).toEqual([]);
    expect(node.role).toBe('follower'); // not yet committed: it might have to campaign
    const actions = receive(node, heartbeat(node, 1, { leaderCommit: 1 }));
    expect(roleChanges(actions)).toEqual(['learner t1 leader S1']);
  });

  it('B4.2: a learner knows no leader until it hears one', () => {
    const node = nodeWithLog(asLearner);
    expect([node.role, node.leader]).toEqual(['learner', undefined]);
    expect(roleChanges(receive(node, heartbeat(node, 2)))).toEqual(['learner t1 leader S2']);
  });

  it('B6.1 B6.2: discovering a leader notifies and changes no role', () => {
    for (const options of [{ ...inTerm1 }, asLearner]) {
      const node = nodeWithLog(options);
      const { role } = node;
      expect(roleChanges(receive(node, heartbeat(node, 3)))).toEqual([`${role} t1 leader S3`]);
      expect(node.role).toBe(role);
    }
  });
});

describe('E notifications, as actions', () => {
  it('E1.1 §5.2: a leader that is found is told once, by whichever message it shows itself', () => {
    const messages: ((node: RaftNode) => Message)[] = [
      (node) => heartbeat(node, 2, { term: 2 }),
      (node) => append(node, 2, { term: 2 }),
      () => ({
        type: 'installSnapshot',
        from: 2,
        to: 1,
        term: 2,
        snapshot: { index: 3, term: 1, configuration: configuration([1, 2, 3]), data: new Uint8Array(0) },
      }),
    ];
    for (const message of messages) {
      const node = nodeWithLog(inTerm1);
      expect(roleChanges(receive(node, message(node)))).toEqual(['follower t2 leader S2']);
    }
  });

  it('E1.2 §5.2: a leader that is lost is told as none: by a timeout, by a later term, by stepping down', () => {
    const timedOut = nodeWithLog(inTerm1);
    receive(timedOut, heartbeat(timedOut, 2));
    expect(roleChanges(tickUntilElection(timedOut))).toEqual(['candidate t2 leader none']);

    const asking = nodeWithLog({ ...inTerm1, config: { preVote: true } });
    receive(asking, heartbeat(asking, 2));
    expect(roleChanges(tickUntilElection(asking))).toEqual(['follower t1 leader none']);

    const later = nodeWithLog(inTerm1);
    receive(later, heartbeat(later, 2));
    expect(roleChanges(receive(later, voteReply(later, 3, false, 7)))).toEqual(['follower t7 leader none']);
  });

  it('E1.4: nothing is told twice', () => {
    const node = nodeWithLog(inTerm1);
    const actions = [1, 2, 3].flatMap(() => receive(node, heartbeat(node, 2)));
    actions.push(...tick(node, 3), ...receive(node, append(node, 2, { terms: [1, 1] })));
    expect(roleChanges(actions)).toEqual(['follower t1 leader S2']);
    // Nor is what a node was when it was made.
    expect(roleChanges(tick(nodeWithLog(inTerm1), 3))).toEqual([]);
  });

  it('E2.1 §5.3: each rise of the commit index is told once, with its index and the term there', () => {
    const node = nodeWithLog({ terms: [1] });
    electLeader(node, { ready: false });
    propose(node, 'a', 'b', 'c');
    const commits = [2, 4, 4, 3, 5].flatMap((matchIndex) =>
      receive(node, appendReply(node, 2, { matchIndex })),
    );
    expect(described(commits.filter(({ type }) => type === 'commit'))).toEqual([
      'commit 2/t2',
      'commit 4/t2',
      'commit 5/t2',
    ]);
    const follower = nodeWithLog(inTerm1);
    const actions = receive(follower, append(follower, 2, { terms: [1, 1], leaderCommit: 2 }));
    actions.push(...receive(follower, heartbeat(follower, 2, { leaderCommit: 2 })));
    expect(described(actions.filter(({ type }) => type === 'commit'))).toEqual(['commit 2/t1']);
  });

  it('E3.1: every change of role is one action, in the order in which they happened', () => {
    const node = nodeWithLog();
    const actions = [...electLeader(node, { ready: false })];
    actions.push(...receive(node, { type: 'timeoutNow', from: 2, to: 1, term: 4 }));
    actions.push(...receive(node, append(node, 3, { term: 5 })));
    expect(roleChanges(actions)).toEqual([
      'candidate t1 leader none',
      'leader t1 leader S1',
      'follower t4 leader none',
      'candidate t5 leader none',
      'follower t5 leader S3',
    ]);
  });
});

// ---- what cannot happen ----

/** From role to role, as told to the driver. A change of term or leader within a role is no transition. */
const ALLOWED: Readonly<Record<Role, readonly Role[]>> = {
  follower: ['follower', 'candidate', 'learner'],
  candidate: ['candidate', 'follower', 'leader'],
  leader: ['follower', 'learner'],
  learner: ['learner', 'follower'],
};

/** Plausible input: term t is led by server t % 3 + 1 (never by the node itself), whose log holds t at every index. */
type Input =
  | { readonly type: 'ticks'; readonly count: number }
  | { readonly type: 'vote'; readonly from: NodeId; readonly term: Term; readonly granted: boolean }
  | { readonly type: 'ask'; readonly from: NodeId; readonly term: Term; readonly transfer: boolean }
  | { readonly type: 'lead'; readonly term: Term }
  | { readonly type: 'timeoutNow'; readonly term: Term }
  | { readonly type: 'ack'; readonly from: NodeId };

const input: fc.Arbitrary<Input> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('ticks' as const), count: fc.integer({ min: 1, max: 25 }) }),
  },
  fc.record({
    type: fc.constant('vote' as const),
    from: fc.integer({ min: 2, max: 4 }),
    term: fc.nat({ max: 9 }),
    granted: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('ask' as const),
    from: fc.integer({ min: 2, max: 4 }),
    term: fc.nat({ max: 9 }),
    transfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('lead' as const), term: fc.nat({ max: 9 }) }),
  fc.record({ type: fc.constant('timeoutNow' as const), term: fc.nat({ max: 9 }) }),
  fc.record({ type: fc.constant('ack' as const), from: fc.integer({ min: 2, max: 4 }) }),
);

function message(node: RaftNode, event: Exclude<Input, { type: 'ticks' }>): Message {
  const term = 'term' in event ? event.term : node.term;
  const leader = (term % 3) + 2;
  switch (event.type) {
    case 'vote':
      return voteReply(node, event.from, event.granted, term);
    case 'ask':
      return requestVote(node, event.from, { term, transfer: event.transfer });
    case 'lead':
      return heartbeat(node, leader, { term });
    case 'timeoutNow':
      return { type: 'timeoutNow', from: leader, to: node.id, term };
    case 'ack':
      return appendReply(node, event.from);
  }
}

/** Steps that leave no doubt; an input that two leaders of one term would need ends the run instead. */
function run(node: RaftNode, script: readonly Input[]): Action[] {
  const actions: Action[] = [];
  for (const event of script) {
    try {
      actions.push(
        ...(event.type === 'ticks' ? tick(node, event.count) : receive(node, message(node, event))),
      );
    } catch (error) {
      if (!(error instanceof RaftError) || error.code !== 'STORAGE') throw error;
      return actions;
    }
  }
  return actions;
}

describe('G1 transitions that would break the protocol', () => {
  it.each<['voter' | 'learner', boolean]>([
    ['voter', false],
    ['voter', true],
    ['learner', false],
  ])(
    'G1.1 §5.1: no input brings a %s to a role that does not follow its own (pre-vote %s)',
    (kind, preVote) => {
      const roles = new Set<Role>();
      fc.assert(
        fc.property(fc.boolean(), fc.array(input, { minLength: 1, maxLength: 40 }), (leads, script) => {
          const node = nodeWithLog(
            kind === 'voter' ? { config: { preVote } } : { ...asLearner, config: { learners: [4], preVote } },
          );
          if (leads && kind === 'voter') electLeader(node);
          let { role, term }: { role: Role; term: Term } = node;
          roles.add(role);
          for (const action of run(node, script)) {
            if (action.type !== 'roleChanged') continue;
            expect(ALLOWED[role]).toContain(action.role);
            expect(action.term).toBeGreaterThanOrEqual(term);
            // Every candidacy has a term of its own; every leadership is of the term of its candidacy.
            if (action.role === 'candidate') expect(action.term).toBeGreaterThan(term);
            if (action.role === 'leader') expect([role, action.term]).toEqual(['candidate', term]);
            if (kind === 'learner') expect(action.role).toBe('learner');
            ({ role, term } = action);
            roles.add(role);
          }
          // Input that two leaders of one term would need halts the node; a halted node leads no more and says nothing.
          if (!node.status().isHalted) expect([node.role, node.term]).toEqual([role, term]);
        }),
        { numRuns: 400 },
      );
      expect([...roles].sort()).toEqual(
        kind === 'learner' ? ['learner'] : ['candidate', 'follower', 'leader'],
      );
    },
  );

  it.each<[string, (node: RaftNode) => Message]>([
    ['a leader of an earlier term', (node) => append(node, 2, { term: 1, prevLogIndex: 0, terms: [1] })],
    ['an earlier vote', (node) => voteReply(node, 2, true, 2)],
    ['an earlier timeoutNow', () => ({ type: 'timeoutNow', from: 2, to: 1, term: 2 })],
    ['a vote nobody asked for', (node) => voteReply(node, 2)],
    [
      'a pre-vote nobody asked for',
      () => ({ type: 'preVoteReply', from: 2, to: 1, term: 4, voteGranted: true }),
    ],
    ['an acknowledgement to somebody who does not lead', (node) => appendReply(node, 2)],
    [
      'a heartbeat reply to somebody who does not lead',
      (node) => ({ type: 'heartbeatReply', from: 2, to: 1, term: node.term, round: 3 }),
    ],
    ['a message for another server', (node) => ({ ...heartbeat(node, 2, { term: 9 }), to: 3 })],
    ['a message from itself', (node) => heartbeat(node, 1, { term: 9 })],
  ])('G1.2: %s leaves the state as it was', (_name, make) => {
    const node = nodeWithLog({ entries: entriesOf([3]), hardState: { term: 3, votedFor: 3 } });
    const before = snapshotOf(node);
    receive(node, make(node));
    expect(snapshotOf(node)).toEqual(before);
  });
});

describe('G2 a cluster of one', () => {
  it('G2.1 §5.2: leads at once when its timer runs out, with and without pre-vote', () => {
    for (const preVote of [false, true]) {
      const node = nodeWithLog({ peers: [], config: { preVote, electionTimeoutTicks: [3, 3] } });
      expect(tick(node, 2)).toEqual([]);
      expect(described(tick(node, 1))).toEqual([
        'candidate t1 leader none',
        'leader t1 leader S1',
        'commit 1/t1',
      ]);
    }
  });

  it('G2.2 §5.2: needs no votes but its own, which must be durable first', () => {
    const node = nodeWithLog({ peers: [], durability: 'deferred' });
    expect(sentText(tickUntilElection(node))).toEqual([]);
    expect(node.role).toBe('candidate');
    expect(roleChanges(flush(node))).toEqual(['leader t1 leader S1']);
    expect(node.log.crash().hardState()).toEqual({ term: 1, votedFor: 1 });
  });

  it('G2.3 §5.3: replicates to nobody and commits what its own disk holds', () => {
    const node = nodeWithLog({ peers: [], durability: 'deferred' });
    tickUntilElection(node);
    flush(node); // the vote
    flush(node); // the noop
    expect(described(propose(node, 'x'))).toEqual(['proposed 2 t1']);
    expect(described(flush(node))).toEqual(['commit 2/t1', 'apply 2/t1"x"']);
    expect(termsOf(node.log)).toEqual([1, 1]);
  });
});
