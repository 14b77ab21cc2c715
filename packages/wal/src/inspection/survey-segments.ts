// Goes through all segments of a log, oldest first, whatever of them is missing or damaged, and adds up what is there.
// What is durable and what is only an unsynced tail is decided by the same evidence as in recovery
// (docs/wal-format.md, "Reading a log").

import type { Vfs } from '@waldb/io';
import { segmentFile } from '../format/file-name.js';
import type { Metadata } from '../format/metadata.js';
import { PAGE_BYTES } from '../format/page.js';
import type { DamageType, SegmentReport, TailReport } from './inspection.js';
import { LenientFile } from './lenient-file.js';
import { LogSum } from './log-sum.js';
import type { SegmentFacts, SegmentProblem } from './segment-facts.js';
import { type Found, FrameSurvey, NO_TAIL, type SegmentBounds } from './survey-frames.js';

/** A segment that is there, or a run of those that should be. */
export type Place =
  | { readonly type: 'missing'; readonly first: number; readonly last: number }
  | { readonly type: 'segment'; readonly facts: SegmentFacts };

export interface SegmentsSurvey {
  readonly sum: LogSum;
  readonly reports: readonly SegmentReport[];
  readonly tail: TailReport;
  /** The highest frame seq that anything proves to be durable. */
  readonly durableSeq: number;
}

/** Yields how many bytes have been read. */
export function* surveySegments(
  vfs: Vfs,
  places: readonly Place[],
  metadata: Metadata | undefined,
  found: Found,
): Generator<number, SegmentsSurvey, void> {
  const compacted = metadata?.compacted ?? { index: 0, term: 0 };
  const sum = new LogSum({ compacted, snapshot: metadata?.snapshot });
  const reports: SegmentReport[] = [];
  let tail: TailReport = NO_TAIL;
  let durableSeq = metadata?.durableSeq ?? 0;
  let bytesDone = 0;
  for (const [i, place] of places.entries()) {
    if (place.type === 'missing') {
      reports.push(reportMissing(place, lastSeqOf(boundsOf(places, i, metadata)), { sum, found }));
      continue;
    }
    const bounds = boundsOf(places, i, metadata);
    const reading = surveySegment(vfs, place.facts, bounds, { sum, found });
    let step = reading.next();
    for (; !step.done; step = reading.next()) yield bytesDone + step.value;
    reports.push(step.value.report);
    if (bounds.isTail) tail = step.value.tail;
    durableSeq = Math.max(durableSeq, step.value.durableSeq);
    bytesDone += place.facts.bytes;
    yield bytesDone;
  }
  sum.finish();
  return { sum, reports, tail, durableSeq };
}

/** A segment ends where the next one begins; where that is lost, somewhere before the one after. */
function boundsOf(places: readonly Place[], i: number, metadata: Metadata | undefined): SegmentBounds {
  const later = places.slice(i + 1);
  const keys = later.map((one) => (one.type === 'segment' ? one.facts.key : undefined));
  const firstSeq = keys.find((key) => key !== undefined)?.firstSeq;
  return {
    isTail: later.length === 0,
    lastSeqMax: firstSeq === undefined ? Number.MAX_SAFE_INTEGER : firstSeq - 1,
    isExact: keys[0] !== undefined,
    provenSeq: metadata?.durableSeq ?? 0,
    isTailKnown: metadata !== undefined,
  };
}

/** The last frame that may have been in a segment of which nothing can be read. */
function lastSeqOf({ lastSeqMax }: SegmentBounds): number | undefined {
  return lastSeqMax === Number.MAX_SAFE_INTEGER ? undefined : lastSeqMax;
}

interface SegmentReading {
  readonly report: SegmentReport;
  readonly tail: TailReport;
  readonly durableSeq: number;
}

function* surveySegment(
  vfs: Vfs,
  facts: SegmentFacts,
  bounds: SegmentBounds,
  into: { readonly sum: LogSum; readonly found: Found },
): Generator<number, SegmentReading, void> {
  const { sum, found } = into;
  const damagesBefore = found.damages.count;
  const blank = { ...blankReport(facts.id, bounds.isTail ? 'tail' : 'sealed'), ...headerOf(facts) };
  let damage = -1;
  for (const problem of facts.problems) damage = addProblem(facts, problem, lastSeqOf(bounds), found);
  if (facts.key === undefined) {
    sum.addLost(damage);
    const damages = found.damages.count - damagesBefore;
    return { report: { ...blank, damages }, tail: NO_TAIL, durableSeq: 0 };
  }
  const file = new LenientFile(vfs, facts.path);
  try {
    const survey = new FrameSurvey({ file, facts, key: facts.key, cut: damage }, bounds, into);
    yield* survey.run();
    const { tally, tail, footer } = survey;
    const damages = found.damages.count - damagesBefore;
    if (bounds.isTail && footer.state === 'good' && !bounds.isTailKnown) {
      // A footer is written when the next segment is complete on disk.
      reportMissing({ type: 'missing', first: facts.id + 1, last: facts.id + 1 }, undefined, into);
    }
    const durableSeq = bounds.isTail ? survey.provenSeq : (tally.lastSeq ?? 0);
    return { report: { ...blank, ...tally, footer: footer.state, damages }, tail, durableSeq };
  } finally {
    file.close();
  }
}

function reportMissing(
  { first, last }: Extract<Place, { type: 'missing' }>,
  lastSeq: number | undefined,
  { sum, found }: { readonly sum: LogSum; readonly found: Found },
): SegmentReport {
  const file = segmentFile(first);
  const why = first === last ? 'it is missing' : `it is missing, and so are all up to ${segmentFile(last)}`;
  const damage = found.damages.add({
    type: 'segment-missing',
    file,
    segment: first,
    offset: 0,
    bytes: 0,
    why,
    lastSeq,
    mayHoldState: true,
  });
  sum.addLost(damage);
  return { ...blankReport(first, 'missing'), damages: 1 };
}

const DAMAGE_TYPES: Readonly<Record<SegmentProblem['type'], DamageType>> = {
  missing: 'segment-missing',
  unreadable: 'segment-unreadable',
  newer: 'segment-unreadable',
  foreign: 'segment-foreign',
  header: 'segment-header',
  size: 'segment-size',
};

function addProblem(
  facts: SegmentFacts,
  problem: SegmentProblem,
  lastSeq: number | undefined,
  { damages }: Found,
): number {
  const isCut = problem.type === 'size' && facts.bytes < (facts.header?.segmentBytes ?? 0);
  const hasLostFrames = facts.key === undefined || (isCut && lastSeq === undefined);
  return damages.add({
    type: DAMAGE_TYPES[problem.type],
    file: facts.file,
    segment: facts.id,
    offset: problem.offset,
    bytes: problem.bytes,
    why: `it ${problem.why}`,
    lastSeq: hasLostFrames ? lastSeq : undefined,
    mayHoldState: hasLostFrames,
  });
}

function headerOf(facts: SegmentFacts): Pick<SegmentReport, 'header' | 'bytes' | 'baseIndex'> {
  const { bytes, header } = facts;
  const types = facts.problems.map((problem) => problem.type);
  const state = types.includes('newer')
    ? 'newer'
    : types.includes('foreign')
      ? 'foreign'
      : header === undefined
        ? 'damaged'
        : 'valid';
  return { header: state, bytes, baseIndex: header?.baseIndex };
}

function blankReport(id: number, place: SegmentReport['place']): SegmentReport {
  return {
    id,
    file: segmentFile(id),
    place,
    bytes: 0,
    usedBytes: place === 'missing' ? 0 : PAGE_BYTES,
    header: 'missing',
    baseIndex: undefined,
    frames: 0,
    firstSeq: undefined,
    lastSeq: undefined,
    entries: 0,
    firstIndex: undefined,
    lastIndex: undefined,
    firstTerm: undefined,
    lastTerm: undefined,
    footer: 'none',
    damages: 0,
  };
}
