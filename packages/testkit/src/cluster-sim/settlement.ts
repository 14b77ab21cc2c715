// The end of a run: nothing more is injected, everything that may run does, and the cluster has a bounded time to show that
// it lives: it commits a new command, its operator finishes what he was at, and all its members come to the same state.

import type { NodeId } from '@waldb/core';
import { InvariantViolation } from '../invariants/invariant.js';
import type { ClusterClients } from './cluster-clients.js';
import type { ClusterFaults } from './cluster-faults.js';
import type { FinalServer } from './cluster-observer.js';
import type { ClusterOperator } from './cluster-operator.js';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, leaderOf, presentServers } from './cluster-world.js';

/** In simulated time, from the last fault on. Election timeouts are below a second, dials give up after eight. */
const LIVES_WITHIN_MS = 120_000;
const LOOK_MS = 100;

export interface ClusterParts {
  readonly faults: ClusterFaults;
  readonly clients: ClusterClients;
  readonly operator: ClusterOperator;
}

/** Resolves when the cluster has come to rest, or a rule is broken. */
export async function settle(
  world: ClusterWorld,
  { faults, clients, operator }: ClusterParts,
): Promise<void> {
  const { simulation, observer } = world;
  world.isCalm = true;
  faults.calm();
  world.log?.('calm');
  observer.tell('faultsEnded', simulation.now);
  const deadline = simulation.now + LIVES_WITHIN_MS;
  for (const server of presentServers(world)) server.start();
  let step = 'the clients have their answers';
  simulation.at(deadline, () => {
    simulation.idle();
    observer.broken(
      new InvariantViolation('liveness', `${describe(world)}; not within ${LIVES_WITHIN_MS} ms: ${step}.`),
    );
  });
  await clients.stop();
  step = 'the operator is done, and nobody needs to be replaced';
  await until(
    world,
    () => !operator.isBusy && !presentServers(world).some((server) => server.needsReplacement),
  );
  step = 'a command is committed';
  const random = simulation.random.fork();
  for (let tries = 0; !(await clients.tryOne(random, `last.${tries}`)); tries++)
    await simulation.wait(LOOK_MS);
  step = 'strangers are gone';
  await until(world, () => memberIds(world) !== undefined);
  await retireStrangers(world);
  step = 'all members run and have applied the same';
  await until(world, () => agreement(world) !== undefined);
  compare(world, agreement(world) ?? []);
}

async function until(world: ClusterWorld, holds: () => boolean): Promise<void> {
  while (!holds()) await world.simulation.wait(LOOK_MS);
}

/** Of a configuration that is not about to change. */
function memberIds(world: ClusterWorld): ReadonlySet<NodeId> | undefined {
  const configuration = leaderOf(world)?.running?.server?.status().configuration;
  if (configuration === undefined || configuration.votersOutgoing.length > 0) return undefined;
  return new Set([...configuration.voters, ...configuration.learners]);
}

async function retireStrangers(world: ClusterWorld): Promise<void> {
  const members = memberIds(world);
  for (const server of presentServers(world)) if (members?.has(server.id) === false) await server.retire();
}

/** Every member, if all run and stand where the leader does. */
function agreement(world: ClusterWorld): FinalServer[] | undefined {
  const members = memberIds(world);
  const leader = leaderOf(world)?.running?.server;
  if (members === undefined || leader === undefined || leader.appliedIndex < leader.commitIndex)
    return undefined;
  const found: FinalServer[] = [];
  for (const id of [...members].sort((a, b) => a - b)) {
    const running = world.servers.get(id)?.running;
    if (running?.server?.appliedIndex !== leader.appliedIndex) return undefined;
    found.push({ life: running.facts, server: running.server, digest: running.machine.digest() });
  }
  return found;
}

function compare(world: ClusterWorld, servers: readonly FinalServer[]): void {
  const [first, ...others] = servers;
  for (const { life, digest } of others) {
    if (digest === undefined || first?.digest === undefined || digest === first.digest) continue;
    const what = `Servers ${first.life.id} and ${life.id} have applied the same, and differ: ${first.digest}; ${digest}.`;
    world.observer.broken(new InvariantViolation('same-state', what));
  }
  world.observer.tell('finished', servers, world.simulation.now);
}

function describe(world: ClusterWorld): string {
  return presentServers(world).map(describeServer).join('; ');
}

function describeServer(server: ClusterServer): string {
  const running = server.running?.server;
  if (running === undefined)
    return `server ${server.id} ${server.needsReplacement ? 'is damaged' : 'does not run'}`;
  const { role, term, leader, commitIndex, appliedIndex, lastIndex, configuration } = running.status();
  const { voters, learners } = configuration;
  return (
    `server ${server.id} is ${role} of ${leader ?? 'nobody'} in term ${term}, applied ${appliedIndex}, committed ` +
    `${commitIndex}, last ${lastIndex}, voters ${voters.join(' ')}, learners ${learners.join(' ')}`
  );
}
