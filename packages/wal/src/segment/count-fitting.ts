// How many frames still fit into a segment, so that what has to follow them always does: the mark of a clean close, and
// the footer.

import { footerBytesMax } from '../format/footer.js';
import type { LiveSegment } from './live-segment.js';
import { MARK_BYTES } from './mark.js';
import { type StagedFrame, stagedFrameBytes } from './staging.js';

export function countFitting({ summary, header }: LiveSegment, frames: readonly StagedFrame[]): number {
  const counts = {
    stretches: summary.stretches.length,
    termRuns: summary.termRuns.length,
    configs: summary.configIndexes.length,
  };
  let end = summary.endOffset;
  let count = 0;
  for (const frame of frames) {
    end += stagedFrameBytes(frame);
    counts.stretches += 1;
    counts.termRuns += frame.effects.termRuns.length;
    counts.configs += frame.effects.configIndexes.length;
    if (end + MARK_BYTES + footerBytesMax(counts) > header.segmentBytes) break;
    count += 1;
  }
  return count;
}
