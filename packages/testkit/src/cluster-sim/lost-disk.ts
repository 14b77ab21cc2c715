// A server's disk is gone, and the server is started again under its old id, as if it were for the first time. Its peers must
// keep it out until the operator, who comes to know of it sooner or later, has put another one in its place
// (docs/protocol.md, section 7).
//
// Not every server may meet with this, for what the product promises holds under conditions:
// 1. No member: it has promised nothing, and is right to begin anew. There is nothing to be seen.
// 2. Most of the founders: started with the wish to found the cluster, they do found one, with the same id and none of its
//    entries. They know nothing of each other's old logs, and need nobody else. That nobody says `bootstrap` a second time to a
//    majority is for the operator to see to; as it is that no majority loses its disks.
//
// Peers that have never met the server cannot know that its log is another one. Nobody is spared for that: what comes of it is judged
// by what it does to the cluster.

import type { SeededRandom } from '../sim/seeded-random.js';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, leaderOf } from './cluster-world.js';

/** Until the operator knows: also less than the peers need to notice. */
const UNKNOWN_MS: readonly [min: number, max: number] = [500, 5_000];

/** Returns what became of the disk; undefined where nothing was done to it. */
export function loseDisk(
  world: ClusterWorld,
  server: ClusterServer,
  random: SeededRandom,
): string | undefined {
  if (!isMember(world, server) || !mayFoundAgain(world, server)) return undefined;
  server.loseDisk();
  world.simulation.after(random.real(...UNKNOWN_MS), () => {
    if (server.needsReplacement) world.simulation.idle();
    server.giveUp();
  });
  return 'disk, with an empty one in its place';
}

function isMember(world: ClusterWorld, { id }: ClusterServer): boolean {
  const configuration = leaderOf(world)?.running?.server?.status().configuration;
  return configuration !== undefined && [...configuration.voters, ...configuration.learners].includes(id);
}

/** The retired ones count as well: one of them may be closing. */
function mayFoundAgain({ servers, scenario }: ClusterWorld, server: ClusterServer): boolean {
  if (!server.isFounder) return true;
  const again = [...servers.values()].filter(({ isFounder, hasLostDisk }) => isFounder && hasLostDisk).length;
  return again + 1 <= Math.floor((scenario.founders - 1) / 2);
}
