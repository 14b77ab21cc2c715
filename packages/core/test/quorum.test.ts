// The quorum functions against the definition, spelled out: a majority is any subset of more than half, and a joint
// decision needs one in each half.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../src/index.js';
import { hasQuorum, quorumValue, quorumVote } from '../src/quorum/joint.js';
import { majorityOf, majorityValue, majorityVote, type VoteResult } from '../src/quorum/majority.js';

/** Every subset of `ids`. */
function subsets(ids: readonly NodeId[]): NodeId[][] {
  let all: NodeId[][] = [[]];
  for (const id of ids) all = [...all, ...all.map((subset) => [...subset, id])];
  return all;
}

/** The definition: the largest value that every member of some subset of more than half has reached. */
function bruteForceValue(voters: readonly NodeId[], reachedBy: (id: NodeId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const majorities = subsets(voters).filter((subset) => subset.length * 2 > voters.length);
  return Math.max(...majorities.map((majority) => Math.min(...majority.map(reachedBy))));
}

/** The definition: won when the granted ones are a majority, lost when they could not become one. */
function bruteForceVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won';
  const isMajority = (ids: readonly NodeId[]) => ids.length * 2 > voters.length;
  if (isMajority(voters.filter((id) => votes.get(id) === true))) return 'won';
  return isMajority(voters.filter((id) => votes.get(id) !== false)) ? 'pending' : 'lost';
}

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 8 });
const values = fc.array(fc.nat({ max: 6 }), { minLength: 13, maxLength: 13 });
/** For ids 0 to 12: granted, refused, or not answered. */
const ballots = fc.array(fc.constantFrom(true, false, undefined), { minLength: 13, maxLength: 13 });

function asVotes(ballot: readonly (boolean | undefined)[]): Map<NodeId, boolean> {
  const votes = new Map<NodeId, boolean>();
  for (const [id, vote] of ballot.entries()) if (vote !== undefined) votes.set(id, vote);
  return votes;
}

describe('a majority', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
    [8, 5],
    [9, 5],
  ])('of %i voters is %i', (voters, needed) => {
    expect(majorityOf(voters)).toBe(needed);
  });

  it.each<[string, number[], number]>([
    ['no voter constrains nothing', [], Number.POSITIVE_INFINITY],
    ['one voter decides', [7], 7],
    ['of two, the slower', [7, 3], 3],
    ['of three, the middle one', [9, 1, 5], 5],
    ['of four, the second slowest', [9, 1, 5, 7], 5],
    ['of five, the middle one', [2, 4, 6, 8, 10], 6],
    ['equal values', [4, 4, 4], 4],
    ['numbers, not text: 10 is above 9', [10, 9, 100], 10],
  ])('value: %s', (_name, reached, expected) => {
    const voters = reached.map((_, i) => i + 1);
    expect(majorityValue(voters, (id) => reached[id - 1] as number)).toBe(expected);
  });

  it('value: the same as the best of all majorities, whatever the voters and values', () => {
    fc.assert(
      fc.property(ids, values, (voters, reached) => {
        const reachedBy = (id: NodeId) => reached[id] as number;
        expect(majorityValue(voters, reachedBy)).toBe(bruteForceValue(voters, reachedBy));
      }),
    );
  });

  it.each<[string, number, boolean[], VoteResult]>([
    ['no voters: always agreed', 0, [], 'won'],
    ['one voter, none heard', 1, [], 'pending'],
    ['one voter grants', 1, [true], 'won'],
    ['one voter refuses', 1, [false], 'lost'],
    ['one of two grants', 2, [true], 'pending'],
    ['one of two refuses: two can no longer be reached', 2, [false], 'lost'],
    ['both of two', 2, [true, true], 'won'],
    ['two of three', 3, [true, true], 'won'],
    ['one granted, one refused of three', 3, [true, false], 'pending'],
    ['two of three refuse', 3, [false, false], 'lost'],
    ['two of four is no majority', 4, [true, true], 'pending'],
    ['two of four refuse', 4, [false, false], 'lost'],
    ['three of five', 5, [true, true, true], 'won'],
    ['two granted, two refused of five', 5, [true, true, false, false], 'pending'],
    ['three of five refuse', 5, [false, false, false], 'lost'],
  ])('vote: %s', (_name, count, ballot, expected) => {
    const voters = Array.from({ length: count }, (_, i) => i + 1);
    expect(majorityVote(voters, new Map(ballot.map((vote, i) => [i + 1, vote])))).toBe(expected);
  });

  it('vote: as defined, and those who are no voters never count', () => {
    fc.assert(
      fc.property(ids, ballots, (voters, ballot) => {
        const votes = asVotes(ballot);
        const result = majorityVote(voters, votes);
        expect(result).toBe(bruteForceVote(voters, votes));
        const ofVoters = new Map([...votes].filter(([id]) => voters.includes(id)));
        expect(majorityVote(voters, ofVoters)).toBe(result);
      }),
    );
  });
});

describe('a joint decision (§6)', () => {
  it('value: what both halves have reached', () => {
    fc.assert(
      fc.property(ids, ids, values, (voters, votersOutgoing, reached) => {
        const reachedBy = (id: NodeId) => reached[id] as number;
        const expected = Math.min(
          bruteForceValue(voters, reachedBy),
          bruteForceValue(votersOutgoing, reachedBy),
        );
        expect(quorumValue({ voters, votersOutgoing }, reachedBy)).toBe(expected);
      }),
    );
  });

  it.each<[VoteResult, VoteResult, VoteResult]>([
    ['won', 'won', 'won'],
    ['won', 'pending', 'pending'],
    ['won', 'lost', 'lost'],
    ['pending', 'won', 'pending'],
    ['pending', 'pending', 'pending'],
    ['pending', 'lost', 'lost'],
    ['lost', 'won', 'lost'],
    ['lost', 'pending', 'lost'],
    ['lost', 'lost', 'lost'],
  ])('vote: %s among the voters and %s among the outgoing: %s', (incoming, outgoing, expected) => {
    const votes = new Map<NodeId, boolean>();
    for (const [id, result] of [
      [1, incoming],
      [2, outgoing],
    ] as const) {
      if (result !== 'pending') votes.set(id, result === 'won');
    }
    expect(quorumVote({ voters: [1], votersOutgoing: [2] }, votes)).toBe(expected);
  });

  it('vote: outside a joint configuration the voters decide alone', () => {
    fc.assert(
      fc.property(ids, ballots, (voters, ballot) => {
        const votes = asVotes(ballot);
        expect(quorumVote({ voters, votersOutgoing: [] }, votes)).toBe(majorityVote(voters, votes));
      }),
    );
  });

  it('quorum: exactly when the granted vote would win', () => {
    fc.assert(
      fc.property(ids, ids, ids, (voters, votersOutgoing, holding) => {
        fc.pre(voters.length > 0);
        const sets = { voters, votersOutgoing };
        const votes = new Map(holding.map((id) => [id, true]));
        expect(hasQuorum(sets, (id) => holding.includes(id))).toBe(quorumVote(sets, votes) === 'won');
      }),
    );
  });

  it('two quorums of one configuration always share a server: the ground on which Raft stands', () => {
    const sets = { voters: [1, 2, 3], votersOutgoing: [3, 4, 5, 6] };
    const quorums = subsets([1, 2, 3, 4, 5, 6]).filter((some) => hasQuorum(sets, (id) => some.includes(id)));
    expect(quorums.length).toBeGreaterThan(1);
    for (const one of quorums) {
      for (const other of quorums) {
        expect(sets.voters.some((id) => one.includes(id) && other.includes(id))).toBe(true);
        expect(sets.votersOutgoing.some((id) => one.includes(id) && other.includes(id))).toBe(true);
      }
    }
  });
});
