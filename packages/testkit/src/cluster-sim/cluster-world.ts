// What the parts of one simulated run share.

import type { NodeId } from '@waldb/core';
import type { ProtocolTraceSink } from '@waldb/runtime';
import type { SimulatedNetwork } from '../machines/simulated-network.js';
import type { Simulation } from '../machines/simulation.js';
import type { ClusterCoverage } from './cluster-coverage.js';
import type { ClusterScenario } from './cluster-scenario.js';
import type { ClusterServer } from './cluster-server.js';
import type { GuardedObserver } from './guarded-observer.js';
import type { Release } from './release.js';
import type { Workload } from './workload.js';

export interface ClusterWorld {
  readonly scenario: ClusterScenario;
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly observer: GuardedObserver;
  readonly coverage: ClusterCoverage;
  readonly workload: Workload;
  /** Every server that there ever was, by id, the retired ones too. */
  readonly servers: Map<NodeId, ClusterServer>;
  /** This one, and later ones that the operator may upgrade to, oldest first. */
  readonly releases: readonly Release[];
  /** Which of them the operator has brought the whole cluster to; new servers begin with it. */
  release: number;
  /** Those whose faults have ended: nothing is injected any more. */
  isCalm: boolean;
  /** The operator has asked somebody for other members, and has no answer yet. */
  isReshaping: boolean;
  /** Where the servers' protocol traces go, if anywhere. */
  readonly protocolTrace: ProtocolTraceSink | undefined;
  /** One line of the run's story, where one is wanted. */
  readonly log: ((line: string) => void) | undefined;
}

/** Servers that are to run: neither given up for damage nor taken out of the cluster. */
export function presentServers(world: ClusterWorld): ClusterServer[] {
  return [...world.servers.values()].filter((server) => !server.isRetired);
}

/** Those that run now. */
export function runningServers(world: ClusterWorld): ClusterServer[] {
  return presentServers(world).filter((server) => server.running?.server !== undefined);
}

/** Of the running ones, the one that leads in the newest term. */
export function leaderOf(world: ClusterWorld): ClusterServer | undefined {
  let found: ClusterServer | undefined;
  let newest = 0;
  for (const server of runningServers(world)) {
    const running = server.running?.server;
    if (running?.isLeader !== true || running.term <= newest) continue;
    newest = running.term;
    found = server;
  }
  return found;
}
