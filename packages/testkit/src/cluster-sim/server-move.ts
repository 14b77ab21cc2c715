// A server of a simulated cluster gets another address: the cluster is told, and the server is started where the cluster looks
// for it. Whether a change that nobody has answered took effect is in the log, so the log decides where it is started.

import type { NodeId } from '@waldb/core';
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
  while (!server.isRetired && !server.needsReplacement) {
    await follow(world, server, random);
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

/** Starts the server where the newest configuration that anybody has says that it is. */
async function follow(world: ClusterWorld, server: ClusterServer, random: SeededRandom): Promise<void> {
  const configured = ({ running }: ClusterServer): number =>
    running?.server?.status().configurationIndex ?? 0;
  const [newest] = runningServers(world).sort((a, b) => configured(b) - configured(a));
  const address = newest && addressIn(newest, server.id);
  if (address === undefined || address === server.address) return;
  await server.stop();
  server.address = address;
  await world.simulation.wait(random.real(1, 300));
  server.start();
}

function addressIn({ running }: ClusterServer, id: NodeId): string | undefined {
  const peer = running?.server?.addressOf(id)?.peer;
  return peer && `${peer.host}:${peer.port}`;
}
