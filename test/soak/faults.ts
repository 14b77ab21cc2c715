// What goes wrong during a soak, and when: drawn from the seed. A fault takes its time and then mends what it broke; two may
// be under way at once. What a fault does may depend on who leads, so a seed repeats the schedule and not every step.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '@waldb/testkit';
import { drawKill } from '../support/faulty-disk/disk-fault.js';
import { diskFaults } from './disk-faults.js';
import type { Request } from './protocol.js';
import type { SoakCluster } from './soak-cluster.js';
import { type Fault, pickLeaderOrAny, pickRunning, type World } from './world.js';

const AT_ONCE_MAX = 2;
/** Between two faults clients are answered so often, or so long goes by. */
const ANSWERED_BETWEEN = 20;
const PROGRESS_MS = 8000;
const EARLY_KILLS_MAX = 6;
/** A server is up about so soon, and by then has made about so many writes. */
const START_MS = 400;
const START_WRITES = 60;
const VOTERS_MIN = 3;
const VOTERS_MAX = 5;
/** How long a change of membership or of leadership may take before the soak gives up on it; it may happen all the same. */
const CHANGE_MS = 8000;

const FAULTS: readonly Fault[] = [
  { name: 'kill', weight: 6, run: (world) => crash(world, 1) },
  { name: 'kill all', weight: 1, run: (world) => crash(world, Number.POSITIVE_INFINITY) },
  { name: 'kill early', weight: 2, run: killEarly },
  { name: 'terminate', weight: 2, run: terminate },
  { name: 'pause', weight: 5, run: pause },
  { name: 'isolate', weight: 3, run: isolate },
  { name: 'one-way', weight: 3, run: oneWay },
  { name: 'halves', weight: 2, run: halves },
  { name: 'bridge', weight: 2, run: bridge },
  { name: 'delay', weight: 2, run: delay },
  { name: 'transfer', weight: 3, run: transfer },
  { name: 'join', weight: 3, run: joinOne },
  { name: 'remove', weight: 3, run: removeOne },
  { name: 'snapshot', weight: 2, run: snapshot },
];

/** How often each fault took place; one that could not (nobody led, say) does not count. */
export type FaultCounts = Record<string, number>;

export class FaultSchedule {
  readonly counts: FaultCounts;
  readonly #faults: readonly Fault[];
  readonly #world: World;
  readonly #meanMs: number;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(world: World, options: { readonly meanMs: number }) {
    this.#faults = [...FAULTS, ...diskFaults(world.cluster)];
    this.counts = Object.fromEntries(this.#faults.map(({ name }) => [name, 0]));
    this.#world = world;
    this.#meanMs = options.meanMs;
  }

  /** Until it is over; returns when the last fault has mended what it broke. */
  async run(isOver: () => boolean): Promise<void> {
    const { random } = this.#world;
    while (!isOver()) {
      await sleep(random.wait(this.#meanMs));
      await this.#progress(isOver);
      const fault = this.#draw();
      // Each fault draws from a generator of its own: how long it takes does not change what is drawn after it.
      const world = { ...this.#world, random: random.fork() };
      if (isOver() || this.#underWay.size >= AT_ONCE_MAX || this.#underWay.has(fault.name)) continue;
      this.#underWay.set(fault.name, this.#carryOut(fault, world));
    }
    await Promise.all(this.#underWay.values());
  }

  /** On a machine that is busy with other things, faults at their pace would be all that happens. */
  async #progress(isOver: () => boolean): Promise<void> {
    const { cluster, answered } = this.#world;
    const wanted = answered() + ANSWERED_BETWEEN;
    await cluster.waitFor(async () => isOver() || answered() >= wanted, PROGRESS_MS);
  }

  #draw(): Fault {
    const { random } = this.#world;
    let left = random.below(this.#faults.reduce((sum, { weight }) => sum + weight, 0));
    for (const fault of this.#faults) {
      left -= fault.weight;
      if (left < 0) return fault;
    }
    return FAULTS[0] as Fault; // the weights add up to more than was drawn
  }

  async #carryOut(fault: Fault, world: World): Promise<void> {
    this.#world.note(`fault ${fault.name}`);
    const hasHappened = await fault.run(world);
    if (hasHappened) this.counts[fault.name] = (this.counts[fault.name] ?? 0) + 1;
    else this.#world.note(`${fault.name} could not be done`);
    this.#underWay.delete(fault.name);
  }
}

// ---- processes ----

async function crash({ cluster, random }: World, count: number): Promise<boolean> {
  const victims = count === 1 ? await pickLeaderOrAny(cluster, random) : cluster.runningIds;
  await Promise.all(victims.map((id) => cluster.end(id, 'SIGKILL')));
  await sleep(random.between(0, 2500));
  for (const id of victims) if (cluster.ids.includes(id)) cluster.start(id);
  return victims.length > 0;
}

/** Again and again, while it starts. */
async function killEarly({ cluster, random }: World): Promise<boolean> {
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  for (let left = random.between(2, EARLY_KILLS_MAX); left > 0; left--) {
    await cluster.end(id, 'SIGKILL');
    if (!cluster.ids.includes(id)) return true;
    if (cluster.canDisks.fail && random.chance(0.5)) cluster.disk(id).plan([drawKill(random, START_WRITES)]);
    cluster.start(id);
    await sleep(random.between(0, START_MS));
  }
  await cluster.end(id, 'SIGKILL');
  if (cluster.ids.includes(id)) cluster.start(id);
  return true;
}

async function terminate({ cluster, random }: World): Promise<boolean> {
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  await cluster.end(id, 'SIGTERM');
  await sleep(random.between(0, 500));
  if (cluster.ids.includes(id)) cluster.start(id);
  return true;
}

async function pause({ cluster, random }: World): Promise<boolean> {
  const [id] = await pickLeaderOrAny(cluster, random);
  const server = id === undefined ? undefined : cluster.running(id);
  if (server === undefined || server.isPaused) return false;
  server.signal('SIGSTOP');
  await sleep(random.between(50, 4000));
  server.signal('SIGCONT');
  return true;
}

// ---- links ----

async function isolate(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  cluster.links.isolate(id, random.chance(0.5) ? { type: 'cut' } : { type: 'held' });
  return mended(world);
}

/** One server hears nobody, or nobody hears it. */
async function oneWay(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [id] = await pickLeaderOrAny(cluster, random);
  if (id === undefined) return false;
  const isDeaf = random.chance(0.5);
  for (const other of cluster.ids) {
    if (other === id) continue;
    if (isDeaf) cluster.links.set(other, id, { type: 'held' });
    else cluster.links.set(id, other, { type: 'held' });
  }
  return mended(world);
}

async function halves(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const { ids } = cluster;
  const first = random.some(ids, 0.5);
  cluster.links.partition([first, ids.filter((id) => !first.includes(id))]);
  return mended(world);
}

/** Two halves that only one server reaches both of. */
async function bridge(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [middle, ...others] = shuffled(cluster.ids, random);
  if (middle === undefined) return false;
  const at = Math.ceil(others.length / 2);
  cluster.links.partition([
    [middle, ...others.slice(0, at)],
    [middle, ...others.slice(at)],
  ]);
  return mended(world);
}

async function delay(world: World): Promise<boolean> {
  const { cluster, random } = world;
  for (const from of cluster.ids) {
    for (const to of cluster.ids) {
      if (from !== to && random.chance(0.5))
        cluster.links.set(from, to, { type: 'delayed', ms: random.between(1, 150) });
    }
  }
  return mended(world);
}

async function mended({ cluster, random }: World): Promise<boolean> {
  await sleep(random.between(200, 5000));
  cluster.links.heal();
  return true;
}

// ---- the operator ----

/** An operator waits for a leader, for a while. */
async function leaderSoon({ cluster }: World): ReturnType<SoakCluster['leader']> {
  let leader: Awaited<ReturnType<SoakCluster['leader']>>;
  await cluster.waitFor(async () => {
    leader = await cluster.leader();
    return leader !== undefined;
  }, CHANGE_MS);
  return leader;
}

async function transfer(world: World): Promise<boolean> {
  const { random } = world;
  const leader = await leaderSoon(world);
  if (leader === undefined) return false;
  const others = leader.status.voters.filter((id) => id !== leader.id);
  if (others.length === 0) return false;
  return isDone(world, leader.id, { type: 'transferLeadership', server: random.pick(others) });
}

/** A new server: learner first, voter once it has caught up. */
async function joinOne(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const leader = await leaderSoon(world);
  if (leader === undefined || leader.status.voters.length + leader.status.learners.length >= VOTERS_MAX)
    return false;
  const known = [...leader.status.voters, ...leader.status.learners];
  const free = cluster.freeIds.filter((id) => !known.includes(id));
  if (free.length === 0) return false;
  const id = random.pick(free);
  cluster.startJoining(id);
  const address = cluster.addresses[id] ?? '';
  const isAdded = await cluster.waitFor(async () => {
    const present = await cluster.leader();
    if (present === undefined) return false;
    if (present.status.voters.includes(id)) return true;
    const isLearner = present.status.learners.includes(id);
    const request = isLearner
      ? ({ type: 'promoteLearner', server: id } as const)
      : ({ type: 'addLearner', server: id, address } as const);
    await isDone(world, present.id, request);
    return false;
  }, CHANGE_MS * 2);
  if (!isAdded) await removeUntilGone(world, id);
  return isAdded;
}

async function removeOne(world: World): Promise<boolean> {
  const { random } = world;
  const leader = await leaderSoon(world);
  if (leader === undefined || leader.status.voters.length <= VOTERS_MIN) return false;
  return removeUntilGone(world, random.pick(leader.status.voters));
}

/** Asks until a leader says that it is gone. Only then may its directory go, and its id be given again. */
async function removeUntilGone(world: World, id: number): Promise<boolean> {
  const { cluster } = world;
  const isGone = await cluster.waitFor(async () => {
    const leader = await cluster.leader();
    if (leader === undefined) return false;
    const { voters, learners } = leader.status;
    if (leader.id !== id && !voters.includes(id) && !learners.includes(id)) {
      // Known to be committed: a leader that leads on with it has it in its log, and answers in its own term.
      return isDone(world, leader.id, { type: 'read', key: 'none' });
    }
    await isDone(world, leader.id, { type: 'removeServer', server: id });
    return false;
  }, CHANGE_MS * 2);
  if (isGone) await cluster.giveUp(id);
  return isGone;
}

async function snapshot(world: World): Promise<boolean> {
  const { cluster, random } = world;
  const [id] = pickRunning(cluster, random);
  return id !== undefined && isDone(world, id, { type: 'snapshot' });
}

/** What an operator asks for may be refused or never answered, like anything else in a broken cluster. */
async function isDone({ cluster, note }: World, leader: number, request: Request): Promise<boolean> {
  try {
    await cluster.ask(leader, request, CHANGE_MS);
    return true;
  } catch (error) {
    note(`${JSON.stringify(request)} at ${leader}: ${String(error)}`);
    return false;
  }
}

function shuffled(ids: readonly number[], random: SeededRandom): number[] {
  const left = [...ids];
  return ids.map(() => left.splice(random.below(left.length), 1)[0] as number); // as many are taken as there are
}
