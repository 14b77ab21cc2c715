// The disaster that no protocol survives: all disks but one are gone. The operator makes a new cluster of the survivor, and
// that is interrupted at any operation of its disk, more than once; whatever the survivor had applied must be there
// afterwards, and the new cluster must live. docs/recovery.md has the argument.

import { recoverMembership } from '@waldb/runtime';
import { InvariantViolation } from '../invariants/invariant.js';
import type { Booted } from '../machines/machine.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { ClusterServer } from './cluster-server.js';
import { DIRECTORY } from './cluster-server.js';
import { type ClusterWorld, leaderOf, runningServers } from './cluster-world.js';
import type { ClusterParts } from './settlement.js';
import type { ComparableMachine } from './workload.js';

const INTERRUPTIONS_MAX = 4;
/** More disk operations than a recovery has: some are not interrupted. */
const OPERATIONS_MAX = 60;
const LOOK_MS = 100;
const LOOKS_MAX = 600;

/** Resolves when the survivor leads its new cluster, which the operator goes on to enlarge. */
export async function loseMajority(world: ClusterWorld, { operator, faults }: ClusterParts): Promise<void> {
  const { simulation, coverage, log } = world;
  const random = simulation.random.fork();
  await operator.idle();
  faults.calm();
  const survivor = await aMember(world, random);
  const before = survivor.running?.machine;
  for (const server of world.servers.values()) {
    if (server === survivor) continue;
    server.halt('powerLoss');
    server.machine.disk.replace();
    await server.retire();
  }
  survivor.halt(random.pick(['kill', 'powerLoss']));
  log?.(`all disks but that of server ${survivor.id} are lost`);
  for (let tries = 1; !(await recover(world, survivor, random, tries > INTERRUPTIONS_MAX)); tries++) {
    coverage.hit('recoveries interrupted');
  }
  coverage.hit('majorities lost');
  survivor.start();
  await until(world, () => hasCaughtUp(survivor), 'the survivor leads and has applied what it holds');
  compare(world, survivor, before);
  operator.grow(2);
}

/** Someone who can be believed to have something: a voter that runs. */
async function aMember(world: ClusterWorld, random: SeededRandom): Promise<ClusterServer> {
  await until(world, () => votersThatRun(world).length > 0, 'a voter runs');
  return random.pick(votersThatRun(world));
}

function votersThatRun(world: ClusterWorld): ClusterServer[] {
  const voters = leaderOf(world)?.running?.server?.status().configuration.voters ?? [];
  return runningServers(world).filter(({ id, isDamaged }) => voters.includes(id) && !isDamaged);
}

function hasCaughtUp({ running }: ClusterServer): boolean {
  const server = running?.server;
  return (
    server?.isLeader === true && server.commitIndex > 0 && server.appliedIndex === server.status().lastIndex
  );
}

/** One try, perhaps cut off in the middle; whether it came to its end. */
async function recover(
  world: ClusterWorld,
  survivor: ClusterServer,
  random: SeededRandom,
  isLast: boolean,
): Promise<boolean> {
  const { simulation, log } = world;
  const { machine } = survivor;
  const booted: Booted = machine.boot();
  const { life, vfs, clock } = booted;
  if (!isLast) {
    const ending = random.pick(['kill', 'powerLoss'] as const);
    machine.disk.arm({ type: 'end', ending }, random.below(OPERATIONS_MAX), () => true);
  }
  const isDone = await new Promise<boolean>((resolve, reject) => {
    life.whenOver(() => resolve(false));
    life.at(simulation.now, 'input', () => {
      recoverMembership({ directory: DIRECTORY, vfs, clock, confirm: () => true }).then(
        () => resolve(!life.isOver),
        (error: unknown) => (life.isOver ? resolve(false) : reject(error)),
      );
    });
  });
  log?.(`the recovery of server ${survivor.id} ${isDone ? 'is done' : 'is interrupted'}`);
  machine.disk.clear();
  machine.end('kill');
  return isDone;
}

/** What the survivor had applied is committed now, and still there. */
function compare(world: ClusterWorld, survivor: ClusterServer, before: ComparableMachine | undefined): void {
  const now = survivor.running?.machine;
  const { read } = world.workload;
  if (now === undefined || before === undefined || read === undefined) return;
  const random = world.simulation.random.fork();
  for (let look = 0; look < 20; look++) {
    const wanted = read(random);
    const then = before.answer?.(wanted);
    const found = now.answer?.(wanted);
    if (!Array.isArray(then) || !Array.isArray(found) || then.every((item, at) => found[at] === item))
      continue;
    const what = `Server ${survivor.id} was recovered and has lost what it had applied of ${wanted.key}.`;
    world.observer.broken(new InvariantViolation('survivor-keeps-all', what));
  }
}

async function until(world: ClusterWorld, holds: () => boolean, what: string): Promise<void> {
  for (let looks = 0; !holds(); looks++) {
    if (looks === LOOKS_MAX) {
      world.observer.broken(
        new InvariantViolation('liveness', `Not after ${LOOK_MS * LOOKS_MAX} ms: ${what}.`),
      );
    }
    await world.simulation.wait(LOOK_MS);
  }
}
