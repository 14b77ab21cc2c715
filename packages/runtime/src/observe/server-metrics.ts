// What a server has counted and measured since it was started, as plain data: `server.metrics()`. How things are now is
// `server.status()`. Docs: docs/metrics.md.

import type { NodeId } from '@waldb/core';
import type { HistogramData } from '@waldb/io';
import type { WalMetrics } from '@waldb/wal';
import type { RuntimeErrorCode } from '../runtime-error.js';
import type { SnapshotStep } from './server-events.js';

/** All durations are in milliseconds. */
export interface ServerMetrics {
  /** Leaders that this server has come to know: a new one, or the same one in a new term. */
  readonly leaderChanges: number;
  readonly proposals: ProposalMetrics;
  readonly entries: EntryMetrics;
  readonly reads: ReadMetrics;
  readonly snapshots: Readonly<Record<SnapshotStep, SnapshotMetrics>>;
  readonly peers: Readonly<Record<NodeId, PeerMetrics>>;
  /** How much too late the timer of each tick rang: something else kept the process busy. */
  readonly loopDelay: HistogramData;
  readonly log: WalMetrics;
}

/** Commands that were proposed on this server. */
export interface ProposalMetrics {
  readonly accepted: number;
  /** Those that were not applied, or of which it is not known, by error code; `BUSY` and its like were not accepted. */
  readonly failed: Readonly<Partial<Record<RuntimeErrorCode, number>>>;
  /** Of those that were applied: from the call of `propose` to the result. */
  readonly duration: HistogramData;
  /** Commands of each batch that went into the log. */
  readonly batchCommands: HistogramData;
}

/** Commands of the replicated log, whoever proposed them; nothing that a snapshot brought. */
export interface EntryMetrics {
  readonly committed: number;
  readonly applied: number;
  /** Of one call of `apply`, which is given many entries at a time. */
  readonly applyDuration: HistogramData;
  /** Calls that took longer than `SLOW_APPLY_MS`. */
  readonly slowApplies: number;
}

/** Linearizable and lease reads; eventual ones ask nobody and are not counted. */
export interface ReadMetrics {
  /** Rounds of the protocol; one serves any number of reads. */
  readonly rounds: number;
  readonly answered: number;
  readonly failed: Readonly<Partial<Record<RuntimeErrorCode, number>>>;
}

export interface SnapshotMetrics {
  readonly count: number;
  readonly bytes: number;
  readonly duration: HistogramData;
}

export interface PeerMetrics {
  /** Of pings, which wait for what the peer is busy with. */
  readonly roundTrip: HistogramData;
}

/** A call of `apply` that takes longer than this is counted as slow: the state machine will fall behind. */
export const SLOW_APPLY_MS = 100;
