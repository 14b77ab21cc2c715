// Which entries a damaged log still has, and where: a list of pieces in index order. Truncations, resets and the
// numbers that frames and headers carry shape it, so that an entry which was dropped later is not in it. It holds one
// piece for each stretch of neighbouring entries of a segment however long, so its size goes with the number of
// truncations and damages, not with the log.

import type { Index } from '@waldb/core';

export type Piece =
  | {
      readonly type: 'entries';
      readonly segmentId: number;
      /** Of the frame that holds the first of them. */
      readonly offset: number;
      readonly seq: number;
      /** The end of the frame that holds the last of them. */
      end: number;
      readonly first: Index;
      last: Index;
      /** Whether they are durable for certain; the last frames of a log that crashed may not be. */
      readonly isProven: boolean;
    }
  /** Entries that were there and cannot be read. `last` is `undefined` where nobody knows how many they were. */
  | { readonly type: 'lost'; readonly first: Index; last: Index | undefined; readonly damage: number }
  /**
   * Frames are missing between the entries before and those from `first` on, and nothing says what was in them: they
   * may have dropped entries before, together with what replaced those. Unlike a lost piece it outlives a truncation.
   */
  | { readonly type: 'seam'; first: Index; readonly damage: number };

interface EntriesAt {
  readonly segmentId: number;
  readonly offset: number;
  readonly bytes: number;
  readonly seq: number;
  readonly first: Index;
  readonly count: number;
  readonly isProven: boolean;
}

export class EntryMap {
  readonly pieces: Piece[] = [];
  /** Of the log as it is so far, lost entries included. */
  lastIndex: Index = 0;
  /** Whether the last piece may grow. */
  #isOpen = false;

  add(at: EntriesAt): void {
    const { segmentId, offset, seq, first, isProven } = at;
    const last = first + at.count - 1;
    const end = offset + at.bytes;
    const open = this.#isOpen ? this.pieces.at(-1) : undefined;
    const grows =
      open?.type === 'entries' &&
      open.segmentId === segmentId &&
      open.isProven === isProven &&
      open.last + 1 === first;
    if (grows) {
      open.last = last;
      open.end = end;
    } else {
      this.pieces.push({ type: 'entries', segmentId, offset, seq, end, first, last, isProven });
    }
    this.lastIndex = last;
    this.#isOpen = true;
  }

  /** Every index from here on is gone. */
  truncate(from: Index): void {
    if (from > this.lastIndex) return;
    const seams: Piece[] = [];
    while (this.pieces.length > 0) {
      const piece = this.pieces.at(-1) as Piece; // not empty: the loop's condition
      if (piece.first < from) {
        if (piece.type !== 'seam' && (piece.last ?? from) >= from) piece.last = from - 1;
        break;
      }
      this.pieces.pop();
      // What a seam says of the entries before it stays true.
      if (piece.type === 'seam') seams.unshift({ ...piece, first: from });
    }
    this.pieces.push(...seams);
    this.lastIndex = from - 1;
    this.#isOpen = false;
  }

  /** The whole log is gone and goes on behind `index`. */
  reset(index: Index): void {
    this.pieces.length = 0;
    this.lastIndex = index;
    this.#isOpen = false;
  }

  /** Entries from the end of the log through `last` were there and cannot be read. */
  lose(last: Index | undefined, damage: number): void {
    const first = this.lastIndex + 1;
    if (last !== undefined && last < first) return;
    this.pieces.push({ type: 'lost', first, last, damage });
    this.lastIndex = last ?? this.lastIndex;
    this.#isOpen = false;
  }

  seam(damage: number): void {
    this.pieces.push({ type: 'seam', first: this.lastIndex + 1, damage });
    this.#isOpen = false;
  }

  /** Frames without entries are between the last ones and the next: a piece may only hold what lies in one row. */
  close(): void {
    this.#isOpen = false;
  }
}
