// What the operator of a simulated cluster does with releases: brings all servers to the next one, one after the other, and now
// and then starts a server with the release before, as somebody does who has second thoughts. docs/upgrades.md says what must
// come of it: a release reads what older ones wrote, an older one changes nothing of what it cannot read, and servers of
// neighbouring releases make one cluster.

import type { SeededRandom } from '../sim/seeded-random.js';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, presentServers } from './cluster-world.js';

const LOOK_MS = 100;
/** How long a start with the release before is watched; a slow disk may take longer, and then it was no try. */
const LOOKS_MAX = 100;

export class ClusterUpgrades {
  readonly #world: ClusterWorld;

  constructor(world: ClusterWorld) {
    this.#world = world;
  }

  /**
   * False where there is no later release, or where the operator leaves it half done: the cluster may have to live with two
   * releases for as long as it takes, to the end of the run.
   */
  async upgradeAll(random: SeededRandom): Promise<boolean> {
    const { simulation, coverage, releases } = this.#world;
    const next = this.#world.release + 1;
    const { name } = releases[next] ?? {};
    if (name === undefined) return false;
    const servers = random.chance(0.5) ? this.#leaderLast() : presentServers(this.#world);
    const isLeft = random.chance(0.3);
    for (const server of isLeft ? servers.slice(0, random.below(servers.length)) : servers) {
      await this.#startWith(server, next, random);
      coverage.hit('servers upgraded');
      // Both releases are at work together.
      await simulation.wait(random.real(0, 1_500));
    }
    if (isLeft) {
      coverage.hit('upgrades left half done');
      return false;
    }
    this.#world.release = next;
    this.#world.log?.(`the cluster is at ${name}`);
    return true;
  }

  /** One server, for a while. */
  async rollBackOne(random: SeededRandom): Promise<boolean> {
    const { simulation, coverage } = this.#world;
    const newest = Math.max(...presentServers(this.#world).map((server) => server.release));
    // One release at a time: nobody goes back to two before the newest.
    const able = presentServers(this.#world).filter(
      (server) => server.release > 0 && server.release === newest && !server.needsReplacement,
    );
    if (able.length === 0) return false;
    const server = random.pick(able);
    const { release } = server;
    const refusals = server.refusedAsNewer;
    await this.#startWith(server, release - 1, random);
    const isDecided = (): boolean => server.refusedAsNewer > refusals || server.running?.server !== undefined;
    for (let looks = 0; looks < LOOKS_MAX && !isDecided(); looks++) await simulation.wait(LOOK_MS);
    if (server.refusedAsNewer > refusals) coverage.hit('rollbacks refused');
    else if (server.running?.server !== undefined) {
      coverage.hit('rollbacks done');
      await simulation.wait(random.real(0, 3_000));
    }
    await this.#startWith(server, release, random);
    return true;
  }

  async #startWith(server: ClusterServer, release: number, random: SeededRandom): Promise<void> {
    await server.stop();
    server.release = release;
    await this.#world.simulation.wait(random.real(1, 500));
    server.start();
  }

  /** As the operations guide says; the other order must be safe as well. */
  #leaderLast(): ClusterServer[] {
    const leads = (server: ClusterServer): boolean => server.running?.server?.isLeader === true;
    const servers = presentServers(this.#world);
    return [...servers.filter((server) => !leads(server)), ...servers.filter(leads)];
  }
}
