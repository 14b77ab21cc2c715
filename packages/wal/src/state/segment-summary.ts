// What a whole segment does to the log: the sum of its frames. It is kept for the tail while frames are written,
// stored in the footer when the segment is sealed, and made again from the frames where a footer is lost. Adding up the
// summaries of all live segments gives the log.

import type { HardState, Index } from '@waldb/core';
import type { SnapshotRef } from '../format/record.js';
import type { FrameEffects, LogPosition, TermRun } from './frame-effects.js';
import { STRETCH_BYTES, StretchTable } from './stretch-table.js';

export class SegmentSummary {
  /** Entries of earlier segments above this index are gone. */
  keptThrough: Index;
  lastIndex: Index;
  /** Of the entries that were written here and not truncated here. */
  readonly stretches: StretchTable = new StretchTable();
  readonly termRuns: TermRun[] = [];
  readonly configIndexes: Index[] = [];
  hardState: HardState | undefined;
  snapshot: SnapshotRef | undefined;
  compacted: LogPosition | undefined;
  /** The first byte behind the frames that count. */
  endOffset: number;
  lastSeq: number;

  constructor(start: { readonly baseIndex: Index; readonly offset: number; readonly firstSeq: number }) {
    this.keptThrough = start.baseIndex;
    this.lastIndex = start.baseIndex;
    this.endOffset = start.offset;
    this.lastSeq = start.firstSeq - 1;
  }

  /** The next frame: `bytes` long and directly behind the one before. */
  addFrame(effects: FrameEffects, bytes: number): void {
    const offset = this.endOffset;
    this.endOffset += bytes;
    this.lastSeq += 1;
    if (effects.resetTo !== undefined) this.#reset(effects.resetTo);
    if (effects.truncateFrom !== undefined) this.#truncate(effects.truncateFrom);
    if (effects.entryCount > 0) this.#addEntries(effects, offset, bytes);
    this.hardState = effects.hardState ?? this.hardState;
    this.snapshot = effects.snapshot ?? this.snapshot;
    if (effects.compacted !== undefined && effects.compacted.index > (this.compacted?.index ?? 0)) {
      this.compacted = effects.compacted;
    }
  }

  /** Whether `effects` fits here: entries follow the last index, once what it drops is dropped. */
  accepts(effects: FrameEffects): boolean {
    if (effects.entryCount === 0) return true;
    let last = effects.resetTo?.index ?? this.lastIndex;
    if (effects.truncateFrom !== undefined) last = Math.min(last, effects.truncateFrom - 1);
    return effects.firstIndex === last + 1;
  }

  #addEntries(effects: FrameEffects, offset: number, bytes: number): void {
    const first = effects.firstIndex;
    const last = first + effects.entryCount - 1;
    const open = this.stretches.at(-1);
    // A stretch whose end was just truncated takes no more: an index must be in it once.
    const follows =
      open !== undefined &&
      open.last + 1 === first &&
      open.offset + open.bytes === offset &&
      effects.truncateFrom === undefined;
    if (follows && open.bytes + bytes <= STRETCH_BYTES) {
      this.stretches.replaceLast({ ...open, bytes: open.bytes + bytes, last });
    } else {
      this.stretches.push({ offset, bytes, first, last });
    }
    for (const run of effects.termRuns) {
      if (run.term !== this.termRuns.at(-1)?.term) this.termRuns.push(run);
    }
    this.configIndexes.push(...effects.configIndexes);
    this.lastIndex = last;
  }

  #reset(to: LogPosition): void {
    this.keptThrough = 0;
    this.stretches.clear();
    this.termRuns.length = 0;
    this.configIndexes.length = 0;
    this.lastIndex = to.index;
    this.compacted = to;
  }

  #truncate(from: Index): void {
    if (from > this.lastIndex) return;
    this.keptThrough = Math.min(this.keptThrough, from - 1);
    this.stretches.trim(from - 1);
    trimTail(this.termRuns, (run) => run.first >= from);
    trimTail(this.configIndexes, (index) => index >= from);
    this.lastIndex = from - 1;
  }
}

/** Removes items from the end while they are beyond. */
export function trimTail<Item>(items: Item[], isBeyond: (item: Item) => boolean): void {
  let length = items.length;
  while (length > 0 && isBeyond(items[length - 1] as Item)) length -= 1; // in bounds: 0 <= length - 1
  items.length = length;
}
