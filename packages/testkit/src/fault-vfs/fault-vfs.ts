// A whole file system in memory that can fail on demand and lose power at any operation. It is as forgetful as the
// rules allow: bytes, sizes and directory entries are gone unless they were synced, and what was under way may be
// there in any part. Deterministic: the same seed gives the same bytes and the same crashes.
//
// Files and directories live in one process's view; `reopen` gives the view of the next process, after a kill (what was
// written is still in memory) or after a loss of power.

import {
  type IoCallback,
  type OpenMode,
  type OpenOptions,
  type Vfs,
  VfsError,
  type VfsFile,
  type VfsLock,
} from '@waldb/io';
import { SeededRandom } from '../sim/seeded-random.js';
import { reachable, SimulatedDirectory } from './simulated-directory.js';
import { SimulatedFile, type Survival } from './simulated-file.js';

export type OperationType =
  | 'create'
  | 'write'
  | 'writeDurably'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'syncDirectory'
  | 'read';

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

/** What every call throws from the moment the power is gone. */
export class PowerLoss extends Error {
  override readonly name: string = 'PowerLoss';
}

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

/** What an operation does, in the parts between which it can fail. */
interface Effect {
  /** On what programs see. */
  readonly begin?: () => void;
  /** The same, cut short. */
  readonly beginShort?: (bytes: number) => void;
  /** Makes it durable. */
  readonly finish?: () => void;
  /** Gives up making it durable, and says nothing of it afterwards. */
  readonly lose?: () => void;
}

export class FaultVfs implements Vfs {
  /** Every operation that changes the disk, in order, whether or not it succeeded. */
  readonly operations: Operation[] = [];
  /** May be replaced at any time. */
  faults: FaultPlan | undefined;
  /** May be changed at any time. */
  capacityBytes: number;
  readonly #hasDurableWrites: boolean;
  readonly #random: SeededRandom;
  readonly #seed: number;
  readonly #directories: Map<string, SimulatedDirectory>;
  readonly #locks = new Set<string>();
  #reads = 0;
  #isOff = false;

  constructor(
    options: FaultVfsOptions = {},
    directories: ReadonlyMap<string, SimulatedDirectory> = new Map([['/', new SimulatedDirectory()]]),
  ) {
    this.#seed = options.seed ?? 1;
    this.#random = new SeededRandom(this.#seed);
    this.#hasDurableWrites = options.hasDurableWrites ?? true;
    this.faults = options.faults;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.#directories = new Map(directories);
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
    if (ending.type === 'killed') return new FaultVfs(next, this.#directories);
    const random = new SeededRandom(ending.seed);
    const files = new Map<SimulatedFile, SimulatedFile>();
    const survivor = (file: SimulatedFile): SimulatedFile => {
      const known = files.get(file);
      if (known !== undefined) return known;
      const copy = new SimulatedFile(file.afterCrash(ending.survival, random));
      files.set(file, copy);
      return copy;
    };
    const directories = new Map<string, SimulatedDirectory>();
    for (const [path, directory] of this.#directories) {
      directories.set(path, directory.afterCrash(ending.survival, random, survivor));
    }
    return new FaultVfs(next, reachable(directories));
  }

  /** The bytes of every file in a directory as programs see them, by name. */
  contents(path: string): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const { names } = this.#directory(path);
    for (const name of [...names.keys()].sort()) {
      const file = names.get(name);
      if (file instanceof SimulatedFile) found.set(name, file.bytes());
    }
    return found;
  }

  /** Changes bytes behind everybody's back, durably: what a failing disk does. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const { directory, name } = this.#split(path);
    const file = this.#file(path);
    directory.replace(name, new SimulatedFile(change(file.bytes())));
  }

  open(path: string, mode: OpenMode, options: OpenOptions = {}): VfsFile {
    this.#checkPower();
    if (mode === 'create') {
      const { directory, name } = this.#split(path);
      this.#change({ type: 'create', path }, { begin: () => directory.link(name, new SimulatedFile()) });
    }
    const isDurable = options.durable === true && this.#hasDurableWrites;
    return this.#handle(path, this.#file(path), isDurable, mode !== 'read');
  }

  mkdir(path: string): void {
    const { directory, name } = this.#split(path);
    if (directory.names.has(name)) throw systemError('EEXIST', path);
    const begin = (): void => {
      directory.link(name, 'directory');
      this.#directories.set(path, new SimulatedDirectory());
    };
    this.#change({ type: 'mkdir', path }, { begin });
  }

  isDirectory(path: string): boolean {
    this.#checkPower();
    return this.#directories.has(path);
  }

  list(path: string): string[] {
    this.#checkPower();
    return [...this.#directory(path).names.keys()].sort();
  }

  size(path: string): number | undefined {
    this.#checkPower();
    const { directory, name } = this.#split(path);
    const file = directory.names.get(name);
    return file instanceof SimulatedFile ? file.size : undefined;
  }

  rename(from: string, to: string): void {
    const source = this.#split(from);
    const target = this.#split(to);
    if (source.directory !== target.directory) throw systemError('EXDEV', from);
    this.#file(from);
    const begin = (): void => source.directory.rename(source.name, target.name);
    this.#change({ type: 'rename', path: to }, { begin });
  }

  renameWithCallback(from: string, to: string, callback: IoCallback): void {
    later(() => this.rename(from, to), callback);
  }

  unlink(path: string): void {
    const { directory, name } = this.#split(path);
    this.#file(path);
    this.#change({ type: 'unlink', path }, { begin: () => directory.unlink(name) });
  }

  unlinkWithCallback(path: string, callback: IoCallback): void {
    later(() => this.unlink(path), callback);
  }

  syncDirectory(path: string): void {
    const directory = this.#directory(path);
    this.#change({ type: 'syncDirectory', path }, { finish: () => directory.sync() });
  }

  syncDirectoryWithCallback(path: string, callback: IoCallback): void {
    later(() => this.syncDirectory(path), callback);
  }

  lock(path: string): VfsLock {
    this.#checkPower();
    if (this.#locks.has(path)) throw new VfsError('LOCKED', `${path} is locked.`, { path });
    if (this.size(path) === undefined) {
      const { directory, name } = this.#split(path);
      this.#change({ type: 'create', path }, { begin: () => directory.link(name, new SimulatedFile()) });
    }
    this.#locks.add(path);
    return { release: () => void this.#locks.delete(path) };
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }

  #handle(path: string, file: SimulatedFile, isDurable: boolean, isWritable: boolean): VfsFile {
    let isOpen = true;
    const check = (forWriting: boolean): void => {
      if (!isOpen || (forWriting && !isWritable)) throw systemError('EBADF', path);
    };
    const read = (target: Uint8Array, position: number): number => {
      check(false);
      return this.#read(path, target, position, file);
    };
    const write = (bytes: Uint8Array, position: number): void => {
      check(true);
      this.#write({ path, file, isDurable }, bytes, position);
    };
    const sync = (): void => {
      check(false);
      this.#change({ type: 'sync', path }, { finish: () => file.sync(), lose: () => file.failSync() });
    };
    return {
      path,
      isDurable,
      size: () => {
        check(false);
        return file.size;
      },
      read,
      readWithCallback: (target, position, callback) => {
        let count = 0;
        later(
          () => {
            count = read(target, position);
          },
          (error) => callback(error, count),
        );
      },
      write,
      writeWithCallback: (bytes, position, callback) => later(() => write(bytes, position), callback),
      sync,
      syncWithCallback: (callback) => later(sync, callback),
      truncate: (length) => {
        check(true);
        this.#change({ type: 'truncate', path }, { begin: () => file.truncate(length) });
      },
      close: () => {
        isOpen = false;
      },
    };
  }

  #read(path: string, target: Uint8Array, position: number, file: SimulatedFile): number {
    this.#checkPower();
    this.#reads += 1;
    const operation: Operation = { type: 'read', path, number: this.#reads, position, bytes: target.length };
    const fault = this.faults?.(operation);
    if (fault?.type === 'error') throw systemError(fault.code, path);
    if (fault?.type === 'shortRead') return file.read(target.subarray(0, fault.bytes), position);
    return file.read(target, position);
  }

  #write(
    at: { readonly path: string; readonly file: SimulatedFile; readonly isDurable: boolean },
    bytes: Uint8Array,
    position: number,
  ): void {
    const { path, file, isDurable } = at;
    const type = isDurable ? 'writeDurably' : 'write';
    const operation = { type, path, position, bytes: bytes.length } as const;
    if (position + bytes.length > file.size) this.#checkCapacity(path, position + bytes.length - file.size);
    // A durable write that is cut off by a loss of power, or fails, leaves what an ordinary one would.
    this.#change(operation, {
      begin: () => file.write(bytes, position),
      beginShort: (count) => file.write(bytes.subarray(0, count), position),
      ...(isDurable && { finish: () => file.writeDurably(bytes, position), lose: () => file.failSync() }),
    });
  }

  /**
   * Runs one operation. An error comes before it has begun; a loss of power in the middle, and then the crash decides
   * what of it is left.
   */
  #change(what: Omit<Operation, 'number'>, effect: Effect): void {
    this.#checkPower();
    const operation: Operation = { ...what, number: this.operations.length + 1 };
    this.operations.push(operation);
    const fault = this.faults?.(operation);
    if (fault?.type === 'error') throw systemError(fault.code, what.path);
    if (fault?.type === 'shortWrite') {
      effect.beginShort?.(fault.bytes);
      throw systemError(fault.code, what.path);
    }
    effect.begin?.();
    if (fault?.type === 'lostSync') {
      effect.lose?.();
      throw systemError(fault.code, what.path);
    }
    if (fault?.type === 'powerLoss') {
      this.#isOff = true;
      this.#checkPower();
    }
    effect.finish?.();
  }

  #checkCapacity(path: string, bytesMore: number): void {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return;
    const files = new Set<SimulatedFile>();
    for (const { names } of this.#directories.values()) {
      for (const entry of names.values()) if (entry !== 'directory') files.add(entry);
    }
    let bytes = bytesMore;
    for (const file of files) bytes += file.size;
    if (bytes > this.capacityBytes) throw systemError('ENOSPC', path);
  }

  #checkPower(): void {
    if (this.#isOff) throw new PowerLoss('The power is gone.');
  }

  #file(path: string): SimulatedFile {
    const { directory, name } = this.#split(path);
    const file = directory.names.get(name);
    if (!(file instanceof SimulatedFile)) throw systemError('ENOENT', path);
    return file;
  }

  #directory(path: string): SimulatedDirectory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw systemError('ENOENT', path);
    return directory;
  }

  #split(path: string): { readonly directory: SimulatedDirectory; readonly name: string } {
    this.#checkPower();
    const slash = path.lastIndexOf('/');
    return { directory: this.#directory(path.slice(0, slash) || '/'), name: path.slice(slash + 1) };
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

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}
