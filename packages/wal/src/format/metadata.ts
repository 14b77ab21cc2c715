// The METADATA file: two slots of one page each, written in turn, the older one first (docs/wal-format.md,
// "Metadata"). Whatever happens to one of them, the other still tells which files belong to the log.
//
//    0  page head, magic "WALDBMET"
//   32  generation       u64     the valid slot with the larger one counts
//   40  first segment    u64
//   48  last segment     u64     a lower bound; 0 before the first segment has its name
//   56  compacted index  u64
//   64  compacted term   u64
//   72  snapshot index   u64     0 without a snapshot
//   80  snapshot term    u64
//   88  snapshot bytes   u64     of its file
//   96  snapshot crc     u32     of its payload
//  100  0                u32
//  104  durable seq      u64
//  112  0 …
// 4092  checksum

import type { Index, Term } from '@waldb/core';
import { readUint64, viewOf, writeUint64 } from './little-endian.js';
import { beginPage, type LogIdentity, PAGE_BYTES, type Page, readPage, sealPage } from './page.js';
import type { SnapshotRef } from './record.js';

const MAGIC = 'WALDBMET';
export const METADATA_BYTES: number = PAGE_BYTES * 2;

export interface Metadata extends LogIdentity {
  readonly generation: number;
  readonly firstSegmentId: number;
  readonly lastSegmentId: number;
  readonly compacted: { readonly index: Index; readonly term: Term };
  readonly snapshot: SnapshotRef | undefined;
  readonly durableSeq: number;
}

export type MetadataSlot =
  | { readonly type: 'valid'; readonly metadata: Metadata }
  | Exclude<Page, { type: 'valid' }>;

export function encodeMetadata(metadata: Metadata): Uint8Array {
  const bytes = beginPage(MAGIC, metadata);
  const view = viewOf(bytes);
  writeUint64(view, 32, metadata.generation);
  writeUint64(view, 40, metadata.firstSegmentId);
  writeUint64(view, 48, metadata.lastSegmentId);
  writeUint64(view, 56, metadata.compacted.index);
  writeUint64(view, 64, metadata.compacted.term);
  writeUint64(view, 72, metadata.snapshot?.index ?? 0);
  writeUint64(view, 80, metadata.snapshot?.term ?? 0);
  writeUint64(view, 88, metadata.snapshot?.fileBytes ?? 0);
  view.setUint32(96, metadata.snapshot?.payloadCrc ?? 0, true);
  writeUint64(view, 104, metadata.durableSeq);
  sealPage(bytes);
  return bytes;
}

export function decodeMetadata(bytes: Uint8Array): MetadataSlot {
  const page = readPage(bytes, MAGIC);
  if (page.type !== 'valid') return page;
  const field = (at: number): number => readUint64(page.fields, at);
  const numbers = [32, 40, 48, 56, 64, 72, 80, 88, 104].map(field);
  if (!numbers.every(Number.isSafeInteger))
    return { type: 'damaged', why: 'has a field that is no safe integer' };
  if (field(40) === 0) return { type: 'damaged', why: 'names no first segment' };
  // Believing it would give up every segment there is. Before the first one has its name, the last is 0.
  if (field(40) > Math.max(field(48), 1))
    return { type: 'damaged', why: 'names a first segment behind the last one' };
  const snapshot = {
    index: field(72),
    term: field(80),
    fileBytes: field(88),
    payloadCrc: page.fields.getUint32(96, true),
  };
  return {
    type: 'valid',
    metadata: {
      logId: page.logId,
      kind: page.kind,
      generation: field(32),
      firstSegmentId: field(40),
      lastSegmentId: field(48),
      compacted: { index: field(56), term: field(64) },
      snapshot: snapshot.index === 0 ? undefined : snapshot,
      durableSeq: field(104),
    },
  };
}

/** Where in the file the slot of a generation is. */
export function metadataSlotOffset(generation: number): number {
  return (generation % 2) * PAGE_BYTES;
}
