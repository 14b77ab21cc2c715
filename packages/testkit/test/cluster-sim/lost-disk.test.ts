// How far the memory of peers goes (docs/protocol.md, section 7): who has met a server refuses another log of it, whatever
// becomes of the rest; who has never met it cannot know, and the checks see the harm.

import { describe, expect, it } from 'vitest';
import { makeClusterChecks } from '../../src/cluster-checks/cluster-checks.js';
import { ClusterCoverage } from '../../src/cluster-sim/cluster-coverage.js';
import { makeClusterScenario } from '../../src/cluster-sim/cluster-scenario.js';
import { addressOf, ClusterServer } from '../../src/cluster-sim/cluster-server.js';
import type { ClusterWorld } from '../../src/cluster-sim/cluster-world.js';
import { GuardedObserver } from '../../src/cluster-sim/guarded-observer.js';
import { listsWorkload } from '../../src/cluster-sim/lists.js';
import { THIS_RELEASE } from '../../src/cluster-sim/release.js';
import { SimulatedNetwork } from '../../src/machines/simulated-network.js';
import { Simulation } from '../../src/machines/simulation.js';

const LONG_MS = 20_000;

/** Three founders, and no faults but the test's. */
class Trio {
  readonly world: ClusterWorld;
  readonly servers: readonly ClusterServer[];

  constructor(seed: number) {
    const scenario = { ...makeClusterScenario(seed), founders: 3, schedule: [] };
    const simulation = new Simulation(seed);
    this.world = {
      ...{ scenario, simulation, coverage: new ClusterCoverage(), workload: listsWorkload(10) },
      network: new SimulatedNetwork(simulation, simulation.random.fork(), scenario.network),
      observer: new GuardedObserver(makeClusterChecks().observer),
      ...{ servers: new Map(), releases: [THIS_RELEASE], release: 0, isCalm: false, isReshaping: false },
      ...{ protocolTrace: undefined, log: undefined },
    };
    const members = Object.fromEntries([1, 2, 3].map((id) => [id, addressOf(id)]));
    this.servers = [1, 2, 3].map((id) => new ClusterServer(id, this.world, { type: 'bootstrap', members }));
    for (const server of this.servers) this.world.servers.set(server.id, server);
  }

  get violation(): string | undefined {
    return this.world.observer.violation?.message;
  }

  cut(one: number, other: number): void {
    this.world.network.hold(`server-${one}`, `server-${other}`);
    this.world.network.hold(`server-${other}`, `server-${one}`);
  }

  mend(one: number, other: number): void {
    this.world.network.release(`server-${one}`, `server-${other}`);
    this.world.network.release(`server-${other}`, `server-${one}`);
  }

  /** Whether it comes to be, within a long time. */
  async comes(holds: () => boolean): Promise<boolean> {
    const { simulation } = this.world;
    const until = simulation.now + LONG_MS;
    await simulation.run(() => holds() || this.violation !== undefined || simulation.now > until);
    return holds();
  }

  leads(id: number): boolean {
    return this.#raft(id)?.status().leadership?.isReady === true;
  }

  /** Server 1 leads, and commits something with server 3 alone. */
  async commitWithout2(): Promise<void> {
    expect(await this.comes(() => [1, 2, 3].some((id) => this.leads(id)))).toBe(true);
    for (let tries = 0; tries < 10 && !this.leads(1); tries++) {
      for (const id of [2, 3])
        this.#raft(id)
          ?.transferLeadership(1)
          .catch(() => {});
      await this.comes(() => this.leads(1));
    }
    this.cut(1, 2);
    let isDone = false;
    void this.#raft(1)
      ?.propose(new TextEncoder().encode('a item'))
      .then(() => {
        isDone = true;
      });
    expect(await this.comes(() => isDone)).toBe(true);
  }

  #raft(id: number): NonNullable<ClusterServer['running']>['server'] {
    return this.servers[id - 1]?.running?.server;
  }
}

describe('a founder that has lost its disk', () => {
  const SEEDS = [2, 3, 5];

  it('does not help whoever has met it to lead, though nobody else is there', {
    timeout: 60_000,
  }, async () => {
    for (const seed of SEEDS) {
      const trio = new Trio(seed);
      for (const server of trio.servers) server.start();
      await trio.comes(() => trio.world.simulation.now > 5_000);
      trio.cut(2, 3);
      await trio.commitWithout2();
      trio.servers[2]?.loseDisk();
      trio.cut(1, 3);
      trio.mend(2, 3);
      expect([seed, await trio.comes(() => trio.leads(2))]).toEqual([seed, false]);
      expect(trio.violation).toBeUndefined();
    }
  });

  it('is believed by one that has never met it, and what was committed is lost', {
    timeout: 60_000,
  }, async () => {
    for (const seed of SEEDS) {
      const trio = new Trio(seed);
      trio.cut(2, 3);
      for (const server of trio.servers) server.start();
      await trio.commitWithout2();
      trio.servers[2]?.loseDisk();
      trio.cut(1, 3);
      trio.mend(2, 3);
      await trio.comes(() => trio.leads(2));
      expect([seed, trio.violation]).toEqual([
        seed,
        expect.stringMatching(/^leaders: a leader (lacks|has another)/),
      ]);
    }
  });
});
