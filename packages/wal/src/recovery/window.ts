// A view that slides over a file, for scans: reads in large pieces, holds one piece at a time, and never takes the end
// of a read for the end of the log.

import { readExactly, type VfsFile } from '@waldb/io';

const PIECE_BYTES = 256 * 1024;

export class Window {
  readonly #file: VfsFile;
  readonly #end: number;
  #piece: Uint8Array = new Uint8Array(0);
  #start = 0;

  /** `end` is the file's size, known to be right. */
  constructor(file: VfsFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** `length` bytes at `offset`, as a view that holds until the next call; `undefined` beyond the end. */
  at(offset: number, length: number): Uint8Array | undefined {
    if (offset + length > this.#end) return undefined;
    const from = offset - this.#start;
    if (from >= 0 && from + length <= this.#piece.length) return this.#piece.subarray(from, from + length);
    const bytes = Math.min(Math.max(length, PIECE_BYTES), this.#end - offset);
    if (bytes !== this.#piece.length) this.#piece = new Uint8Array(bytes);
    readExactly(this.#file, this.#piece, offset);
    this.#start = offset;
    return this.#piece.subarray(0, length);
  }

  /** Up to `lengthMax` bytes at `offset`: fewer only at the end, none beyond it. */
  atMost(offset: number, lengthMax: number): Uint8Array {
    const length = Math.max(0, Math.min(lengthMax, this.#end - offset));
    return this.at(offset, length) ?? new Uint8Array(0);
  }
}
