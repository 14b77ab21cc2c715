// A whole file system in memory that can fail on demand and lose power at any operation. It is as forgetful as the
// rules allow: bytes, sizes and directory entries are gone unless they were synced, and what was under way may be
// there in any part. Deterministic: the same seed gives the same bytes and the same crashes. It knows no time: an
// operation takes place when it is called, and its callback comes right after.
//
// Files and directories live in one process's view; `reopen` gives the view of the next process, after a kill (what was
// written is still in memory) or after a loss of power.

import type { IoCallback } from '@waldb/io';
import { SeededRandom } from '../sim/seeded-random.js';
import { type DiskRead, DiskVfs, PowerLoss } from './disk-vfs.js';
import { type DiskChange, type OperationType, SimulatedDisk, systemError } from './simulated-disk.js';
import type { Survival } from './simulated-file.js';

/** One call that changes the disk, or reads it. Reads are numbered apart. */
export interface Operation {
  readonly type: OperationType;
  readonly path: string;
  /** From 1, over all operations of the kind "changes" or of the kind "reads". */
  readonly number: number;
  readonly position?: number;
  readonly bytes?: number;
}

/**
 * - `error`: the operation fails with this system error and has no effect.
 * - `lostSync`: a durable write or a sync fails after the bytes were taken: every read shows them, and they will never
 *   be written, not even by a later sync that succeeds.
 * - `shortWrite`: only this many bytes are written, then it fails.
 * - `shortRead`: the file seems to end after this many bytes.
 * - `powerLoss`: the operation has begun when the power goes; every later call fails.
 */
export type Fault =
  | { readonly type: 'error'; readonly code: 'EIO' | 'ENOSPC' | 'EINTR' | 'EDQUOT' }
  | { readonly type: 'lostSync'; readonly code: 'EIO' | 'ENOSPC' }
  | { readonly type: 'shortWrite'; readonly bytes: number; readonly code: 'EIO' | 'ENOSPC' }
  | { readonly type: 'shortRead'; readonly bytes: number }
  | { readonly type: 'powerLoss' };

/** Says what goes wrong with an operation; `undefined` for nothing. */
export type FaultPlan = (operation: Operation) => Fault | undefined;

export interface FaultVfsOptions {
  readonly seed?: number;
  /** Whether files opened as durable are. Default true; false is a system without O_DSYNC. */
  readonly hasDurableWrites?: boolean;
  readonly faults?: FaultPlan;
  /** How many bytes all files together may have; a write that would make them more fails with ENOSPC. Default: no limit. */
  readonly capacityBytes?: number;
}

/** How the last process ended. */
export type Ending =
  | { readonly type: 'killed' }
  | { readonly type: 'powerLoss'; readonly survival: Survival; readonly seed: number };

export class FaultVfs extends DiskVfs {
  /** Every operation that changes the disk, in order, whether or not it succeeded. */
  readonly operations: Operation[] = [];
  /** May be replaced at any time. */
  faults: FaultPlan | undefined;
  /** May be changed at any time. */
  capacityBytes: number;
  readonly #hasDurableWrites: boolean;
  readonly #seed: number;
  #reads = 0;
  #isOff = false;

  constructor(options: FaultVfsOptions = {}, disk: SimulatedDisk = new SimulatedDisk()) {
    const { seed = 1, hasDurableWrites = true, faults, capacityBytes } = options;
    super({ disk, random: new SeededRandom(seed), hasDurableWrites });
    this.#seed = seed;
    this.#hasDurableWrites = hasDurableWrites;
    this.faults = faults;
    this.capacityBytes = capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The same disk for the next process. This one can be used no more after a loss of power. */
  reopen(ending: Ending, options: FaultVfsOptions = {}): FaultVfs {
    const { capacityBytes } = this;
    const next = {
      seed: this.#seed + 1,
      hasDurableWrites: this.#hasDurableWrites,
      capacityBytes,
      ...options,
    };
    if (ending.type === 'killed') return new FaultVfs(next, this.disk);
    return new FaultVfs(next, this.disk.afterCrash(ending.survival, new SeededRandom(ending.seed)));
  }

  /** The bytes of every file in a directory as programs see them, by name. */
  contents(path: string): Map<string, Uint8Array> {
    this.check();
    return this.disk.contents(path);
  }

  /** Changes bytes behind everybody's back, durably: what a failing disk does. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    this.check();
    this.disk.damage(path, change);
  }

  /** The same to a file that somebody has open, who meets it when he reads. */
  rot(path: string, bytes: Uint8Array, position: number): void {
    this.check();
    this.disk.file(path).rot(bytes, position);
  }

  protected override check(): void {
    if (this.#isOff) throw new PowerLoss('The power is gone.');
  }

  protected override read({ path, position, bytes, run }: DiskRead): number {
    this.check();
    this.#reads += 1;
    const fault = this.faults?.({ type: 'read', path, number: this.#reads, position, bytes });
    if (fault?.type === 'error') throw systemError(fault.code, path);
    return run(fault?.type === 'shortRead' ? Math.min(fault.bytes, bytes) : undefined);
  }

  protected override readLater(
    make: () => DiskRead,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void {
    let count = 0;
    later(
      () => {
        count = this.read(make());
      },
      (error) => callback(error, count),
    );
  }

  protected override changeLater(make: () => DiskChange, callback: IoCallback): void {
    later(() => {
      this.check();
      this.change(make());
    }, callback);
  }

  /**
   * Runs one operation. An error comes before it has begun; a loss of power in the middle, and then the crash decides
   * what of it is left.
   */
  protected override change(change: DiskChange): void {
    this.check();
    const { type, path, position, bytes, bytesMore = 0 } = change;
    if (bytesMore > 0 && this.capacityBytes < Number.POSITIVE_INFINITY) {
      if (this.disk.usedBytes + bytesMore > this.capacityBytes) throw systemError('ENOSPC', path);
    }
    const operation: Operation = {
      ...{ type, path, number: this.operations.length + 1 },
      ...(position !== undefined && { position }),
      ...(bytes !== undefined && { bytes }),
    };
    this.operations.push(operation);
    const fault = this.faults?.(operation);
    if (fault?.type === 'error') throw systemError(fault.code, path);
    if (fault?.type === 'shortWrite') {
      change.beginShort?.(fault.bytes);
      throw systemError(fault.code, path);
    }
    change.begin?.();
    if (fault?.type === 'lostSync') {
      change.lose?.();
      throw systemError(fault.code, path);
    }
    if (fault?.type === 'powerLoss') {
      this.#isOff = true;
      this.check();
    }
    change.finish?.();
  }
}

/** Runs now, reports later: as if the operation had taken place between two turns of the event loop. */
function later(run: () => void, callback: IoCallback): void {
  let error: Error | undefined;
  try {
    run();
  } catch (caught) {
    error = caught as Error; // only errors are thrown here
  }
  queueMicrotask(() => callback(error));
}
