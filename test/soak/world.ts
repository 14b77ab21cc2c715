// What a fault of a soak has to work with, and whom it befalls.

import type { SeededRandom } from '@waldb/testkit';
import type { SoakCluster } from './soak-cluster.js';

export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Whether it took place. */
  readonly run: (world: World) => Promise<boolean>;
}

export interface World {
  readonly cluster: SoakCluster;
  readonly random: SeededRandom;
  /** How many operations of clients were answered so far. */
  readonly answered: () => number;
  /** Writes down what an operator asked for in vain, and why. */
  readonly note: (line: string) => void;
}

export function pickRunning(cluster: SoakCluster, random: SeededRandom): number[] {
  const ids = cluster.runningIds;
  return ids.length === 0 ? [] : [random.pick(ids)];
}

/** Every other time the leader: what happens to it matters most. */
export async function pickLeaderOrAny(cluster: SoakCluster, random: SeededRandom): Promise<number[]> {
  const isLeaderWanted = random.chance(0.5);
  const any = pickRunning(cluster, random);
  const leader = isLeaderWanted ? await cluster.leader() : undefined;
  return leader === undefined ? any : [leader.id];
}
