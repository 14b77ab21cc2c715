// Walks through a segment's frames and goes on behind damage: where the frame that belongs to a place is not there, the
// next header that is right is looked for at every multiple of 8. It decides nothing about what the damage means.
//
// Unlike recovery's walk (recovery/scan-segment.ts) it never stops at the first fault; with an undamaged segment both
// see the same frames.

import { checksum } from '@waldb/io';
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_OFFSET_AT,
  type FrameHeader,
  frameBytes,
  readFrameHeader,
} from '../format/frame.js';
import { viewOf } from '../format/little-endian.js';
import { readEffects } from '../recovery/scan-segment.js';
import type { FrameEffects } from '../state/frame-effects.js';
import type { LenientFile } from './lenient-file.js';

const SEARCH_PIECE_BYTES = 64 * 1024;
const TWO_32 = 0x1_0000_0000;

export type WalkItem =
  | {
      readonly type: 'frame';
      readonly offset: number;
      readonly bytes: number;
      readonly header: FrameHeader;
      readonly effects: FrameEffects;
      /** A view that holds until the next item is asked for. */
      readonly payload: Uint8Array;
    }
  | {
      readonly type: 'damage';
      readonly offset: number;
      /** Up to the next frame that can be read, or to the end of the segment. */
      readonly bytes: number;
      readonly why: string;
      /** The frames that should be here. */
      readonly firstSeq: number;
      readonly lastSeq: number;
      /** Where only the payload is damaged. */
      readonly header: FrameHeader | undefined;
    }
  /** No further frame is here. */
  | {
      readonly type: 'end';
      readonly offset: number;
      readonly nextSeq: number;
      /** Whether there is nothing but zeros where the next frame's header would be. */
      readonly isBlank: boolean;
    };

export interface WalkStart {
  readonly seed: number;
  readonly offset: number;
  /** Of the frame that belongs to `offset`. */
  readonly seq: number;
  /** Frames with a higher seq do not count. */
  readonly lastSeqMax: number;
}

export function* walkFrames(file: LenientFile, start: WalkStart): Generator<WalkItem, void, void> {
  const { seed, lastSeqMax } = start;
  let { offset, seq } = start;
  while (seq <= lastSeqMax) {
    const header = headerAt(file, offset, seed);
    if (header?.frameSeq === seq) {
      const item = readFrame(file, offset, header);
      yield item;
      offset += item.bytes;
      seq += 1;
      continue;
    }
    const next = findFrame(file, offset, { seed, seq });
    if (next === undefined) break;
    const why =
      header === undefined
        ? 'no frame header matches its checksum there'
        : `frame ${header.frameSeq} is there instead`;
    const lastSeq = Math.min(next.seq - 1, lastSeqMax);
    yield {
      type: 'damage',
      offset,
      bytes: next.offset - offset,
      why,
      firstSeq: seq,
      lastSeq,
      header: undefined,
    };
    offset = next.offset;
    seq = next.seq;
  }
  const behind = file.at(offset, FRAME_HEADER_BYTES);
  yield { type: 'end', offset, nextSeq: seq, isBlank: behind?.every((byte) => byte === 0) ?? true };
}

/** The frame whose header is right, or what is wrong with the rest of it. */
function readFrame(
  file: LenientFile,
  offset: number,
  header: FrameHeader,
): Exclude<WalkItem, { type: 'end' }> {
  const bytes = frameBytes(header.payloadBytes);
  const damaged = (why: string): WalkItem & { type: 'damage' } => {
    const { frameSeq } = header;
    return { type: 'damage', offset, bytes, why, firstSeq: frameSeq, lastSeq: frameSeq, header };
  };
  const padded = file.at(offset + FRAME_HEADER_BYTES, bytes - FRAME_HEADER_BYTES);
  if (padded === undefined) return damaged('the file ends within the frame');
  if (checksum(padded) !== header.payloadCrc) return damaged('the payload does not match its checksum');
  const payload = padded.subarray(0, header.payloadBytes);
  const effects = readEffects(payload, header);
  return typeof effects === 'string'
    ? damaged(effects)
    : { type: 'frame', offset, bytes, header, effects, payload };
}

function headerAt(file: LenientFile, offset: number, seed: number): FrameHeader | undefined {
  const bytes = file.at(offset, FRAME_HEADER_BYTES);
  return bytes && readFrameHeader(bytes, 0, { seed, offset });
}

/** The next frame from `offset` on with this seq or a higher one. */
function findFrame(
  file: LenientFile,
  from: number,
  want: { readonly seed: number; readonly seq: number },
): { readonly offset: number; readonly seq: number } | undefined {
  for (let offset = from; ; ) {
    const piece = file.atMost(offset, SEARCH_PIECE_BYTES);
    const view = viewOf(piece);
    let at = 0;
    for (; at + FRAME_HEADER_BYTES <= piece.length; at += FRAME_ALIGNMENT) {
      // The low half of the offset field first: almost every place is settled by it.
      if (view.getUint32(at + FRAME_OFFSET_AT, true) !== (offset + at) % TWO_32) continue;
      const header = readFrameHeader(piece, at, { seed: want.seed, offset: offset + at });
      if (header !== undefined && header.frameSeq >= want.seq)
        return { offset: offset + at, seq: header.frameSeq };
    }
    if (at === 0) return undefined;
    offset += at;
  }
}
