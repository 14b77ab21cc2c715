// The public face of the protocol: one node, driven by one method. It reads no clock, draws no chance but from its
// seed, and does no I/O beyond the log it was given (docs/protocol.md).

import type { Action } from './action.js';
import { assert } from './assert.js';
import { type Durability, type RaftConfig, type ResolvedConfig, resolveConfig } from './config.js';
import type { Event } from './event.js';
import { MemoryLog } from './memory-log.js';
import { hasUnapplied } from './protocol/commit.js';
import { dispatch } from './protocol/dispatch.js';
import { codeOf } from './protocol/proposal.js';
import { leaseReadIndex } from './protocol/read-index.js';
import type { LeaderState } from './protocol/role.js';
import { settle } from './protocol/settle.js';
import { RaftState } from './protocol/state.js';
import { RaftError } from './raft-error.js';
import type { RaftLog } from './raft-log.js';
import type { LeaderStatus, NodeStatus, PeerStatus } from './status.js';
import type { TraceState, TraceSync } from './trace.js';
import type { Configuration, Index, NodeId, Role, Term } from './types.js';

/** How `RaftNode.withLog` treats the log. */
export interface WithLogOptions {
  /** Default `inline`. */
  readonly durability?: Durability;
}

/**
 * One server's part in Raft: a deterministic function from events to actions.
 *
 * ```ts
 * const node = new RaftNode({ id: 1, peers: [] });
 * while (!node.isLeader) node.step({ type: 'tick' });
 * const actions = node.step({ type: 'propose', command: new TextEncoder().encode('x = 1') });
 * // proposed at index 2 (index 1 is the leader's noop), committed, apply
 * ```
 *
 * Carry out the actions in order. With the same configuration, log and events, a node gives the same actions.
 */
export class RaftNode<Log extends RaftLog = RaftLog> {
  readonly #config: ResolvedConfig;
  readonly #log: Log;
  readonly #raft: RaftState;
  readonly #durability: Durability;
  #failure: unknown;

  /** A node whose log is in memory. Errors: `CONFIG_INVALID`. */
  constructor(config: RaftConfig);
  /** @internal */
  constructor(config: RaftConfig, log?: Log, durability?: Durability);
  constructor(config: RaftConfig, log?: Log, durability: Durability = 'inline') {
    this.#config = resolveConfig(config);
    this.#log = log ?? (new MemoryLog() as RaftLog as Log); // without a log, Log is its default, RaftLog
    if (this.#config.applied > this.#log.lastIndex()) {
      throw new RaftError(
        'CONFIG_INVALID',
        `the state machine has applied ${this.#config.applied}, but the log ends at ${this.#log.lastIndex()}: it lost entries`,
      );
    }
    this.#durability = durability;
    this.#log.sync();
    this.#raft = new RaftState(this.#config, this.#log);
  }

  /**
   * A node that goes on from what `log` holds: term, vote, entries, snapshot. The log is synced once; what it then
   * holds counts as durable. The driver has restored the state machine from `log.snapshot()`, or says in
   * `config.applied` what the machine holds by itself.
   *
   * Errors: `CONFIG_INVALID`; what the log throws when it cannot be synced.
   */
  static withLog<Log extends RaftLog>(
    config: RaftConfig,
    log: Log,
    options: WithLogOptions = {},
  ): RaftNode<Log> {
    return new RaftNode<Log>(config, log, options.durability ?? 'inline');
  }

  get id(): NodeId {
    return this.#config.id;
  }

  get role(): Role {
    return this.#raft.publicRole;
  }

  get isLeader(): boolean {
    return this.#raft.leaderState !== undefined;
  }

  get term(): Term {
    return this.#raft.term;
  }

  /** The leader of the present term, if known. */
  get leader(): NodeId | undefined {
    return this.#raft.leader;
  }

  get commitIndex(): Index {
    return this.#raft.commitIndex;
  }

  get lastApplied(): Index {
    return this.#raft.lastApplied;
  }

  /** The configuration in force: the newest in the log, committed or not. */
  get configuration(): Configuration {
    return this.#raft.configuration;
  }

  /**
   * The configuration in force at `index`; undefined where the log has given that up for a later snapshot, and on a
   * server that joined after `index` and was never told.
   */
  configurationAt(index: Index): Configuration | undefined {
    if (index < this.#log.snapshotIndex() || !this.#raft.knowsConfigurationAt(index)) return undefined;
    return this.#raft.configurationAt(index).configuration;
  }

  get log(): Log {
    return this.#log;
  }

  /** Whether the next step, whatever its event, will hand out more to apply (`maxApplyBytes`). */
  get hasUnapplied(): boolean {
    return this.#failure === undefined && hasUnapplied(this.#raft);
  }

  /**
   * The index that a read must see applied if it may be served here at `now`, on the clock of the events, without asking
   * anybody (thesis §6.4.1): this node leads under a lease, or is the only voter. Undefined in all other cases: step a
   * `read`. Changes nothing, and holds for a read that is made before anything else is.
   */
  leaseReadIndex(now: number): Index | undefined {
    return this.#failure === undefined ? leaseReadIndex(this.#raft, now) : undefined;
  }

  /**
   * Advances the node by one event and returns what the driver is to do, in order.
   *
   * Errors: a `RaftError` for a request that is refused (nothing has changed), or `STORAGE` when the log fails or an
   * assertion does not hold: the node has then halted for good. A halted node answers requests with `STORAGE` and
   * everything else with no actions.
   */
  step(event: Event): Action[] {
    if (this.#failure !== undefined) return this.#stepHalted(event);
    const { trace } = this.#config;
    const syncs: TraceSync[] | undefined =
      trace === undefined || this.#durability !== 'inline' ? undefined : [];
    let before: TraceState | undefined;
    try {
      // A log that has failed may not even be read: that, too, halts the node.
      before = trace === undefined ? undefined : this.#traceState();
      dispatch(this.#raft, event);
      settle(this.#raft);
      if (this.#durability === 'inline') this.#barrier(syncs);
    } catch (error) {
      if (error instanceof RaftError && event.type !== 'storageFailed') throw error;
      this.#halt(error);
      if (event.type === 'storageFailed') return [];
      throw storageError(error);
    }
    const actions = this.#raft.takeActions();
    if (trace !== undefined && before !== undefined) {
      const step = { id: this.id, event, before, after: this.#traceState(), actions };
      trace(syncs === undefined ? step : { ...step, syncs });
    }
    return actions;
  }

  /** Everything worth knowing about the node now. */
  status(): NodeStatus {
    const raft = this.#raft;
    return {
      ...this.#traceState(),
      id: this.id,
      firstIndex: this.#log.firstIndex(),
      durableIndex: raft.durability.index,
      gatedEffects: raft.gate.length,
      configurationIndex: raft.configurationIndex,
      pendingReads: raft.forwardedReads.length + (raft.leaderState?.reads.length ?? 0),
      isHalted: this.#failure !== undefined,
      leadership: raft.leaderState === undefined ? undefined : leaderStatus(raft, raft.leaderState),
    };
  }

  /**
   * Inline durability: sync whatever is staged, and draw the consequences, until nothing is. A full disk is not a
   * failure: what does not depend on the disk is returned, and the barrier is tried again with the next step.
   */
  #barrier(syncs: TraceSync[] | undefined): void {
    const raft = this.#raft;
    while (raft.durability.seq < this.#log.stagedSeq()) {
      const seq = this.#log.stagedSeq();
      try {
        this.#log.sync();
      } catch (error) {
        if (codeOf(error) !== 'WAL_FULL') throw error;
        raft.diskFull = true;
        return;
      }
      raft.diskFull = false;
      raft.durability.advance(seq);
      raft.stallElapsed = 0;
      syncs?.push({ actions: raft.actionCount, seq });
      settle(raft);
    }
    assert(raft.gate.isEmpty, 'nothing is held back once everything is durable');
  }

  #halt(error: unknown): void {
    this.#raft.takeActions();
    // It will never speak again, so it leads nobody; whoever asks `isLeader` must not send clients here.
    this.#raft.role = { role: 'follower', leader: undefined, canvass: undefined };
    this.#failure = error ?? new Error('the log failed');
  }

  #stepHalted(event: Event): Action[] {
    switch (event.type) {
      case 'tick':
      case 'message':
      case 'durable':
      case 'storageFailed':
      case 'snapshotStatus':
      case 'snapshotProgress':
      case 'unreachable':
      case 'removed':
        return [];
      default:
        throw storageError(this.#failure);
    }
  }

  #traceState(): TraceState {
    const raft = this.#raft;
    return {
      role: raft.publicRole,
      term: raft.term,
      votedFor: raft.votedFor,
      leader: raft.leader,
      commitIndex: raft.commitIndex,
      lastApplied: raft.lastApplied,
      lastIndex: this.#log.lastIndex(),
      snapshotIndex: this.#log.snapshotIndex(),
      stagedSeq: this.#log.stagedSeq(),
      durableSeq: raft.durability.seq,
      configuration: raft.configuration,
    };
  }
}

function leaderStatus(raft: RaftState, leader: LeaderState): LeaderStatus {
  const peers = new Map<NodeId, PeerStatus>();
  for (const [id, progress] of leader.tracker.peers) {
    const { state, matchIndex, nextIndex, isPaused, recentlyActive, pendingSnapshot, inflight } = progress;
    const inflightMessages = inflight.count;
    const inflightBytes = inflight.bytes;
    peers.set(id, {
      state,
      matchIndex,
      nextIndex,
      isPaused,
      recentlyActive,
      inflightMessages,
      inflightBytes,
      pendingSnapshot,
    });
  }
  return {
    peers,
    uncommittedBytes: leader.uncommittedBytes,
    isReady: raft.commitIndex >= leader.termStartIndex,
    transferTo: leader.transfer?.to,
    heartbeatRound: leader.round,
  };
}

function storageError(cause: unknown): RaftError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RaftError('STORAGE', `the node has halted: ${why}`, {}, { cause });
}
