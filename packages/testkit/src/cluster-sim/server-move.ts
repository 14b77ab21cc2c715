// A server of a simulated cluster gets another address: the cluster is told, and the server is started where the cluster looks
// for it. Whether a change that nobody has answered took effect is in the log, so the log decides where it is started.

import type { Index, NodeId } from '@waldb/core';
import type { SeededRandom } from '../sim/seeded-random.js';
import { type Asking, membershipIsCertain, membersOf } from './asking.js';
import { type ClusterServer, PEER_PORT } from './cluster-server.js';
import { type ClusterWorld, leaderOf, runningServers } from './cluster-world.js';

const PORTS = 50;
const LOOK_MS = 300;

/** Resolves when nothing is in doubt any more, with whether the server has moved. */
export async function moveServer(
  world: ClusterWorld,
  asking: Asking,
  random: SeededRandom,
): Promise<boolean> {
  const server = aMember(world, random);
  if (server === undefined) return false;
  const from = server.address;
  const to = `${server.machine.name}:${PEER_PORT + 1 + random.below(PORTS)}`;
  await asking.keepAsking((leader) => leader.changeAddress(server.id, to));
  let seen = 0;
  while (!server.isRetired && !server.needsReplacement) {
    seen = await follow(world, server, seen, random);
    const leading = leaderOf(world);
    const leader = leading?.running?.server;
    const isCertain =
      leading !== undefined &&
      leader !== undefined &&
      (await asking.asks(leading, membershipIsCertain(leader)));
    if (isCertain && addressIn(leading, server.id) === server.address) return server.address !== from;
    await world.simulation.wait(LOOK_MS);
  }
  return false;
}

function aMember(world: ClusterWorld, random: SeededRandom): ClusterServer | undefined {
  const leader = leaderOf(world)?.running?.server;
  if (leader === undefined) return undefined;
  const members = membersOf(leader);
  const choices = runningServers(world).filter(
    ({ id, needsReplacement }) => members.includes(id) && !needsReplacement,
  );
  return choices.length === 0 ? undefined : random.pick(choices);
}

/**
 * Starts the server where the leader says that it is; without one, whoever has the newest configuration of all that were seen:
 * while the server itself is down, those who have not heard of the move would call it back.
 * Returns the place of that configuration in the log.
 */
async function follow(
  world: ClusterWorld,
  server: ClusterServer,
  seen: Index,
  random: SeededRandom,
): Promise<Index> {
  const leader = leaderOf(world);
  const witnesses = leader ? [leader] : runningServers(world).filter((one) => configured(one) >= seen);
  const [newest] = witnesses.sort((a, b) => configured(b) - configured(a));
  const address = newest && addressIn(newest, server.id);
  if (newest === undefined || address === undefined) return seen;
  if (address !== server.address) {
    const index = configured(newest);
    await server.stop();
    server.address = address;
    await world.simulation.wait(random.real(1, 300));
    server.start();
    return index;
  }
  return Math.max(seen, configured(newest));
}

function configured({ running }: ClusterServer): Index {
  return running?.server?.status().configurationIndex ?? 0;
}

function addressIn({ running }: ClusterServer, id: NodeId): string | undefined {
  const peer = running?.server?.addressOf(id)?.peer;
  return peer && `${peer.host}:${peer.port}`;
}
