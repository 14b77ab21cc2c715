// A `Vfs` on a simulated disk. Which calls there are and what they mean for the disk is said here; when an operation
// takes effect, how it fails and when its callback comes is its heir's.

import {
  type IoCallback,
  type OpenMode,
  type OpenOptions,
  type Vfs,
  VfsError,
  type VfsFile,
  type VfsLock,
} from '@waldb/io';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { DiskChange, OpenedFile, SimulatedDisk } from './simulated-disk.js';
import { systemError } from './simulated-disk.js';

/** What every call throws from the moment the power is gone. */
export class PowerLoss extends Error {
  override readonly name: string = 'PowerLoss';
}

/** A read that is to be carried out. */
export interface DiskRead {
  readonly path: string;
  readonly position: number;
  readonly bytes: number;
  /** Reads at most so many bytes. */
  readonly run: (bytesMax?: number) => number;
}

export interface DiskVfsOptions {
  readonly disk: SimulatedDisk;
  readonly random: SeededRandom;
  readonly hasDurableWrites: boolean;
}

export abstract class DiskVfs implements Vfs {
  protected readonly disk: SimulatedDisk;
  readonly #random: SeededRandom;
  readonly #hasDurableWrites: boolean;
  readonly #locks = new Set<string>();

  constructor({ disk, random, hasDurableWrites }: DiskVfsOptions) {
    this.disk = disk;
    this.#random = random;
    this.#hasDurableWrites = hasDurableWrites;
  }

  /** Throws `PowerLoss` if this machine is no more. */
  protected abstract check(): void;
  protected abstract change(change: DiskChange): void;
  /** `make` looks at the disk when the operation begins, and throws where there is nothing to do it to. */
  protected abstract changeLater(make: () => DiskChange, callback: IoCallback): void;
  protected abstract read(read: DiskRead): number;
  protected abstract readLater(
    make: () => DiskRead,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void;

  open(path: string, mode: OpenMode, options: OpenOptions = {}): VfsFile {
    this.check();
    if (mode === 'create') this.change(this.disk.create(path));
    const isDurable = options.durable === true && this.#hasDurableWrites;
    return this.#handle({ path, file: this.disk.file(path), isDurable }, mode !== 'read');
  }

  mkdir(path: string): void {
    this.check();
    this.change(this.disk.mkdir(path));
  }

  isDirectory(path: string): boolean {
    this.check();
    return this.disk.isDirectory(path);
  }

  list(path: string): string[] {
    this.check();
    return this.disk.list(path);
  }

  size(path: string): number | undefined {
    this.check();
    return this.disk.size(path);
  }

  rename(from: string, to: string): void {
    this.check();
    this.change(this.disk.rename(from, to));
  }

  renameWithCallback(from: string, to: string, callback: IoCallback): void {
    this.changeLater(() => this.disk.rename(from, to), callback);
  }

  unlink(path: string): void {
    this.check();
    this.change(this.disk.unlink(path));
  }

  unlinkWithCallback(path: string, callback: IoCallback): void {
    this.changeLater(() => this.disk.unlink(path), callback);
  }

  syncDirectory(path: string): void {
    this.check();
    this.change(this.disk.syncDirectory(path));
  }

  syncDirectoryWithCallback(path: string, callback: IoCallback): void {
    this.changeLater(() => this.disk.syncDirectory(path), callback);
  }

  lock(path: string): VfsLock {
    this.check();
    if (this.#locks.has(path)) throw new VfsError('LOCKED', `${path} is locked.`, { path });
    if (this.disk.size(path) === undefined) this.change(this.disk.create(path));
    this.#locks.add(path);
    return { release: () => void this.#locks.delete(path) };
  }

  randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.below(256));
  }

  #handle(opened: OpenedFile, isWritable: boolean): VfsFile {
    const { path, file, isDurable } = opened;
    let isOpen = true;
    const check = (forWriting: boolean): void => {
      this.check();
      if (!isOpen || (forWriting && !isWritable)) throw systemError('EBADF', path);
    };
    const reading = (target: Uint8Array, position: number): DiskRead => {
      check(false);
      const run = (bytesMax = target.length) => file.read(target.subarray(0, bytesMax), position);
      return { path, position, bytes: target.length, run };
    };
    const writing = (bytes: Uint8Array, position: number): DiskChange => {
      check(true);
      return this.disk.write(opened, bytes, position);
    };
    const syncing = (): DiskChange => {
      check(false);
      return this.disk.sync(opened);
    };
    return {
      path,
      isDurable,
      size: () => {
        check(false);
        return file.size;
      },
      read: (target, position) => this.read(reading(target, position)),
      readWithCallback: (target, position, callback) =>
        this.readLater(() => reading(target, position), callback),
      write: (bytes, position) => this.change(writing(bytes, position)),
      writeWithCallback: (bytes, position, callback) =>
        this.changeLater(() => writing(bytes, position), callback),
      sync: () => this.change(syncing()),
      syncWithCallback: (callback) => this.changeLater(syncing, callback),
      truncate: (length) => {
        check(true);
        this.change(this.disk.truncate(opened, length));
      },
      close: () => {
        isOpen = false;
      },
    };
  }
}
