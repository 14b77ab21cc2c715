// Reads all frames of one segment into the sum of the log and says what is wrong with them.

import { FRAME_HEADER_BYTES, type FrameHeader, frameBytes } from '../format/frame.js';
import { PAGE_BYTES } from '../format/page.js';
import type { DamageList } from './damage-list.js';
import { type FooterFacts, readFooterFacts } from './footer-facts.js';
import type { Note, SegmentReport, TailReport } from './inspection.js';
import type { LenientFile } from './lenient-file.js';
import type { LogSum, Misfit } from './log-sum.js';
import type { SegmentFacts, SegmentKey } from './segment-facts.js';
import { type WalkItem, type WalkStart, walkFrames } from './walk-frames.js';

/** How often a long walk lets its caller look up. */
const PROGRESS_BYTES = 4 * 1024 * 1024;

export interface Found {
  readonly damages: DamageList;
  readonly notes: Note[];
}

export interface SegmentBounds {
  readonly isTail: boolean;
  /** Frames with a higher seq belong to a later segment. */
  readonly lastSeqMax: number;
  /** Whether that is this segment's very last frame, and not one of a segment that is missing. */
  readonly isExact: boolean;
  /** Of the tail: what METADATA proves to be durable. */
  readonly provenSeq: number;
  /** Whether METADATA can be asked which segment is the last. */
  readonly isTailKnown: boolean;
}

export type Tally = Pick<
  SegmentReport,
  | 'usedBytes'
  | 'frames'
  | 'firstSeq'
  | 'lastSeq'
  | 'entries'
  | 'firstIndex'
  | 'lastIndex'
  | 'firstTerm'
  | 'lastTerm'
>;

type Frame = Extract<WalkItem, { type: 'frame' }>;
type DamagedFrames = Extract<WalkItem, { type: 'damage' }>;
type End = Extract<WalkItem, { type: 'end' }>;

export const NO_TAIL: TailReport = {
  unprovenFrames: 0,
  droppedAt: undefined,
  droppedFrames: 0,
  end: 'unknown',
};

export class FrameSurvey {
  tally: Tally = EMPTY_TALLY;
  tail: TailReport = NO_TAIL;
  footer: FooterFacts;
  /** The highest seq that is proven durable, as far as this segment knows. */
  provenSeq = 0;
  readonly #file: LenientFile;
  readonly #facts: SegmentFacts;
  readonly #key: SegmentKey;
  readonly #cut: number;
  readonly #bounds: SegmentBounds;
  readonly #sum: LogSum;
  readonly #found: Found;
  /** Whether the last frame is one that only proves those before it. */
  #endsInMark = false;

  constructor(
    source: {
      readonly file: LenientFile;
      readonly facts: SegmentFacts;
      readonly key: SegmentKey;
      /** The damage that is the file's size, if it is one. */
      readonly cut: number;
    },
    bounds: SegmentBounds,
    into: { readonly sum: LogSum; readonly found: Found },
  ) {
    this.#file = source.file;
    this.#facts = source.facts;
    this.#key = source.key;
    this.#cut = source.cut;
    this.#sum = into.sum;
    this.#found = into.found;
    this.footer = readFooterFacts(
      source.file,
      source.key.seed,
      bounds.isExact ? bounds.lastSeqMax : undefined,
    );
    this.#bounds = this.#withFooter(bounds);
  }

  /** Yields the offset that has been reached. */
  *run(): Generator<number, void, void> {
    const { baseIndex, seed, firstSeq, publishedSeq } = this.#key;
    const start = { seed, offset: PAGE_BYTES, seq: firstSeq, lastSeqMax: this.#bounds.lastSeqMax };
    this.provenSeq = this.#bounds.lastSeqMax;
    if (this.#bounds.isTail) {
      const known = Math.max(this.#bounds.provenSeq, publishedSeq ?? 0, this.footer.lastSeq ?? 0);
      this.provenSeq = yield* provenInTail(this.#file, start, known);
    }
    this.#sum.entries.close();
    if (baseIndex !== undefined) this.#sum.beginSegment(baseIndex, this.#misfit(0, baseIndex));
    let reported = 0;
    for (const item of walkFrames(this.#file, start)) {
      if (item.offset - reported >= PROGRESS_BYTES) {
        reported = item.offset;
        yield reported;
      }
      if (item.type === 'frame') this.#addFrame(item);
      else if (item.type === 'end') this.#end(item);
      else if (!this.#isUnsynced(item.firstSeq)) this.#addLost(item);
      else {
        this.#drop(item, start);
        break;
      }
    }
    this.#checkFooter();
    this.#noteUnreadable();
  }

  /** Where the next segment is lost, a footer still says where this one ends. */
  #withFooter(bounds: SegmentBounds): SegmentBounds {
    const { lastSeq } = this.footer;
    if (bounds.isTail || bounds.isExact || lastSeq === undefined) return bounds;
    return { ...bounds, lastSeqMax: Math.min(bounds.lastSeqMax, lastSeq), isExact: true };
  }

  #isUnsynced(seq: number): boolean {
    return this.#bounds.isTail && seq > this.provenSeq;
  }

  #addFrame(item: Frame): void {
    const { effects, header, offset, bytes } = item;
    const isProven = !this.#isUnsynced(header.frameSeq);
    if (!isProven && header.recordCount > 0) {
      this.tail = { ...this.tail, unprovenFrames: this.tail.unprovenFrames + 1 };
    }
    this.#endsInMark = header.kind !== 'batch';
    const at = { segmentId: this.#facts.id, offset, bytes, seq: header.frameSeq, isProven };
    this.#sum.addFrame(effects, at, this.#misfit(offset, effects.firstIndex - 1));
    this.tally = withFrame(this.tally, item);
  }

  #addLost(item: DamagedFrames): void {
    const { header } = item;
    const damage = this.#found.damages.add({
      type: 'frames',
      file: this.#facts.file,
      segment: this.#facts.id,
      offset: item.offset,
      bytes: item.bytes,
      why: item.why,
      firstSeq: item.firstSeq,
      lastSeq: item.lastSeq,
      mayHoldState: header === undefined || header.recordCount > header.entryCount,
    });
    if (header === undefined) this.#sum.addLost(damage);
    else if (header.recordCount > 0) this.#sum.addLostFrame(header, damage);
  }

  /** An unsynced write was cut off here: neither it nor what lies behind it was ever durable. */
  #drop(item: DamagedFrames, start: WalkStart): void {
    let droppedFrames = 0;
    for (const one of walkFrames(this.#file, { ...start, offset: item.offset, seq: item.firstSeq })) {
      if (one.type === 'frame' && one.header.recordCount > 0) droppedFrames += 1;
    }
    const droppedAt = { segment: this.#facts.id, offset: item.offset };
    this.tail = { ...this.tail, droppedAt, droppedFrames };
  }

  #end(item: End): void {
    const { isTail, isExact, lastSeqMax } = this.#bounds;
    const lastSeq = Math.min(this.provenSeq, lastSeqMax);
    // In a file that was a segment before, what lies behind the last frame tells nothing.
    const mayHoldOldFrames = this.#facts.header?.wasUsed !== false;
    if (item.nextSeq <= lastSeq && (isTail || isExact)) {
      const end = this.footer.endOffset ?? this.#file.size;
      this.#addLost({
        type: 'damage',
        offset: item.offset,
        bytes: Math.max(0, end - item.offset),
        why: 'no frame header matches its checksum there, nor any behind it',
        firstSeq: item.nextSeq,
        lastSeq,
        header: undefined,
      });
    } else if (isTail && this.#isCutAt(item.offset)) {
      this.#sum.addLost(this.#cut);
    } else if (isTail) {
      const tellsNothing = !item.isBlank && !(mayHoldOldFrames && this.#endsInMark);
      const end = tellsNothing ? 'unknown' : this.#endsInMark ? 'mark' : 'blank';
      const isTorn = !item.isBlank && !mayHoldOldFrames;
      const droppedAt = isTorn ? { segment: this.#facts.id, offset: item.offset } : undefined;
      this.tail = { ...this.tail, droppedAt, end };
    }
  }

  /** Whether the next frame may have been in a part of the file that is gone. */
  #isCutAt(offset: number): boolean {
    const bytes = this.#facts.header?.segmentBytes ?? this.#file.size;
    return this.#file.size < bytes && offset + FRAME_HEADER_BYTES > this.#file.size;
  }

  #misfit(offset: number, goesOnFrom: number): Misfit {
    return (expected) =>
      this.#found.damages.add({
        type: 'order',
        file: this.#facts.file,
        segment: this.#facts.id,
        offset,
        bytes: 0,
        why: `it goes on from index ${goesOnFrom}, but the log before it ends at ${expected - 1}`,
        mayHoldState: true,
      });
  }

  #checkFooter(): void {
    const { state, lastIndex } = this.footer;
    const { file, id } = this.#facts;
    if (state === 'damaged') {
      this.#found.notes.push({
        file,
        message: 'Its footer cannot be used; nothing depends on it, opening reads the frames instead.',
      });
    }
    const isWhole = this.#bounds.isExact && this.tally.lastSeq === this.#bounds.lastSeqMax;
    if (state !== 'good' || !isWhole || lastIndex === this.#sum.entries.lastIndex) return;
    this.#found.damages.add({
      type: 'order',
      file,
      segment: id,
      offset: this.footer.endOffset ?? 0,
      bytes: 0,
      why: `its footer says that the log ends at index ${lastIndex} there, its frames say ${this.#sum.entries.lastIndex}`,
    });
  }

  #noteUnreadable(): void {
    for (const { offset, bytes, why } of this.#file.unreadable) {
      const message = `The disk does not give back ${bytes} bytes at offset ${offset}: ${why}.`;
      this.#found.notes.push({ file: this.#facts.file, message });
    }
  }
}

/** Everything in the tail that says what was durable, behind gaps too. */
function* provenInTail(file: LenientFile, start: WalkStart, known: number): Generator<number, number, void> {
  let proven = known;
  let reported = 0;
  for (const item of walkFrames(file, start)) {
    if (item.offset - reported >= PROGRESS_BYTES) {
      reported = item.offset;
      yield 0;
    }
    if (item.type !== 'end') proven = Math.max(proven, item.header?.durableSeq ?? 0);
  }
  return proven;
}

const EMPTY_TALLY: Tally = {
  usedBytes: PAGE_BYTES,
  frames: 0,
  firstSeq: undefined,
  lastSeq: undefined,
  entries: 0,
  firstIndex: undefined,
  lastIndex: undefined,
  firstTerm: undefined,
  lastTerm: undefined,
};

function withFrame(tally: Tally, { offset, header, effects }: Frame): Tally {
  const counted = {
    ...tally,
    usedBytes: offset + frameBytes(header.payloadBytes),
    frames: tally.frames + 1,
    firstSeq: tally.firstSeq ?? header.frameSeq,
    lastSeq: header.frameSeq,
  };
  return header.entryCount === 0
    ? counted
    : { ...counted, ...entriesOf(tally, header, effects.termRuns[0]?.term) };
}

function entriesOf(tally: Tally, header: FrameHeader, firstTerm: number | undefined): Partial<Tally> {
  const lastIndex = header.firstIndex + header.entryCount - 1;
  return {
    entries: tally.entries + header.entryCount,
    firstIndex: Math.min(tally.firstIndex ?? header.firstIndex, header.firstIndex),
    lastIndex: Math.max(tally.lastIndex ?? 0, lastIndex),
    firstTerm: tally.firstTerm ?? firstTerm,
    lastTerm: header.lastTerm,
  };
}
