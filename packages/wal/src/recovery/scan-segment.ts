// Walks through a segment's frames and says what is there. It decides nothing: what a gap means is in decision.ts.

import { MsgpackReader, RaftError, type Term } from '@waldb/core';
import { checksum, type VfsFile } from '@waldb/io';
import { EntryCursor } from '../format/entry-cursor.js';
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_OFFSET_AT,
  type FrameHeader,
  frameBytes,
  readFrameHeader,
} from '../format/frame.js';
import { readUint64, viewOf } from '../format/little-endian.js';
import { PAGE_BYTES } from '../format/page.js';
import { readRecord } from '../format/record.js';
import { type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import { emptySummary } from '../segment/live-segment.js';
import { FrameEffects } from '../state/frame-effects.js';
import type { SegmentSummary } from '../state/segment-summary.js';
import { Window } from './window.js';

const STRAY_PIECE_BYTES = 64 * 1024;

/** A frame that is whole and that nothing proves to be durable. */
export interface UnprovenFrame {
  readonly seq: number;
  readonly effects: FrameEffects;
  /** A copy. */
  readonly payload: Uint8Array;
}

export interface SegmentScan {
  /** The sum of the frames that are proven durable. */
  readonly summary: SegmentSummary;
  /** Whole frames behind those, in order. */
  readonly unproven: readonly UnprovenFrame[];
  /** Where the walk ended: the first offset without the frame that belonged there. */
  readonly gap: {
    readonly offset: number;
    readonly seq: number;
    /** Whether there is nothing but zeros where the frame's header would be. */
    readonly isBlank: boolean;
    /** What is known to be wrong there, for people. */
    readonly why: string;
  };
  /** Frames behind the gap whose headers are right: written after the one that is missing. */
  readonly strayFrames: number;
  /** The highest frame seq that anything proves to be durable. */
  readonly provenSeq: number;
  /** Of the last whole frame with entries. */
  readonly lastTerm: Term;
}

interface Walk {
  readonly window: Window;
  readonly seed: number;
  readonly summary: SegmentSummary;
  readonly unproven: (UnprovenFrame & { readonly bytes: number })[];
  provenSeq: number;
  lastTerm: Term;
}

/**
 * `provenSeq` is what others prove (metadata, headers); frames with a seq above `lastSeqMax` are not looked at.
 */
export function scanSegment(
  file: VfsFile,
  header: SegmentHeader,
  bounds: { readonly provenSeq: number; readonly lastSeqMax: number },
): SegmentScan {
  const walk: Walk = {
    window: new Window(file, header.segmentBytes),
    seed: segmentSeed(header),
    summary: emptySummary(header),
    unproven: [],
    provenSeq: bounds.provenSeq,
    lastTerm: 0,
  };
  let offset = PAGE_BYTES;
  let seq = header.firstSeq;
  let why = '';
  while (seq <= bounds.lastSeqMax) {
    const frame = readFrame(walk, offset, seq);
    if (typeof frame === 'string') {
      why = frame;
      break;
    }
    const bytes = frameBytes(frame.header.payloadBytes);
    walk.unproven.push({ seq, effects: frame.effects, payload: frame.payload, bytes });
    walk.provenSeq = Math.max(walk.provenSeq, frame.header.durableSeq);
    if (frame.header.entryCount > 0) walk.lastTerm = frame.header.lastTerm;
    why = settleProven(walk);
    if (why !== '') break;
    offset += bytes;
    seq += 1;
  }
  const isComplete = seq > bounds.lastSeqMax;
  const strayFrames = isComplete ? 0 : findStrayFrames(walk, offset, seq);
  const late = settleProven(walk);
  if (late !== '') {
    // Everything up to the frame that does not fit is settled: it is the first one left, right behind.
    seq = walk.unproven[0]?.seq ?? seq;
    offset = walk.summary.endOffset;
  }
  const header64 = walk.window.at(offset, FRAME_HEADER_BYTES);
  return {
    summary: walk.summary,
    unproven: walk.unproven,
    gap: { offset, seq, isBlank: header64?.every((byte) => byte === 0) ?? true, why: why || late },
    strayFrames,
    provenSeq: walk.provenSeq,
    lastTerm: walk.lastTerm,
  };
}

/** Moves frames that are proven by now into the summary. What is wrong, in words, when one does not fit the log. */
function settleProven(walk: Walk): string {
  let count = 0;
  let why = '';
  for (const frame of walk.unproven) {
    if (frame.seq > walk.provenSeq) break;
    if (!walk.summary.accepts(frame.effects)) {
      why = 'its entries do not follow those before';
      break;
    }
    walk.summary.addFrame(frame.effects, frame.bytes);
    count += 1;
  }
  walk.unproven.splice(0, count);
  return why;
}

interface ReadFrame {
  readonly header: FrameHeader;
  readonly effects: FrameEffects;
  readonly payload: Uint8Array;
}

/** The frame `seq` at `offset`, or in words why there is none. */
function readFrame(walk: Walk, offset: number, seq: number): ReadFrame | string {
  const headerBytes = walk.window.at(offset, FRAME_HEADER_BYTES);
  const header = headerBytes && readFrameHeader(headerBytes, 0, { seed: walk.seed, offset });
  if (header === undefined) return 'no frame header matches its checksum there';
  if (header.frameSeq !== seq) return `frame ${header.frameSeq} is there instead`;
  const bytes = frameBytes(header.payloadBytes) - FRAME_HEADER_BYTES;
  const padded = walk.window.at(offset + FRAME_HEADER_BYTES, bytes);
  if (padded === undefined) return 'the frame would be longer than its segment';
  if (checksum(padded) !== header.payloadCrc) return 'the payload does not match its checksum';
  const payload = padded.slice(0, header.payloadBytes);
  const effects = readEffects(payload, header);
  return typeof effects === 'string' ? effects : { header, effects, payload };
}

/** What a frame's records do, or in words why they are none that belong behind this header. */
export function readEffects(payload: Uint8Array, header: FrameHeader): FrameEffects | string {
  const effects = new FrameEffects();
  try {
    const reader = new MsgpackReader(payload);
    while (reader.offset < payload.length) {
      const broken = readNext(reader, effects);
      if (broken !== undefined) return `the frame has ${broken}`;
    }
  } catch (error) {
    if (error instanceof RaftError) return `a record does not decode: ${error.message}`;
    throw error;
  }
  const agrees =
    effects.recordCount === header.recordCount &&
    effects.entryCount === header.entryCount &&
    effects.firstIndex === header.firstIndex &&
    effects.lastTerm === header.lastTerm;
  return agrees ? effects : 'the records are not those that the header speaks of';
}

const CURSOR = new EntryCursor();

/** Adds the next record; the words of a broken rule, or `undefined` when it fits. Errors: `RaftError` `ENCODING`. */
function readNext(reader: MsgpackReader, effects: FrameEffects): string | undefined {
  if (!CURSOR.read(reader.bytes, reader.offset)) return effects.addRead(readRecord(reader));
  reader.offset = CURSOR.end;
  return effects.addReadEntry(CURSOR.term, CURSOR.index, CURSOR.kind);
}

/** Looks for frames at every place behind the gap: their headers may prove that the missing one was durable. */
function findStrayFrames(walk: Walk, gapOffset: number, gapSeq: number): number {
  let count = 0;
  let offset = gapOffset + FRAME_ALIGNMENT;
  for (;;) {
    const piece = walk.window.atMost(offset, STRAY_PIECE_BYTES);
    const view = viewOf(piece);
    let at = 0;
    for (; at + FRAME_HEADER_BYTES <= piece.length; at += FRAME_ALIGNMENT) {
      // The offset field first: almost every place is settled by it.
      if (readUint64(view, at + FRAME_OFFSET_AT) !== offset + at) continue;
      const header = readFrameHeader(piece, at, { seed: walk.seed, offset: offset + at });
      if (header === undefined || header.frameSeq <= gapSeq) continue;
      count += 1;
      walk.provenSeq = Math.max(walk.provenSeq, header.durableSeq);
    }
    if (at === 0) return count;
    offset += at;
  }
}
