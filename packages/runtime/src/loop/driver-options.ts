// What a driver is given: the parts that it drives, and whom it tells.

import type { Configuration, Index, NodeId, RaftNode, RaftTransport, Role, Term } from '@waldb/core';
import type { Clock } from '@waldb/io';
import type { SnapshotRequest } from '@waldb/transport';
import type { ReplicatedState } from '../apply/replicated-state.js';
import type { MetricsRecorder } from '../observe/metrics-recorder.js';
import type { SnapshotEvent } from '../observe/server-events.js';
import type { RuntimeLimits } from '../options/limits.js';
import type { RuntimeError } from '../runtime-error.js';
import type { ResultCodec } from '../session/result-codec.js';
import type { SessionTable } from '../session/session-table.js';
import type { CompactionOptions } from '../snapshot/compaction-policy.js';
import type { Images } from '../snapshot/images.js';
import type { StateMachine } from '../state-machine.js';
import type { FlushedLog } from './flusher.js';

/** A transport that the driver can also hold back and hurry. */
export interface DrivenTransport extends RaftTransport {
  flush(): void;
  /** The pieces of a snapshot that `from` has. Errors: `TransportError`, `NetworkError`, the signal's reason. */
  requestSnapshot(from: NodeId, request: SnapshotRequest, signal: AbortSignal): AsyncIterable<Uint8Array>;
  pauseReceiving(): void;
  resumeReceiving(): void;
}

/** What the driver tells its owner, always between two steps or inside one: answers must wait for another turn. */
export interface DriverListener {
  onRole(role: Role, term: Term, leader: NodeId | undefined): void;
  onCommit(index: Index): void;
  /** In force from now on; not necessarily committed. */
  onConfiguration(configuration: Configuration, index: Index): void;
  /** Committed, and on this server's disk. */
  onConfigurationCommitted(configuration: Configuration, index: Index): void;
  /** The server cannot go on. It has stopped; everything that waited was answered. */
  onFailed(error: RuntimeError): void;
  /** An image was taken, sent, received or restored. */
  onSnapshot(event: SnapshotEvent): void;
  /** The disk is full, or has room again. */
  onDiskFull(isFull: boolean): void;
  /** Something failed that the server survives. */
  onTrouble(error: RuntimeError): void;
}

export interface DriverOptions<Result> {
  readonly node: RaftNode;
  readonly log: FlushedLog;
  readonly stateMachine: StateMachine<Result>;
  readonly replicatedState: ReplicatedState;
  readonly images: Images;
  /** From 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly sessions: SessionTable;
  readonly sessionResults: ResultCodec<Result>;
  readonly timeResolutionMs: number;
  readonly blocksForQuickDisk: boolean;
  readonly transport: DrivenTransport;
  readonly clock: Clock;
  readonly tickMs: number;
  readonly compaction: CompactionOptions;
  readonly diskStallTicks: number;
  readonly limits: RuntimeLimits & { readonly commandBytesMax: number };
  readonly recorder: MetricsRecorder;
  readonly listener: DriverListener;
  /** Names the leader, with its addresses. */
  readonly notLeader: () => RuntimeError;
}
