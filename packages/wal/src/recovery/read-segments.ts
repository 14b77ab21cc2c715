// Reads every segment of a log as far as needed: headers always, frames where there is no good footer, the tail's
// frames always. Applies the decision table; reads only.

import { join } from 'node:path';
import { readExactly, type Vfs, VfsError, type VfsFile } from '@waldb/io';
import { segmentFile } from '../format/file-name.js';
import { decodeFooterBody, decodeFooterTrailer, FOOTER_TRAILER_BYTES } from '../format/footer.js';
import { FRAME_HEADER_BYTES, readFrameHeader } from '../format/frame.js';
import type { Metadata } from '../format/metadata.js';
import { PAGE_BYTES } from '../format/page.js';
import { decodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import { type LiveSegment, liveSegment } from '../segment/live-segment.js';
import { WalError } from '../wal-error.js';
import { gapFinding, RECOVERY, type SegmentPlace } from './decision.js';
import { newerVersion } from './read-directory.js';
import { type SegmentScan, scanSegment, type UnprovenFrame } from './scan-segment.js';

export interface SegmentsState {
  /** Oldest first, each with the sum of its proven frames. */
  readonly segments: LiveSegment[];
  /** Frames of the tail that have to be written again. */
  readonly unproven: readonly UnprovenFrame[];
  /** The highest frame seq that is proven durable. */
  readonly provenSeq: number;
  /** Where the tail's frames end, and whether something that was dropped lies behind. */
  readonly tailGap: SegmentScan['gap'] | undefined;
  readonly strayFrames: number;
}

interface OpenSegment {
  readonly file: VfsFile;
  readonly header: SegmentHeader;
}

/** Errors: `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_IO`. */
export function readSegments(
  vfs: Vfs,
  directory: string,
  metadata: Metadata,
  ids: readonly number[],
): SegmentsState {
  const segments: LiveSegment[] = [];
  let current = openSegment(vfs, directory, metadata, ids[0]);
  for (const nextId of ids.slice(1)) {
    if (current === undefined) break;
    try {
      const next = openSegment(vfs, directory, metadata, nextId);
      try {
        if (next !== undefined) segments.push(readSealed(directory, current, next.header));
      } finally {
        current.file.close();
        current = next;
      }
    } catch (error) {
      current?.file.close();
      throw error;
    }
  }
  if (current === undefined) {
    return { segments, unproven: [], provenSeq: metadata.durableSeq, tailGap: undefined, strayFrames: 0 };
  }
  try {
    return readTail(directory, current, metadata, segments);
  } finally {
    current.file.close();
  }
}

function readTail(
  directory: string,
  { file, header }: OpenSegment,
  metadata: Metadata,
  sealed: LiveSegment[],
): SegmentsState {
  const bounds = { provenSeq: provenForTail(file, header, metadata), lastSeqMax: Number.MAX_SAFE_INTEGER };
  const scan = attempt(header, () => scanSegment(file, header, bounds));
  decide('tail', header, scan);
  return {
    segments: [...sealed, liveSegment(directory, header, scan.summary)],
    unproven: scan.unproven.filter((frame) => frame.effects.recordCount > 0),
    provenSeq: scan.provenSeq,
    tailGap: { ...scan.gap, isBlank: scan.gap.isBlank || holdsLeftovers(file, header, scan.gap.offset) },
    strayFrames: scan.strayFrames,
  };
}

/**
 * Whether what lies at the gap may be of an earlier use of the file. It then says nothing: only a frame header of this use
 * is a trace of a write that did not finish. Where even that is gone, the next frame may go there as it may go on zeros:
 * 1. a write is torn, its header with it  2. reopen; no frame of it can be seen here or behind  3. the next frame is
 * written over its place  4. crash. Whatever mix of the two is there then, the header is the newer one's or none.
 */
function holdsLeftovers(file: VfsFile, header: SegmentHeader, offset: number): boolean {
  if (!header.wasUsed || offset + FRAME_HEADER_BYTES > header.segmentBytes) return false;
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  attempt(header, () => readExactly(file, bytes, offset));
  return readFrameHeader(bytes, 0, { seed: segmentSeed(header), offset }) === undefined;
}

/** What proves frames of the tail before any of them is read. */
function provenForTail(file: VfsFile, header: SegmentHeader, metadata: Metadata): number {
  const footer = attempt(header, () => readTrailer(file, header));
  return Math.max(header.publishedSeq, metadata.durableSeq, footer?.lastSeq ?? 0);
}

function readSealed(directory: string, { file, header }: OpenSegment, next: SegmentHeader): LiveSegment {
  const lastSeq = next.firstSeq - 1;
  if (lastSeq < header.publishedSeq) {
    throw corrupt(
      header.segmentId,
      0,
      `the next segment goes on from frame ${next.firstSeq}, before its own`,
      {},
    );
  }
  const fromFooter = attempt(header, () => readFooter(file, header, lastSeq));
  if (fromFooter !== undefined) return liveSegment(directory, header, fromFooter);
  const scan = attempt(header, () => scanSegment(file, header, { provenSeq: lastSeq, lastSeqMax: lastSeq }));
  if (scan.summary.lastSeq < lastSeq) decide('sealed', header, scan);
  return liveSegment(directory, header, scan.summary);
}

function decide(place: SegmentPlace, header: SegmentHeader, scan: SegmentScan): void {
  const { gap, summary, lastTerm } = scan;
  const decision = RECOVERY[place][gapFinding(gap.seq, scan.provenSeq)];
  if (decision !== 'refuse') return;
  throw corrupt(header.segmentId, gap.offset, gap.why, {
    index: summary.lastIndex + 1,
    term: lastTerm,
    frameSeq: gap.seq,
    provenSeq: scan.provenSeq,
  });
}

function readFooter(
  file: VfsFile,
  header: SegmentHeader,
  lastSeq: number,
): LiveSegment['summary'] | undefined {
  const trailer = readTrailer(file, header);
  const bodyBytesMax = header.segmentBytes - PAGE_BYTES - FOOTER_TRAILER_BYTES;
  if (trailer === undefined || trailer.lastSeq !== lastSeq || trailer.bodyBytes > bodyBytesMax)
    return undefined;
  // No frame lies where the footer does, nor beyond the file: what it says of their places is bounded by this.
  if (trailer.endOffset > header.segmentBytes - FOOTER_TRAILER_BYTES - trailer.bodyBytes) return undefined;
  const body = new Uint8Array(trailer.bodyBytes);
  readExactly(file, body, header.segmentBytes - FOOTER_TRAILER_BYTES - trailer.bodyBytes);
  return decodeFooterBody(body, trailer);
}

function readTrailer(file: VfsFile, header: SegmentHeader): ReturnType<typeof decodeFooterTrailer> {
  const bytes = new Uint8Array(FOOTER_TRAILER_BYTES);
  readExactly(file, bytes, header.segmentBytes - FOOTER_TRAILER_BYTES);
  return decodeFooterTrailer(bytes, segmentSeed(header));
}

function openSegment(
  vfs: Vfs,
  directory: string,
  metadata: Metadata,
  segmentId: number | undefined,
): OpenSegment | undefined {
  if (segmentId === undefined) return undefined;
  const file = attempt({ segmentId }, () => vfs.open(join(directory, segmentFile(segmentId)), 'read'));
  try {
    const header = readHeader(file, segmentId, metadata);
    return { file, header };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readHeader(file: VfsFile, segmentId: number, metadata: Metadata): SegmentHeader {
  const name = segmentFile(segmentId);
  const bytes = new Uint8Array(PAGE_BYTES);
  const size = attempt({ segmentId }, () => file.size());
  if (size < PAGE_BYTES) throw corrupt(segmentId, 0, `it has ${size} bytes, less than its header`, {});
  attempt({ segmentId }, () => readExactly(file, bytes, 0));
  const page = decodeSegmentHeader(bytes);
  if (page.type === 'newer') throw newerVersion(name, page.version);
  if (page.type === 'damaged') throw corrupt(segmentId, 0, `its header ${page.why}`, {});
  const { header } = page;
  if (header.logId !== metadata.logId || header.kind !== metadata.kind) {
    throw new WalError('WAL_FOREIGN', `${name} belongs to log ${header.logId}, not to ${metadata.logId}.`, {
      file: name,
      segment: segmentId,
      logId: header.logId,
    });
  }
  if (header.segmentId !== segmentId) {
    throw corrupt(segmentId, 0, `it holds segment ${header.segmentId}: it was renamed or copied`, {});
  }
  if (header.segmentBytes !== size) {
    throw corrupt(
      segmentId,
      Math.min(size, header.segmentBytes),
      `it has ${size} bytes instead of ${header.segmentBytes}`,
      {},
    );
  }
  return header;
}

function corrupt(
  segmentId: number,
  offset: number,
  why: string,
  facts: { readonly index?: number; readonly term?: number; readonly [fact: string]: unknown },
): WalError {
  const file = segmentFile(segmentId);
  const what = facts.index === undefined ? '' : ` Index ${facts.index} was durable there and cannot be read.`;
  return new WalError('WAL_CORRUPT', `${file} is damaged at offset ${offset}: ${why}.${what}`, {
    file,
    segment: segmentId,
    offset,
    ...facts,
  });
}

/** Reading that fails is an error of its own, never an end of the log. */
function attempt<Result>(header: { readonly segmentId: number }, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof WalError) throw error;
    const file = segmentFile(header.segmentId);
    const isShort = error instanceof VfsError && error.code === 'SHORT_READ';
    throw new WalError(
      'WAL_IO',
      isShort ? `${file} ended while it was being read.` : `${file} could not be read.`,
      { file, segment: header.segmentId },
      { cause: error },
    );
  }
}
