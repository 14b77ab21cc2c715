// Reads the entries of a log that may be damaged: everything that is still there, in index order, with a mark where
// something is lost. What a later record has truncated or replaced is not shown.
//
// How damage and truncation meet: frames behind a damage say from which index they go on, so entries that they replace
// are left out. But whether a *lost* frame had truncated more than that, nobody can know: entries from before a damage
// are shown as they were before it.

import type { Index, LogEntry } from '@waldb/core';
import { NodeVfs, type Vfs } from '@waldb/io';
import { readRecords } from '../format/record.js';
import type { Piece } from './entry-map.js';
import type { Damage, InspectionProblem, InspectionProgress, LostEntries } from './inspection.js';
import { LenientFile } from './lenient-file.js';
import { isProblem, type Survey, surveyLog } from './survey.js';
import { walkFrames } from './walk-frames.js';

export interface LenientReadOptions {
  /** Default: the machine's. */
  readonly vfs?: Vfs;
  /** First and last index wanted. Default: all there are. */
  readonly from?: Index;
  readonly to?: Index;
  /** Whether to show entries that nothing proves to be durable. Default false, like a read-only open. */
  readonly unproven?: boolean;
}

export type LenientItem =
  /** The entry's bytes are its own. In a plain log the index is the lsn and the term is 0. */
  | {
      readonly type: 'entry';
      readonly entry: LogEntry;
      readonly isProven: boolean;
      readonly segment: number;
      /** Of its frame. */
      readonly offset: number;
    }
  /** Entries that were here and cannot be read. */
  | { readonly type: 'lost'; readonly lost: LostEntries; readonly damage: Damage | undefined }
  /** Frames are missing here, but no index is. What was in them may have changed entries shown before. */
  | { readonly type: 'seam'; readonly before: Index; readonly damage: Damage | undefined }
  /** The first pass, which finds out what counts, is under way. */
  | ({ readonly type: 'progress' } & InspectionProgress);

/** A problem instead, where there is no log that could be read. Throws for nothing that is on the disk. */
export function* readLogLeniently(
  directory: string,
  options: LenientReadOptions = {},
): Generator<LenientItem, InspectionProblem | undefined, void> {
  const vfs = options.vfs ?? new NodeVfs();
  const steps = surveyLog(vfs, directory);
  let step = steps.next();
  for (; !step.done; step = steps.next()) yield { type: 'progress', ...step.value };
  if (isProblem(step.value)) return step.value;
  yield* readSurveyed(vfs, step.value, options);
  return undefined;
}

/** The second pass, over what a survey has found. */
export function* readSurveyed(
  vfs: Vfs,
  survey: Survey,
  options: Omit<LenientReadOptions, 'vfs'>,
): Generator<Exclude<LenientItem, { type: 'progress' }>, void, void> {
  const { from = 1, to = Number.MAX_SAFE_INTEGER, unproven = false } = options;
  for (const [i, piece] of survey.pieces.entries()) {
    if (piece.first > to) return;
    // What is lost at the same place says it all.
    if (piece.type === 'seam' && survey.pieces[i + 1]?.type === 'lost') continue;
    const damage = piece.type === 'entries' ? undefined : survey.damages[piece.damage];
    if (piece.type === 'seam') {
      if (piece.first >= from) yield { type: 'seam', before: piece.first, damage };
    } else if (piece.type === 'lost') {
      const last = piece.last ?? Number.POSITIVE_INFINITY;
      if (last >= from) yield { type: 'lost', lost: { first: piece.first, last: piece.last }, damage };
    } else if (piece.last >= from && (piece.isProven || unproven)) {
      const wanted = { ...piece, first: Math.max(piece.first, from), last: Math.min(piece.last, to) };
      yield* readPiece(vfs, survey, { ...piece }, wanted);
    }
  }
}

type EntriesPiece = Extract<Piece, { type: 'entries' }>;

function* readPiece(
  vfs: Vfs,
  survey: Survey,
  piece: EntriesPiece,
  wanted: { readonly first: Index; readonly last: Index },
): Generator<Exclude<LenientItem, { type: 'progress' | 'seam' }>, void, void> {
  const { segmentId: segment, isProven } = piece;
  const facts = survey.facts.get(segment);
  const key = facts?.key;
  let next = wanted.first;
  if (facts !== undefined && key !== undefined) {
    const file = openIfThere(vfs, facts.path);
    try {
      const start = {
        seed: key.seed,
        offset: piece.offset,
        seq: piece.seq,
        lastSeqMax: Number.MAX_SAFE_INTEGER,
      };
      for (const item of file === undefined ? [] : walkFrames(file, start)) {
        if (item.offset >= piece.end || next > wanted.last) break;
        if (item.type !== 'frame') continue;
        const lastOfFrame = item.header.firstIndex + item.header.entryCount - 1;
        if (item.header.entryCount === 0 || lastOfFrame < next) continue;
        // A copy: its entries may outlive the walk.
        for (const record of readRecords(item.payload.slice())) {
          if (record.type !== 'entry' || record.entry.index !== next || next > wanted.last) continue;
          yield { type: 'entry', entry: record.entry, isProven, segment, offset: item.offset };
          next += 1;
        }
      }
    } finally {
      file?.close();
    }
  }
  // They were there a moment ago: the file has gone, or the disk has gone on dying.
  if (next <= wanted.last)
    yield { type: 'lost', lost: { first: next, last: wanted.last }, damage: undefined };
}

function openIfThere(vfs: Vfs, path: string): LenientFile | undefined {
  try {
    return new LenientFile(vfs, path);
  } catch {
    return undefined;
  }
}
