// The file system as one life of a machine sees it. A blocking call holds the whole machine up until the disk is done; what
// is done by callback begins at once or when it ends, as the kernel likes, and is done when its time is over. At the end
// of the life nothing of it has an effect any more, but for what was in the kernel's hands: that may be done or not.

import type { IoCallback } from '@waldb/io';
import { type DiskRead, DiskVfs, PowerLoss } from '../fault-vfs/disk-vfs.js';
import { type DiskChange, systemError } from '../fault-vfs/simulated-disk.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { Life, MachineEnding } from './life.js';
import type { DiskFault, MachineDisk } from './machine-disk.js';

export interface MachineVfsOptions {
  readonly life: Life;
  readonly disk: MachineDisk;
  readonly random: SeededRandom;
  readonly hasDurableWrites: boolean;
  /** Ends the machine in the middle of what it does. */
  readonly end: (ending: MachineEnding) => void;
}

interface InFlight {
  readonly change: DiskChange;
  hasBegun: boolean;
}

export class MachineVfs extends DiskVfs {
  readonly #options: MachineVfsOptions;
  readonly #inFlight = new Set<InFlight>();

  constructor(options: MachineVfsOptions) {
    super({ ...options, disk: options.disk.platter });
    this.#options = options;
    options.life.whenOver((ending) => this.#leave(ending));
  }

  protected override check(): void {
    if (this.#options.life.isOver) throw new PowerLoss('This life of the machine is over.');
  }

  protected override change(change: DiskChange): void {
    const fault = this.#strike(change);
    this.#block(change.type);
    if (fault === undefined) {
      change.begin?.();
      change.finish?.();
    } else this.#fail(change, fault, false);
  }

  protected override changeLater(make: () => DiskChange, callback: IoCallback): void {
    const { life, disk, random } = this.#options;
    if (life.isOver) return;
    let inFlight: InFlight;
    let fault: DiskFault | undefined;
    try {
      inFlight = { change: make(), hasBegun: false };
      fault = this.#strike(inFlight.change);
    } catch (error) {
      this.#later(0, () => callback(error as Error)); // only errors are thrown there
      return;
    }
    const { change } = inFlight;
    if (fault === undefined && random.chance(0.5)) begin(inFlight);
    this.#inFlight.add(inFlight);
    this.#later(disk.duration(change.type, life.now), () => {
      this.#inFlight.delete(inFlight);
      let error: Error | undefined;
      try {
        if (fault === undefined) {
          begin(inFlight);
          change.finish?.();
        } else this.#fail(change, fault, inFlight.hasBegun);
      } catch (caught) {
        error = caught as Error; // only errors are thrown there
      }
      if (!life.isOver) callback(error);
    });
  }

  protected override read(read: DiskRead): number {
    this.check();
    this.#block('read');
    return this.#read(read);
  }

  protected override readLater(
    make: () => DiskRead,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void {
    const { life, disk } = this.#options;
    if (life.isOver) return;
    this.#later(disk.duration('read', life.now), () => {
      let error: Error | undefined;
      let count = 0;
      try {
        count = this.#read(make());
      } catch (caught) {
        error = caught as Error; // only errors are thrown there
      }
      if (!life.isOver) callback(error, count);
    });
  }

  #read({ path, bytes, run }: DiskRead): number {
    const fault = this.#options.disk.strike('read', path);
    if (fault === undefined) return run();
    switch (fault.type) {
      case 'shortRead':
        return run(Math.min(fault.bytes, bytes));
      case 'end':
        this.#options.end(fault.ending);
        throw new PowerLoss('The machine ended in the middle of a read.');
      default:
        throw systemError(fault.code, path);
    }
  }

  /** What the operation is about to meet. A file that grows may meet the end of the disk. */
  #strike({ type, path, bytesMore = 0 }: DiskChange): DiskFault | undefined {
    this.check();
    const { disk } = this.#options;
    const fault = disk.strike(type, path);
    if (fault !== undefined) return fault;
    if (bytesMore === 0 || disk.capacityBytes === Number.POSITIVE_INFINITY) return undefined;
    const isFull = this.disk.usedBytes + bytesMore > disk.capacityBytes;
    return isFull ? { type: 'error', code: 'ENOSPC' } : undefined;
  }

  #fail(change: DiskChange, fault: DiskFault, hasBegun: boolean): void {
    const { random, end } = this.#options;
    switch (fault.type) {
      case 'error':
        break;
      case 'shortRead':
        break; // is for reads; a change that meets it just fails
      case 'shortWrite':
        if (!hasBegun) change.beginShort?.(Math.min(fault.bytes, change.bytes ?? 0));
        break;
      case 'lostSync':
        if (!hasBegun) change.begin?.();
        change.lose?.();
        break;
      case 'end':
        if (!hasBegun && random.chance(0.7)) change.begin?.();
        if (fault.ending === 'kill' && random.chance(0.5)) change.finish?.();
        end(fault.ending);
        throw new PowerLoss(`The machine ended in the middle of ${change.type}.`);
    }
    throw systemError('code' in fault ? fault.code : 'EIO', change.path);
  }

  #block(type: DiskChange['type']): void {
    const { life, disk } = this.#options;
    life.block(disk.duration(type, life.now));
  }

  #later(delayMs: number, run: () => void): void {
    const { life } = this.#options;
    life.at(life.now + delayMs, 'input', run);
  }

  /** What the kernel had in hand is done or not; what it did is durable only if it still had the time for that. */
  #leave(ending: MachineEnding): void {
    const { random } = this.#options;
    for (const inFlight of this.#inFlight) {
      if (random.chance(0.5)) begin(inFlight);
      if (ending === 'kill' && inFlight.hasBegun && random.chance(0.5)) inFlight.change.finish?.();
    }
    this.#inFlight.clear();
  }
}

function begin(inFlight: InFlight): void {
  if (!inFlight.hasBegun) inFlight.change.begin?.();
  inFlight.hasBegun = true;
}
