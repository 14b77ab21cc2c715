// Decides what of a damaged log can go on living: the longest stretch of entries that begins where the log, or a
// snapshot, begins, and that nothing is missing from; with the newest hard state found anywhere. It reads and decides,
// and writes nothing.

import type { HardState, Index, Snapshot } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import type { SnapshotRef } from '../format/record.js';
import type { LogPosition } from '../state/frame-effects.js';
import type { Piece } from './entry-map.js';
import type { LostEntries } from './inspection.js';
import { readSurveyed } from './read-leniently.js';
import type { KnownLog } from './segment-facts.js';
import type { Survey } from './survey.js';
import { describeSnapshotFile, readSnapshotLeniently } from './survey-snapshots.js';

export interface RepairPlan {
  readonly log: KnownLog;
  /** Where the repaired log begins: everything up to here is covered by the snapshot, or was given up before. */
  readonly start: LogPosition;
  /** The last entry that is kept; `start.index` when none is. */
  readonly lastIndex: Index;
  readonly hardState: HardState;
  readonly snapshot: SnapshotRef | undefined;
  /** Entries that cannot be read and that nothing replaces. */
  readonly unreadable: readonly LostEntries[];
  /** Entries that can be read, but lie behind something that is missing; or before, where the snapshot is lost. */
  readonly abandoned: readonly { readonly first: Index; readonly last: Index }[];
  /** A snapshot that is lost. */
  readonly lostSnapshot: { readonly index: Index; readonly why: string } | undefined;
  /** Whether a vote or a term newer than the hard state that was found may be lost. */
  readonly mayLoseVote: boolean;
  /** Whether everything that was ever acknowledged is kept: then the log may keep its id. */
  readonly losesNothing: boolean;
}

/** `undefined` where nothing says which log this is, so that none can be made of it. */
export function planRepair(vfs: Vfs, survey: Survey): RepairPlan | undefined {
  const { log, pieces, sum, compacted } = survey;
  if (log === undefined) return undefined;
  const snapshot = findSnapshot(vfs, survey, log);
  const needsSnapshot = log.kind === 'raft' && compacted.index > 0;
  const isTorn = pieces.some(
    ({ type, first }) => type === 'seam' && first > (snapshot?.index ?? compacted.index) + 1,
  );
  const start = chooseStart(survey, snapshot);
  // Without the snapshot that stands for them, entries from the middle of a log are of no use to a state machine.
  const isCutOff = needsSnapshot && snapshot === undefined;
  const isUseless = isCutOff || (isTorn && contradicts(vfs, survey, snapshot));
  const lastIndex = isUseless ? start.index : lastInARow(pieces, start.index);
  const relevant = pieces.filter((piece) => piece.type === 'seam' || (piece.last ?? Infinity) > start.index);
  const unreadable = relevant.flatMap((piece) =>
    piece.type === 'lost' ? [{ first: Math.max(piece.first, start.index + 1), last: piece.last }] : [],
  );
  // On a disk that is damaged elsewhere, a ragged end is not just taken for a write that was cut off.
  const isEndCertain = survey.segments.tail.end !== 'unknown';
  const mayLoseVote = log.kind === 'raft' && (!isEndCertain || isVoteUncertain(survey));
  const abandoned = entriesAbove(pieces, lastIndex);
  return {
    log,
    start,
    lastIndex,
    hardState: newestHardState(survey, mayLoseVote),
    snapshot,
    unreadable,
    abandoned,
    lostSnapshot: lostSnapshot(survey, snapshot),
    mayLoseVote,
    losesNothing:
      !mayLoseVote &&
      !isCutOff &&
      !isTorn &&
      unreadable.length === 0 &&
      abandoned.length === 0 &&
      sum.entries.lastIndex <= Math.max(lastIndex, start.index) &&
      isEndCertain,
  };
}

/** Where the entries begin if the part before the snapshot is whole; else behind the snapshot. */
function chooseStart({ pieces, compacted, log }: Survey, snapshot: SnapshotRef | undefined): LogPosition {
  const nothing = { index: 0, term: 0 };
  if (log?.kind === 'plain') return compacted;
  if (snapshot === undefined) return nothing;
  // Entries before a seam may have been replaced; the snapshot was not.
  const isTorn = pieces.some(({ type, first }) => type === 'seam' && first > compacted.index + 1);
  const isWhole = !isTorn && lastInARow(pieces, compacted.index) >= snapshot.index;
  return isWhole ? compacted : { index: snapshot.index, term: snapshot.term };
}

/** Whether the entries around the snapshot are not those that it was made of: a lost frame has replaced them. */
function contradicts(vfs: Vfs, survey: Survey, snapshot: SnapshotRef | undefined): boolean {
  if (snapshot === undefined) return false;
  const range = { from: snapshot.index, to: snapshot.index + 1, unproven: true };
  for (const item of readSurveyed(vfs, survey, range)) {
    if (item.type !== 'entry') continue;
    const { index, term } = item.entry;
    if (index === snapshot.index ? term !== snapshot.term : term < snapshot.term) return true;
  }
  return false;
}

/** The last of the entries that follow `start` without a gap. */
function lastInARow(pieces: readonly Piece[], start: Index): Index {
  let last = start;
  for (const piece of pieces) {
    if (piece.type === 'seam') {
      if (piece.first > start + 1) return last;
      continue;
    }
    if (piece.last !== undefined && piece.last <= start) continue;
    if (piece.type === 'lost' || piece.first > last + 1) return last;
    last = piece.last;
  }
  return last;
}

function entriesAbove(pieces: readonly Piece[], lastKept: Index): { first: Index; last: Index }[] {
  const found: { first: Index; last: Index }[] = [];
  for (const piece of pieces) {
    if (piece.type !== 'entries' || piece.last <= lastKept) continue;
    const first = Math.max(piece.first, lastKept + 1);
    const before = found.at(-1);
    if (before !== undefined && before.last + 1 === first) before.last = piece.last;
    else found.push({ first, last: piece.last });
  }
  return found;
}

/** Every segment begins with the hard state, so what a later segment says is newer than anything lost before it. */
function isVoteUncertain({ damages, damagesOmitted, sum }: Survey): boolean {
  return (
    damagesOmitted > 0 ||
    damages.some(
      ({ mayHoldState, lastSeq }) => mayHoldState && (lastSeq ?? Number.POSITIVE_INFINITY) > sum.hardStateSeq,
    )
  );
}

/** A server that has seen a term, be it in an entry, must not go back behind it; its vote in that term may be lost. */
function newestHardState({ sum }: Survey, mayLoseVote: boolean): HardState {
  const found = sum.hardState ?? { term: 0, votedFor: undefined };
  return mayLoseVote && sum.highestTerm > found.term ? { term: sum.highestTerm, votedFor: undefined } : found;
}

/** The snapshot that counts, or, where that one is lost, the newest one of this log that is whole. */
function findSnapshot(vfs: Vfs, survey: Survey, log: KnownLog): SnapshotRef | undefined {
  const { directory, sum, found } = survey;
  if (log.kind !== 'raft') return undefined;
  if (sum.snapshot !== undefined && isWhole(vfs, directory, sum.snapshot, log)) return sum.snapshot;
  for (const file of [...found.snapshotFiles].sort().reverse()) {
    const ref = describeSnapshotFile(vfs, directory, file);
    const mayStand = ref !== undefined && ref.index >= survey.compacted.index;
    if (mayStand && isWhole(vfs, directory, ref, log)) return ref;
  }
  return undefined;
}

function isWhole(vfs: Vfs, directory: string, ref: SnapshotRef, log: KnownLog): boolean {
  return isSnapshot(readSnapshotLeniently(vfs, directory, ref, log.logId));
}

export function isSnapshot(read: ReturnType<typeof readSnapshotLeniently>): read is Snapshot {
  return !('state' in read);
}

function lostSnapshot(survey: Survey, kept: SnapshotRef | undefined): RepairPlan['lostSnapshot'] {
  const { snapshot } = survey.sum;
  if (snapshot === undefined || kept !== undefined) return undefined;
  const report = survey.snapshots.find(({ index }) => index === snapshot.index);
  return { index: snapshot.index, why: report?.why ?? 'is lost' };
}

/** The first segment id that the log has never used. */
export function nextSegmentId(survey: Survey): number {
  return Math.max(0, survey.metadata?.lastSegmentId ?? 0, ...survey.segments.reports.map(({ id }) => id)) + 1;
}
