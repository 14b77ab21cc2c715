// What ends when the faults end, and what a fault does that is told of nowhere else.

import { describe, expect, it } from 'vitest';
import { checkClusterSeed } from '../../src/cluster-seeds/checked-run.js';
import { ClusterCoverage } from '../../src/cluster-sim/cluster-coverage.js';
import { ClusterFaults } from '../../src/cluster-sim/cluster-faults.js';
import { runClusterSeed } from '../../src/cluster-sim/cluster-run.js';
import { makeClusterScenario } from '../../src/cluster-sim/cluster-scenario.js';
import { addressOf, ClusterServer } from '../../src/cluster-sim/cluster-server.js';
import type { ClusterWorld } from '../../src/cluster-sim/cluster-world.js';
import { GuardedObserver } from '../../src/cluster-sim/guarded-observer.js';
import { listsWorkload } from '../../src/cluster-sim/lists.js';
import { THIS_RELEASE } from '../../src/cluster-sim/release.js';
import { SimulatedNetwork } from '../../src/machines/simulated-network.js';
import { Simulation } from '../../src/machines/simulation.js';

/** Nothing but one server, and no faults but the test's. */
function quietWorld(): ClusterWorld {
  const scenario = { ...makeClusterScenario(1), schedule: [] };
  const simulation = new Simulation(1);
  return {
    scenario,
    simulation,
    network: new SimulatedNetwork(simulation, simulation.random.fork(), scenario.network),
    observer: new GuardedObserver({}),
    coverage: new ClusterCoverage(),
    workload: listsWorkload(10),
    servers: new Map(),
    releases: [THIS_RELEASE],
    release: 0,
    isCalm: false,
    isReshaping: false,
    protocolTrace: undefined,
    log: undefined,
  };
}

describe('calm', () => {
  it('ends the pause of a server that is being taken out of service', { timeout: 60_000 }, async () => {
    const world = quietWorld();
    const { simulation } = world;
    const members = { 1: addressOf(1) };
    const server = new ClusterServer(1, world, { type: 'bootstrap', members });
    world.servers.set(1, server);
    server.start();
    await simulation.run(() => server.running?.server?.isLeader === true);

    server.running?.life.pause();
    void server.retire();
    new ClusterFaults(world).calm();
    const deadline = simulation.now + 20_000;
    await simulation.run(() => server.running === undefined || simulation.now > deadline);

    expect(server.running).toBeUndefined();
    expect(world.observer.violation).toBeUndefined();
  });
});

describe('a lost disk', () => {
  const kind = 'disk lost';
  const lines = [2_000, 3_000, 6_000].map((at, index) => ({ index, at, kind, seed: 7 + index }) as const);

  it('makes a server that its peers refuse until it is replaced', { timeout: 120_000 }, async () => {
    let refused = 0;
    for (const seed of [1, 2, 3, 4]) {
      const scenario = { faultsMs: 8_000, founders: 3, growsTo: 3, schedule: lines };
      const { violation, counts } = await checkClusterSeed(seed, { scenario });
      expect([seed, violation?.message]).toEqual([seed, undefined]);
      expect(counts.times[kind]).toBeGreaterThan(0);
      expect(counts.times['servers replaced']).toBe(counts.times[kind]);
      refused += counts.times['new logs refused'] ?? 0;
    }
    expect(refused).toBeGreaterThan(4);
  });

  it('is never that of a majority of the founders, whoever else there is', { timeout: 60_000 }, async () => {
    for (const [founders, most] of [
      [1, 0],
      [3, 1],
    ] as const) {
      const lost: number[] = [];
      const scenario = { faultsMs: 16_000, founders, growsTo: 5, schedule: lines.concat(lines, lines) };
      const observer = { diskLost: (id: number) => void lost.push(id) };
      const { violation } = await checkClusterSeed(5, { scenario, observer });
      expect(violation?.message).toBeUndefined();
      expect(lost.filter((id) => id <= founders).length).toBeLessThanOrEqual(most);
    }
  });
});

describe('rot of a proven frame', () => {
  const kind = 'rot of a proven frame';

  it('is met by the server, which refuses its log and is replaced', { timeout: 120_000 }, async () => {
    let refused = 0;
    let replaced = 0;
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const rot = { index: 0, at: 1_500, kind, seed } as const;
      const everybodyReads = { index: 1, at: 5_000, kind: 'power loss of all', seed } as const;
      const scenario = { faultsMs: 8_000, founders: 3, growsTo: 3, schedule: [rot, everybodyReads] };
      const { violation, counts } = await runClusterSeed(seed, { scenario });
      expect([seed, violation?.message]).toEqual([seed, undefined]);
      expect(counts.times[kind]).toBeGreaterThan(0);
      refused += (counts.times['starts refused'] ?? 0) + (counts.times['servers failed'] ?? 0);
      replaced += counts.times['servers replaced'] ?? 0;
    }
    expect(refused).toBeGreaterThan(2);
    expect(replaced).toBeGreaterThan(2);
  });
});
