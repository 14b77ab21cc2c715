// Majorities of one voter set. Pure: knows ids and numbers, nothing of Raft's state.

import type { NodeId } from '../types.js';

/** What a vote has come to. */
export type VoteResult = 'won' | 'lost' | 'pending';

/** Voters needed to decide for a set of `voterCount`. */
export function majorityOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/**
 * The largest value that a majority of `voters` has reached. An empty set constrains nothing: it gives infinity, so
 * that the half of a joint configuration that is not there never decides.
 */
export function majorityValue(voters: readonly NodeId[], reachedBy: (id: NodeId) => number): number {
  const count = voters.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  if (count === 1) return reachedBy(voters[0] as NodeId); // count is 1
  const ascending = voters.map(reachedBy).sort((a, b) => a - b);
  return ascending[count - majorityOf(count)] as number; // 0 <= index < count
}

/** Whether `votes` decide the election among `voters`; an empty set has always agreed. */
export function majorityVote(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === true) granted += 1;
    else if (vote === undefined) missing += 1;
  }
  const needed = majorityOf(voters.length);
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}
