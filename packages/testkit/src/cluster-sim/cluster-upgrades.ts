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

  /** False where there is no later release. */
  async upgradeAll(random: SeededRandom): Promise<boolean> {
    const { simulation, coverage, releases } = this.#world;
    const next = this.#world.release + 1;
    const { name } = releases[next] ?? {};
    if (name === undefined) return false;
    const isLast = random.chance(0.5);
    for (const server of isLast ? this.#leaderLast() : presentServers(this.#world)) {
      await this.#startWith(server, next, random);
      coverage.hit('servers upgraded');
      // Both releases are at work together.
      await simulation.wait(random.real(0, 1_500));
    }
    this.#world.release = next;
    this.#world.log?.(`the cluster is at ${name}`);
    return true;
  }

  /** One server, for a while. */
  async rollBackOne(random: SeededRandom): Promise<boolean> {
    const { simulation, coverage, release } = this.#world;
    const sound = presentServers(this.#world).filter((server) => !server.needsReplacement);
    if (release === 0 || sound.length === 0) return false;
    const server = random.pick(sound);
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
