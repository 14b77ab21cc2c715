// How a leader finds where another log agrees with its own, and makes the two one (§5.3, figure 7).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeEntry, type Message, type Term } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { agreesByMatching } from './support/log-terms.js';
import {
  appendReply,
  bytes,
  configuration,
  electLeader,
  logWith,
  nodeWithLog,
  receive,
  sent,
  sentText,
  termsOf,
} from './support/node.js';

describe('P20 figure 7', () => {
  const LEADER = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const FOLLOWERS: readonly [name: string, terms: readonly Term[]][] = [
    ['a, which misses one entry', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b, which misses many', [1, 1, 1, 4]],
    ['c, which has one more', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d, which has two more of a later term', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e, which has others of term 4', [1, 1, 1, 4, 4, 4, 4]],
    ['f, which was leader of terms 2 and 3', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ];

  it.each(FOLLOWERS)('P20 §5.3: the leader of term 8 brings %s to its own log', (_name, terms) => {
    const logs = new Map([
      [1, logWith({ terms: LEADER, hardState: { term: 7, votedFor: undefined } })],
      [2, logWith({ terms, hardState: { term: 7, votedFor: undefined } })],
      [3, logWith({ hardState: { term: 7, votedFor: undefined } })],
    ]);
    const cluster = new Cluster({ voters: 3, logs });
    cluster.elect(1);
    cluster.tickAll(4);
    expect(termsOf(cluster.log(2))).toEqual([...LEADER, 8]);
    expect(cluster.log(2).entries(1, 11).map(describeEntry)).toEqual(
      cluster.log(1).entries(1, 11).map(describeEntry),
    );
    expect([cluster.node(2).commitIndex, cluster.appliedTexts(2).length]).toEqual([11, 10]);
  });

  it('P20 §5.3: all of them at once; the leader needs the votes of those with older logs only', () => {
    const all = [LEADER, ...FOLLOWERS.map(([, terms]) => terms)];
    const logs = new Map(
      all.map(
        (terms, i) => [i + 1, logWith({ terms, hardState: { term: 7, votedFor: undefined } })] as const,
      ),
    );
    const cluster = new Cluster({ voters: 7, logs });
    const refusals: number[] = [];
    cluster.fate = (message) => {
      if (message.type === 'requestVoteReply' && !message.voteGranted) refusals.push(message.from);
      return 'deliver';
    };
    cluster.elect(1);
    cluster.tickAll(4);
    expect(refusals).toEqual([4, 5]); // c and d
    for (const id of cluster.ids) expect(termsOf(cluster.log(id))).toEqual([...LEADER, 8]);
  });
});

describe('P24 finding where logs agree', () => {
  /** What the leader of term 20 sends to server 2 after it was refused there once. */
  function nextProbe(leaders: readonly Term[], followers: readonly Term[]): string[] {
    const leader = nodeWithLog({ terms: leaders, hardState: { term: 19, votedFor: undefined } });
    const peer = nodeWithLog({ id: 2, terms: followers, hardState: { term: 19, votedFor: undefined } });
    const [probe] = sent(electLeader(leader, { ready: false }), 'appendEntries').filter(({ to }) => to === 2);
    const [refusal] = sent(receive(peer, probe as Message), 'appendEntriesReply');
    expect(refusal?.success).toBe(false);
    return sent(receive(leader, refusal as Message), 'appendEntries').map(
      ({ to, prevLogIndex, prevLogTerm }) => `S${to} after ${prevLogIndex}/t${prevLogTerm}`,
    );
  }

  it.each<[string, readonly Term[], readonly Term[], string]>([
    ['the follower is empty', [1, 2, 3], [], 'S2 after 0/t0'],
    ['the follower is short', [1, 2, 2, 2, 2], [1, 2], 'S2 after 2/t2'],
    ['the follower is short, its end is of a term the leader has not', [1, 3, 3, 3], [1, 2], 'S2 after 1/t1'],
    [
      'the follower has a long tail of a later term: one answer skips it',
      [1, 1, 2, 2, 2, 2],
      [1, 1, 3, 3, 3, 3, 3],
      'S2 after 2/t1',
    ],
    [
      'the leader has a long run that the follower lacks: one answer skips it',
      [1, 4, 4, 4, 4, 4, 4],
      [1, 2, 2, 2, 2, 2, 2],
      'S2 after 1/t1',
    ],
    [
      'both have runs of the same term that differ in length',
      [1, 2, 2, 2, 3],
      [1, 2, 2, 4, 4],
      'S2 after 3/t2',
    ],
    ['the follower longer than the leader', [1, 1], [1, 2, 2, 2], 'S2 after 1/t1'],
    ['nothing agrees', [3, 3, 3], [1, 1, 1], 'S2 after 0/t0'],
    ['nothing agrees, the other way', [1, 1, 1], [2, 2, 2], 'S2 after 0/t0'],
  ])('P24 §5.3: %s', (_name, leaders, followers, expected) => {
    expect(nextProbe(leaders, followers)).toEqual([expected]);
  });

  it('P24 §5.3: any two logs are made one, in at most one refusal per term', () => {
    const log = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 12 })), {
      maxLength: 6,
    });
    const terms = (runs: readonly (readonly [number, number])[]) => {
      let term = 0;
      return runs.flatMap(([step, length]) => {
        term += step;
        return Array<Term>(length).fill(term);
      });
    };
    fc.assert(
      fc.property(log, log, (leaderRuns, followerRuns) => {
        const [leaders, followers] = [terms(leaderRuns), terms(followerRuns)];
        fc.pre(agreesByMatching(leaders, followers));
        const hardState = { term: 30, votedFor: undefined };
        const logs = new Map([
          [1, logWith({ terms: leaders, hardState })],
          [2, logWith({ terms: followers, hardState })],
        ]);
        const cluster = new Cluster({ voters: 3, logs });
        let refusals = 0;
        cluster.fate = (message) => {
          if (message.type === 'requestVote' && message.to === 2) return 'drop';
          if (message.type === 'requestVoteReply' && message.from === 2) return 'drop';
          if (message.type === 'appendEntriesReply' && message.from === 2 && !message.success) refusals += 1;
          return 'deliver';
        };
        cluster.elect(1);
        expect(termsOf(cluster.log(2))).toEqual([...leaders, cluster.node(1).term]);
        const distinct = Math.min(new Set(leaders).size, new Set(followers).size);
        expect(refusals).toBeLessThanOrEqual(distinct + 1);
      }),
      { numRuns: 300 },
    );
  });

  it('P24 §5.3: a hint that points at what is compacted, or beyond the log, is survived', () => {
    const log = logWith({ terms: [1, 1, 2, 2] });
    log.applySnapshot({ index: 3, term: 2, configuration: configuration([1, 2, 3]), data: bytes('s') });
    log.compact(3);
    for (const [hintIndex, hintTerm] of [
      [0, 0],
      [1, 1],
      [99, 9],
      [99, 0],
      [3, 2],
    ] as const) {
      const node = nodeWithLog({ log: log.crash({ keepSeq: log.stagedSeq() }) });
      electLeader(node, { ready: false });
      const actions = receive(
        node,
        appendReply(node, 2, { success: false, prevLogIndex: 4, hintIndex, hintTerm }),
      );
      const expected =
        hintIndex < 3
          ? 'S1->S2 installSnapshot t3 at 3/t2 [1 2 3] 1 B'
          : 'S1->S2 append t3 after 3/t2: 4/t2"4" 5/t3(noop) commit 3';
      expect(sentText(actions)).toEqual([expected]);
    }
  });
});
