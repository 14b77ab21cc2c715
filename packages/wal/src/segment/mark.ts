// Frames without records: they say that everything before them is durable, and nothing else.

import { FRAME_HEADER_BYTES, type FrameKind, writeFrameHeader } from '../format/frame.js';

export const MARK_BYTES: number = FRAME_HEADER_BYTES;

export interface Mark {
  readonly bytes: Uint8Array;
  readonly position: number;
  /** What it proves: every frame up to this one. */
  readonly durableSeq: number;
}

/** The mark that follows the frame `durableSeq`, for one place of one segment. */
export function encodeMark(
  kind: Exclude<FrameKind, 'batch'>,
  place: { readonly seed: number; readonly offset: number; readonly durableSeq: number },
): Mark {
  const { seed, offset, durableSeq } = place;
  const bytes = new Uint8Array(MARK_BYTES);
  const header = { ...WITHOUT_RECORDS, kind, frameSeq: durableSeq + 1, durableSeq };
  writeFrameHeader(bytes, 0, header, { seed, offset });
  return { bytes, position: offset, durableSeq };
}

const WITHOUT_RECORDS = {
  payloadCrc: 0,
  payloadBytes: 0,
  recordCount: 0,
  entryCount: 0,
  firstIndex: 0,
  lastTerm: 0,
} as const;
