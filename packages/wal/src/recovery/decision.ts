// Recovery's rules (docs/durability.md, "Torn or corrupt"), as a table. What was found at one place of one segment,
// and what is done about it:
//
// - *proven*: something that was written later, or elsewhere, says that the frame with this number was durable;
// - a *frame* is whole and in its place; a *gap* is anything else: zeros, a cut frame, a wrong checksum.
//
// In a sealed segment the next segment's header proves exactly the frames before its own first one: what lies beyond
// was never durable for anybody who still counts on it.

/** The tail is the newest segment; all others are sealed. */
export type SegmentPlace = 'sealed' | 'tail';
export type Finding = 'provenFrame' | 'unprovenFrame' | 'provenGap' | 'unprovenGap';

/**
 * - `keep`: part of the log.
 * - `rewrite`: part of the log once it has been written again and synced: after a failed sync the kernel may show
 *   pages that never reached the disk, so a sync alone would prove nothing.
 * - `ignore`: superseded; a later segment carries what counts.
 * - `end`: the log, or this part of it, ends here.
 * - `refuse`: something durable is gone. Nothing is changed, nothing is opened.
 */
export type Decision = 'keep' | 'rewrite' | 'ignore' | 'end' | 'refuse';

export const RECOVERY: Readonly<Record<SegmentPlace, Readonly<Record<Finding, Decision>>>> = {
  sealed: { provenFrame: 'keep', unprovenFrame: 'ignore', provenGap: 'refuse', unprovenGap: 'end' },
  tail: { provenFrame: 'keep', unprovenFrame: 'rewrite', provenGap: 'refuse', unprovenGap: 'end' },
};

export function gapFinding(gapSeq: number, provenSeq: number): Finding {
  return gapSeq <= provenSeq ? 'provenGap' : 'unprovenGap';
}
