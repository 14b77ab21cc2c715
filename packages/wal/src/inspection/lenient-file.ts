// Reads a file that may be damaged, cut short or partly unreadable. What cannot be read becomes zeros and is written
// down: zeros match no checksum, so whatever lay there is found to be damaged where it is looked at. Never throws once
// the file is open.

import type { Vfs, VfsFile } from '@waldb/io';

const PIECE_BYTES = 256 * 1024;
/** After a read has failed it is tried again in pieces of this size, to lose no more than the disk has lost. */
const RETRY_BYTES = 4096;
/** A dying disk may refuse everything: only so many places are remembered one by one. */
const UNREADABLE_MAX = 64;

export interface UnreadablePlace {
  readonly offset: number;
  readonly bytes: number;
  readonly why: string;
}

export class LenientFile {
  readonly size: number;
  /** Places that the system refused to read, up to a limit; neighbours are joined. */
  readonly unreadable: UnreadablePlace[] = [];
  readonly #file: VfsFile;
  #piece: Uint8Array = new Uint8Array(0);
  #start = 0;

  /** Errors: the system's, when the file cannot be opened at all. */
  constructor(vfs: Vfs, path: string) {
    this.#file = vfs.open(path, 'read');
    this.size = this.#file.size();
  }

  /** `length` bytes at `offset`, as a view that holds until the next call; `undefined` beyond the file's end. */
  at(offset: number, length: number): Uint8Array | undefined {
    if (offset + length > this.size) return undefined;
    const from = offset - this.#start;
    if (from >= 0 && from + length <= this.#piece.length) return this.#piece.subarray(from, from + length);
    const bytes = Math.min(Math.max(length, PIECE_BYTES), this.size - offset);
    if (bytes !== this.#piece.length) this.#piece = new Uint8Array(bytes);
    this.#fill(offset);
    this.#start = offset;
    return this.#piece.subarray(0, length);
  }

  /** Up to `lengthMax` bytes at `offset`: fewer only at the end, none beyond it. */
  atMost(offset: number, lengthMax: number): Uint8Array {
    const length = Math.max(0, Math.min(lengthMax, this.size - offset));
    return this.at(offset, length) ?? new Uint8Array(0);
  }

  close(): void {
    this.#file.close();
  }

  #fill(offset: number): void {
    const piece = this.#piece;
    try {
      const count = this.#file.read(piece, offset);
      piece.fill(0, count); // the file has become shorter meanwhile: what is gone is as good as damaged
    } catch {
      for (let at = 0; at < piece.length; at += RETRY_BYTES) {
        this.#fillSmall(piece.subarray(at, at + RETRY_BYTES), offset + at);
      }
    }
  }

  #fillSmall(target: Uint8Array, offset: number): void {
    try {
      target.fill(0, this.#file.read(target, offset));
    } catch (error) {
      target.fill(0);
      this.#remember(offset, target.length, error instanceof Error ? error.message : String(error));
    }
  }

  #remember(offset: number, bytes: number, why: string): void {
    const last = this.unreadable.at(-1);
    if (last !== undefined && offset >= last.offset && offset <= last.offset + last.bytes) {
      const end = Math.max(last.offset + last.bytes, offset + bytes);
      this.unreadable[this.unreadable.length - 1] = { ...last, bytes: end - last.offset };
    } else if (this.unreadable.length < UNREADABLE_MAX) {
      this.unreadable.push({ offset, bytes, why });
    }
  }
}
