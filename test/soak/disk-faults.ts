// What goes wrong with the disks of a soak's servers: calls fail, halve, take long; the power goes, and with it what was not
// synced; nothing more fits. A server hears of which calls are to fail when it starts, so those faults start one anew.

import { setTimeout as sleep } from 'node:timers/promises';
import { type DiskFault, drawFault } from '../support/faulty-disk/disk-fault.js';
import type { SoakCluster } from './soak-cluster.js';
import { type Fault, pickLeaderOrAny, type World } from './world.js';

export function diskFaults(cluster: SoakCluster): readonly Fault[] {
  const { fail, fill, losePower: power } = cluster.canDisks;
  return [...(power ? POWER : []), ...(fail ? FAILURES : []), ...(fill ? FULL : [])];
}

const POWER: readonly Fault[] = [
  { name: 'power', weight: 4, run: (world) => losePower(world, 1) },
  { name: 'power of all', weight: 2, run: (world) => losePower(world, Number.POSITIVE_INFINITY) },
];

const FAILURES: readonly Fault[] = [
  { name: 'failing disk', weight: 5, run: failingDisk },
  { name: 'slow disk', weight: 2, run: slowDisk },
];

const FULL: readonly Fault[] = [
  { name: 'full disk', weight: 6, run: (world) => fullDisk(world, 1) },
  { name: 'all disks full', weight: 2, run: (world) => fullDisk(world, Number.POSITIVE_INFINITY) },
];

/** What a server under load writes within seconds. */
const WRITES_MAX = 800;
const FAILING_MS = 15_000;

async function losePower(world: World, count: number): Promise<boolean> {
  const { cluster, random } = world;
  const victims = count === 1 ? await pickLeaderOrAny(cluster, random) : cluster.runningIds;
  await Promise.all(victims.map((id) => cluster.end(id, 'SIGKILL')));
  for (const id of victims) await loseAtDisk(world, id);
  await sleep(random.between(0, 1000));
  for (const id of victims) if (cluster.ids.includes(id)) cluster.start(id);
  return victims.length > 0;
}

/** Meanwhile another fault may have started it: then it has power. */
async function loseAtDisk({ cluster, random, note }: World, id: number): Promise<void> {
  if (cluster.running(id) !== undefined) return;
  note(`power of ${id} lost`);
  await cluster.withoutPower(id, () => cluster.disk(id).losePower(random));
}

/** For a while there is no room for anything; meanwhile servers may be started anew. */
async function fullDisk(world: World, count: number): Promise<boolean> {
  const { cluster, random } = world;
  const victims = count === 1 ? await pickLeaderOrAny(cluster, random) : cluster.runningIds;
  for (const id of victims) cluster.disk(id).fill();
  for (let left = random.below(4); left > 0; left--) {
    await sleep(random.between(0, 2000));
    const id = random.pick(victims);
    if (id === undefined || !cluster.ids.includes(id)) continue;
    if (random.chance(0.3)) await cluster.end(id, random.pick(['SIGKILL', 'SIGTERM']));
    cluster.start(id);
  }
  await sleep(random.between(200, 4000));
  for (const id of victims) {
    cluster.disk(id).makeRoom();
    if (cluster.ids.includes(id)) cluster.start(id);
  }
  return victims.length > 0;
}

/** Runs until its disk has ended it, or for a while; then perhaps the power goes as well. */
async function failingDisk(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  const faults = Array.from({ length: random.between(1, 3) }, () => drawFault(random, WRITES_MAX));
  await startOn(world, id, faults);
  await cluster.waitFor(async () => cluster.running(id) === undefined, random.between(4000, FAILING_MS));
  await cluster.end(id, 'SIGKILL');
  if (random.chance(0.4)) await loseAtDisk(world, id);
  await sleep(random.between(0, 500));
  if (cluster.ids.includes(id)) cluster.start(id);
  return true;
}

async function slowDisk(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  const first = random.between(1, 200);
  const slow = { first, count: random.between(5, 100), kind: 'slow', ms: random.between(5, 150) } as const;
  await startOn(world, id, [
    { ...slow, operation: 'write' },
    { ...slow, operation: 'fdatasync' },
    { ...slow, operation: 'fsync' },
  ]);
  return true;
}

async function startOn({ cluster }: World, id: number, faults: readonly DiskFault[]): Promise<void> {
  await cluster.end(id, 'SIGKILL');
  if (!cluster.ids.includes(id)) return;
  cluster.disk(id).plan(faults);
  cluster.start(id);
}
