// The disk of a simulated machine: what is on it, how quick it is, and what is about to go wrong with it. It survives its
// machine's lives; what a life sees of it is in machine-vfs.ts.

import type { Fault } from '../fault-vfs/fault-vfs.js';
import { type OperationType, SimulatedDisk } from '../fault-vfs/simulated-disk.js';
import type { Survival } from '../fault-vfs/simulated-file.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { MachineEnding } from './life.js';

/** Milliseconds that operations of a kind take. */
export interface DiskPace {
  readonly read: readonly [min: number, max: number];
  /** That need not be durable: they go to memory. */
  readonly write: readonly [min: number, max: number];
  /** Syncs, and durable writes. */
  readonly sync: readonly [min: number, max: number];
}

/** What an operation meets: an error of the disk's, or the end of the machine in the middle of it. */
export type DiskFault =
  | Exclude<Fault, { readonly type: 'powerLoss' }>
  | { readonly type: 'end'; readonly ending: MachineEnding };

interface Armed {
  /** Operations that it lets pass before. */
  passes: number;
  readonly applies: (type: OperationType, path: string) => boolean;
  readonly fault: DiskFault;
  readonly onStruck: (() => void) | undefined;
}

export class MachineDisk {
  pace: DiskPace;
  capacityBytes: number = Number.POSITIVE_INFINITY;
  readonly #random: SeededRandom;
  #platter = new SimulatedDisk();
  #stalledUntil = 0;
  #armed: Armed[] = [];

  constructor(random: SeededRandom, pace: DiskPace) {
    this.#random = random;
    this.pace = pace;
  }

  /** What is on it now. Another one after each loss of power. */
  get platter(): SimulatedDisk {
    return this.#platter;
  }

  losePower(survival: Survival): void {
    this.#platter = this.#platter.afterCrash(survival, this.#random);
  }

  /** An empty one takes its place. */
  replace(): void {
    this.#platter = new SimulatedDisk();
    this.clear();
  }

  /** Nothing that is begun before then ends before then. */
  stallUntil(time: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, time);
  }

  /** After so many more operations of this sort, one meets the fault. */
  arm(fault: DiskFault, passes: number, applies: Armed['applies'], onStruck?: () => void): void {
    this.#armed.push({ fault, passes, applies, onStruck });
  }

  /** Nothing is about to go wrong any more, and there is room. */
  clear(): void {
    this.#armed = [];
    this.#stalledUntil = 0;
    this.capacityBytes = Number.POSITIVE_INFINITY;
  }

  /** What this operation meets. */
  strike(type: OperationType, path: string): DiskFault | undefined {
    if (this.#armed.length === 0) return undefined;
    for (const armed of this.#armed) {
      if (!armed.applies(type, path)) continue;
      if (armed.passes > 0) {
        armed.passes -= 1;
        continue;
      }
      this.#armed = this.#armed.filter((other) => other !== armed);
      armed.onStruck?.();
      return armed.fault;
    }
    return undefined;
  }

  /** How long an operation takes that begins at `time`. */
  duration(type: OperationType, time: number): number {
    const [min, max] = type === 'read' ? this.pace.read : isSync(type) ? this.pace.sync : this.pace.write;
    return Math.max(0, this.#stalledUntil - time) + this.#random.real(min, max);
  }
}

function isSync(type: OperationType): boolean {
  return type === 'writeDurably' || type === 'sync' || type === 'syncDirectory';
}
