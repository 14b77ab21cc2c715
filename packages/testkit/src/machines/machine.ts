// A simulated host: a disk, a clock and a name on the network, which survive its lives; and at most one life at a time, in
// which whatever runs on it sees that clock, disk and network through the seams of @waldb/io.

import type { Clock, Network, Vfs } from '@waldb/io';
import type { Survival } from '../fault-vfs/simulated-file.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import { Life, type MachineEnding } from './life.js';
import { MachineClock } from './machine-clock.js';
import { type DiskPace, MachineDisk } from './machine-disk.js';
import { MachineVfs } from './machine-vfs.js';
import type { SimulatedNetwork } from './simulated-network.js';
import type { Simulation } from './simulation.js';

export interface MachineOptions {
  /** Its host name, unique in the network. */
  readonly name: string;
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly diskPace: DiskPace;
  /** False is a system without O_DSYNC. Default true. */
  readonly hasDurableWrites?: boolean;
}

/** What runs on the machine is given these, and nothing else of the world. */
export interface Booted {
  readonly life: Life;
  readonly clock: Clock;
  readonly vfs: Vfs;
  readonly network: Network;
}

const SURVIVALS: readonly Survival[] = ['any', 'any', 'any', 'nothing', 'everything'];

export class Machine {
  readonly name: string;
  readonly disk: MachineDisk;
  readonly clock: MachineClock;
  readonly #options: MachineOptions;
  readonly #random: SeededRandom;
  #life: Life | undefined;

  constructor(options: MachineOptions) {
    this.name = options.name;
    this.#options = options;
    this.#random = options.simulation.random.fork();
    this.clock = new MachineClock(this.#random.real(0, 1e6));
    this.disk = new MachineDisk(this.#random.fork(), options.diskPace);
  }

  /** Undefined while it is off. */
  get life(): Life | undefined {
    return this.#life;
  }

  /** Begins a life; ends the one before, if it is not over, as a kill. */
  boot(): Booted {
    this.end('kill');
    const { simulation, network, hasDurableWrites = true } = this.#options;
    const life = new Life(simulation, this.clock);
    this.#life = life;
    const vfs = new MachineVfs({
      life,
      disk: this.disk,
      random: this.#random.fork(),
      hasDurableWrites,
      end: (ending) => this.end(ending),
    });
    return { life, clock: life.clock(), vfs, network: network.boot(this.name, life) };
  }

  /** Ends the present life, at any moment. Does nothing when there is none. */
  end(ending: MachineEnding): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    if (ending === 'powerLoss') this.#options.network.powerOff(this.name);
    life.end(ending);
    if (ending === 'powerLoss') this.disk.losePower(this.#random.pick(SURVIVALS));
  }
}
