// The operator of a simulated cluster: makes its first servers, changes who takes part, closes and restarts, and puts a new
// server in the place of one that refuses its disk. Asks by the same calls as anybody, of whoever leads at the moment, and
// asks again, as a person would. Changes one thing at a time.

import type { NodeId } from '@waldb/core';
import { SeededRandom } from '../sim/seeded-random.js';
import { Asking, membershipIsCertain, membersOf, votersOf } from './asking.js';
import { takeBackup } from './backup-taking.js';
import type { OperatorAction } from './cluster-coverage.js';
import { addressOf, ClusterServer } from './cluster-server.js';
import { ClusterUpgrades } from './cluster-upgrades.js';
import { type ClusterWorld, leaderOf, presentServers, runningServers } from './cluster-world.js';
import { moveServer } from './server-move.js';

const SERVERS_MAX = 6;

export class ClusterOperator {
  readonly #world: ClusterWorld;
  readonly #asking: Asking;
  readonly #upgrades: ClusterUpgrades;
  #nextId = 1;
  #cluster = '';
  #working: Promise<void> = Promise.resolve();
  #isWorking = false;

  constructor(world: ClusterWorld) {
    this.#world = world;
    this.#asking = new Asking(world);
    this.#upgrades = new ClusterUpgrades(world);
  }

  /** Makes the servers that the cluster begins with, and starts them. */
  found(): void {
    const count = this.#world.scenario.founders;
    const members: Record<NodeId, string> = {};
    for (let id = 1; id <= count; id++) members[id] = addressOf(id);
    for (let id = 1; id <= count; id++) {
      this.#add(id, new ClusterServer(id, this.#world, { type: 'bootstrap', members }));
    }
    this.#nextId = count + 1;
  }

  get isBusy(): boolean {
    return this.#isWorking;
  }

  /** Does it, unless something else is being done: an operator has two hands. */
  act(kind: OperatorAction, seed: number): void {
    const random = new SeededRandom(seed);
    this.#work(async () => {
      if (await this.#does(kind, random)) this.#world.coverage.hit(kind);
    });
  }

  /** Adds so many servers, one after the other. */
  grow(missing: number): void {
    if (missing <= 0) return;
    const random = this.#world.simulation.random.fork();
    this.#work(async () => {
      for (let added = 0; added < missing; added++) {
        if (await this.#addServer(random)) this.#world.coverage.hit('server added');
      }
    });
  }

  /** Puts new servers in the place of those that refuse their disks. To be called now and then. */
  lookAfter(): void {
    const broken = presentServers(this.#world).find((server) => server.needsReplacement);
    if (broken === undefined || this.#isWorking) return;
    this.#work(() => this.#replace(broken));
  }

  #work(work: () => Promise<void>): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#working = work().finally(() => {
      this.#isWorking = false;
    });
  }

  /** Resolves when nothing is being done. */
  async idle(): Promise<void> {
    await this.#working;
  }

  // ---- what it can do ----

  #does(kind: OperatorAction, random: SeededRandom): Promise<boolean> {
    switch (kind) {
      case 'server added':
        return this.#addServer(random);
      case 'server removed':
        return this.#removeServer(random);
      case 'learner added':
        return this.#addLearner();
      case 'learner promoted':
        return this.#promote(random);
      case 'membership changed':
        return this.#change(random);
      case 'leadership transferred':
        return this.#transfer(random);
      case 'snapshot asked':
        return this.#snapshot(random);
      case 'restart':
        return this.#restart(random.pick(presentServers(this.#world)), random);
      case 'rolling restart':
        return this.#rollingRestart(random);
      case 'rolling upgrade':
        return this.#upgrades.upgradeAll(random);
      case 'rollback':
        return this.#upgrades.rollBackOne(random);
      case 'voter demoted':
        return this.#demote(random);
      case 'learner awaited':
        return this.#awaitLearner(random);
      case 'address changed':
        return moveServer(this.#world, this.#asking, random);
      case 'backup taken':
        return takeBackup(this.#world, this.#asking, random);
    }
  }

  async #addServer(random: SeededRandom): Promise<boolean> {
    const server = this.#join();
    if (server === undefined) return false;
    const immediately = random.chance(0.2);
    return await this.#asking.keepAsking((leader) => {
      if (votersOf(leader).includes(server.id)) return Promise.resolve();
      return leader.addServer(server.id, addressOf(server.id), { timeoutMs: 5_000, immediately });
    });
  }

  async #addLearner(): Promise<boolean> {
    const server = this.#join();
    if (server === undefined) return false;
    return await this.#asking.keepAsking((leader) => leader.addLearner(server.id, addressOf(server.id)));
  }

  async #promote(random: SeededRandom): Promise<boolean> {
    const learners = leaderOf(this.#world)?.running?.server?.status().configuration.learners ?? [];
    if (learners.length === 0) return false;
    const id = random.pick(learners);
    return await this.#asking.keepAsking((leader) => leader.promoteLearner(id));
  }

  async #demote(random: SeededRandom): Promise<boolean> {
    const leader = leaderOf(this.#world)?.running?.server;
    if (leader === undefined || votersOf(leader).length < 2 || this.#mustNotShrink()) return false;
    const id = random.pick(votersOf(leader));
    return await this.#asking.keepAsking(
      (asked) => asked.demoteVoter(id),
      () => !this.#mustNotShrink(),
    );
  }

  async #awaitLearner(random: SeededRandom): Promise<boolean> {
    const server = leaderOf(this.#world);
    const leader = server?.running?.server;
    const learners = leader?.status().configuration.learners ?? [];
    if (server === undefined || leader === undefined || learners.length === 0) return false;
    return await this.#asking.asks(
      server,
      leader.waitUntilCaughtUp(random.pick(learners), { timeoutMs: 3_000 }),
    );
  }

  async #removeServer(random: SeededRandom): Promise<boolean> {
    const servers = presentServers(this.#world);
    if (servers.length < 2 || this.#mustNotShrink()) return false;
    return await this.#remove(random.pick(servers), () => !this.#mustNotShrink());
  }

  /** `isStillRight` is asked before each try: a disk may be damaged meanwhile. */
  async #remove(server: ClusterServer, isStillRight: () => boolean = () => true): Promise<boolean> {
    const isDone = await this.#asking.keepAsking(async (leader) => {
      if (membersOf(leader).includes(server.id)) await leader.removeServer(server.id);
      else await membershipIsCertain(leader);
    }, isStillRight);
    if (isDone) await server.retire();
    return isDone;
  }

  /** Swaps one server for a new one and drops or adds another, all at once. */
  async #change(random: SeededRandom): Promise<boolean> {
    const leader = leaderOf(this.#world)?.running?.server;
    if (leader === undefined || this.#mustNotShrink()) return false;
    const { voters, learners } = leader.status().configuration;
    const kept = voters.filter(() => random.chance(0.7));
    const joined = random.chance(0.6) ? this.#join() : undefined;
    const wanted = [...kept, ...(joined === undefined ? [] : [joined.id])];
    if (wanted.length === 0 || kept.length === 0) return false;
    const addresses = joined === undefined ? {} : { [joined.id]: addressOf(joined.id) };
    return await this.#asking.keepAsking(
      (asked) => asked.changeMembership({ voters: wanted, learners, addresses }, { timeoutMs: 5_000 }),
      () => !this.#mustNotShrink(),
    );
  }

  async #transfer(random: SeededRandom): Promise<boolean> {
    const server = leaderOf(this.#world);
    const leader = server?.running?.server;
    const others = leader?.status().configuration.voters.filter((id) => id !== leader.id) ?? [];
    if (server === undefined || leader === undefined || others.length === 0) return false;
    return await this.#asking.asks(server, leader.transferLeadership(random.pick(others)));
  }

  async #snapshot(random: SeededRandom): Promise<boolean> {
    const running = runningServers(this.#world);
    const server = running.length === 0 ? undefined : random.pick(running);
    const raft = server?.running?.server;
    return (
      server !== undefined &&
      raft !== undefined &&
      (await this.#asking.asks(server, raft.snapshot({ timeoutMs: 5_000 })))
    );
  }

  async #restart(server: ClusterServer, random: SeededRandom): Promise<boolean> {
    await server.stop();
    await this.#world.simulation.wait(random.real(1, 1_000));
    server.start();
    return true;
  }

  async #rollingRestart(random: SeededRandom): Promise<boolean> {
    for (const server of presentServers(this.#world)) await this.#restart(server, random);
    return true;
  }

  /** A server that refuses its disk is removed for good; another one with an empty disk takes its place. */
  async #replace(broken: ClusterServer): Promise<void> {
    const random = this.#world.simulation.random.fork();
    if (!(await this.#remove(broken))) return;
    this.#world.coverage.hit('servers replaced');
    await this.#addServer(random);
  }

  // ---- how it does it ----

  /** While a disk is damaged, nobody sane makes the rest of the cluster smaller: what it held may be all there is. */
  #mustNotShrink(): boolean {
    return presentServers(this.#world).some((server) => server.isDamaged);
  }

  /** A new server on a new machine, started with the wish to join. */
  #join(): ClusterServer | undefined {
    const leader = leaderOf(this.#world)?.running?.server;
    if (leader === undefined || presentServers(this.#world).length >= SERVERS_MAX) return undefined;
    this.#cluster = leader.clusterId;
    const members = Object.fromEntries(
      votersOf(leader).map((id) => [id, this.#world.servers.get(id)?.address ?? addressOf(id)]),
    );
    const id = this.#nextId;
    this.#nextId += 1;
    const server = new ClusterServer(id, this.#world, { type: 'join', members, cluster: this.#cluster });
    this.#add(id, server);
    return server;
  }

  #add(id: NodeId, server: ClusterServer): void {
    this.#world.servers.set(id, server);
    server.start();
  }
}
