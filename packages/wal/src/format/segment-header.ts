// The first page of a segment (docs/wal-format.md, "Segment header"). It is written before the file gets its name and
// never changes afterwards: a named segment with a bad header is corrupt, never torn.
//
//    0  page head, magic "WALDBSEG"
//   32  segment id       u64     also the file's name
//   40  segment bytes    u64     the file's size
//   48  base index       u64     last index of the log before this segment
//   56  first seq        u64     frameSeq of the segment's first frame: every frame before it is durable
//   64  published seq    u64     frames up to this one were synced before the file got its name
//   72  salt             8 bytes random, new for each use of the file
//   80  used before      u32     1: what is not written yet may hold frames of an earlier use; 0: it holds zeros
//   84  0 …
// 4092  checksum

import type { Index } from '@waldb/core';
import { checksum } from '@waldb/io';
import { readUint64, viewOf, writeUint64 } from './little-endian.js';
import { beginPage, type LogIdentity, PAGE_FIELDS_AT, type Page, readPage, sealPage } from './page.js';

const MAGIC = 'WALDBSEG';

export interface SegmentHeader extends LogIdentity {
  readonly segmentId: number;
  readonly segmentBytes: number;
  readonly baseIndex: Index;
  readonly firstSeq: number;
  readonly publishedSeq: number;
  readonly salt: Uint8Array;
  /** Whether the file was a segment before, or may have been. */
  readonly wasUsed: boolean;
}

export type SegmentHeaderPage =
  | { readonly type: 'valid'; readonly header: SegmentHeader }
  | Exclude<Page, { type: 'valid' }>;

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = beginPage(MAGIC, header);
  const view = viewOf(bytes);
  writeUint64(view, 32, header.segmentId);
  writeUint64(view, 40, header.segmentBytes);
  writeUint64(view, 48, header.baseIndex);
  writeUint64(view, 56, header.firstSeq);
  writeUint64(view, 64, header.publishedSeq);
  bytes.set(header.salt, 72);
  view.setUint32(80, header.wasUsed ? 1 : 0, true);
  sealPage(bytes);
  return bytes;
}

export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeaderPage {
  const page = readPage(bytes, MAGIC);
  if (page.type !== 'valid') return page;
  const fields = [0, 8, 16, 24, 32].map((at) => readUint64(page.fields, PAGE_FIELDS_AT + at));
  if (!fields.every(Number.isSafeInteger))
    return { type: 'damaged', why: 'has a field that is no safe integer' };
  const [segmentId = 0, segmentBytes = 0, baseIndex = 0, firstSeq = 0, publishedSeq = 0] = fields;
  if (segmentId === 0 || firstSeq === 0 || publishedSeq < firstSeq) {
    return { type: 'damaged', why: 'has impossible fields' };
  }
  const salt = bytes.slice(72, 80);
  const wasUsed = page.fields.getUint32(80, true) !== 0;
  return {
    type: 'valid',
    header: {
      logId: page.logId,
      kind: page.kind,
      segmentId,
      segmentBytes,
      baseIndex,
      firstSeq,
      publishedSeq,
      salt,
      wasUsed,
    },
  };
}

/**
 * What the checksums of a segment's frames and footer start from: the checksum of salt and id. A frame that an
 * earlier use of the file left, or that strayed in from another segment, does not match it.
 */
export function segmentSeed(header: SegmentHeader): number {
  const bytes = new Uint8Array(16);
  bytes.set(header.salt, 0);
  writeUint64(viewOf(bytes), 8, header.segmentId);
  return checksum(bytes);
}
