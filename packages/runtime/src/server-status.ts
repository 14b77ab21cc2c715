// A server at one moment, for people, dashboards and tests. Plain data.

import type { NodeId, NodeStatus } from '@waldb/core';
import type { TransportStats } from '@waldb/transport';

export interface ServerStatus extends NodeStatus {
  readonly clusterId: string;
  /** Where it listens for peers. */
  readonly listen: string;
  /** Where the leader's peers and clients reach it, as far as known. */
  readonly leaderAddress: string | undefined;
  readonly leaderClientAddress: string | undefined;
  /** Applied to the state machine, and visible; behind `lastApplied` while a slow machine works. */
  readonly appliedIndex: number;
  readonly proposals: number;
  readonly reads: number;
  readonly inbox: number;
  readonly transport: TransportStats;
  /** Known addresses, by id, as configurations write them. */
  readonly addresses: Readonly<Record<NodeId, string>>;
}
