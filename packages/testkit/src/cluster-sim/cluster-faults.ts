// Carries out the faults of a run's schedule. Everything about one of them is decided by its own seed and by how the
// cluster is at that moment; none of them asks the cluster more than an attacker could see. Faults of the network and pauses
// end by themselves after a while, all of them when calm is ordered.

import type { NodeId } from '@waldb/core';
import type { OperationType } from '../fault-vfs/simulated-disk.js';
import type { Life, MachineEnding } from '../machines/life.js';
import type { DiskFault, DiskPace } from '../machines/machine-disk.js';
import { SeededRandom } from '../sim/seeded-random.js';
import type { ClusterFault } from './cluster-coverage.js';
import type { ScheduledAction } from './cluster-scenario.js';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, leaderOf, presentServers, runningServers } from './cluster-world.js';
import { loseDisk } from './lost-disk.js';
import { flipBit, isProvenByMetadataAlone, misdirectSector, rotProvenFrame } from './rot.js';

const JUMP_MS_MAX = 3_600_000;
/** How long one lies in wait for a state that logs are seldom in, and how often one looks. */
const AMBUSH_MS = 3_000;
const LOOK_MS = 5;

/** The servers that something was done to; undefined where it could not be done. */
type Victims = readonly ClusterServer[] | undefined;

export class ClusterFaults {
  readonly #world: ClusterWorld;

  constructor(world: ClusterWorld) {
    this.#world = world;
  }

  inject(action: ScheduledAction, kind: ClusterFault): void {
    const random = new SeededRandom(action.seed);
    const done = (victims: Victims): void => this.#tell(action, kind, victims);
    if (kind === 'rot of a proven frame') this.#rotProvenFrame(random, done);
    else done(this.#inject(kind, random));
  }

  #tell({ index }: ScheduledAction, kind: ClusterFault, victims: Victims): void {
    if (victims === undefined) return;
    const { simulation, coverage, observer, log } = this.#world;
    coverage.hit(kind);
    const servers = victims.map(({ id }) => id);
    log?.(`#${index} ${kind}${servers.length > 0 ? `: ${servers.join(', ')}` : ''}`);
    observer.tell('faultInjected', { index, kind, servers, at: simulation.now });
  }

  /** Ends all that was begun, and lets everything run again. */
  calm(): void {
    const { network, scenario } = this.#world;
    network.heal();
    // The retired ones too: one of them may be closing, and others wait for what it still owes them.
    for (const server of this.#world.servers.values()) {
      server.machine.disk.clear();
      server.machine.disk.pace = scenario.disk;
      server.running?.life.resume();
      if (server.hasLostDisk) server.giveUp();
    }
  }

  #inject(kind: Exclude<ClusterFault, 'rot of a proven frame'>, random: SeededRandom): Victims {
    const servers = presentServers(this.#world);
    const running = runningServers(this.#world);
    const leader = leaderOf(this.#world);
    if (servers.length === 0 || running.length === 0) return undefined;
    const one = random.pick(running);
    switch (kind) {
      case 'server isolated':
        return this.#isolate(random.pick(servers), random);
      case 'leader isolated':
        return leader && this.#isolate(leader, random);
      case 'partition':
        return this.#partition(servers, random, false);
      case 'bridge':
        return this.#partition(servers, random, true);
      case 'one-way cut':
        return this.#pair(servers, random, ([from, to]) => this.#hold([[from, to]], random));
      case 'pair cut':
        return this.#pair(servers, random, ([a, b]) => this.#hold(bothWays(a, b), random));
      case 'slow link':
        return this.#pair(servers, random, ([a, b]) => this.#slow(a, b, random));
      case 'connections broken':
        return this.#pair(servers, random, ([a, b]) => this.#break(a, b, undefined));
      case 'half-open connections':
        return this.#pair(servers, random, ([a, b]) => this.#break(a, b, a));
      case 'connection stalled':
        return this.#pair(servers, random, ([a, b]) => this.#stall(a, b, random));
      case 'kill':
        return this.#end([one], 'kill');
      case 'power loss':
        return this.#end([one], 'powerLoss');
      case 'power loss of all':
        return this.#end(servers, 'powerLoss');
      case 'kill in an I/O operation':
        return this.#arm(one, random, { type: 'end', ending: 'kill' }, 'any');
      case 'power loss in an I/O operation':
        return this.#arm(one, random, { type: 'end', ending: 'powerLoss' }, 'any');
      case 'pause':
        return this.#pause(one, random);
      case 'leader paused':
        return leader && this.#pause(leader, random);
      case 'clock rate changed':
        return this.#changeRate(one, random);
      case 'date jumped':
        one.machine.clock.jump(random.real(-JUMP_MS_MAX, JUMP_MS_MAX));
        return [one];
      case 'disk slowed down':
        return this.#slowDisk(one, random);
      case 'disk stalled':
        one.machine.disk.stallUntil(this.#world.simulation.now + random.real(200, 5_000));
        return [one];
      case 'write error':
        return this.#arm(one, random, { type: 'error', code: 'EIO' }, 'change');
      case 'lost sync':
        return this.#arm(one, random, { type: 'lostSync', code: 'EIO' }, 'sync');
      case 'short write':
        return this.#arm(one, random, { type: 'shortWrite', bytes: random.below(600), code: 'EIO' }, 'write');
      case 'read error':
        return this.#arm(one, random, { type: 'error', code: 'EIO' }, 'read');
      case 'short read':
        return this.#arm(one, random, { type: 'shortRead', bytes: random.below(20) }, 'read');
      case 'disk full':
        return this.#fill(one, random);
      case 'bit rot':
        return this.#damage(random.pick(servers), (server) => flipBit(server.machine.disk.platter, random));
      case 'misdirected write':
        return this.#damage(random.pick(servers), (server) =>
          misdirectSector(server.machine.disk.platter, random),
        );
      case 'disk lost':
        return this.#damage(random.pick(servers), (server) => loseDisk(this.#world, server, random));
    }
  }

  // ---- network ----

  #isolate(server: ClusterServer, random: SeededRandom): Victims {
    const others = presentServers(this.#world).filter((other) => other !== server);
    if (others.length === 0) return undefined;
    this.#hold(
      others.flatMap((other) => bothWays(server, other)),
      random,
    );
    return [server];
  }

  /** Two groups that do not reach each other, but for one server that reaches everybody where there is a bridge. */
  #partition(servers: readonly ClusterServer[], random: SeededRandom, hasBridge: boolean): Victims {
    const bridge = hasBridge ? random.pick(servers) : undefined;
    const group = servers.filter((server) => server !== bridge && random.chance(0.5));
    const rest = servers.filter((server) => server !== bridge && !group.includes(server));
    if (group.length === 0 || rest.length === 0) return undefined;
    this.#hold(
      group.flatMap((one) => rest.flatMap((other) => bothWays(one, other))),
      random,
    );
    return group;
  }

  #pair(
    servers: readonly ClusterServer[],
    random: SeededRandom,
    act: (pair: readonly [ClusterServer, ClusterServer]) => boolean,
  ): Victims {
    if (servers.length < 2) return undefined;
    const one = random.pick(servers);
    const other = random.pick(servers.filter((server) => server !== one));
    return act([one, other]) ? [one, other] : undefined;
  }

  #hold(ways: readonly Way[], random: SeededRandom): boolean {
    const { network } = this.#world;
    for (const [from, to] of ways) network.hold(from.machine.name, to.machine.name);
    this.#after(random.wait(2_000), () => {
      for (const [from, to] of ways) network.release(from.machine.name, to.machine.name);
    });
    return true;
  }

  #slow(one: ClusterServer, other: ClusterServer, random: SeededRandom): boolean {
    const { network } = this.#world;
    const pace = { latencyMs: [1, random.pick([20, 200, 600])], bytesPerMs: random.pick([2, 20]) } as const;
    const ways = bothWays(one, other);
    for (const [from, to] of ways) network.setPace(from.machine.name, to.machine.name, pace);
    this.#after(random.wait(3_000), () => {
      for (const [from, to] of ways) network.setPace(from.machine.name, to.machine.name, undefined);
    });
    return true;
  }

  #break(one: ClusterServer, other: ClusterServer, told: ClusterServer | undefined): boolean {
    return this.#world.network.breakConnections(one.machine.name, other.machine.name, told?.machine.name) > 0;
  }

  #stall(one: ClusterServer, other: ClusterServer, random: SeededRandom): boolean {
    const { network } = this.#world;
    return network.stallConnection(one.machine.name, other.machine.name, random.real(500, 8_000)) > 0;
  }

  // ---- machines ----

  #end(servers: readonly ClusterServer[], ending: MachineEnding): Victims {
    for (const server of servers) server.machine.end(ending);
    return servers;
  }

  #pause(server: ClusterServer, random: SeededRandom): Victims {
    const life: Life | undefined = server.running?.life;
    if (life === undefined) return undefined;
    life.pause();
    this.#after(random.wait(1_500), () => life.resume());
    return [server];
  }

  #changeRate(server: ClusterServer, random: SeededRandom): Victims {
    const { clockDrift } = this.#world.scenario;
    if (clockDrift === 0) return undefined;
    server.machine.clock.setRate(random.real(1 - clockDrift, 1 + clockDrift), server.running?.life.now ?? 0);
    return [server];
  }

  // ---- disks ----

  #arm(
    server: ClusterServer,
    random: SeededRandom,
    fault: DiskFault,
    meant: 'any' | 'change' | 'sync' | 'write' | 'read',
  ): Victims {
    const applies = (type: OperationType): boolean => MEANT[meant].has(type);
    const isError = fault.type !== 'end';
    server.machine.disk.arm(fault, random.below(isError ? 12 : 60), applies, () => {
      if (!isError) return;
      server.metFault(meant === 'read');
      this.#world.coverage.hit('disk errors struck');
    });
    return [server];
  }

  #slowDisk(server: ClusterServer, random: SeededRandom): Victims {
    const { disk } = server.machine;
    const factor = random.pick([5, 20, 60]);
    const slower = ([min, max]: readonly [number, number]): [number, number] => [min * factor, max * factor];
    const { read, write, sync } = this.#world.scenario.disk;
    const pace: DiskPace = { read: slower(read), write: slower(write), sync: slower(sync) };
    disk.pace = pace;
    this.#after(random.wait(3_000), () => {
      if (disk.pace === pace) disk.pace = this.#world.scenario.disk;
    });
    return [server];
  }

  #fill(server: ClusterServer, random: SeededRandom): Victims {
    const { disk } = server.machine;
    const capacityBytes = disk.platter.usedBytes + random.below(20_000);
    disk.capacityBytes = capacityBytes;
    server.metFault(false);
    this.#after(random.wait(3_000), () => {
      if (disk.capacityBytes === capacityBytes) disk.capacityBytes = Number.POSITIVE_INFINITY;
    });
    return [server];
  }

  /**
   * Only who opens the log, or reads the frame back, meets the damage: half of the time somebody does at once. A frame that
   * the metadata alone proves is there for a moment only, until the next frame proves it as well: half of the time one lies
   * in wait for it, and then it is always at once.
   */
  #rotProvenFrame(random: SeededRandom, done: (victims: Victims) => void): void {
    const servers = presentServers(this.#world);
    if (servers.length === 0) return;
    const server = random.pick(servers);
    const patientUntil = random.chance(0.5) ? this.#world.simulation.now + AMBUSH_MS : 0;
    const look = (): void => {
      if (server.isRetired) return;
      const isPatient = this.#world.simulation.now < patientUntil;
      const suits = isPatient ? isProvenByMetadataAlone : undefined;
      const victims = this.#damage(server, ({ machine }) =>
        rotProvenFrame(machine.disk.platter, random, suits),
      );
      if (victims === undefined && isPatient) this.#after(LOOK_MS, look);
      if (victims !== undefined && (isPatient || random.chance(0.5))) {
        this.#end(victims, random.pick(['kill', 'powerLoss']));
      }
      done(victims);
    };
    look();
  }

  /** Once for each server, and never on as many as would be a majority: no copies could make up for that. */
  #damage(server: ClusterServer, damage: (server: ClusterServer) => string | undefined): Victims {
    if (server.isDamaged || !this.#maySpare(server.id)) return undefined;
    const path = damage(server);
    if (path === undefined) return undefined;
    server.isDamaged = true;
    this.#world.log?.(`server ${server.id} has a damaged ${path}`);
    return [server];
  }

  /**
   * Whether a majority is left without it, in every configuration that may come to be in force: what stands in any log,
   * committed or not, may, and so may what the operator has just asked for.
   */
  #maySpare(id: NodeId): boolean {
    if (leaderOf(this.#world) === undefined || this.#world.isReshaping) return false;
    const servers = presentServers(this.#world);
    const damaged = servers.filter((server) => server.isDamaged || server.id === id).length;
    return servers.every(({ lastConfiguration }) => {
      if (lastConfiguration === undefined) return true; // it has not heard of any
      const { voters, votersOutgoing } = lastConfiguration;
      return votersOutgoing.length === 0 && damaged <= Math.floor((voters.length - 1) / 2);
    });
  }

  /** Calm comes before or after; ending a thing twice does no harm. */
  #after(delayMs: number, run: () => void): void {
    const { simulation } = this.#world;
    simulation.after(delayMs, () => {
      simulation.idle();
      if (!this.#world.isCalm) run();
    });
  }
}

type Way = readonly [from: ClusterServer, to: ClusterServer];

function bothWays(one: ClusterServer, other: ClusterServer): Way[] {
  return [
    [one, other],
    [other, one],
  ];
}

const WRITES: readonly OperationType[] = ['write', 'writeDurably'];
const SYNCS: readonly OperationType[] = ['writeDurably', 'sync', 'syncDirectory'];
const CHANGES: readonly OperationType[] = [
  ...WRITES,
  ...SYNCS,
  'create',
  'rename',
  'unlink',
  'truncate',
  'mkdir',
];
const MEANT: Readonly<Record<'any' | 'change' | 'sync' | 'write' | 'read', ReadonlySet<OperationType>>> = {
  any: new Set([...CHANGES, 'read']),
  change: new Set(CHANGES),
  sync: new Set(SYNCS),
  write: new Set(WRITES),
  read: new Set<OperationType>(['read']),
};
