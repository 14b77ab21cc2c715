// A node's state at one moment, for people, dashboards and tests. Plain data, detached from the node.

import type { ProgressState } from './tracker/progress.js';
import type { Configuration, Index, NodeId, Role, Term } from './types.js';

/** What the leader knows of one peer. */
export interface PeerStatus {
  readonly state: ProgressState;
  readonly matchIndex: Index;
  readonly nextIndex: Index;
  /** Nothing may be sent until an answer or a heartbeat's answer arrives. */
  readonly isPaused: boolean;
  readonly recentlyActive: boolean;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** The snapshot being installed; 0 for none. */
  readonly pendingSnapshot: Index;
}

/** What only a leader has. */
export interface LeaderStatus {
  /** By rising id. */
  readonly peers: ReadonlyMap<NodeId, PeerStatus>;
  /** Bytes proposed and not yet committed. */
  readonly uncommittedBytes: number;
  /** Whether an entry of the present term is committed: reads and membership changes wait for that. */
  readonly isReady: boolean;
  readonly transferTo: NodeId | undefined;
  readonly heartbeatRound: number;
}

export interface NodeStatus {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly leader: NodeId | undefined;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  /** Through which the log, as it reads now, is on stable storage. */
  readonly durableIndex: Index;
  readonly snapshotIndex: Index;
  readonly stagedSeq: number;
  readonly durableSeq: number;
  /** Effects held back until durable. */
  readonly gatedEffects: number;
  readonly configuration: Configuration;
  /** Where the configuration in force stands in the log; 0 for the initial one. */
  readonly configurationIndex: Index;
  readonly pendingReads: number;
  /** Whether the log has failed and the node is silent for good. */
  readonly isHalted: boolean;
  /** Present on a leader. */
  readonly leadership: LeaderStatus | undefined;
}
