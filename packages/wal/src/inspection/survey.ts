// Everything that can be known of a log's directory, however damaged: the ground on which the inspection, the lenient
// reader and the repair stand. Reads only, takes no lock.

import type { Vfs } from '@waldb/io';
import { METADATA_FILE } from '../format/file-name.js';
import type { Metadata } from '../format/metadata.js';
import type { LogPosition } from '../state/frame-effects.js';
import { DamageList } from './damage-list.js';
import type { Piece } from './entry-map.js';
import type { Damage, InspectionProblem, InspectionProgress, Note, SnapshotReport } from './inspection.js';
import type { LogSum } from './log-sum.js';
import { type KnownLog, readSegmentFacts, type SegmentFacts } from './segment-facts.js';
import { type DirectorySurvey, newerVersion, surveyDirectory } from './survey-directory.js';
import { type Place, type SegmentsSurvey, surveySegments } from './survey-segments.js';
import { surveySnapshots } from './survey-snapshots.js';

export interface Survey {
  readonly directory: string;
  readonly found: DirectorySurvey;
  readonly metadata: Metadata | undefined;
  readonly log: KnownLog | undefined;
  readonly segments: SegmentsSurvey;
  readonly sum: LogSum;
  readonly compacted: LogPosition;
  /** Of the log as far as it can be known, lost entries included. */
  readonly lastIndex: number;
  /** Where entries lie and where they are lost, above the compacted index. */
  readonly pieces: readonly Piece[];
  readonly facts: ReadonlyMap<number, SegmentFacts>;
  readonly snapshots: readonly SnapshotReport[];
  readonly damages: readonly Damage[];
  readonly damagesOmitted: number;
  readonly notes: readonly Note[];
}

export function isProblem(survey: Survey | InspectionProblem): survey is InspectionProblem {
  return 'code' in survey;
}

/** Yields how far it has come. Never throws for what is on the disk. */
export function* surveyLog(
  vfs: Vfs,
  directory: string,
): Generator<InspectionProgress, Survey | InspectionProblem, void> {
  const damages = new DamageList();
  const notes: Note[] = [];
  const found = surveyDirectory(vfs, directory, { damages, notes });
  if ('code' in found) return found;
  const facts = found.segmentIds.map((id) => readSegmentFacts(vfs, directory, id, found.log));
  const newer = facts.flatMap(({ file, problems }) => problems.map((problem) => ({ file, ...problem })));
  for (const { type, file, version = 0 } of newer) if (type === 'newer') return newerVersion(file, version);
  const bytesTotal = facts.reduce((sum, one) => sum + one.bytes, 0);
  const reading = surveySegments(vfs, placesOf(found, facts), found.metadata, { damages, notes });
  let step = reading.next();
  for (; !step.done; step = reading.next()) yield { bytesDone: step.value, bytesTotal };
  const segments = step.value;
  const { sum } = segments;
  const pieces = [...missingBeginning(sum, damages), ...abovePieces(sum.entries.pieces, sum.compacted.index)];
  for (const piece of pieces) {
    if (piece.type === 'lost') damages.lose(piece.damage, { first: piece.first, last: piece.last });
  }
  const known = { files: found.snapshotFiles, ref: sum.snapshot, logId: found.log?.logId };
  const snapshots = surveySnapshots(vfs, directory, known, damages);
  return {
    directory,
    found,
    metadata: found.metadata,
    log: found.log,
    segments,
    sum,
    compacted: sum.compacted,
    lastIndex: Math.max(sum.entries.lastIndex, sum.compacted.index),
    pieces,
    facts: new Map(facts.map((one) => [one.id, one])),
    snapshots,
    damages: damages.all(),
    damagesOmitted: damages.omitted,
    notes,
  };
}

function placesOf(found: DirectorySurvey, facts: readonly SegmentFacts[]): Place[] {
  const present = facts.map((one): Place => ({ type: 'segment', facts: one }));
  const missing = found.missing.map((run): Place => ({ type: 'missing', ...run }));
  return [...present, ...missing].sort((a, b) => firstIdOf(a) - firstIdOf(b));
}

function firstIdOf(place: Place): number {
  return place.type === 'missing' ? place.first : place.facts.id;
}

/**
 * Entries between the compacted index and the oldest segment: with its metadata lost, nobody knows whether the log had
 * given up so much or whether its oldest segments are gone too.
 */
function missingBeginning(sum: LogSum, damages: DamageList): Piece[] {
  const first = sum.compacted.index + 1;
  const last = (sum.entries.pieces[0]?.first ?? sum.entries.lastIndex + 1) - 1;
  if (last < first) return [];
  const why = `no segment holds the entries from index ${first} to ${last}, and nothing says that they were given up`;
  const file = METADATA_FILE;
  const damage = damages.add({ type: 'order', file, segment: undefined, offset: 0, bytes: 0, why });
  return [{ type: 'lost', first, last, damage }];
}

/** What is left of the pieces once entries up to `through` are given up. */
function abovePieces(pieces: readonly Piece[], through: number): Piece[] {
  return pieces.flatMap((piece): Piece[] => {
    if (piece.type === 'seam') return piece.first > through + 1 ? [piece] : [];
    if (piece.last !== undefined && piece.last <= through) return [];
    return [piece.first > through ? piece : { ...piece, first: through + 1 }];
  });
}
