// Decisions of a configuration: of its voters, and while it is joint of the outgoing voters too (§6). Pure.

import type { Configuration, NodeId } from '../types.js';
import { majorityValue, majorityVote, type VoteResult } from './majority.js';

/** The two voter sets; `votersOutgoing` is empty outside a joint configuration. */
export type VoterSets = Pick<Configuration, 'voters' | 'votersOutgoing'>;

/** The largest value that both halves have reached: with match indexes the commit candidate, with rounds the confirmed round. */
export function quorumValue(sets: VoterSets, reachedBy: (id: NodeId) => number): number {
  const incoming = majorityValue(sets.voters, reachedBy);
  if (sets.votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(sets.votersOutgoing, reachedBy));
}

/** Won when both halves are won, lost as soon as one is. */
export function quorumVote(sets: VoterSets, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const incoming = majorityVote(sets.voters, votes);
  const outgoing = majorityVote(sets.votersOutgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

/** Whether those for whom `holds` is true include a majority of each half. */
export function hasQuorum(sets: VoterSets, holds: (id: NodeId) => boolean): boolean {
  return quorumValue(sets, (id) => (holds(id) ? 1 : 0)) >= 1;
}
