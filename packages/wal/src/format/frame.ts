// The frame: the unit that is on disk whole or not at all (docs/wal-format.md, "Frames").
//
//    0  header checksum  u32     of bytes 4 to 63, starting from the segment's seed
//    4  payload checksum u32     of the payload and its padding
//    8  payload bytes    u32     without padding
//   12  kind             u8      1 batch · 2 idle · 3 close
//   13  0                3 bytes
//   16  records          u32
//   20  entries          u32     of those records, how many are entries
//   24  offset           u64     where in the file this frame is
//   32  frame seq        u64     +1 from frame to frame over the whole log
//   40  durable seq      u64     the highest frame seq whose sync had returned when this was written
//   48  first index      u64     of the entries; 0 without any
//   56  last term        u64     of the last entry; 0 without any
//   64  payload, then zeros to the next multiple of 8
//
// Nothing of a header is believed before its checksum is right, above all no length.

import type { Index, Term } from '@waldb/core';
import { checksum } from '@waldb/io';
import { readUint64, viewOf, writeUint64 } from './little-endian.js';

export const FRAME_HEADER_BYTES = 64;
export const FRAME_ALIGNMENT = 8;
/** Where the offset field is: a scan for stray frames compares it before anything else. */
export const FRAME_OFFSET_AT = 24;

/** `idle` and `close` carry no records, only `durableSeq`: proof for the frames before them. */
export type FrameKind = 'batch' | 'idle' | 'close';

const KINDS: readonly (FrameKind | undefined)[] = [undefined, 'batch', 'idle', 'close'];
const KIND_CODES: Readonly<Record<FrameKind, number>> = { batch: 1, idle: 2, close: 3 };

export interface FrameHeader {
  readonly payloadCrc: number;
  readonly payloadBytes: number;
  readonly kind: FrameKind;
  readonly recordCount: number;
  readonly entryCount: number;
  readonly frameSeq: number;
  readonly durableSeq: number;
  readonly firstIndex: Index;
  readonly lastTerm: Term;
}

/** Bytes of a whole frame on disk. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + paddedBytes(payloadBytes);
}

export function paddedBytes(payloadBytes: number): number {
  return Math.ceil(payloadBytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Writes the header at `at`; `place` says for which offset of which segment. */
export function writeFrameHeader(
  target: Uint8Array,
  at: number,
  header: FrameHeader,
  place: { readonly seed: number; readonly offset: number },
): void {
  const bytes = target.subarray(at, at + FRAME_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(4, header.payloadCrc, true);
  view.setUint32(8, header.payloadBytes, true);
  view.setUint32(12, KIND_CODES[header.kind], true);
  view.setUint32(16, header.recordCount, true);
  view.setUint32(20, header.entryCount, true);
  writeUint64(view, FRAME_OFFSET_AT, place.offset);
  writeUint64(view, 32, header.frameSeq);
  writeUint64(view, 40, header.durableSeq);
  writeUint64(view, 48, header.firstIndex);
  writeUint64(view, 56, header.lastTerm);
  view.setUint32(0, checksum(bytes.subarray(4), place.seed), true);
}

/** The header at `at`, or `undefined` when there is none that belongs at this offset of this segment. */
export function readFrameHeader(
  source: Uint8Array,
  at: number,
  place: { readonly seed: number; readonly offset: number },
): FrameHeader | undefined {
  const bytes = source.subarray(at, at + FRAME_HEADER_BYTES);
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (readUint64(view, FRAME_OFFSET_AT) !== place.offset) return undefined;
  if (view.getUint32(0, true) !== checksum(bytes.subarray(4), place.seed)) return undefined;
  const kind = KINDS[view.getUint32(12, true)];
  if (kind === undefined) return undefined;
  const header: FrameHeader = {
    payloadCrc: view.getUint32(4, true),
    payloadBytes: view.getUint32(8, true),
    kind,
    recordCount: view.getUint32(16, true),
    entryCount: view.getUint32(20, true),
    frameSeq: readUint64(view, 32),
    durableSeq: readUint64(view, 40),
    firstIndex: readUint64(view, 48),
    lastTerm: readUint64(view, 56),
  };
  return isPlausible(header) ? header : undefined;
}

function isPlausible(header: FrameHeader): boolean {
  return (
    Number.isSafeInteger(header.frameSeq) &&
    Number.isSafeInteger(header.firstIndex + header.entryCount) &&
    Number.isSafeInteger(header.lastTerm) &&
    header.durableSeq < header.frameSeq &&
    header.entryCount <= header.recordCount
  );
}
