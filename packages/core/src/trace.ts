// Every step of a node, for whoever wants to watch or check it: what happened, the state before and after, what came
// out. The state is the part that the protocol's invariants speak about.

import type { Action } from './action.js';
import type { Event } from './event.js';
import type { Configuration, Index, NodeId, Role, Term } from './types.js';

export interface TraceState {
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly leader: NodeId | undefined;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly lastIndex: Index;
  readonly snapshotIndex: Index;
  readonly stagedSeq: number;
  readonly durableSeq: number;
  readonly configuration: Configuration;
}

/** A barrier of inline durability: everything staged up to `seq` was synced when `actions` of the step's actions were decided. */
export interface TraceSync {
  readonly actions: number;
  readonly seq: number;
}

export interface TraceRecord {
  readonly id: NodeId;
  readonly event: Event;
  readonly before: TraceState;
  readonly after: TraceState;
  readonly actions: readonly Action[];
  /** The step's own barriers, in order; absent with deferred durability. */
  readonly syncs?: readonly TraceSync[];
}

export type TraceHook = (record: TraceRecord) => void;
