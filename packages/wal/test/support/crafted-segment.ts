// Segments written byte by byte for tests of recovery: whole where nothing else is said, wrong exactly where it is.

import { encodeEntry, type LogEntry } from '@waldb/core';
import { checksum } from '@waldb/io';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameBytes,
  paddedBytes,
  writeFrameHeader,
} from '../../src/format/frame.js';
import { PAGE_BYTES } from '../../src/format/page.js';
import { encodeStateRecord, type StateRecord } from '../../src/format/record.js';
import { encodeSegmentHeader, type SegmentHeader, segmentSeed } from '../../src/format/segment-header.js';

export const LOG_ID = '0123456789abcdef';

export function segmentHeader(change: Partial<SegmentHeader> = {}): SegmentHeader {
  return {
    logId: LOG_ID,
    kind: 'raft',
    segmentId: 1,
    segmentBytes: 8192,
    baseIndex: 0,
    firstSeq: 1,
    publishedSeq: 1,
    salt: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    wasUsed: false,
    ...change,
  };
}

export interface CraftedFrame {
  readonly seq: number;
  readonly durableSeq: number;
  readonly payload: Uint8Array;
  readonly header: Partial<FrameHeader>;
  /** Bytes left out before it. */
  readonly gap: number;
}

/** A frame with these records. `header` says otherwise where it should not tell the truth. */
export function frame(
  seq: number,
  records: readonly (LogEntry | StateRecord)[],
  {
    durableSeq = seq - 1,
    gap = 0,
    header = {},
  }: { durableSeq?: number; gap?: number; header?: Partial<FrameHeader> } = {},
): CraftedFrame {
  const entries = records.filter((record): record is LogEntry => 'index' in record && 'kind' in record);
  const encoded = records.map((record) =>
    'kind' in record ? (encodeEntry(record).encoded ?? new Uint8Array(0)) : encodeStateRecord(record),
  );
  const told = {
    recordCount: records.length,
    entryCount: entries.length,
    firstIndex: entries[0]?.index ?? 0,
    lastTerm: entries.at(-1)?.term ?? 0,
  };
  const payload = new Uint8Array(Buffer.concat(encoded));
  return { seq, durableSeq, payload, header: { ...told, ...header }, gap };
}

/** A frame without records: proof alone. */
export function proof(seq: number, durableSeq: number, gap = 0): CraftedFrame {
  return frame(seq, [], { durableSeq, gap, header: { kind: 'idle', payloadCrc: 0 } });
}

/** The bytes of a segment with these frames behind each other, and where each of them begins. */
export function craft(
  frames: readonly CraftedFrame[],
  change: Partial<SegmentHeader> = {},
): { readonly bytes: Uint8Array; readonly header: SegmentHeader; readonly offsets: readonly number[] } {
  const header = segmentHeader(change);
  const bytes = new Uint8Array(header.segmentBytes);
  bytes.set(encodeSegmentHeader(header), 0);
  const seed = segmentSeed(header);
  const offsets: number[] = [];
  let offset = PAGE_BYTES;
  for (const { seq, durableSeq, payload, header: told, gap } of frames) {
    offset += gap;
    const padded = new Uint8Array(paddedBytes(payload.length));
    padded.set(payload, 0);
    bytes.set(padded, offset + FRAME_HEADER_BYTES);
    const truth: FrameHeader = {
      payloadCrc: checksum(padded),
      payloadBytes: payload.length,
      kind: 'batch',
      recordCount: 0,
      entryCount: 0,
      frameSeq: seq,
      durableSeq,
      firstIndex: 0,
      lastTerm: 0,
    };
    writeFrameHeader(bytes, offset, { ...truth, ...told }, { seed, offset });
    offsets.push(offset);
    offset += frameBytes(payload.length);
  }
  return { bytes, header, offsets };
}
