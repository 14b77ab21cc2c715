// What a server is started with: the options, their defaults, and which of them can never be right.

import type { NodeId, RaftConfig } from '@waldb/core';
import type { Clock, Network, TlsCredentials, Vfs } from '@waldb/io';
import { DEFAULT_LIMITS, type Logger, type TransportLimits } from '@waldb/transport';
import { DEFAULT_ENTRY_BYTES_MAX, type WalOptions } from '@waldb/wal';
import { formatServerAddress, requireServerAddress } from '../membership/server-address.js';
import type { ProtocolTraceSink } from '../observe/protocol-trace.js';
import { RuntimeError } from '../runtime-error.js';
import type { ResultCodec } from '../session/result-codec.js';
import type { CompactionOptions } from '../snapshot/compaction-policy.js';
import type { StateMachine } from '../state-machine.js';
import type { RuntimeLimits } from './limits.js';

/** Addresses by server id, each `peerHost:peerPort[,clientHost:clientPort]`. */
export type Members = Readonly<Record<NodeId, string>>;

export interface RaftServerOptions<Result> {
  /** This server: a positive whole number, unique in the cluster, never given to another server. */
  readonly id: NodeId;
  /** Where the log and the identity are kept; made if it is not there. One server at a time. */
  readonly directory: string;
  readonly stateMachine: StateMachine<Result>;

  /**
   * Founds a cluster: the same members, this server among them, on every one of them. `cluster` is a token that keeps
   * two clusters with the same addresses apart. Only used where the directory is empty; later starts may leave it out,
   * and if it is there it must be the same.
   */
  readonly bootstrap?: { readonly members: Members; readonly cluster?: string };
  /**
   * Joins a cluster as a learner: its present voters, and its id as `status` of any of its servers shows it. The
   * cluster's leader adds this server with `addLearner`.
   */
  readonly join?: { readonly members: Members; readonly cluster: string };

  /** `host:port` to listen on for peers. Default: where this server's own address says. */
  readonly listen?: string;
  /** `host:port` that peers dial, where it is not the one in `bootstrap.members`, or not `listen` when joining. */
  readonly advertise?: string;
  /**
   * Peers are spoken to by TLS 1.3 only, and both ends prove who they are: `cert` must name this server, as
   * `waldb://<cluster>/<id>` among its URIs, and be signed by an authority in `ca`. All servers of a cluster have it, or
   * none. Not together with `network`. docs/security.md says what it protects from.
   */
  readonly tls?: TlsCredentials;
  /** `host:port` that clients of this server's store are sent to, where this server's address does not say it. */
  readonly clientAddress?: string;
  /** `host:port` of this server's own admin port, for operators' tools that are sent here. */
  readonly adminAddress?: string;

  /** Default 25. */
  readonly tickMs?: number;
  /** Default [16, 32]: with ticks of 25 ms, a lost leader is replaced after 0.4 to 0.8 seconds. */
  readonly electionTimeoutTicks?: readonly [min: number, max: number];
  /** Default 4: ten heartbeats a second. */
  readonly heartbeatTicks?: number;
  /** How long requests wait that do not say so themselves. Default 10 seconds. */
  readonly requestTimeoutMs?: number;
  /** How long `close` takes at most to finish what is under way and to hand over leadership. Default 5 seconds. */
  readonly closeTimeoutMs?: number;
  /** Applied entries after which the server takes a snapshot by itself. Default 100,000; 0 never asks. */
  readonly snapshotThreshold?: number;
  /** Applied bytes after which it does, if that is sooner. Default 64 MiB; 0 never asks. */
  readonly snapshotThresholdBytes?: number;
  /** Entries kept below a snapshot for peers that are a little behind. Default 1024. */
  readonly snapshotKeepEntries?: number;
  /** The same in bytes; the smaller counts. Default 16 MiB. */
  readonly snapshotKeepBytes?: number;
  /**
   * The protocol's own switches and bounds. With `readPolicy: 'lease'` leaders hold leases, for reads that ask
   * for no more; `leaseMs` is then three quarters of the shortest election timeout unless it is said.
   */
  readonly raft?: Pick<
    RaftConfig,
    | 'preVote'
    | 'checkQuorum'
    | 'readPolicy'
    | 'leaseMs'
    | 'clockDriftMax'
    | 'maxBatchEntries'
    | 'maxBatchBytes'
    | 'maxInflightMessages'
    | 'maxInflightBytes'
    | 'maxUncommittedBytes'
    | 'trace'
  >;
  /**
   * How results of session commands are kept. The same on every server. Default: plain values (`undefined`, a
   * `Uint8Array`, what JSON gives back unchanged).
   */
  readonly sessionResults?: ResultCodec<Result>;
  /**
   * For state machines that go by logged time (`apply`'s second argument): under load, the log is told the time at least
   * this often. Default 0: only sessions tell it.
   */
  readonly timeResolutionMs?: number;
  /**
   * Whether a follower, or a leader with little to do, may write its log by a call that blocks the event loop, as long as
   * such writes have taken less than half a millisecond of late. Default true: it saves a thread-pool hop for each
   * write. False where the process must never wait for its disk, not even for the first write that is slow.
   */
  readonly blocksForQuickDisk?: boolean;
  readonly limits?: Partial<RuntimeLimits>;
  readonly transportLimits?: Partial<TransportLimits>;
  readonly log?: Omit<WalOptions, 'vfs' | 'readOnly'>;

  /** Closes the server when it is aborted; before it has started, `start` rejects with `ABORTED`. */
  readonly signal?: AbortSignal;
  /** A pino logger, or anything of its shape. Default: silence. */
  readonly logger?: Logger;
  /** The machine, for those who bring another one. */
  readonly vfs?: Vfs;
  readonly clock?: Clock;
  readonly network?: Network;
  /**
   * Takes the server's protocol trace (docs/trace-format.md), for comparison with the Raft specification: the lines of one
   * step or of several, before anything of them leaves. It must neither throw nor wait. `waldb serve --protocol-trace`
   * writes a file.
   */
  readonly protocolTrace?: ProtocolTraceSink;
  /** For runs that can be repeated: decides every random choice. Default: unpredictable. */
  readonly seed?: number;
}

export const DEFAULT_TICK_MS = 25;
export const DEFAULT_ELECTION_TIMEOUT_TICKS: readonly [number, number] = [16, 32];
export const DEFAULT_HEARTBEAT_TICKS = 4;
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
export const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;
export const DEFAULT_SESSION_TTL_MS = 60_000;
export const DEFAULT_SNAPSHOT_THRESHOLD = 100_000;
export const DEFAULT_COMPACTION: CompactionOptions = {
  snapshotThresholdBytes: 64 * 1024 * 1024,
  snapshotKeepEntries: 1024,
  snapshotKeepBytes: 16 * 1024 * 1024,
};

export function compactionOptions<Result>(options: RaftServerOptions<Result>): CompactionOptions {
  const { snapshotThresholdBytes, snapshotKeepEntries, snapshotKeepBytes } = DEFAULT_COMPACTION;
  return {
    snapshotThresholdBytes: options.snapshotThresholdBytes ?? snapshotThresholdBytes,
    snapshotKeepEntries: options.snapshotKeepEntries ?? snapshotKeepEntries,
    snapshotKeepBytes: options.snapshotKeepBytes ?? snapshotKeepBytes,
  };
}

/** Of a message beside one entry, and of an entry beside its command: generous, so that no refusal comes later. */
const MESSAGE_OVERHEAD_BYTES = 1024;
const ENTRY_OVERHEAD_BYTES = 25;

/** The largest command that the log and a message between servers take. */
export function commandBytesMax<Result>(options: RaftServerOptions<Result>): number {
  const entryBytesMax = options.log?.entryBytesMax ?? DEFAULT_ENTRY_BYTES_MAX;
  const frameBytesMax = options.transportLimits?.frameBytesMax ?? DEFAULT_LIMITS.frameBytesMax;
  return Math.min(entryBytesMax, frameBytesMax - MESSAGE_OVERHEAD_BYTES) - ENTRY_OVERHEAD_BYTES;
}

/**
 * Where this server can be reached: what the options of this start say, then what it was founded with.
 * Errors: `OPTIONS_INVALID`.
 */
export function ownAddress<Result>(options: RaftServerOptions<Result>, founded?: string): string {
  const { bootstrap, id, listen, advertise, clientAddress, adminAddress } = options;
  const member = bootstrap?.members[id];
  const base = advertise ?? founded ?? member ?? listen;
  if (base === undefined) {
    throw new RuntimeError('OPTIONS_INVALID', 'A server that joins must say where it listens (`listen`).', {
      detail: { option: 'listen' },
    });
  }
  const { peer } = requireServerAddress(base, "This server's address");
  const client =
    clientAddress === undefined
      ? requireServerAddress(member ?? founded ?? base, "This server's address").client
      : requireServerAddress(clientAddress, '`clientAddress`').peer;
  const admin =
    adminAddress === undefined
      ? requireServerAddress(member ?? founded ?? base, "This server's address").admin
      : requireServerAddress(adminAddress, '`adminAddress`').peer;
  return formatServerAddress({ peer, ...(client && { client }), ...(admin && { admin }) });
}
