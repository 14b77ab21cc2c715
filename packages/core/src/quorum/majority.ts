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
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const needed = majorityOf(voters.length);
  let largest = Number.NEGATIVE_INFINITY;
  // Asked at every step of a leader: a sort of so few would cost more, in memory above all.
  for (const candidate of voters) {
    const value = reachedBy(candidate);
    if (value <= largest) continue;
    let reached = 0;
    for (const id of voters) if (reachedBy(id) >= value) reached += 1;
    if (reached >= needed) largest = value;
  }
  return largest;
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
