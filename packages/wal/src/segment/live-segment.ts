// A segment that belongs to the log, as it is known in memory.

import { join } from 'node:path';
import type { Index } from '@waldb/core';
import { segmentFile } from '../format/file-name.js';
import { PAGE_BYTES } from '../format/page.js';
import { type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import { SegmentSummary } from '../state/segment-summary.js';

export interface LiveSegment {
  readonly header: SegmentHeader;
  /** What the checksums of its frames start from. */
  readonly seed: number;
  readonly path: string;
  /** Its stretches shrink when later segments truncate its entries; its footer keeps what it was when sealed. */
  readonly summary: SegmentSummary;
}

export function liveSegment(directory: string, header: SegmentHeader, summary: SegmentSummary): LiveSegment {
  return {
    header,
    seed: segmentSeed(header),
    path: join(directory, segmentFile(header.segmentId)),
    summary,
  };
}

/** The summary of a segment of which no frame has been read yet. */
export function emptySummary(header: SegmentHeader): SegmentSummary {
  return new SegmentSummary({
    baseIndex: header.baseIndex,
    offset: PAGE_BYTES,
    firstSeq: header.firstSeq,
  });
}

/** Forgets entries of earlier segments that the last one of `segments` has truncated or reset. */
export function trimEarlier(segments: readonly LiveSegment[]): void {
  const keptThrough = segments.at(-1)?.summary.keptThrough ?? 0;
  for (let i = segments.length - 2; i >= 0; i--) {
    const { stretches } = (segments[i] as LiveSegment).summary; // in bounds
    if ((stretches.at(-1)?.last ?? 0) > keptThrough) stretches.trim(keptThrough);
    else if (stretches.length > 0) return; // indexes rise from segment to segment: the ones before are lower still
  }
}

/** How many of the oldest segments hold nothing but entries up to `compacted`; never the tail. */
export function countObsolete(segments: readonly LiveSegment[], compacted: Index): number {
  const needed = segments.findIndex(
    ({ summary }, i) => i === segments.length - 1 || (summary.stretches.at(-1)?.last ?? 0) > compacted,
  );
  return Math.max(0, needed);
}
