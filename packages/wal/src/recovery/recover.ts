// Opening a log, as far as reading goes: everything is read and checked before anything is changed, so that a refusal
// leaves the disk as it was. What has to be written afterwards is in the result.

import { join } from 'node:path';
import type { Snapshot } from '@waldb/core';
import { readFile, type Vfs } from '@waldb/io';
import { snapshotFile } from '../format/file-name.js';
import type { Metadata } from '../format/metadata.js';
import type { SnapshotRef } from '../format/record.js';
import { decodeSnapshotFile } from '../format/snapshot-file.js';
import { type LiveSegment, trimEarlier } from '../segment/live-segment.js';
import type { FrameContent } from '../segment/new-segment.js';
import { LogView } from '../state/log-view.js';
import { SegmentSummary } from '../state/segment-summary.js';
import { WalError } from '../wal-error.js';
import { newerVersion, readDirectory } from './read-directory.js';
import { readSegments, type SegmentsState } from './read-segments.js';

/** What opening found, for logs and dashboards. */
export interface RecoveryReport {
  /**
   * `created`: there was no log. `clean`: nothing had to be written. `repaired`: the log goes on in a new segment.
   * `damaged`: only where damage is skipped (`Wal`, `recovery: 'skipDamaged'`): some of it cannot be read.
   */
  readonly outcome: 'created' | 'clean' | 'repaired' | 'damaged';
  /** Frames that were whole but not proven durable; written again and synced. */
  readonly rewrittenFrames: number;
  /** Where an unsynced tail was dropped; `undefined` when there was none. */
  readonly dropped:
    | { readonly segment: number; readonly offset: number; readonly frames: number }
    | undefined;
  /** Files that a crash had left behind. */
  readonly removedFiles: readonly string[];
}

export interface Recovered {
  readonly metadata: Metadata;
  readonly hasBadSlot: boolean;
  readonly segments: LiveSegment[];
  /** To be written again, in a new segment. */
  readonly carried: readonly FrameContent[];
  readonly needsNewSegment: boolean;
  readonly provenSeq: number;
  /** The state at the last proven frame. */
  readonly proven: LogView;
  readonly provenSnapshot: SnapshotRef | undefined;
  /** Of the state that the log will show: with the carried frames, unless it is only read. */
  readonly snapshot: Snapshot | undefined;
  readonly snapshotFiles: readonly string[];
  readonly unpublished: readonly string[];
  readonly spareNumbers: readonly number[];
  readonly obsolete: readonly string[];
  readonly report: RecoveryReport;
}

/**
 * `undefined` when there is no log. With `readOnly`, frames that nothing proves are not part of the log.
 * Errors: `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_IO`; nothing was changed.
 */
export function recover(
  vfs: Vfs,
  directory: string,
  options: { readonly readOnly: boolean },
): Recovered | undefined {
  const found = readDirectory(vfs, directory);
  if (found === undefined) return undefined;
  const { metadata } = found;
  const state = readSegments(vfs, directory, metadata, found.segmentIds);
  const { segments } = state;
  const proven = addUp(segments, metadata);
  const carried = options.readOnly ? [] : state.unproven;
  checkCarried(segments, carried);
  const provenSnapshot = newestSnapshot(
    metadata.snapshot,
    segments.map((segment) => segment.summary.snapshot),
  );
  const snapshotRef = newestSnapshot(
    provenSnapshot,
    carried.map((frame) => frame.effects.snapshot),
  );
  return {
    metadata,
    hasBadSlot: found.hasBadSlot,
    segments,
    carried,
    needsNewSegment: needsNewSegment(state),
    provenSeq: state.provenSeq,
    proven,
    provenSnapshot,
    snapshot: snapshotRef && readSnapshot(vfs, directory, snapshotRef, metadata.logId),
    snapshotFiles: found.snapshotFiles,
    unpublished: found.unpublished,
    spareNumbers: found.spareNumbers,
    obsolete: found.obsolete,
    report: report(state, [...found.unpublished, ...found.obsolete]),
  };
}

/** Whether appends may not simply go on behind the last frame: a stale frame there could come back to life. */
function needsNewSegment(state: SegmentsState): boolean {
  return state.segments.length === 0 || state.unproven.length > 0 || hasDropped(state);
}

function hasDropped(state: SegmentsState): boolean {
  if (state.tailGap === undefined) return false;
  // The mark of a clean close, or an idle one, is itself unproven and may be written over.
  return state.strayFrames > 0 || !state.tailGap.isBlank;
}

function report(state: SegmentsState, leftovers: readonly string[]): RecoveryReport {
  const segment = state.segments.at(-1)?.header.segmentId ?? 0;
  const offset = state.tailGap?.offset ?? 0;
  return {
    outcome: state.segments.length === 0 ? 'created' : needsNewSegment(state) ? 'repaired' : 'clean',
    rewrittenFrames: state.unproven.length,
    dropped: hasDropped(state) ? { segment, offset, frames: state.strayFrames } : undefined,
    removedFiles: leftovers,
  };
}

/** The log that proven frames make, checked for being one: no index missing, no segment out of step. */
export function addUp(segments: readonly LiveSegment[], metadata: Metadata): LogView {
  const view = new LogView();
  for (const [i, { header, summary }] of segments.entries()) {
    if (i > 0 && header.baseIndex !== view.lastIndex) {
      throw new WalError(
        'WAL_CORRUPT',
        `Segment ${header.segmentId} goes on from index ${header.baseIndex}, but the log before it ends at ${view.lastIndex}.`,
        { segment: header.segmentId, offset: 0, index: view.lastIndex + 1, term: view.lastTerm },
      );
    }
    view.addSegment(header.baseIndex, summary);
    trimEarlier(segments.slice(0, i + 1));
  }
  view.compact(metadata.compacted);
  checkEveryIndexIsHeld(segments, view);
  return view;
}

function checkEveryIndexIsHeld(segments: readonly LiveSegment[], view: LogView): void {
  let expected = view.firstIndex;
  for (const { header, summary } of segments) {
    for (const stretch of summary.stretches) {
      if (stretch.last < expected) continue;
      if (stretch.first > expected) throw missing(expected, header.segmentId, stretch.offset);
      expected = stretch.last + 1;
    }
  }
  if (expected !== view.lastIndex + 1) throw missing(expected, segments.at(-1)?.header.segmentId ?? 0, 0);
}

function missing(index: number, segment: number, offset: number): WalError {
  return new WalError('WAL_CORRUPT', `Index ${index} is in none of the log's segments.`, {
    segment,
    offset,
    index,
  });
}

/** Frames that are carried over have to follow the proven ones; anything else is not a crash. */
function checkCarried(segments: readonly LiveSegment[], carried: readonly FrameContent[]): void {
  const tail = segments.at(-1);
  if (tail === undefined) return;
  const { lastIndex } = tail.summary;
  const sum = new SegmentSummary({ baseIndex: lastIndex, offset: 0, firstSeq: 1 });
  for (const { effects } of carried) {
    if (!sum.accepts(effects))
      throw missing(sum.lastIndex + 1, tail.header.segmentId, tail.summary.endOffset);
    sum.addFrame(effects, 0);
  }
}

function newestSnapshot(
  known: SnapshotRef | undefined,
  others: readonly (SnapshotRef | undefined)[],
): SnapshotRef | undefined {
  let newest = known;
  for (const ref of others) if (ref !== undefined && ref.index >= (newest?.index ?? 0)) newest = ref;
  return newest;
}

function readSnapshot(vfs: Vfs, directory: string, ref: SnapshotRef, logId: string): Snapshot {
  const file = snapshotFile(ref.index, ref.term);
  const damaged = (why: string): WalError =>
    new WalError('WAL_CORRUPT', `The snapshot of index ${ref.index} cannot be used: ${file} ${why}.`, {
      file,
      offset: 0,
      index: ref.index,
      term: ref.term,
    });
  const path = join(directory, file);
  const size = vfs.size(path);
  if (size === undefined) throw damaged('is missing');
  if (size !== ref.fileBytes) throw damaged(`has ${size} bytes instead of ${ref.fileBytes}`);
  const bytes = readSnapshotBytes(vfs, path, file, ref);
  const result = decodeSnapshotFile(bytes, ref, logId);
  switch (result.type) {
    case 'valid':
      return result.snapshot;
    case 'newer':
      throw newerVersion(file, result.version);
    case 'foreign':
      throw new WalError('WAL_FOREIGN', `${file} belongs to log ${result.logId}, not to ${logId}.`, { file });
    case 'damaged':
      throw damaged(result.why);
  }
}

function readSnapshotBytes(vfs: Vfs, path: string, file: string, ref: SnapshotRef): Uint8Array {
  try {
    return readFile(vfs, path, ref.fileBytes);
  } catch (error) {
    throw new WalError('WAL_IO', `${file} could not be read.`, { file, index: ref.index }, { cause: error });
  }
}
