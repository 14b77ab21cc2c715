// What a crash may take and what it may not: the disk keeps some prefix of what was staged, and every word that had left
// the node is still true of what it kept.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Action,
  describeMessage,
  type Message,
  type NodeId,
  type RaftNode,
  type Term,
} from '../src/index.js';
import {
  append,
  bytes,
  configuration,
  described,
  entriesOf,
  entry,
  flush,
  heartbeat,
  nodeWithLog,
  receive,
  requestVote,
  sent,
  sentText,
  termsOf,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

function deferred(options: Parameters<typeof nodeWithLog>[0] = {}): Node {
  return nodeWithLog({ durability: 'deferred', ...options });
}

/** Every log that a crash may leave. */
function survivors(log: StagedLog): StagedLog[] {
  const logs: StagedLog[] = [];
  for (let keepSeq = log.durableSeq; keepSeq <= log.stagedSeq(); keepSeq++) {
    logs.push(log.crash({ keepSeq }));
    const next = log.mutations[keepSeq];
    const cuts = next?.type === 'append' ? next.entries.length - 1 : 0;
    for (let tornEntries = 1; tornEntries <= cuts; tornEntries++)
      logs.push(log.crash({ keepSeq, tornEntries }));
  }
  return logs;
}

describe('P41 an entry that is overwritten and comes back', () => {
  it('P41: is acknowledged when it is durable for the last time, not for the first', () => {
    const node = deferred({ terms: [1] });
    const first = append(node, 2, { term: 1, entries: [entry(2, 1, 'x')] });
    receive(node, first);
    const s1 = node.log.stagedSeq();
    receive(node, append(node, 3, { term: 2, prevLogIndex: 1, entries: [entry(2, 2, 'y')] }));
    const s2 = node.log.stagedSeq();
    receive(
      node,
      append(node, 2, {
        term: 3,
        prevLogIndex: 1,
        entries: [entry(2, 1, 'x'), entry(3, 3, 'z')],
        leaderCommit: 3,
      }),
    );
    expect(termsOf(node.log)).toEqual([1, 1, 3]);
    expect(node.commitIndex).toBe(3);

    // x is on disk, but its removal is under way: a crash could still leave y there.
    expect(described(flush(node, s1))).toEqual([]);
    expect(node.status().durableIndex).toBe(1);
    expect(termsOf(node.log.crash({ keepSeq: s2 }))).toEqual([1, 2]);
    expect(described(flush(node, s2))).toEqual([]);
    expect(described(flush(node))).toEqual(['send S1->S2 appendReply t3 match 3', 'apply 2/t1"x" 3/t3"z"']);
  });

  it('P41: nor is it counted by the leader that it comes back to', () => {
    const node = deferred({ terms: [1], peers: [2] });
    receive(node, append(node, 2, { term: 1, terms: [1, 1] }));
    const first = node.log.stagedSeq();
    receive(node, append(node, 2, { term: 2, prevLogIndex: 1, terms: [2] }));
    receive(node, append(node, 2, { term: 3, prevLogIndex: 1, terms: [3, 3] }));
    flush(node, first);
    expect([node.status().durableIndex, termsOf(node.log)]).toEqual([1, [1, 3, 3]]);
  });
});

describe('P43 an old grant', () => {
  it('P43 §5.2: cannot exist for a candidacy that a crash took back: no request had left', () => {
    const node = deferred();
    expect(sentText(tickUntilElection(node))).toEqual([]);
    const again = deferred({ log: node.log.crash() });
    expect([again.term, again.status().votedFor]).toEqual([0, undefined]);
    expect(sentText(tickUntilElection(again))).toEqual([]);
    expect(again.term).toBe(1); // the same term again, and nobody was ever asked for it before
  });

  it('P43 §5.2: is stale for a candidacy that a crash left: the next one has a later term', () => {
    const node = deferred();
    tickUntilElection(node);
    expect(sent(flush(node), 'requestVote')).toHaveLength(2);
    const grant = voteReply(node, 2);
    const again = deferred({ log: node.log.crash() });
    expect([again.term, again.role]).toEqual([1, 'follower']);
    receive(again, grant);
    expect(again.role).toBe('follower'); // it does not campaign, and does not know that it did
    tickUntilElection(again);
    flush(again);
    receive(again, grant);
    expect([again.role, again.term]).toEqual(['candidate', 2]);
  });

  it('P43 §5.2: of a vote that a crash took back, nobody was told; of one that it left, nobody else is', () => {
    const node = deferred();
    expect(sentText(receive(node, requestVote(node, 2)))).toEqual([]);
    const forgot = deferred({ log: node.log.crash() });
    receive(forgot, requestVote(forgot, 3, { term: 1 }));
    expect(sentText(flush(forgot))).toEqual(['S1->S3 requestVoteReply t1 granted']);

    expect(sentText(flush(node))).toEqual(['S1->S2 requestVoteReply t1 granted']);
    const kept = deferred({ log: node.log.crash() });
    expect(sentText(receive(kept, requestVote(kept, 3, { term: 1 })))).toEqual([
      'S1->S3 requestVoteReply t1 refused',
    ]);
  });
});

// ---- P46 ----

/** Terms are counted from the node's, indexes back from its last: so most of it is news to the node. */
type Input =
  | { readonly type: 'append'; readonly ahead: number; readonly back: number; readonly count: number }
  | { readonly type: 'ask'; readonly ahead: number; readonly candidate: NodeId }
  | { readonly type: 'install'; readonly back: number }
  | { readonly type: 'flush'; readonly share: number };

const ahead = fc.constantFrom(0, 0, 0, 1);
const input: fc.Arbitrary<Input> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      ahead,
      back: fc.nat({ max: 3 }),
      count: fc.nat({ max: 4 }),
    }),
  },
  fc.record({ type: fc.constant('ask' as const), ahead, candidate: fc.integer({ min: 2, max: 3 }) }),
  fc.record({ type: fc.constant('install' as const), back: fc.nat({ max: 4 }) }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('flush' as const),
      share: fc.nat({ max: 4 }).map((quarters) => quarters / 4),
    }),
  },
);

/** The log of the leader of each term: what it found of the last one's, and its own entries. */
class Leaders {
  readonly #logs: Map<Term, Term[]> = new Map();
  /** In a snapshot of somebody's: no later leader lacks it (§5.4). */
  #committed = 0;

  log(term: Term): Term[] {
    const known = this.#logs.get(term);
    if (known !== undefined) return known;
    const before = term <= 1 ? [] : this.log(term - 1);
    // Every second leader lacks the newest entries of the one before: they are overwritten.
    const kept = term % 2 === 0 ? Math.max(this.#committed, before.length - 4) : before.length;
    const log = [...before.slice(0, kept), term, term, term];
    this.#logs.set(term, log);
    return log;
  }

  commit(index: number): void {
    this.#committed = Math.max(this.#committed, index);
  }
}

function carryOut(node: Node, leaders: Leaders, event: Input): Action[] {
  switch (event.type) {
    case 'append': {
      const term = Math.max(1, node.term + event.ahead);
      const log = leaders.log(term);
      const prevLogIndex = Math.max(0, Math.min(node.log.lastIndex(), log.length) - event.back);
      const entries = entriesOf(log).slice(prevLogIndex, prevLogIndex + event.count);
      const prevLogTerm = log[prevLogIndex - 1] ?? 0;
      return receive(node, append(node, leaderOf(term), { term, prevLogIndex, prevLogTerm, entries }));
    }
    case 'ask': {
      const fields = { term: node.term + event.ahead, lastLogIndex: 99, lastLogTerm: 99, transfer: true };
      return receive(node, requestVote(node, event.candidate, fields));
    }
    case 'install': {
      const term = Math.max(1, node.term);
      const log = leaders.log(term);
      const index = Math.max(1, log.length - event.back);
      leaders.commit(index);
      const snapshot = {
        index,
        term: log[index - 1] ?? 0,
        configuration: configuration([1, 2, 3]),
        data: bytes('s'),
      };
      return receive(node, { type: 'installSnapshot', from: leaderOf(term), to: 1, term, snapshot });
    }
    case 'flush': {
      const { durableSeq, stagedSeq } = node.status();
      return flush(node, durableSeq + Math.round(event.share * (stagedSeq - durableSeq)));
    }
  }
}

function leaderOf(term: Term): NodeId {
  return 2 + (term % 2);
}

/** Whether what was said is true of a log that was left. `log` is that of the leader it was said to. */
function holds(message: Message, left: StagedLog, log: readonly Term[]): boolean {
  const { term, votedFor } = left.hardState();
  if (message.term > term) return false;
  switch (message.type) {
    case 'requestVoteReply':
      return !message.voteGranted || term > message.term || votedFor === message.to;
    case 'appendEntriesReply':
    case 'installSnapshotReply': {
      if (!message.success || term > message.term) return true;
      if (left.lastIndex() < message.matchIndex) return false;
      for (let index = left.firstIndex(); index <= message.matchIndex; index++)
        if (left.termAt(index) !== log[index - 1]) return false;
      return true;
    }
    default:
      return true;
  }
}

describe('P46 any staged prefix', () => {
  it('P46: may survive, cut inside an append: every word that had left is still true', () => {
    let words = 0;
    let crashes = 0;
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 25, size: 'max' }), (script) => {
        const node = deferred();
        const leaders = new Leaders();
        const said: Message[] = [];
        for (const event of script) {
          said.push(...sent(carryOut(node, leaders, event)));
          for (const left of survivors(node.log)) {
            crashes += 1;
            for (const message of said) {
              words += 1;
              if (holds(message, left, leaders.log(message.term))) continue;
              throw new Error(
                `${describeMessage(message)}, and a crash left ${termsOf(left)} in term ${left.hardState().term}`,
              );
            }
            // And it can be started on.
            const again = nodeWithLog({ log: left });
            expect([again.term, again.status().votedFor]).toEqual([
              left.hardState().term,
              left.hardState().votedFor,
            ]);
          }
        }
      }),
      { numRuns: 300 },
    );
    console.log('STAT', crashes, words);
    expect(crashes).toBeGreaterThan(1000);
    expect(words).toBeGreaterThan(1000);
  });
});

describe('P47 a truncation with an append in flight', () => {
  it('P47 §5.3: what the flush finds written of the removed entries makes none of the new ones durable', () => {
    const node = deferred({ terms: [1] });
    receive(node, append(node, 2, { term: 1, terms: [1, 1, 1, 1] })); // 2 to 5
    const inFlight = node.log.stagedSeq();
    receive(
      node,
      append(node, 3, { term: 2, prevLogIndex: 2, entries: entriesOf([2, 2, 2], 3), leaderCommit: 5 }),
    );
    expect(termsOf(node.log)).toEqual([1, 1, 2, 2, 2]);
    expect(described(flush(node, inFlight))).toEqual(['apply 2/t1"2"']);
    expect([node.commitIndex, node.lastApplied, node.status().durableIndex]).toEqual([5, 2, 2]);
    expect(described(flush(node))).toEqual([
      'send S1->S3 appendReply t2 match 5',
      'apply 3/t2"3" 4/t2"4" 5/t2"5"',
    ]);
  });

  it('P47 §5.3: the removal alone may be durable: the log is short then, and nothing above it counts', () => {
    const node = deferred({ terms: [1, 1, 1] });
    receive(node, append(node, 3, { term: 2, prevLogIndex: 1, entries: entriesOf([2, 2], 2) }));
    const types = node.log.mutations.map(({ type }) => type);
    expect(types).toEqual(['setHardState', 'truncate', 'append']);
    expect(node.status().durableIndex).toBe(1);
    flush(node, 2);
    expect([node.status().durableIndex, termsOf(node.log.crash())]).toEqual([1, [1]]);
    flush(node);
    expect(node.status().durableIndex).toBe(3);
  });
});

describe('P48 a snapshot in flight across a term', () => {
  const snapshot = { index: 6, term: 2, configuration: configuration([1, 2, 3]), data: bytes('six') };
  const install = (term: Term): Message => ({ type: 'installSnapshot', from: 2, to: 1, term, snapshot });

  it('P48 §7: its answer is dropped, its restore is not, and what follows is applied after it', () => {
    const node = deferred({ terms: [1, 1] });
    receive(node, install(3));
    const installed = node.log.stagedSeq();
    const next = append(node, 3, {
      term: 4,
      prevLogIndex: 6,
      prevLogTerm: 2,
      entries: entriesOf([4, 4], 7),
      leaderCommit: 8,
    });
    expect(described(receive(node, next))).toEqual(['follower t4 leader S3', 'commit 8/t4']);
    expect(described(flush(node, installed))).toEqual(['restore snapshot 6/t2']);
    expect([node.lastApplied, node.status().durableIndex]).toEqual([6, 6]);
    expect(described(flush(node))).toEqual(['send S1->S3 appendReply t4 match 8', 'apply 7/t4"7" 8/t4"8"']);
  });

  it('P48 §7: nothing is applied while it is in flight, not even what was committed and durable before', () => {
    const node = deferred({ terms: [1, 1] });
    receive(node, append(node, 2, { term: 3 }));
    receive(node, install(3));
    expect(node.commitIndex).toBe(6);
    expect(described(receive(node, heartbeat(node, 2)))).toEqual(['send S1->S2 heartbeatReply t3 round 1']);
    expect(node.lastApplied).toBe(0);
    expect(described(flush(node))).toEqual([
      'send S1->S2 appendReply t3 match 2',
      'restore snapshot 6/t2',
      'send S1->S2 installSnapshotReply t3 of 6 match 6',
    ]);
  });

  it('P48 §7: a crash before it is durable leaves the old log, a crash after it the snapshot', () => {
    const node = deferred({ terms: [1, 1] });
    receive(node, install(3));
    const before = deferred({ log: node.log.crash() });
    expect([termsOf(before.log), before.lastApplied, before.log.snapshotIndex()]).toEqual([[1, 1], 0, 0]);
    node.log.makeDurable();
    const after = deferred({ log: node.log.crash() });
    expect([termsOf(after.log), after.lastApplied, after.commitIndex, after.term]).toEqual([[], 6, 6, 3]);
    expect(after.configuration).toEqual(snapshot.configuration);
  });

  it('P48 §7: a second snapshot while the first is in flight: both are restored, in order, each when it is durable', () => {
    const node = deferred({ terms: [1, 1] });
    receive(node, install(3));
    const first = node.log.stagedSeq();
    const later = { ...snapshot, index: 9, term: 3 };
    receive(node, { type: 'installSnapshot', from: 2, to: 1, term: 3, snapshot: later });
    expect(described(flush(node, first))).toEqual([
      'restore snapshot 6/t2',
      'send S1->S2 installSnapshotReply t3 of 6 match 6',
    ]);
    expect(described(flush(node))).toEqual([
      'restore snapshot 9/t3',
      'send S1->S2 installSnapshotReply t3 of 9 match 9',
    ]);
    expect(node.lastApplied).toBe(9);
  });
});
