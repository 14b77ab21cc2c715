// What the protocol is told of the server's options, with the server's own defaults. The protocol checks it.

import type { RaftConfig } from '@waldb/core';
import { protocolTraceHook } from '../observe/protocol-trace.js';
import {
  DEFAULT_ELECTION_TIMEOUT_TICKS,
  DEFAULT_HEARTBEAT_TICKS,
  DEFAULT_TICK_MS,
  type RaftServerOptions,
} from './options.js';

/** Of the shortest election timeout: a promise that is a little shorter never delays an election. */
const LEASE_SHARE = 0.75;

/** Everything but who takes part. */
export function protocolOptions<Result>(
  options: RaftServerOptions<Result>,
): Omit<RaftConfig, 'id' | 'peers' | 'learners' | 'addresses'> {
  const electionTimeoutTicks = options.electionTimeoutTicks ?? DEFAULT_ELECTION_TIMEOUT_TICKS;
  const { protocolTrace, raft } = options;
  return {
    leaseMs: electionTimeoutTicks[0] * (options.tickMs ?? DEFAULT_TICK_MS) * LEASE_SHARE,
    ...raft,
    ...(protocolTrace === undefined ? {} : { trace: protocolTraceHook(protocolTrace, raft?.trace) }),
    electionTimeoutTicks,
    diskStallTicks: diskStallTicks(options),
    heartbeatTicks: options.heartbeatTicks ?? DEFAULT_HEARTBEAT_TICKS,
  };
}

/** For how long nothing that is staged may become durable before a leader steps down, and the server says so. */
export function diskStallTicks<Result>(options: RaftServerOptions<Result>): number {
  const [, timeoutMax] = options.electionTimeoutTicks ?? DEFAULT_ELECTION_TIMEOUT_TICKS;
  return timeoutMax * 2;
}
