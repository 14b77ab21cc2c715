// What each role knows besides the state that all share (figure 2). Leadership ends by dropping its object: nothing of
// it can outlive the term.

import type { Tracker } from '../tracker/tracker.js';
import type { Index, NodeId } from '../types.js';
import type { LeaderReads } from './read-queue.js';

export interface FollowerState {
  readonly role: 'follower';
  /** The leader of this term, once heard. */
  leader: NodeId | undefined;
  /** The answers to a pre-vote that is under way. */
  canvass: Map<NodeId, boolean> | undefined;
}

export interface CandidateState {
  readonly role: 'candidate';
  readonly votes: Map<NodeId, boolean>;
}

export interface Transfer {
  readonly to: NodeId;
  elapsedTicks: number;
  /** `timeoutNow` has left: the successor may be elected at any moment. */
  sent: boolean;
}

export interface LeaderState {
  readonly role: 'leader';
  readonly tracker: Tracker;
  readonly reads: LeaderReads;
  /** The noop's index: nothing older is counted, read or reconfigured before it commits (§5.4.2, §8). */
  readonly termStartIndex: Index;
  /** The newest heartbeat round begun. */
  round: number;
  heartbeatElapsed: number;
  quorumElapsed: number;
  transfer: Transfer | undefined;
  /** Set for good with the first `timeoutNow` of the term: its receiver may be elected inside our lease. */
  leaseForfeited: boolean;
  /** Proposed and not committed, oldest first. */
  readonly uncommitted: { readonly lastIndex: Index; readonly bytes: number }[];
  uncommittedBytes: number;
}

export type RoleState = FollowerState | CandidateState | LeaderState;
