// Where an index of the log stands in a strip: 0 at the left, where the log began, 1 at the right, at the newest entry
// that anybody has. Distances from there are logarithmic: a follower that lacks one entry of a million is seen, and
// so is the snapshot half a million entries back.

export interface StripScale {
  /** The place of the end of entry `index`; of its beginning, with `index - 1`. */
  at(index: number): number;
  /** Distances that are worth a mark, with their places. */
  readonly ticks: readonly { readonly distance: number; readonly at: number }[];
}

/** Closer together, their words would touch. */
const TICK_GAP = 0.07;

export function stripScale(head: number): StripScale {
  const whole = Math.log1p(Math.max(head, 1));
  const at = (index: number): number => {
    const distance = Math.min(Math.max(head - index, 0), Math.max(head, 1));
    return 1 - Math.log1p(distance) / whole;
  };
  const ticks: { distance: number; at: number }[] = [];
  for (let distance = 1; distance < head; distance *= 10) {
    const place = at(head - distance);
    const last = ticks.at(-1)?.at ?? 1;
    if (last - place >= TICK_GAP && place >= TICK_GAP) ticks.push({ distance, at: place });
  }
  return { at, ticks };
}

/** The newest entry that anybody has, or has heard to be committed. */
export function headOf(
  logs: readonly { readonly lastIndex: number; readonly commitIndex: number }[],
): number {
  return Math.max(0, ...logs.flatMap(({ lastIndex, commitIndex }) => [lastIndex, commitIndex]));
}

/** A stretch of a strip, from 0 to 1. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export interface StripParts {
  /** The state that the newest snapshot holds. */
  readonly snapshot: Stretch;
  /** Given up in the log. */
  readonly gone: Stretch;
  readonly applied: Stretch;
  readonly committed: Stretch;
  readonly staged: Stretch;
  /** Others have it. */
  readonly missing: Stretch;
}

export interface LogPlaces {
  readonly snapshotIndex: number;
  readonly firstIndex: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly lastIndex: number;
}

/** The stretches of one log; those of the log's own lane follow each other without gaps, from 0 to 1. */
export function stripParts(log: LogPlaces, { at }: StripScale): StripParts {
  const { snapshotIndex, firstIndex, appliedIndex, commitIndex, lastIndex } = log;
  // A log that was emptied by a snapshot ends before its first entry.
  const last = Math.max(lastIndex, firstIndex - 1);
  const before = at(firstIndex - 1);
  const applied = at(within(appliedIndex, firstIndex - 1, last));
  const committed = Math.max(at(within(commitIndex, firstIndex - 1, last)), applied);
  const end = at(last);
  return {
    snapshot: { from: 0, to: snapshotIndex === 0 ? 0 : at(snapshotIndex) },
    gone: { from: 0, to: firstIndex <= 1 ? 0 : before },
    applied: { from: firstIndex <= 1 ? 0 : before, to: applied },
    committed: { from: applied, to: committed },
    staged: { from: committed, to: end },
    missing: { from: end, to: 1 },
  };
}

function within(value: number, smallest: number, largest: number): number {
  return Math.min(Math.max(value, smallest), largest);
}
