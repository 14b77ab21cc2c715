// What goes wrong, and when: one fault at random moments, of the kinds this run has drawn, often at the server where
// it hurts most. Every fault ends by itself; `stop` ends all of them.

import type { NodeId } from '@waldb/core';
import { configurationAt } from '../invariants/configuration-in-force.js';
import type { Situation } from './coverage.js';
import type { Link } from './network.js';
import type { Fault } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedServer } from './server.js';
import type { World } from './world.js';

const FLAPS_MAX = 8;
const RESTART_MS_QUICK = 5;
const ECHOES_MAX = 6;

export class Adversary {
  readonly #world: World;
  readonly #random: SeededRandom;
  #isStopped = false;
  #partitions = 0;
  readonly #inflict: Readonly<Record<Fault, () => void>> = {
    partition: () => this.#partition(),
    isolateLeader: () => this.#isolateLeader(this.#leader()),
    bridge: () => this.#bridge(),
    oneWayCut: () => this.#oneWayCut(),
    cutPair: () => this.#cutPair(),
    flapping: () => this.#flapping(),
    crash: () => this.crash(this.#victim()),
    crashInLog: () => this.#victim()?.crashInsideLog(this.#random.between(1, 8)),
    crashBetweenActions: () => this.#victim()?.crashBetweenActions(this.#random.between(0, 4)),
    powerFailure: () => this.#powerFailure(),
    amnesia: () => this.#amnesia(),
    pause: () => this.#pause(),
    diskStall: () => this.#diskStall(),
    diskFull: () => this.#diskFull(),
    storageFailure: () => this.#storageFailure(),
    unreachable: () => this.#unreachable(),
    snapshotReport: () => this.#snapshotReport(),
    echo: () => this.#echo(),
    candidateEchoes: () => this.#candidateEchoes(),
    removalNews: () => this.#removalNews(),
  };

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork();
  }

  /** Whether some link is cut on purpose now. */
  get isPartitioned(): boolean {
    return this.#partitions > 0;
  }

  begin(): void {
    if (this.#world.scenario.faults.length > 0) this.#scheduleNext();
  }

  /** No new faults; every server runs again and every disk works. */
  stop(): void {
    this.#isStopped = true;
    this.#partitions = 0;
    for (const server of this.#world.servers.values()) {
      server.fillDisk(false);
      server.resume();
      if (!server.isRunning) server.start();
    }
  }

  crash(server: SimulatedServer | undefined): void {
    if (server === undefined || !server.isRunning) return;
    server.crash();
    this.#restartLater(server);
  }

  #scheduleNext(): void {
    const { scenario, queue } = this.#world;
    queue.after(this.#random.wait(scenario.faultIntervalMs), () => {
      if (this.#isStopped) return;
      const fault = this.#random.pick(scenario.faults);
      this.#world.trace?.note(`-- ${fault}`);
      this.#inflict[fault]();
      this.#scheduleNext();
    });
  }

  // ---- links ----

  #partition(): void {
    const ids = this.#ids();
    const side = new Set(ids.filter(() => this.#random.chance(0.5)));
    this.#cut(
      'partitions',
      linksAcross(ids, (from, to) => side.has(from) !== side.has(to)),
    );
  }

  #isolateLeader(leader: SimulatedServer | undefined): void {
    if (leader === undefined) return;
    this.#cut(
      'isolated leaders',
      linksAcross(this.#ids(), (from, to) => from === leader.id || to === leader.id),
    );
  }

  /** Two halves that see each other only through one server (Cloudflare 2020). */
  #bridge(): void {
    const ids = this.#ids();
    const bridge = this.#random.pick(ids);
    const side = new Set(ids.filter(() => this.#random.chance(0.5)));
    this.#cut(
      'bridges',
      linksAcross(ids, (from, to) => from !== bridge && to !== bridge && side.has(from) !== side.has(to)),
    );
  }

  /** One server is heard by nobody, or hears nobody, or a single link is dead in one direction. */
  #oneWayCut(): void {
    const ids = this.#ids();
    const victim = this.#victim()?.id ?? this.#random.pick(ids);
    const other = this.#random.pick(ids);
    const shape = this.#random.below(3);
    this.#cut(
      'one-way cuts',
      linksAcross(ids, (from, to) => {
        if (shape === 0) return from === victim;
        return shape === 1 ? to === victim : from === victim && to === other;
      }),
    );
  }

  /** Two servers, often the leader and another, do not hear each other; everybody else hears both. */
  #cutPair(): void {
    const ids = this.#ids();
    const a = this.#victim()?.id ?? this.#random.pick(ids);
    const b = this.#random.pick(ids);
    this.#cut(
      'cut pairs',
      linksAcross(ids, (from, to) => (from === a && to === b) || (from === b && to === a)),
    );
  }

  #flapping(): void {
    const ids = this.#ids();
    const a = this.#victim()?.id ?? this.#random.pick(ids);
    const b = this.#random.pick(ids);
    const links = linksAcross(ids, (from, to) => (from === a && to === b) || (from === b && to === a));
    if (links.length === 0) return;
    this.#world.coverage.hit('flapping links');
    this.#flap(links, this.#random.between(2, FLAPS_MAX));
  }

  #flap(links: readonly Link[], times: number): void {
    if (this.#isStopped || times === 0) return;
    const heal = this.#world.network.cut(links);
    this.#world.queue.after(this.#random.wait(20), () => {
      heal();
      this.#world.queue.after(this.#random.wait(20), () => this.#flap(links, times - 1));
    });
  }

  #cut(situation: Situation, links: readonly Link[]): void {
    if (links.length === 0) return;
    const { network, queue, coverage } = this.#world;
    coverage.hit(situation);
    this.#partitions += 1;
    const heal = network.cut(links);
    queue.after(this.#duration(), () => {
      heal();
      this.#partitions = Math.max(0, this.#partitions - 1);
    });
  }

  // ---- processes ----

  #powerFailure(): void {
    this.#world.coverage.hit('power failures of all');
    for (const server of this.#world.servers.values()) this.crash(server);
  }

  /** A leader is cut off, and everybody else starts again at once and has forgotten what it had promised to it. */
  #amnesia(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    this.#isolateLeader(leader);
    this.#world.coverage.hit('leader cut off, all others restarted');
    for (const server of this.#world.servers.values()) {
      if (server === leader) continue;
      server.crash();
      this.#restartLater(server, this.#random.between(1, RESTART_MS_QUICK));
    }
  }

  #pause(): void {
    const server = this.#victim();
    if (server === undefined || server.isPaused) return;
    this.#world.coverage.hit('pauses');
    server.pause();
    this.#world.queue.after(this.#duration(), () => server.resume());
  }

  #restartLater(server: SimulatedServer, delay = this.#duration()): void {
    this.#world.queue.after(delay, () => {
      if (server.isRunning) return;
      this.#world.coverage.hit('restarts');
      server.start();
    });
  }

  // ---- disks ----

  #diskStall(): void {
    const server = this.#victim();
    if (server === undefined) return;
    this.#world.coverage.hit('disk stalls');
    server.stallDisk(this.#duration() * 2);
  }

  #diskFull(): void {
    const server = this.#victim();
    if (server === undefined) return;
    this.#world.coverage.hit('disks full');
    server.fillDisk(true);
    this.#world.queue.after(this.#duration(), () => server.fillDisk(false));
  }

  /** The next write fails for good; some time later the process is replaced and recovers from its disk. */
  #storageFailure(): void {
    const server = this.#victim();
    if (server === undefined) return;
    this.#world.coverage.hit('storage failures');
    server.failDisk();
    const { life } = server;
    this.#world.queue.after(this.#duration(), () => {
      if (server.life === life) this.crash(server);
    });
  }

  // ---- false or late reports ----

  #unreachable(): void {
    const server = this.#victim();
    if (server === undefined) return;
    this.#world.coverage.hit('unreachable reports');
    server.receive({ type: 'unreachable', id: this.#random.pick(this.#ids()) });
  }

  #snapshotReport(): void {
    const server = this.#victim();
    if (server === undefined) return;
    this.#world.coverage.hit('spurious snapshot reports');
    server.receive({
      type: 'snapshotStatus',
      to: this.#random.pick(this.#ids()),
      ok: this.#random.chance(0.5),
    });
  }

  /** Old words, some of them at once: the network had held them back. */
  #echo(): void {
    for (let times = this.#random.between(1, ECHOES_MAX); times > 0; times--) this.#world.network.echo();
  }

  /** Voters learn a candidate's term from its answers to old words, and then that it asks for votes in it. */
  #candidateEchoes(): void {
    for (const server of this.#world.servers.values())
      if (server.role === 'candidate') this.#world.network.echoAround(server.id);
  }

  /**
   * A server hears, in somebody's hello, that the configuration that this one knows to be committed is without it. Whoever
   * tells may know less than others: it may have been added again.
   */
  #removalNews(): void {
    const teller = this.#anyRunning();
    if (teller === undefined || teller.commitIndex === 0) return;
    const { log, commitIndex } = teller;
    const index = Math.max(log.configIndexBefore(commitIndex), log.snapshot?.index ?? 0);
    if (index === 0 || index > commitIndex) return; // it knows of no change
    const conf = configurationAt(log, commitIndex, teller.initialConfiguration);
    const members = [...conf.voters, ...conf.votersOutgoing, ...conf.learners];
    for (const server of this.#world.servers.values()) {
      if (members.includes(server.id) || !server.isRunning) continue;
      this.#world.coverage.hit('servers told of their removal');
      server.receive({ type: 'removed', index });
    }
  }

  // ---- choosing ----

  #victim(): SimulatedServer | undefined {
    if (this.#random.chance(0.5)) return this.#leader() ?? this.#anyRunning();
    return this.#anyRunning();
  }

  #leader(): SimulatedServer | undefined {
    const leaders = [...this.#world.servers.values()].filter((server) => server.role === 'leader');
    return leaders.length === 0 ? undefined : this.#random.pick(leaders);
  }

  #anyRunning(): SimulatedServer | undefined {
    const running = [...this.#world.servers.values()].filter((server) => server.isRunning);
    return running.length === 0 ? undefined : this.#random.pick(running);
  }

  #ids(): NodeId[] {
    return [...this.#world.servers.keys()];
  }

  #duration(): number {
    return this.#random.wait(this.#world.scenario.faultDurationMs);
  }
}

function linksAcross(ids: readonly NodeId[], isCut: (from: NodeId, to: NodeId) => boolean): Link[] {
  const links: Link[] = [];
  for (const from of ids) for (const to of ids) if (from !== to && isCut(from, to)) links.push({ from, to });
  return links;
}
