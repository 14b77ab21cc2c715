// What a follower makes of an append: what it refuses, truncates, appends, commits and acknowledges (§5.3).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message, RaftNode, Term } from '../src/index.js';
import { agreesByMatching, commonPrefix } from './support/log-terms.js';
import {
  append,
  bytes,
  configuration,
  entriesOf,
  heartbeat,
  logWith,
  nodeWithLog,
  receive,
  sent,
  sentText,
  snapshotOf,
  termsOf,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

type Node = RaftNode<StagedLog>;

interface AppendRow {
  readonly rule: string;
  readonly prev: readonly [index: number, term: Term];
  readonly terms: readonly Term[];
  readonly commit: number;
  readonly reply: string;
  readonly log: readonly Term[];
  readonly committed: number;
}

// The follower's log is 1/t1 2/t1 3/t2 4/t2, its term 3; the leader is server 2.
const APPENDS: readonly AppendRow[] = [
  {
    rule: 'agrees at the end, nothing new',
    prev: [4, 2],
    terms: [],
    commit: 0,
    reply: 'match 4',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'agrees at the end, one entry',
    prev: [4, 2],
    terms: [3],
    commit: 0,
    reply: 'match 5',
    log: [1, 1, 2, 2, 3],
    committed: 0,
  },
  {
    rule: 'agrees from the beginning',
    prev: [0, 0],
    terms: [1, 1, 2, 2],
    commit: 0,
    reply: 'match 4',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'beyond the end: refused',
    prev: [5, 2],
    terms: [3],
    commit: 4,
    reply: 'refused 5 hint 4/t2',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'beyond the end, of an older term: refused, the hint skips what is newer',
    prev: [9, 1],
    terms: [3],
    commit: 4,
    reply: 'refused 9 hint 2/t1',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'another term at the same index: refused',
    prev: [4, 3],
    terms: [3],
    commit: 4,
    reply: 'refused 4 hint 4/t2',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'an older term at the same index: refused',
    prev: [4, 1],
    terms: [3],
    commit: 4,
    reply: 'refused 4 hint 2/t1',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'a duplicate of the middle truncates nothing and acknowledges no more than itself',
    prev: [1, 1],
    terms: [1],
    commit: 0,
    reply: 'match 2',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'a heartbeat-like append in the middle acknowledges no more than its prevLogIndex',
    prev: [2, 1],
    terms: [],
    commit: 0,
    reply: 'match 2',
    log: [1, 1, 2, 2],
    committed: 0,
  },
  {
    rule: 'a conflict truncates it and everything behind it',
    prev: [2, 1],
    terms: [3],
    commit: 0,
    reply: 'match 3',
    log: [1, 1, 3],
    committed: 0,
  },
  {
    rule: 'a conflict after a duplicate',
    prev: [1, 1],
    terms: [1, 2, 3],
    commit: 0,
    reply: 'match 4',
    log: [1, 1, 2, 3],
    committed: 0,
  },
  {
    rule: 'a conflict at the first entry',
    prev: [0, 0],
    terms: [2],
    commit: 0,
    reply: 'match 1',
    log: [2],
    committed: 0,
  },
  {
    rule: 'a duplicate that goes on beyond the end',
    prev: [2, 1],
    terms: [2, 2, 3, 3],
    commit: 0,
    reply: 'match 6',
    log: [1, 1, 2, 2, 3, 3],
    committed: 0,
  },
  {
    rule: 'commits what the leader has',
    prev: [4, 2],
    terms: [],
    commit: 3,
    reply: 'match 4',
    log: [1, 1, 2, 2],
    committed: 3,
  },
  {
    rule: 'commits exactly to the end',
    prev: [4, 2],
    terms: [3],
    commit: 5,
    reply: 'match 5',
    log: [1, 1, 2, 2, 3],
    committed: 5,
  },
  {
    rule: "commits no further than the append reaches: what lies behind may be another leader's",
    prev: [1, 1],
    terms: [1],
    commit: 4,
    reply: 'match 2',
    log: [1, 1, 2, 2],
    committed: 2,
  },
  {
    rule: 'commits no further than prevLogIndex when the append is empty',
    prev: [3, 2],
    terms: [],
    commit: 4,
    reply: 'match 3',
    log: [1, 1, 2, 2],
    committed: 3,
  },
  {
    rule: 'commits no more than there is',
    prev: [4, 2],
    terms: [3],
    commit: 99,
    reply: 'match 5',
    log: [1, 1, 2, 2, 3],
    committed: 5,
  },
  {
    rule: 'a refusal commits nothing',
    prev: [4, 3],
    terms: [],
    commit: 4,
    reply: 'refused 4 hint 4/t2',
    log: [1, 1, 2, 2],
    committed: 0,
  },
];

function follower(commit = 0): Node {
  const node = nodeWithLog({ terms: [1, 1, 2, 2], hardState: { term: 3, votedFor: undefined } });
  if (commit > 0) receive(node, append(node, 2, { leaderCommit: commit }));
  return node;
}

function request(node: Node, row: Pick<AppendRow, 'prev' | 'terms' | 'commit'>): Message {
  const [prevLogIndex, prevLogTerm] = row.prev;
  return append(node, 2, { prevLogIndex, prevLogTerm, terms: row.terms, leaderCommit: row.commit });
}

describe('P21 an append', () => {
  it.each(APPENDS)('P21 §5.3: $rule', (row) => {
    const node = follower();
    const actions = receive(node, request(node, row));
    expect(sentText(actions)).toEqual([`S1->S2 appendReply t3 ${row.reply}`]);
    expect([termsOf(node.log), node.commitIndex]).toEqual([row.log, row.committed]);
    // The acknowledgement is of what is on disk.
    expect(termsOf(node.log.crash())).toEqual(row.log);
  });

  it.each(APPENDS)('P21 §5.3: repeated, it changes nothing more: $rule', (row) => {
    const node = follower();
    const first = sentText(receive(node, request(node, row)));
    const before = snapshotOf(node);
    expect(sentText(receive(node, request(node, row)))).toEqual(first);
    expect(snapshotOf(node)).toEqual(before);
  });

  it('P21 §5.3: the reply names the request that it answers', () => {
    const node = follower();
    for (const [row, success] of [
      [{ prev: [2, 1], terms: [2], commit: 0 }, true],
      [{ prev: [3, 9], terms: [], commit: 0 }, false],
    ] as const) {
      const [reply] = sent(receive(node, request(node, row)), 'appendEntriesReply');
      expect(reply).toMatchObject({ success, prevLogIndex: row.prev[0], from: 1, to: 2, term: 3 });
    }
  });

  it.each<[string, readonly [number, Term], readonly Term[], string]>([
    ['wholly below it', [1, 1], [1], 'match 3'],
    ['ending at it', [2, 1], [2], 'match 3'],
    ['reaching beyond it', [1, 1], [1, 2, 3], 'match 4'],
    ['beginning at it', [3, 2], [3], 'match 4'],
  ])('P21 §5.3: what is committed is not touched by an append %s', (_name, prev, terms, reply) => {
    const node = follower(3);
    expect(sentText(receive(node, request(node, { prev, terms, commit: 0 })))).toEqual([
      `S1->S2 appendReply t3 ${reply}`,
    ]);
    expect(termsOf(node.log).slice(0, 3)).toEqual([1, 1, 2]);
    expect(node.commitIndex).toBe(3);
  });

  it('P21 §5.3: the commit index never falls', () => {
    const node = follower(4);
    receive(node, request(node, { prev: [4, 2], terms: [3], commit: 2 }));
    receive(node, heartbeat(node, 2, { leaderCommit: 1 }));
    expect(node.commitIndex).toBe(4);
  });

  it('P21 §5.3: an append below a compacted prefix is taken as far as it is committed there', () => {
    const log = logWith({ terms: [1, 1, 2, 2] });
    log.applySnapshot({ index: 3, term: 2, configuration: configuration([1, 2, 3]), data: bytes('s') });
    log.compact(3);
    const node = nodeWithLog({ log, hardState: { term: 2, votedFor: undefined } });
    const message = append(node, 2, { term: 3, prevLogIndex: 0, prevLogTerm: 0, terms: [1, 1, 2, 3, 3] });
    expect(sentText(receive(node, message))).toEqual(['S1->S2 appendReply t3 match 5']);
    expect([node.log.firstIndex(), termsOf(node.log)]).toEqual([4, [3, 3]]);
    const empty = append(node, 2, { prevLogIndex: 1, prevLogTerm: 1 });
    expect(sentText(receive(node, empty))).toEqual(['S1->S2 appendReply t3 match 3']);
  });

  it("P21 §5.3: any append of a leader whose log is another's leaves a log that agrees with it up to the acknowledged index", () => {
    const nonDecreasing = fc.array(fc.nat({ max: 2 }), { maxLength: 8 }).map((steps) => {
      let term = 1;
      return steps.map((step) => (term += step));
    });
    fc.assert(
      fc.property(
        nonDecreasing,
        nonDecreasing,
        fc.nat({ max: 8 }),
        fc.nat({ max: 8 }),
        fc.nat({ max: 8 }),
        (own, leaders, from, count, commit) => {
          fc.pre(agreesByMatching(own, leaders));
          const node = nodeWithLog({ terms: own, hardState: { term: 40, votedFor: undefined } });
          const prevLogIndex = Math.min(from, leaders.length);
          const entries = entriesOf(leaders).slice(prevLogIndex, prevLogIndex + count);
          const prevLogTerm = leaders[prevLogIndex - 1] ?? 0;
          const leaderCommit = Math.min(commit, commonPrefix(own, leaders));
          const [reply] = sent(
            receive(node, append(node, 2, { prevLogIndex, prevLogTerm, entries, leaderCommit })),
            'appendEntriesReply',
          );
          const after = termsOf(node.log);
          const fits = prevLogIndex === 0 || own[prevLogIndex - 1] === prevLogTerm;
          expect(reply?.success).toBe(fits);
          if (!fits) {
            expect(after).toEqual(own);
            return;
          }
          const reached = prevLogIndex + entries.length;
          expect(reply?.matchIndex).toBe(reached);
          expect(after.slice(0, reached)).toEqual(leaders.slice(0, reached));
          // Nothing that agreed was lost: a shorter or older append truncates nothing.
          if (commonPrefix(own, leaders) >= Math.min(reached, own.length))
            expect(after.slice(reached)).toEqual(own.slice(reached));
          expect(node.commitIndex).toBe(Math.min(leaderCommit, reached));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
