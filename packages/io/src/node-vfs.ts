// The real file system. The blocking calls and the callback forms of node:fs, never its promises: a promise per
// operation costs as much as the operation. What a call promises is in vfs.ts.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { lockFile } from './node-lock.js';
import {
  type IoCallback,
  type OpenMode,
  type OpenOptions,
  type Vfs,
  VfsError,
  type VfsFile,
  type VfsLock,
} from './vfs.js';

/** O_DSYNC means what it says on Linux; elsewhere it is absent or, on macOS, does not reach the platter. */
const DURABLE_FLAG = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;

const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC } = fs.constants;

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  update: O_RDWR,
  create: O_RDWR | O_CREAT | O_TRUNC,
};

export class NodeVfs implements Vfs {
  open(path: string, mode: OpenMode, options: OpenOptions = {}): VfsFile {
    const durableFlag = options.durable === true ? DURABLE_FLAG : 0;
    return new NodeFile(path, fs.openSync(path, FLAGS[mode] | durableFlag, 0o644), durableFlag !== 0);
  }

  mkdir(path: string): void {
    fs.mkdirSync(path);
  }

  isDirectory(path: string): boolean {
    return statIfThere(path)?.isDirectory() ?? false;
  }

  list(path: string): string[] {
    return fs.readdirSync(path).sort();
  }

  size(path: string): number | undefined {
    return statIfThere(path)?.size;
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  renameWithCallback(from: string, to: string, callback: IoCallback): void {
    fs.rename(from, to, (error) => callback(error ?? undefined));
  }

  unlink(path: string): void {
    fs.unlinkSync(path);
  }

  unlinkWithCallback(path: string, callback: IoCallback): void {
    fs.unlink(path, (error) => callback(error ?? undefined));
  }

  syncDirectory(path: string): void {
    if (process.platform === 'win32') return;
    const fd = fs.openSync(path, O_RDONLY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  }

  syncDirectoryWithCallback(path: string, callback: IoCallback): void {
    if (process.platform === 'win32') {
      setImmediate(callback, undefined);
      return;
    }
    fs.open(path, O_RDONLY, (openError, fd) => {
      if (openError !== null) {
        callback(openError);
        return;
      }
      fs.fsync(fd, (syncError) => {
        fs.close(fd, (closeError) => callback(syncError ?? closeError ?? undefined));
      });
    });
  }

  lock(path: string): VfsLock {
    return lockFile(path);
  }

  randomBytes(length: number): Uint8Array {
    return randomBytes(length);
  }
}

class NodeFile implements VfsFile {
  readonly path: string;
  readonly isDurable: boolean;
  readonly #fd: number;
  #isOpen = true;

  constructor(path: string, fd: number, isDurable: boolean) {
    this.path = path;
    this.isDurable = isDurable;
    this.#fd = fd;
  }

  size(): number {
    return fs.fstatSync(this.#fd).size;
  }

  read(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = fs.readSync(this.#fd, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  readWithCallback(
    target: Uint8Array,
    position: number,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void {
    const readFrom = (done: number): void => {
      fs.read(this.#fd, target, done, target.length - done, position + done, (error, count) => {
        if (error !== null) callback(error, done);
        else if (count === 0 || done + count === target.length) callback(undefined, done + count);
        else readFrom(done + count);
      });
    };
    readFrom(0);
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      const count = fs.writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
      if (count === 0) throw this.#shortWrite(bytes.length - done, position + done);
      done += count;
    }
  }

  writeWithCallback(bytes: Uint8Array, position: number, callback: IoCallback): void {
    const writeFrom = (done: number): void => {
      fs.write(this.#fd, bytes, done, bytes.length - done, position + done, (error, count) => {
        if (error !== null) callback(error);
        else if (done + count === bytes.length) callback(undefined);
        else if (count === 0) callback(this.#shortWrite(bytes.length - done, position + done));
        else writeFrom(done + count);
      });
    };
    writeFrom(0);
  }

  sync(): void {
    fs.fdatasyncSync(this.#fd);
  }

  syncWithCallback(callback: IoCallback): void {
    fs.fdatasync(this.#fd, (error) => callback(error ?? undefined));
  }

  truncate(length: number): void {
    fs.ftruncateSync(this.#fd, length);
  }

  close(): void {
    if (!this.#isOpen) return; // a second close could hit a descriptor that is somebody else's by then
    this.#isOpen = false;
    fs.closeSync(this.#fd);
  }

  #shortWrite(missing: number, position: number): VfsError {
    return new VfsError(
      'SHORT_WRITE',
      `${this.path} took no more bytes at offset ${position}; ${missing} are missing and the system gave no reason.`,
      { path: this.path, position, missing },
    );
  }
}

/** Below a file there is nothing, as in a directory that lacks it: newer versions of Node say so, Node 20 throws. */
function statIfThere(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}
