// Carries a repair plan out into a directory of its own, through the log's own code, and reads the result back before
// anybody may rely on it. The damaged log is only read.

import type { LogEntry, Snapshot } from '@waldb/core';
import { checksum, createDirectory, NodeVfs, type Vfs } from '@waldb/io';
import { idToHex } from '../format/little-endian.js';
import { Wal } from '../wal.js';
import { WalError } from '../wal-error.js';
import { WalLog } from '../wal-log.js';
import { describeSurvey, type InspectOptions, surveyUntilStable } from './inspect-log.js';
import type { Inspection } from './inspection.js';
import { isSnapshot, nextSegmentId, planRepair, type RepairPlan } from './plan-repair.js';
import { type LenientItem, readSurveyed } from './read-leniently.js';
import { seedLog } from './seed-log.js';
import { isProblem, type Survey } from './survey.js';
import { readSnapshotLeniently } from './survey-snapshots.js';

/** A damaged log that was looked at, with what can be made of it. */
export interface Repair {
  readonly inspection: Inspection;
  /** `undefined` where nothing can be made of it. */
  readonly plan: RepairPlan | undefined;
  /**
   * Writes the repaired log into `target`, which must not exist yet, and reads it back. Errors: `WAL_FULL`, `WAL_IO`,
   * `WAL_CORRUPT` when the source cannot be read any more; the signal's reason. Then `target` is of no use.
   */
  rebuild(target: string, choice: RebuildChoice): Promise<void>;
}

export interface RebuildChoice {
  /** Keeping the id of a log that lost something is only right for a server that is alone. */
  readonly keepLogId: boolean;
}

/** Written in pieces of this size: what is staged stays in memory until it is synced. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** Looks at a log that nobody writes to (hold its lock) and says what a repair would make of it. Changes nothing. */
export async function prepareRepair(directory: string, options: InspectOptions = {}): Promise<Repair> {
  const vfs = options.vfs ?? new NodeVfs();
  const survey = await surveyUntilStable(directory, options);
  const inspection = describeSurvey(directory, survey);
  const plan = isProblem(survey) ? undefined : planRepair(vfs, survey);
  return {
    inspection,
    plan,
    rebuild: async (target, choice) => {
      if (isProblem(survey) || plan === undefined) {
        throw new WalError('WAL_INVALID', `Nothing can be made of what is in ${directory}.`, { directory });
      }
      await rebuild({ vfs, survey, plan }, target, { ...choice, options });
    },
  };
}

interface Source {
  readonly vfs: Vfs;
  readonly survey: Survey;
  readonly plan: RepairPlan;
}

async function rebuild(
  source: Source,
  target: string,
  { keepLogId, options }: RebuildChoice & { readonly options: InspectOptions },
): Promise<void> {
  const { vfs, survey, plan } = source;
  const logId = keepLogId ? plan.log.logId : idToHex(vfs.randomBytes(8));
  createDirectory(vfs, target);
  const { start, hardState } = plan;
  const log = { logId, kind: plan.log.kind };
  seedLog(vfs, target, { log, segmentId: nextSegmentId(survey), start, hardState });
  const written = await copyEntries(source, target, options);
  await verify(source, target, { logId, written, options });
}

/** Returns the checksum of all entries. */
async function copyEntries(source: Source, target: string, options: InspectOptions): Promise<number> {
  const { vfs, survey, plan } = source;
  const sink = await openSink(vfs, target, plan);
  try {
    let sum = 0;
    let bytes = 0;
    let bytesDone = 0;
    const bytesTotal = survey.segments.reports.reduce((total, one) => total + one.usedBytes, 0);
    for (const entry of keptEntries(vfs, survey, plan)) {
      sum = entrySum(entry, sum);
      sink.append(entry);
      bytes += entry.command.length;
      if (bytes < BATCH_BYTES_MAX) continue;
      sink.sync();
      bytesDone += bytes;
      bytes = 0;
      await options.onProgress?.({ bytesDone, bytesTotal });
      options.signal?.throwIfAborted();
    }
    if (plan.snapshot !== undefined) sink.applySnapshot(readSnapshot(vfs, survey, plan));
    sink.sync();
    return sum;
  } finally {
    await sink.close();
  }
}

interface Sink {
  append(entry: LogEntry): void;
  applySnapshot(snapshot: Snapshot): void;
  sync(): void;
  close(): Promise<void>;
}

/** The log itself, of either kind. */
async function openSink(vfs: Vfs, target: string, { log: { kind } }: RepairPlan): Promise<Sink> {
  if (kind === 'plain') {
    const wal = await Wal.open(target, { vfs });
    return {
      append: (entry) => void wal.append(entry.command),
      applySnapshot: () => undefined, // a plain log has none
      sync: () => wal.sync(),
      close: () => wal.close(),
    };
  }
  const log = await WalLog.open(target, { vfs, cacheBytes: 0 });
  return {
    append: (entry) => log.append([entry]),
    applySnapshot: (snapshot) => log.applySnapshot(snapshot),
    sync: () => log.sync(),
    close: () => log.close(),
  };
}

function* keptEntries(vfs: Vfs, survey: Survey, plan: RepairPlan): Generator<LogEntry, void, void> {
  const { start, lastIndex } = plan;
  if (lastIndex === start.index) return;
  let next = start.index + 1;
  const range = { from: next, to: lastIndex, unproven: true };
  for (const item of readSurveyed(vfs, survey, range)) {
    if (item.type !== 'entry') continue;
    if (item.entry.index !== next) break;
    next += 1;
    yield item.entry;
  }
  if (next !== lastIndex + 1) {
    throw new WalError(
      'WAL_CORRUPT',
      `Index ${next} could be read a moment ago and cannot be read now: the disk is failing.`,
      { index: next },
    );
  }
}

function readSnapshot(vfs: Vfs, { directory }: Survey, { snapshot, log }: RepairPlan): Snapshot {
  const read = snapshot && readSnapshotLeniently(vfs, directory, snapshot, log.logId);
  if (read !== undefined && isSnapshot(read)) return read;
  throw new WalError('WAL_CORRUPT', 'The snapshot could be read a moment ago and cannot be read now.', {
    index: snapshot?.index ?? 0,
  });
}

/** What was written must be sound, and be what was planned, entry by entry. */
async function verify(
  { vfs, plan }: Source,
  target: string,
  expected: { readonly logId: string; readonly written: number; readonly options: InspectOptions },
): Promise<void> {
  const survey = await surveyUntilStable(target, { ...expected.options, vfs });
  const wrong = isProblem(survey) ? survey.message : difference(vfs, survey, plan, expected);
  if (wrong === undefined) return;
  throw new WalError('WAL_IO', `The repaired log does not read back as it was written: ${wrong}.`, {
    directory: target,
  });
}

function difference(
  vfs: Vfs,
  survey: Survey,
  plan: RepairPlan,
  expected: { readonly logId: string; readonly written: number },
): string | undefined {
  if (describeSurvey('', survey).verdict !== 'sound') return 'it is not sound';
  if (survey.log?.logId !== expected.logId) return 'it has another log id';
  const { hardState, snapshot } = survey.sum;
  const { term, votedFor } = plan.hardState;
  if (hardState?.term !== term || hardState.votedFor !== votedFor) return 'its hard state is another one';
  if (snapshot?.index !== plan.snapshot?.index) return 'its snapshot is another one';
  if (survey.compacted.index !== plan.start.index) return 'it begins elsewhere';
  if (survey.lastIndex !== plan.lastIndex) return 'it ends elsewhere';
  let sum = 0;
  for (const item of readSurveyed(vfs, survey, {})) sum = sumItem(item, sum);
  return sum === expected.written ? undefined : 'its entries are not the same';
}

function sumItem(item: Exclude<LenientItem, { type: 'progress' }>, sum: number): number {
  return item.type === 'entry' ? entrySum(item.entry, sum) : sum + 1;
}

function entrySum({ index, term, kind, command }: LogEntry, before: number): number {
  return checksum(command, checksum(Buffer.from(`${index}@${term} ${kind}`), before));
}
