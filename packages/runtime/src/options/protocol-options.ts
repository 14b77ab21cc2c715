// What the protocol is told of the server's options, with the server's own defaults. The protocol checks it.

import { DEFAULT_MAX_INFLIGHT, type RaftConfig } from '@waldb/core';
import { DEFAULT_LIMITS } from '@waldb/transport';
import { protocolTraceHook } from '../observe/protocol-trace.js';
import {
  DEFAULT_ELECTION_TIMEOUT_TICKS,
  DEFAULT_HEARTBEAT_TICKS,
  DEFAULT_TICK_MS,
  type RaftServerOptions,
} from './options.js';

/** Of the shortest election timeout: a promise that is a little shorter never delays an election. */
const LEASE_SHARE = 0.75;

/** What is queued for a peer may hold a leader's window twice: after a refusal it is sent again while the first is queued yet. */
const WINDOWS_IN_QUEUE = 2;

/** Everything but who takes part. */
export function protocolOptions<Result>(
  options: RaftServerOptions<Result>,
): Omit<RaftConfig, 'id' | 'peers' | 'learners' | 'addresses'> {
  const electionTimeoutTicks = options.electionTimeoutTicks ?? DEFAULT_ELECTION_TIMEOUT_TICKS;
  const { protocolTrace, raft } = options;
  return {
    leaseMs: electionTimeoutTicks[0] * (options.tickMs ?? DEFAULT_TICK_MS) * LEASE_SHARE,
    ...raft,
    ...inflightLimits(options),
    ...(protocolTrace === undefined ? {} : { trace: protocolTraceHook(protocolTrace, raft?.trace) }),
    electionTimeoutTicks,
    diskStallTicks: diskStallTicks(options),
    heartbeatTicks: options.heartbeatTicks ?? DEFAULT_HEARTBEAT_TICKS,
  };
}

/**
 * An append that finds its peer's queue full is dropped, and what is sent after it is refused: by the time that the refusal
 * is heard, many more are on their way, each to be refused. So no more is ever in flight than the queue has room for.
 */
function inflightLimits<Result>({
  raft,
  transportLimits,
}: RaftServerOptions<Result>): Pick<RaftConfig, 'maxInflightMessages' | 'maxInflightBytes'> {
  const { queueMessagesMax, queueBytesMax } = { ...DEFAULT_LIMITS, ...transportLimits };
  const {
    maxInflightMessages = DEFAULT_MAX_INFLIGHT.messages,
    maxInflightBytes = DEFAULT_MAX_INFLIGHT.bytes,
  } = raft ?? {};
  return {
    maxInflightMessages: atMost(maxInflightMessages, queueMessagesMax),
    maxInflightBytes: atMost(maxInflightBytes, queueBytesMax),
  };
}

/** What is no number is left for the protocol to refuse. */
function atMost(wanted: number, room: number): number {
  const window = Math.max(Math.floor(room / WINDOWS_IN_QUEUE), 1);
  return wanted > window ? window : wanted;
}

/** For how long nothing that is staged may become durable before a leader steps down, and the server says so. */
export function diskStallTicks<Result>(options: RaftServerOptions<Result>): number {
  const [, timeoutMax] = options.electionTimeoutTicks ?? DEFAULT_ELECTION_TIMEOUT_TICKS;
  return timeoutMax * 2;
}
