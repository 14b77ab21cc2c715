// A node's options: what they mean, their defaults, and which values can never be right.

import { MESSAGE_ENTRIES_MAX } from './codec/message.js';
import { makeConfiguration } from './membership/configuration.js';
import { RaftError } from './raft-error.js';
import type { TraceHook } from './trace.js';
import type { Configuration, Index, NodeId } from './types.js';

/** How reads are confirmed: by a round of heartbeats (`linearizable`), or by a clock-bound lease where one is held (`lease`). */
export type ReadPolicy = 'linearizable' | 'lease';

/** Unanswered appends to one peer, at most, where the options do not say. */
export const DEFAULT_MAX_INFLIGHT: { readonly messages: number; readonly bytes: number } = {
  messages: 64,
  bytes: 8 << 20,
};

/** `inline`: `step` syncs the log before it returns. `deferred`: the driver syncs and steps `durable`. */
export type Durability = 'inline' | 'deferred';

export interface RaftConfig {
  /** This server. */
  readonly id: NodeId;
  /** The other voters, where the log does not know better. A server that joins names the present voters here ... */
  readonly peers: readonly NodeId[];
  /** ... and itself here. */
  readonly learners?: readonly NodeId[];
  readonly addresses?: Readonly<Record<NodeId, string>>;
  /** Smallest and largest election timeout, in ticks; each is drawn anew. Default [10, 20]. */
  readonly electionTimeoutTicks?: readonly [min: number, max: number];
  /** Ticks between heartbeats; below the smallest election timeout. Default 2. */
  readonly heartbeatTicks?: number;
  /** Seed of the election timeouts. Default: the id, so that servers differ. */
  readonly seed?: number;
  /** A fresh number for each life of the server, so that answers to reads of an earlier life are ignored. Default 0. */
  readonly incarnation?: number;
  /** What the state machine has already applied on its own stable storage: nothing at or below is applied again. Default 0. */
  readonly applied?: Index;
  /** Ask before disturbing anybody's term (thesis §9.6). Default true. */
  readonly preVote?: boolean;
  /** A leader that no majority answers steps down, and followers that hear a leader elect no other. Default true. */
  readonly checkQuorum?: boolean;
  /** Most entries in one append. Default 1024. */
  readonly maxBatchEntries?: number;
  /** Most encoded bytes in one append; one larger entry still goes out alone. Default 1 MiB. */
  readonly maxBatchBytes?: number;
  /** Most unanswered appends to one peer. Default 64. */
  readonly maxInflightMessages?: number;
  /** Most unanswered append bytes to one peer. Default 8 MiB. */
  readonly maxInflightBytes?: number;
  /** Most bytes proposed to this leader and not yet committed; one larger proposal is taken alone. Default 64 MiB. */
  readonly maxUncommittedBytes?: number;
  /** Most encoded bytes handed to the state machine by one step; the rest follows in the next ones. Default 16 MiB. */
  readonly maxApplyBytes?: number;
  /** Most reads waiting at this server. Default 65536. */
  readonly maxPendingReads?: number;
  /** Applied entries after which the driver is asked for a snapshot; 0 never asks. Default 0. */
  readonly snapshotThreshold?: number;
  /** Ticks after which a snapshot that was not answered is given up and offered again. Default 10 x the largest election timeout. */
  readonly snapshotRetryTicks?: number;
  /** Ticks after which a leader with staged work that does not become durable steps down. Default 2 x the largest election timeout. */
  readonly diskStallTicks?: number;
  /** Ticks after which a leadership transfer is given up. Default: the largest election timeout. */
  readonly transferTimeoutTicks?: number;
  /** Default `linearizable`. `lease` needs `checkQuorum`, and the same setting on every server. */
  readonly readPolicy?: ReadPolicy;
  /**
   * With `readPolicy: 'lease'`: for how many milliseconds, on its own clock, a voter that heard the leader supports
   * nobody else. Below the shortest real election timeout.
   */
  readonly leaseMs?: number;
  /** How much faster one server's clock may run than another's, as a ratio. Default 0.1. */
  readonly clockDriftMax?: number;
  /** Called after every step with what happened and the state before and after. */
  readonly trace?: TraceHook;
}

/** Every option present and checked. */
export interface ResolvedConfig
  extends Required<Omit<RaftConfig, 'peers' | 'learners' | 'addresses' | 'trace'>> {
  /** In force while the log knows of no other. */
  readonly initialConfiguration: Configuration;
  readonly trace: TraceHook | undefined;
}

/** Fills in the defaults. Errors: `CONFIG_INVALID`. */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const [timeoutMin, timeoutMax] = config.electionTimeoutTicks ?? [10, 20];
  const resolved: ResolvedConfig = {
    id: config.id,
    electionTimeoutTicks: [timeoutMin, timeoutMax],
    heartbeatTicks: config.heartbeatTicks ?? Math.min(2, Math.max(1, timeoutMin - 1)),
    seed: config.seed ?? config.id,
    incarnation: config.incarnation ?? 0,
    applied: config.applied ?? 0,
    preVote: config.preVote ?? true,
    checkQuorum: config.checkQuorum ?? true,
    maxBatchEntries: config.maxBatchEntries ?? 1024,
    maxBatchBytes: config.maxBatchBytes ?? 1 << 20,
    maxInflightMessages: config.maxInflightMessages ?? DEFAULT_MAX_INFLIGHT.messages,
    maxInflightBytes: config.maxInflightBytes ?? DEFAULT_MAX_INFLIGHT.bytes,
    maxUncommittedBytes: config.maxUncommittedBytes ?? 64 << 20,
    maxApplyBytes: config.maxApplyBytes ?? 16 << 20,
    maxPendingReads: config.maxPendingReads ?? 65_536,
    snapshotThreshold: config.snapshotThreshold ?? 0,
    snapshotRetryTicks: config.snapshotRetryTicks ?? timeoutMax * 10,
    diskStallTicks: config.diskStallTicks ?? timeoutMax * 2,
    transferTimeoutTicks: config.transferTimeoutTicks ?? timeoutMax,
    readPolicy: config.readPolicy ?? 'linearizable',
    leaseMs: config.leaseMs ?? 0,
    clockDriftMax: config.clockDriftMax ?? 0.1,
    initialConfiguration: initialConfiguration(config),
    trace: config.trace,
  };
  checkNumbers(resolved);
  checkLease(resolved);
  return resolved;
}

function initialConfiguration(config: RaftConfig): Configuration {
  const learners = config.learners ?? [];
  const voters = learners.includes(config.id) ? config.peers : [...config.peers, config.id];
  if (!isCount(config.id, 1)) throw invalid('id', config.id, 'a positive safe integer');
  return makeConfiguration(voters, learners, config.addresses ?? {});
}

function checkNumbers(config: ResolvedConfig): void {
  const [timeoutMin, timeoutMax] = config.electionTimeoutTicks;
  if (!isCount(timeoutMin, 1) || !isCount(timeoutMax, timeoutMin)) {
    throw invalid(
      'electionTimeoutTicks',
      config.electionTimeoutTicks,
      'a rising pair of whole numbers from 1',
    );
  }
  // An election timeout of one tick, as tests use, leaves no room below it.
  if (!isCount(config.heartbeatTicks, 1) || config.heartbeatTicks > Math.max(1, timeoutMin - 1)) {
    throw invalid(
      'heartbeatTicks',
      config.heartbeatTicks,
      'a whole number from 1, below the election timeout',
    );
  }
  for (const name of COUNTS_FROM_ONE) {
    if (!isCount(config[name], 1)) throw invalid(name, config[name], 'a whole number from 1');
  }
  for (const name of COUNTS_FROM_ZERO) {
    if (!isCount(config[name], 0)) throw invalid(name, config[name], 'a whole number from 0');
  }
}

function checkLease(config: ResolvedConfig): void {
  if (config.readPolicy !== 'linearizable' && config.readPolicy !== 'lease') {
    throw invalid('readPolicy', config.readPolicy, "'linearizable' or 'lease'");
  }
  if (!(config.clockDriftMax >= 0 && config.clockDriftMax < 1)) {
    throw invalid('clockDriftMax', config.clockDriftMax, 'a ratio from 0, below 1');
  }
  if (config.maxBatchEntries > MESSAGE_ENTRIES_MAX)
    throw invalid('maxBatchEntries', config.maxBatchEntries, `at most ${MESSAGE_ENTRIES_MAX}`);
  if (config.readPolicy !== 'lease') return;
  // Without check-quorum voters promise nothing, so there is no lease to hold.
  if (!config.checkQuorum) throw invalid('readPolicy', 'lease', 'linearizable, or used with checkQuorum');
  if (!(config.leaseMs > 0 && Number.isFinite(config.leaseMs)))
    throw invalid('leaseMs', config.leaseMs, 'a positive number of milliseconds');
}

const COUNTS_FROM_ONE = [
  'maxBatchEntries',
  'maxBatchBytes',
  'maxInflightMessages',
  'maxInflightBytes',
  'maxUncommittedBytes',
  'maxApplyBytes',
  'maxPendingReads',
  'snapshotRetryTicks',
  'diskStallTicks',
  'transferTimeoutTicks',
] as const;

const COUNTS_FROM_ZERO = ['seed', 'incarnation', 'applied', 'snapshotThreshold'] as const;

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}

function invalid(option: string, value: unknown, wanted: string): RaftError {
  return new RaftError('CONFIG_INVALID', `${option} is ${String(value)} but must be ${wanted}`, {
    option,
    value,
  });
}
