// Every bound of the server for clients, with its unit.

import { DEFAULT_REQUEST_LIMITS, type RequestLimits } from '../resp/request-limits.js';

export interface ServerLimits extends RequestLimits {
  /** Connections at a time; one more is told so and closed. */
  readonly connectionsMax: number;
  /** Requests of one connection that are not answered yet: beyond it, or beyond the bytes, it is not read any more. */
  readonly pipelineRequestsMax: number;
  readonly pipelineBytesMax: number;
  /** Replies written and not taken by the connection's client: beyond it no more are written, and it is not read. */
  readonly outputBytesMax: number;
  /** How long a client may take nothing of what is written for it, in milliseconds; then its connection is closed. */
  readonly stalledMsMax: number;
  /** The same for saying nothing, but for subscribers. */
  readonly idleMsMax: number;
  /** Messages and changes that a subscriber has not taken yet, in bytes; beyond it its connection is closed. */
  readonly pushBytesMax: number;
  /** Commands of one transaction, and their bytes. */
  readonly transactionCommandsMax: number;
  readonly transactionBytesMax: number;
  /** Operations, and their bytes, in one log entry; a larger operation has an entry of its own. */
  readonly entryOperationsMax: number;
  readonly entryBytesMax: number;
  /** Bytes of entries proposed and not settled, over all connections: beyond it operations wait. */
  readonly proposedBytesMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** For limits of time. */
export const NEVER: number = Number.MAX_SAFE_INTEGER;

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  ...DEFAULT_REQUEST_LIMITS,
  connectionsMax: 10_000,
  pipelineRequestsMax: 1024,
  pipelineBytesMax: 4 * MIB,
  outputBytesMax: MIB,
  stalledMsMax: 300_000,
  idleMsMax: NEVER,
  pushBytesMax: 8 * MIB,
  transactionCommandsMax: 16 * KIB,
  transactionBytesMax: 2 * MIB,
  entryOperationsMax: 256,
  entryBytesMax: 64 * KIB,
  proposedBytesMax: 32 * MIB,
};
