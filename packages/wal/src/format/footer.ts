// The footer of a sealed segment (docs/wal-format.md, "Footers"): its summary, so that opening need not read its
// frames. Nothing depends on it: a footer that is absent or bad is made again from the frames. It ends the file:
//
//   … frames, unused space … | body | trailer (64 bytes)
//
//    0  trailer checksum u32     of bytes 4 to 63, starting from the segment's seed
//    4  body checksum    u32
//    8  body bytes       u32
//   12  0                u32
//   16  magic            "WALDBFTR"
//   24  end offset       u64     the first byte behind the frames that count
//   32  last seq         u64     of those frames; they were durable when this was written
//   40  0 …
//
// The body is one MessagePack array of eight: kept through, last index, hard state [term, votedFor or nil] or nil,
// snapshot [index, term, file bytes, payload crc] or nil, compacted [index, term] or nil, stretches (offset, bytes,
// first, last, …), term runs (first, term, …), indexes of config entries.

import { type HardState, MsgpackReader, MsgpackWriter, RaftError } from '@waldb/core';
import { checksum } from '@waldb/io';
import type { LogPosition, TermRun } from '../state/frame-effects.js';
import { SegmentSummary } from '../state/segment-summary.js';
import { FRAME_HEADER_BYTES } from './frame.js';
import { readUint64, viewOf, writeUint64 } from './little-endian.js';
import { PAGE_BYTES } from './page.js';
import type { SnapshotRef } from './record.js';

export const FOOTER_TRAILER_BYTES = 64;

const MAGIC = 'WALDBFTR';
const MAGIC_AT = 16;
const BODY_FIELDS = 8;
/** The longest a body without stretches, runs and configurations can be, generously. */
const BODY_FIXED_BYTES_MAX = 192;
const STRETCH_BYTES_MAX = 36;
const TERM_RUN_BYTES_MAX = 18;
const CONFIG_INDEX_BYTES_MAX = 9;

export interface FooterTrailer {
  readonly bodyCrc: number;
  readonly bodyBytes: number;
  readonly endOffset: number;
  readonly lastSeq: number;
}

/** How much room a footer can need; what is written while a segment is filled keeps at least this much free. */
export function footerBytesMax(counts: {
  readonly stretches: number;
  readonly termRuns: number;
  readonly configs: number;
}): number {
  return (
    FOOTER_TRAILER_BYTES +
    BODY_FIXED_BYTES_MAX +
    counts.stretches * STRETCH_BYTES_MAX +
    counts.termRuns * TERM_RUN_BYTES_MAX +
    counts.configs * CONFIG_INDEX_BYTES_MAX
  );
}

/** Body and trailer; they belong at the very end of the segment. */
export function encodeFooter(summary: SegmentSummary, seed: number): Uint8Array {
  const body = encodeBody(summary);
  const bytes = new Uint8Array(body.length + FOOTER_TRAILER_BYTES);
  bytes.set(body, 0);
  const trailer = bytes.subarray(body.length);
  const view = viewOf(trailer);
  view.setUint32(4, checksum(body), true);
  view.setUint32(8, body.length, true);
  for (let i = 0; i < 8; i++) trailer[MAGIC_AT + i] = MAGIC.charCodeAt(i);
  writeUint64(view, 24, summary.endOffset);
  writeUint64(view, 32, summary.lastSeq);
  view.setUint32(0, checksum(trailer.subarray(4), seed), true);
  return bytes;
}

/** The trailer in the last 64 bytes of a segment, or `undefined` when there is none. */
export function decodeFooterTrailer(bytes: Uint8Array, seed: number): FooterTrailer | undefined {
  if (bytes.length !== FOOTER_TRAILER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== checksum(bytes.subarray(4), seed)) return undefined;
  for (let i = 0; i < 8; i++) if (bytes[MAGIC_AT + i] !== MAGIC.charCodeAt(i)) return undefined;
  const trailer: FooterTrailer = {
    bodyCrc: view.getUint32(4, true),
    bodyBytes: view.getUint32(8, true),
    endOffset: readUint64(view, 24),
    lastSeq: readUint64(view, 32),
  };
  return Number.isSafeInteger(trailer.endOffset) && Number.isSafeInteger(trailer.lastSeq)
    ? trailer
    : undefined;
}

/** The summary in a footer's body, or `undefined` when the body is not what the trailer says. */
export function decodeFooterBody(body: Uint8Array, trailer: FooterTrailer): SegmentSummary | undefined {
  if (body.length !== trailer.bodyBytes || checksum(body) !== trailer.bodyCrc) return undefined;
  try {
    const summary = readBody(body, trailer);
    return makesSense(summary) ? summary : undefined;
  } catch (error) {
    if (error instanceof RaftError) return undefined;
    throw error;
  }
}

function encodeBody(summary: SegmentSummary): Uint8Array {
  const writer = new MsgpackWriter(256);
  writer.arrayHeader(BODY_FIELDS).uint(summary.keptThrough).uint(summary.lastIndex);
  writeHardState(writer, summary.hardState);
  if (summary.snapshot === undefined) writer.nil();
  else {
    const { index, term, fileBytes, payloadCrc } = summary.snapshot;
    writer.arrayHeader(4).uint(index).uint(term).uint(fileBytes).uint(payloadCrc);
  }
  if (summary.compacted === undefined) writer.nil();
  else writer.arrayHeader(2).uint(summary.compacted.index).uint(summary.compacted.term);
  writer.arrayHeader(summary.stretches.length * 4);
  for (const { offset, bytes, first, last } of summary.stretches) {
    writer.uint(offset).uint(bytes).uint(first).uint(last);
  }
  writer.arrayHeader(summary.termRuns.length * 2);
  for (const { first, term } of summary.termRuns) writer.uint(first).uint(term);
  writer.arrayHeader(summary.configIndexes.length);
  for (const index of summary.configIndexes) writer.uint(index);
  return writer.finish();
}

function writeHardState(writer: MsgpackWriter, state: HardState | undefined): void {
  if (state === undefined) {
    writer.nil();
    return;
  }
  writer.arrayHeader(2).uint(state.term);
  if (state.votedFor === undefined) writer.nil();
  else writer.uint(state.votedFor);
}

function readBody(body: Uint8Array, trailer: FooterTrailer): SegmentSummary {
  const reader = new MsgpackReader(body);
  reader.tuple(BODY_FIELDS, 'footer');
  const keptThrough = reader.uint('keptThrough');
  const summary = new SegmentSummary({ baseIndex: keptThrough, offset: trailer.endOffset, firstSeq: 1 });
  summary.lastSeq = trailer.lastSeq;
  summary.lastIndex = reader.uint('lastIndex');
  summary.hardState = orNil(reader, readHardState);
  summary.snapshot = orNil(reader, readSnapshotRef);
  summary.compacted = orNil(reader, readPosition);
  for (let left = reader.arrayHeader('stretches'); left > 0; left -= 4) {
    const offset = reader.uint('stretch.offset');
    const bytes = reader.uint('stretch.bytes');
    summary.stretches.push({
      offset,
      bytes,
      first: reader.uint('stretch.first'),
      last: reader.uint('stretch.last'),
    });
  }
  for (let left = reader.arrayHeader('termRuns'); left > 0; left -= 2) {
    summary.termRuns.push({ first: reader.uint('run.first'), term: reader.uint('run.term') });
  }
  for (let left = reader.arrayHeader('configIndexes'); left > 0; left -= 1) {
    summary.configIndexes.push(reader.uint('configIndex'));
  }
  reader.end('footer');
  return summary;
}

/**
 * Whether the parts agree as those of every segment do. The checksum proves who wrote a footer, not that it is right;
 * one that is not would send readers to places where there is nothing, while the frames still know better.
 */
function makesSense({ keptThrough, lastIndex, compacted, ...parts }: SegmentSummary): boolean {
  const { stretches, termRuns, configIndexes, endOffset } = parts;
  let index = (stretches.at(0)?.first ?? lastIndex + 1) - 1;
  // What was here before: the segments before, or what a snapshot dropped them for.
  const isReset = keptThrough === 0 && compacted !== undefined && index <= compacted.index;
  if (index !== keptThrough && !isReset) return false;
  const first = index + 1;
  let offset = PAGE_BYTES;
  for (const stretch of stretches) {
    if (stretch.first !== index + 1 || stretch.last < stretch.first || stretch.offset < offset) return false;
    if (stretch.bytes < FRAME_HEADER_BYTES) return false;
    index = stretch.last;
    offset = stretch.offset + stretch.bytes;
  }
  return (
    index === lastIndex &&
    offset <= endOffset &&
    (termRuns[0]?.first ?? first) === first &&
    termRuns.length > 0 === stretches.length > 0 &&
    termRuns.every((run, i) => run.first <= lastIndex && isAbove(run, termRuns[i - 1])) &&
    configIndexes.every((at, i) => at >= first && at <= lastIndex && at > (configIndexes[i - 1] ?? 0))
  );
}

function isAbove(run: TermRun, before: TermRun | undefined): boolean {
  return before === undefined || (run.first > before.first && run.term > before.term);
}

function orNil<Value>(reader: MsgpackReader, read: (reader: MsgpackReader) => Value): Value | undefined {
  const NIL = 0xc0;
  if (reader.bytes[reader.offset] !== NIL) return read(reader);
  reader.offset += 1;
  return undefined;
}

function readHardState(reader: MsgpackReader): HardState {
  reader.tuple(2, 'hardState');
  return { term: reader.uint('term'), votedFor: reader.uintOrNil('votedFor') };
}

function readSnapshotRef(reader: MsgpackReader): SnapshotRef {
  reader.tuple(4, 'snapshot');
  const index = reader.uint('snapshot.index');
  const term = reader.uint('snapshot.term');
  return {
    index,
    term,
    fileBytes: reader.uint('snapshot.fileBytes'),
    payloadCrc: reader.uint('snapshot.payloadCrc'),
  };
}

function readPosition(reader: MsgpackReader): LogPosition {
  reader.tuple(2, 'compacted');
  return { index: reader.uint('compacted.index'), term: reader.uint('compacted.term') };
}
