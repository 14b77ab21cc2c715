// Finds frames in the bytes of a segment, for tests that damage one of them or write one anew.

import { checksum } from '@waldb/io';
import { FRAME_HEADER_BYTES, frameBytes, readFrameHeader } from '../../src/format/frame.js';
import { viewOf } from '../../src/format/little-endian.js';
import { PAGE_BYTES } from '../../src/format/page.js';
import { decodeSegmentHeader, segmentSeed } from '../../src/format/segment-header.js';

export interface FrameOnDisk {
  readonly offset: number;
  readonly bytes: number;
  readonly kind: 'batch' | 'idle' | 'close';
}

/** The frames of a segment, in order, as far as they follow each other. */
export function framesOf(segment: Uint8Array): FrameOnDisk[] {
  const page = decodeSegmentHeader(segment.subarray(0, PAGE_BYTES));
  if (page.type !== 'valid') return [];
  const seed = segmentSeed(page.header);
  const frames: FrameOnDisk[] = [];
  for (let offset = PAGE_BYTES; offset < segment.length; ) {
    const header = readFrameHeader(segment, offset, { seed, offset });
    if (header === undefined) break;
    const bytes = frameBytes(header.payloadBytes);
    frames.push({ offset, bytes, kind: header.kind });
    offset += bytes;
  }
  return frames;
}

/** Gives a frame right checksums again after its header or payload was changed. */
export function resealFrame(segment: Uint8Array, frame: FrameOnDisk): void {
  const page = decodeSegmentHeader(segment.subarray(0, PAGE_BYTES));
  if (page.type !== 'valid') return;
  const { offset, bytes } = frame;
  const payload = segment.subarray(offset + FRAME_HEADER_BYTES, offset + bytes);
  const view = viewOf(segment);
  view.setUint32(offset + 4, checksum(payload), true);
  const header = segment.subarray(offset + 4, offset + FRAME_HEADER_BYTES);
  view.setUint32(offset, checksum(header, segmentSeed(page.header)), true);
}
