// Everything that can happen to a node. `RaftNode.step` takes one event and is the only way to drive it.
//
// `now` is a monotonic clock in milliseconds, read no earlier than the event arrived. Only leases look at it; with
// `readPolicy: 'lease'` every tick, message and read must carry it.

import type { Message } from './message.js';
import type { Index, NodeId } from './types.js';

export type Event =
  /** One unit of logical time. */
  | { readonly type: 'tick'; readonly now?: number }
  | { readonly type: 'message'; readonly message: Message; readonly now?: number }
  /** A client's command. The bytes are copied. */
  | { readonly type: 'propose'; readonly command: Uint8Array }
  | { readonly type: 'proposeBatch'; readonly commands: readonly Uint8Array[] }
  /** The state machine has been saved as of `index` (applied); entries up to `index - keepEntries` may go. */
  | {
      readonly type: 'snapshot';
      readonly index: Index;
      readonly data: Uint8Array;
      readonly keepEntries?: number;
    }
  | { readonly type: 'addServer'; readonly id: NodeId; readonly address?: string }
  | { readonly type: 'addLearner'; readonly id: NodeId; readonly address?: string }
  | { readonly type: 'removeServer'; readonly id: NodeId }
  | { readonly type: 'promoteLearner'; readonly id: NodeId }
  /** Any change at once, by joint consensus (§6). `autoLeave` defaults to true. */
  | {
      readonly type: 'changeMembership';
      readonly voters: readonly NodeId[];
      readonly learners?: readonly NodeId[];
      readonly addresses?: Readonly<Record<NodeId, string>>;
      readonly autoLeave?: boolean;
    }
  | { readonly type: 'leaveJoint' }
  | { readonly type: 'transferLeadership'; readonly to: NodeId }
  | { readonly type: 'abortTransfer' }
  /** Asks for a read index; answered by `readReady` or `readFailed` with the same context. */
  | {
      readonly type: 'read';
      readonly context: Uint8Array;
      readonly now?: number;
      /** Ask a majority also under a lease: for who trusts no clock. Default false. */
      readonly asksMajority?: boolean;
    }
  /** Everything staged up to `seq` is on stable storage (deferred durability). */
  | { readonly type: 'durable'; readonly seq: number }
  /** The log failed for good: the node halts and is silent from now on. */
  | { readonly type: 'storageFailed'; readonly error: unknown }
  /** The driver finished streaming a snapshot to `to`, or gave up. */
  | { readonly type: 'snapshotStatus'; readonly to: NodeId; readonly ok: boolean }
  /** A snapshot is on its way to `to` and comes along: it is not given up for want of an answer. */
  | { readonly type: 'snapshotProgress'; readonly to: NodeId }
  /** The transport could not deliver to `id`: go back to probing. */
  | { readonly type: 'unreachable'; readonly id: NodeId }
  /** A member says that the configuration at `index`, which is committed, does not have us: do not campaign without it. */
  | { readonly type: 'removed'; readonly index: Index };

export type EventType = Event['type'];
