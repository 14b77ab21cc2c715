// Where records gather until the next flush: frames under construction, one behind another in one buffer, so that a
// flush is one write. An entry's bytes are copied here once and nothing outside ever refers to the buffer.
//
// Buffers take turns: one is filled while another is being written. When much is staged between two flushes, full
// ones queue up; none is ever copied to make room.

import { entryBytes, type LogEntry, writeEntry } from '@waldb/core';
import { checksum } from '@waldb/io';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameBytes,
  paddedBytes,
  writeFrameHeader,
} from '../format/frame.js';
import { encodeStateRecord, plainRecordBytes, type StateRecord, writePlainRecord } from '../format/record.js';
import { FrameEffects } from '../state/frame-effects.js';
import type { PlacedFrame } from './staged-run.js';

/** Buffers begin this small and double up to the size at which a batch is full: a fresh log needs little memory. */
const ARENA_BYTES_MIN = 64 * 1024;
/** A full batch: one write of this size runs at the disk's full speed, and what waits behind it is not held up long. */
const ARENA_BYTES_MAX = 2 * 1024 * 1024;
/** Written buffers that are kept for the batches to come. */
const SPARE_ARENAS_MAX = 3;

/** A snapshot whose file has to be in place before the frames of its batch are written. */
export interface StagedSnapshot {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface StagedFrame {
  /** Where in the batch's buffer the frame's header begins. */
  readonly start: number;
  payloadBytes: number;
  /** Of the payload and its padding, where it was made early. */
  payloadCrc: number | undefined;
  readonly effects: FrameEffects;
}

/** What is written at once. The frames lie in `bytes` back to back. */
export interface Batch {
  readonly bytes: Uint8Array;
  /** Those not yet written; the writer removes them from the front. */
  readonly frames: StagedFrame[];
  readonly entryCount: number;
  /** Those not yet published; the writer removes them from the front. */
  readonly snapshots: StagedSnapshot[];
  /** The staged seq that is durable once this batch and those before it are. */
  readonly seq: number;
}

export class Staging {
  readonly #framePayloadMax: number;
  readonly #full: Batch[] = [];
  #fullBytes = 0;
  readonly #spares: Uint8Array[] = [];
  #arena: Uint8Array = new Uint8Array(ARENA_BYTES_MIN);
  #end = 0;
  #entryCount = 0;
  #frames: StagedFrame[] = [];
  #snapshots: StagedSnapshot[] = [];
  #open: StagedFrame | undefined;
  /** Calls that are staged whole. */
  #seq = 0;

  constructor(framePayloadMax: number) {
    this.#framePayloadMax = framePayloadMax;
  }

  get bytes(): number {
    return this.#fullBytes + this.#end;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0 && this.#full.length === 0;
  }

  /** The number of calls so far that are staged whole: the staged seq. */
  get seq(): number {
    return this.#seq;
  }

  /** One more call has staged everything that belongs to it. */
  endCall(): void {
    this.#seq += 1;
  }

  /** An entry that carries no encoding is encoded here, in its place: nothing is allocated for it. */
  addEntry(entry: LogEntry): void {
    const bytes = entryBytes(entry);
    const frame = this.#frameFor(bytes);
    frame.effects.addEntry(entry.term, entry.index, entry.kind);
    this.#entryCount += 1;
    this.#reserve(bytes);
    if (entry.encoded === undefined) writeEntry(this.#arena, this.#end, entry);
    else this.#arena.set(entry.encoded, this.#end);
    this.#end += bytes;
    frame.payloadBytes += bytes;
  }

  /** A record of a plain log. */
  addPlain(lsn: number, data: Uint8Array): void {
    const bytes = plainRecordBytes(lsn, data.length);
    const frame = this.#frameFor(bytes);
    frame.effects.addEntry(0, lsn, 'normal');
    this.#entryCount += 1;
    this.#reserve(bytes);
    writePlainRecord(this.#arena, this.#end, lsn, data);
    this.#end += bytes;
    frame.payloadBytes += bytes;
  }

  addState(record: StateRecord): void {
    const encoded = encodeStateRecord(record);
    const drops = record.type === 'truncate' || (record.type === 'snapshot' && record.resets);
    // What drops entries leads its frame, so that the first replacements share it: a conflict is resolved by one write.
    if (drops && this.#open !== undefined && !this.#open.effects.acceptsDrop) this.#closeFrame();
    const frame = this.#frameFor(encoded.length);
    frame.effects.addState(record);
    this.#copy(frame, encoded);
  }

  addSnapshot(snapshot: StagedSnapshot): void {
    this.#snapshots.push(snapshot);
  }

  /** What is staged, for reading it back; the buffers are only lent. */
  *newestFirst(): Generator<PlacedFrame, void, void> {
    yield* newestFirst(this.#arena, this.#frames);
    for (let i = this.#full.length - 1; i >= 0; i--) {
      const { bytes, frames } = this.#full[i] as Batch; // in bounds
      yield* newestFirst(bytes, frames);
    }
  }

  /** Hands over what is staged, oldest first, and goes on with an empty buffer. */
  take(): Batch[] {
    if (this.#frames.length > 0) this.#endBatch();
    const batches = this.#full.splice(0);
    this.#fullBytes = 0;
    return batches;
  }

  /** Gives a written batch's buffer back. */
  release(batch: Batch): void {
    const arena = new Uint8Array(batch.bytes.buffer);
    if (arena.length > ARENA_BYTES_MAX || this.#spares.length === SPARE_ARENAS_MAX) return;
    this.#spares.push(arena);
  }

  #endBatch(): void {
    this.#closeFrame();
    this.#full.push({
      bytes: this.#arena.subarray(0, this.#end),
      frames: this.#frames,
      entryCount: this.#entryCount,
      snapshots: this.#snapshots,
      seq: this.#seq,
    });
    this.#fullBytes += this.#end;
    this.#arena = this.#spares.pop() ?? new Uint8Array(ARENA_BYTES_MIN);
    this.#end = 0;
    this.#entryCount = 0;
    this.#frames = [];
    this.#snapshots = [];
  }

  /** The open frame if `payloadBytes` more may go into it, else a new one. A single record may be larger than the limit. */
  #frameFor(payloadBytes: number): StagedFrame {
    const open = this.#open;
    if (open !== undefined) {
      const isOver = open.payloadBytes + payloadBytes > this.#framePayloadMax;
      // A truncation and its first replacement stay together however large that is.
      const awaitsReplacement = open.effects.entryCount === 0 && !open.effects.acceptsDrop;
      if (!isOver || awaitsReplacement) return open;
      this.#closeFrame();
    }
    this.#beginFrame(payloadBytes);
    const frame: StagedFrame = {
      start: this.#end,
      payloadBytes: 0,
      payloadCrc: undefined,
      effects: new FrameEffects(),
    };
    this.#end += FRAME_HEADER_BYTES;
    this.#frames.push(frame);
    this.#open = frame;
    return frame;
  }

  /** Room for a frame, so that it will not have to move while it is filled; in a new buffer if this one is full. */
  #beginFrame(payloadBytes: number): void {
    const bytes = frameBytes(Math.max(payloadBytes, this.#framePayloadMax));
    if (this.#end > 0 && this.#end + bytes > ARENA_BYTES_MAX) this.#endBatch();
    this.#reserve(bytes);
  }

  #copy(frame: StagedFrame, encoded: Uint8Array): void {
    this.#reserve(encoded.length);
    this.#arena.set(encoded, this.#end);
    this.#end += encoded.length;
    frame.payloadBytes += encoded.length;
  }

  /**
   * The checksum of a large record is made here, while the write before it may still be under way: it takes as long as a
   * third of the write (bench/wal, "stream"). Small ones have theirs made when they are written, all together.
   */
  #closeFrame(): void {
    const frame = this.#open;
    if (frame === undefined) return;
    const padding = paddedBytes(frame.payloadBytes) - frame.payloadBytes;
    this.#reserve(padding);
    for (let i = 0; i < padding; i++) this.#arena[this.#end + i] = 0;
    this.#end += padding;
    if (frame.payloadBytes > this.#framePayloadMax) frame.payloadCrc = payloadChecksum(this.#arena, frame);
    this.#open = undefined;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#arena.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#arena.length * 2));
    grown.set(this.#arena.subarray(0, this.#end));
    this.#arena = grown;
  }
}

export function* newestFirst(
  bytes: Uint8Array,
  frames: readonly StagedFrame[],
): Generator<PlacedFrame, void, void> {
  for (let i = frames.length - 1; i >= 0; i--) yield { bytes, frame: frames[i] as StagedFrame }; // in bounds
}

/** Where a staged frame goes. */
export interface FramePlace {
  readonly seed: number;
  readonly offset: number;
  readonly frameSeq: number;
  readonly durableSeq: number;
}

/** Completes the frame's header in the buffer, for its place on disk. */
export function sealFrame(bytes: Uint8Array, frame: StagedFrame, place: FramePlace): void {
  const header: FrameHeader = {
    payloadCrc: frame.payloadCrc ?? payloadChecksum(bytes, frame),
    payloadBytes: frame.payloadBytes,
    kind: 'batch',
    recordCount: frame.effects.recordCount,
    entryCount: frame.effects.entryCount,
    frameSeq: place.frameSeq,
    durableSeq: place.durableSeq,
    firstIndex: frame.effects.firstIndex,
    lastTerm: frame.effects.lastTerm,
  };
  writeFrameHeader(bytes, frame.start, header, place);
}

function payloadChecksum(bytes: Uint8Array, { start, payloadBytes }: StagedFrame): number {
  const payloadAt = start + FRAME_HEADER_BYTES;
  return checksum(bytes.subarray(payloadAt, payloadAt + paddedBytes(payloadBytes)));
}

export function stagedFrameBytes(frame: StagedFrame): number {
  return frameBytes(frame.payloadBytes);
}
