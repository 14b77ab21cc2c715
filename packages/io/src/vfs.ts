// The file system as a crash-proof store needs it: positional reads and writes, syncs that can be told apart, a lock.
// Everything that touches the disk goes through here, so that a simulated disk can stand in its place. Nothing in
// this file decides anything; what a sync promises is written down in docs/durability.md.

/** How a file is opened. `read` and `update` need it to exist; `create` makes it empty, over an older one if there is one. */
export type OpenMode = 'read' | 'update' | 'create';

export interface OpenOptions {
  /** Ask for writes that are on stable storage when they return (O_DSYNC). See {@link VfsFile.isDurable}. */
  readonly durable?: boolean;
}

export type IoCallback = (error: Error | undefined) => void;

/** One file system. Paths are absolute or relative to the process; the blocking calls throw the system's error with its `code`. */
export interface Vfs {
  open(path: string, mode: OpenMode, options?: OpenOptions): VfsFile;
  /** Makes one directory. An existing one is an error (`EEXIST`). */
  mkdir(path: string): void;
  isDirectory(path: string): boolean;
  /** The names in a directory, sorted. */
  list(path: string): string[];
  /** Bytes of a file; `undefined` when there is none. */
  size(path: string): number | undefined;
  /** Atomic; replaces `to`. Durable once the directory is synced. */
  rename(from: string, to: string): void;
  renameWithCallback(from: string, to: string, callback: IoCallback): void;
  unlink(path: string): void;
  unlinkWithCallback(path: string, callback: IoCallback): void;
  /** Makes creations, renames and removals in a directory durable. Does nothing on Windows, which has no such call. */
  syncDirectory(path: string): void;
  syncDirectoryWithCallback(path: string, callback: IoCallback): void;
  /** Takes an exclusive advisory lock without waiting. Errors: {@link VfsError} `LOCKED`, also for a second holder in this process. */
  lock(path: string): VfsLock;
  /** Unpredictable bytes, here so that a simulated machine can give repeatable ones. */
  randomBytes(length: number): Uint8Array;
}

export interface VfsFile {
  readonly path: string;
  /** Whether each write is on stable storage when it returns. False where the system cannot promise it: sync then. */
  readonly isDurable: boolean;
  size(): number;
  /** Fills `target` from `position`; fewer bytes only at the end of the file. A failure throws, it never looks like an end. */
  read(target: Uint8Array, position: number): number;
  readWithCallback(
    target: Uint8Array,
    position: number,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void;
  /** Writes all of `bytes`; a short write is continued. After a failure any part of the range may have changed. */
  write(bytes: Uint8Array, position: number): void;
  /** `bytes` belongs to the file until the callback. */
  writeWithCallback(bytes: Uint8Array, position: number, callback: IoCallback): void;
  /** Contents, and the size where it changed, to stable storage (fdatasync; a full flush on macOS). */
  sync(): void;
  syncWithCallback(callback: IoCallback): void;
  truncate(length: number): void;
  close(): void;
}

/** Held until released; the system releases it when the process ends, however it ends. */
export interface VfsLock {
  release(): void;
}

/**
 * - `LOCKED`: somebody else holds the lock.
 * - `LOCK_UNAVAILABLE`: the native lock could not be loaded on this machine.
 * - `SHORT_READ`: the file ended where more was expected.
 * - `SHORT_WRITE`: the system accepted no more bytes and gave no reason.
 */
export type VfsErrorCode = 'LOCKED' | 'LOCK_UNAVAILABLE' | 'SHORT_READ' | 'SHORT_WRITE';

export class VfsError extends Error {
  override readonly name: string = 'VfsError';
  readonly code: VfsErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    code: VfsErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** Fills `target` or throws `SHORT_READ`. */
export function readExactly(file: VfsFile, target: Uint8Array, position: number): void {
  const bytesRead = file.read(target, position);
  if (bytesRead === target.length) return;
  throw new VfsError(
    'SHORT_READ',
    `${file.path} ended ${target.length - bytesRead} bytes early: ${target.length} bytes were expected at offset ${position}.`,
    { path: file.path, position, expected: target.length, bytesRead },
  );
}

/** The whole of a small file. `bytesMax` bounds what is allocated; a larger file is an error. */
export function readFile(vfs: Vfs, path: string, bytesMax: number): Uint8Array {
  const file = vfs.open(path, 'read');
  try {
    const size = file.size();
    if (size > bytesMax)
      throw new RangeError(`${path} has ${size} bytes; at most ${bytesMax} were expected.`);
    const bytes = new Uint8Array(size);
    readExactly(file, bytes, 0);
    return bytes;
  } finally {
    file.close();
  }
}
