// Makes a log that begins where another one is to go on: with a given identity, position and hard state, and without
// entries. Only for a directory of its own that nobody uses yet: nothing here is atomic.

import { join } from 'node:path';
import type { HardState } from '@waldb/core';
import { checksum, publishFile, type Vfs } from '@waldb/io';
import { METADATA_FILE, segmentFile } from '../format/file-name.js';
import { FRAME_HEADER_BYTES, frameBytes, writeFrameHeader } from '../format/frame.js';
import { encodeMetadata, METADATA_BYTES, type Metadata, metadataSlotOffset } from '../format/metadata.js';
import { PAGE_BYTES } from '../format/page.js';
import { encodeStateRecord, type StateRecord } from '../format/record.js';
import { encodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import type { LogPosition } from '../state/frame-effects.js';
import type { KnownLog } from './segment-facts.js';

const SEGMENT_BYTES = 256 * 1024;
const FIRST_SEQ = 1;

export interface LogSeed {
  readonly log: KnownLog;
  /** The id of its first segment. */
  readonly segmentId: number;
  readonly start: LogPosition;
  readonly hardState: HardState;
}

export function seedLog(vfs: Vfs, directory: string, seed: LogSeed): void {
  const { log, segmentId, start, hardState } = seed;
  const header: SegmentHeader = {
    logId: log.logId,
    kind: log.kind,
    segmentId,
    segmentBytes: SEGMENT_BYTES,
    baseIndex: start.index,
    firstSeq: FIRST_SEQ,
    publishedSeq: FIRST_SEQ,
    salt: vfs.randomBytes(8),
    wasUsed: false,
  };
  const records: StateRecord[] = [{ type: 'hardState', state: hardState }];
  if (start.index > 0) records.push({ type: 'compact', ...start });
  publishFile(vfs, join(directory, segmentFile(segmentId)), encodeFirstSegment(header, records));
  publishFile(vfs, join(directory, METADATA_FILE), encodeBothSlots(header, start));
}

function encodeFirstSegment(header: SegmentHeader, records: readonly StateRecord[]): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_BYTES);
  bytes.set(encodeSegmentHeader(header), 0);
  const payload = Buffer.concat(records.map(encodeStateRecord));
  bytes.set(payload, PAGE_BYTES + FRAME_HEADER_BYTES);
  const end = PAGE_BYTES + frameBytes(payload.length);
  const frame = {
    payloadCrc: checksum(bytes.subarray(PAGE_BYTES + FRAME_HEADER_BYTES, end)),
    payloadBytes: payload.length,
    kind: 'batch',
    recordCount: records.length,
    entryCount: 0,
    frameSeq: FIRST_SEQ,
    durableSeq: FIRST_SEQ - 1,
    firstIndex: 0,
    lastTerm: 0,
  } as const;
  writeFrameHeader(bytes, PAGE_BYTES, frame, { seed: segmentSeed(header), offset: PAGE_BYTES });
  return bytes;
}

function encodeBothSlots({ logId, kind, segmentId }: SegmentHeader, start: LogPosition): Uint8Array {
  const bytes = new Uint8Array(METADATA_BYTES);
  for (const generation of [1, 2]) {
    const slot: Metadata = {
      logId,
      kind,
      generation,
      firstSegmentId: segmentId,
      lastSegmentId: segmentId,
      compacted: start,
      snapshot: undefined,
      durableSeq: FIRST_SEQ,
    };
    bytes.set(encodeMetadata(slot), metadataSlotOffset(generation));
  }
  return bytes;
}
