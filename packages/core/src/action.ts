// What a node asks its driver to do, in order. The node decides; the driver acts.

import type { Message } from './message.js';
import type { Configuration, Index, LogEntry, NodeId, Role, Snapshot, Term } from './types.js';

export type ReadFailure = 'leadershipLost' | 'noLeader' | 'timeout';

export type Action =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Message }
  /** Committed and durable `normal` entries, in index order, each exactly once. */
  | { readonly type: 'apply'; readonly entries: readonly LogEntry[] }
  /** The proposal, batch or membership change of this step was given these indexes, in this term. */
  | { readonly type: 'proposed'; readonly first: Index; readonly last: Index; readonly term: Term }
  /** The commit index rose to `index`; `term` is the term of the entry there. */
  | { readonly type: 'commit'; readonly index: Index; readonly term: Term }
  /** Enough was applied since the last snapshot: take one at `index` and step `snapshot` when it is saved. */
  | { readonly type: 'snapshot'; readonly index: Index; readonly term: Term }
  /** Replace the state machine by this snapshot; the next `apply` follows it. */
  | { readonly type: 'restoreSnapshot'; readonly snapshot: Snapshot }
  /** The configuration in force has changed: by append, by truncation or by a snapshot. */
  | { readonly type: 'membershipChanged'; readonly configuration: Configuration; readonly index: Index }
  /** A read with this context is linearizable once `index` is applied. */
  | { readonly type: 'readReady'; readonly context: Uint8Array; readonly index: Index }
  | { readonly type: 'readFailed'; readonly context: Uint8Array; readonly reason: ReadFailure }
  /** Role, term or known leader changed. */
  | {
      readonly type: 'roleChanged';
      readonly role: Role;
      readonly term: Term;
      readonly leader: NodeId | undefined;
    }
  /** A leadership transfer ended without the target taking over. */
  | {
      readonly type: 'transferFailed';
      readonly to: NodeId;
      readonly reason: 'timeout' | 'aborted' | 'leadershipLost';
    };

export type ActionType = Action['type'];
