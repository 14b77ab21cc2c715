// The machine's file system, with a journal of every change: what a change replaced is written down before it is made,
// and that it ended, once it has. Out of both, another process can tell what a loss of power might have taken
// (power-image.ts). The journal outlives the process that is killed: it goes to the kernel line by line.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { type IoCallback, NodeVfs, type OpenMode, type OpenOptions, type VfsFile } from '@waldb/io';

/** A change that has begun. Files are told apart by `inode`: they keep it when they are renamed. */
export type JournalLine =
  | {
      readonly op: 'write';
      readonly id: number;
      readonly inode: number;
      readonly position: number;
      readonly length: number;
      /** What was there before, base64; shorter where the file was. */
      readonly before: string;
      readonly sizeBefore: number;
      /** Whether it is on the disk when it has ended. */
      readonly isDurable: boolean;
    }
  | { readonly op: 'sync'; readonly id: number; readonly inode: number }
  | { readonly op: 'create'; readonly id: number; readonly path: string }
  /** The file that had the name before is kept under `replaced`. */
  | {
      readonly op: 'rename';
      readonly id: number;
      readonly from: string;
      readonly to: string;
      readonly replaced?: string;
    }
  /** The file is kept under `keptAs`. */
  | { readonly op: 'unlink'; readonly id: number; readonly path: string; readonly keptAs: string }
  | { readonly op: 'syncDirectory'; readonly id: number; readonly path: string }
  | { readonly op: 'end'; readonly id: number }
  /** It failed: of a write anything may be there; what a sync was for is never made durable by a later one. */
  | { readonly op: 'failed'; readonly id: number }
  /** Another process goes on with the same journal: what the one before had begun has happened, or never will. */
  | { readonly op: 'life'; readonly id: number };

type Change = { [Op in JournalLine['op']]: Omit<Extract<JournalLine, { op: Op }>, 'id'> }[Exclude<
  JournalLine['op'],
  'end' | 'failed' | 'life'
>];

export class JournalVfs extends NodeVfs {
  readonly #journal: number;
  readonly #graveyard: string;
  #lastId = 0;

  readonly #hasDurableWrites: boolean;
  readonly #lastChange: number;

  /**
   * Keeps the journal in `directory`, and removed files beside it. Without durable writes, each is synced by itself.
   * The process kills itself when the change number `lastChange` is made and before anybody hears of it.
   */
  constructor(directory: string, hasDurableWrites: boolean, lastChange: number = Number.POSITIVE_INFINITY) {
    super();
    this.#hasDurableWrites = hasDurableWrites;
    this.#lastChange = lastChange;
    this.#journal = fs.openSync(join(directory, 'journal'), 'a');
    this.#graveyard = directory;
  }

  override open(path: string, mode: OpenMode, wanted?: OpenOptions): VfsFile {
    const options = this.#hasDurableWrites ? wanted : {};
    if (mode === 'read') return super.open(path, mode, options);
    if (mode === 'update') return this.#watched(super.open(path, mode, options));
    return this.#around({ op: 'create', path }, () => this.#watched(super.open(path, mode, options)));
  }

  override rename(from: string, to: string): void {
    this.#around({ op: 'rename', from, to }, () => super.rename(from, to));
  }

  override renameWithCallback(from: string, to: string, callback: IoCallback): void {
    super.renameWithCallback(from, to, this.#until({ op: 'rename', from, to }, callback));
  }

  override unlink(path: string): void {
    this.#around(this.#bury(path), () => super.unlink(path));
  }

  override unlinkWithCallback(path: string, callback: IoCallback): void {
    super.unlinkWithCallback(path, this.#until(this.#bury(path), callback));
  }

  override syncDirectory(path: string): void {
    this.#around({ op: 'syncDirectory', path }, () => super.syncDirectory(path));
  }

  override syncDirectoryWithCallback(path: string, callback: IoCallback): void {
    super.syncDirectoryWithCallback(path, this.#until({ op: 'syncDirectory', path }, callback));
  }

  #watched(file: VfsFile): VfsFile {
    const { ino: inode } = fs.statSync(file.path);
    const write = (bytes: Uint8Array, position: number): Change => {
      const before = new Uint8Array(bytes.length);
      const count = file.read(before, position);
      const replaced = Buffer.from(before.subarray(0, count)).toString('base64');
      const facts = { inode, position, length: bytes.length, sizeBefore: file.size() };
      return { op: 'write', ...facts, before: replaced, isDurable: file.isDurable };
    };
    return {
      path: file.path,
      isDurable: file.isDurable,
      size: () => file.size(),
      read: (target, position) => file.read(target, position),
      readWithCallback: (target, position, callback) => file.readWithCallback(target, position, callback),
      write: (bytes, position) => this.#around(write(bytes, position), () => file.write(bytes, position)),
      writeWithCallback: (bytes, position, callback) =>
        file.writeWithCallback(bytes, position, this.#until(write(bytes, position), callback)),
      sync: () => this.#around({ op: 'sync', inode }, () => file.sync()),
      syncWithCallback: (callback) => file.syncWithCallback(this.#until({ op: 'sync', inode }, callback)),
      truncate: () => {
        throw new Error('The journal knows no truncation.');
      },
      close: () => file.close(),
    };
  }

  /** A second name keeps the file, and its inode from being given to another. */
  #bury(path: string): Change {
    const keptAs = join(this.#graveyard, `removed-${this.#lastId + 1}`);
    fs.linkSync(path, keptAs);
    return { op: 'unlink', path, keptAs };
  }

  #around<Result>(change: Change, run: () => Result): Result {
    const id = this.#begin(change);
    const result = run();
    this.#end(id);
    return result;
  }

  #until(change: Change, callback: IoCallback): IoCallback {
    const id = this.#begin(change);
    return (error) => {
      if (error === undefined) this.#end(id);
      callback(error);
    };
  }

  #begin(change: Change): number {
    this.#lastId += 1;
    fs.writeSync(this.#journal, `${JSON.stringify({ ...change, id: this.#lastId })}\n`);
    return this.#lastId;
  }

  #end(id: number): void {
    if (id >= this.#lastChange) process.kill(process.pid, 'SIGKILL');
    fs.writeSync(this.#journal, `{"op":"end","id":${id}}\n`);
  }
}
