// `inspectLog`: looks at a log's directory, whatever state it is in, and tells everything that can be seen.

import { join } from 'node:path';
import { NodeVfs, type Vfs } from '@waldb/io';
import { METADATA_FILE } from '../format/file-name.js';
import { METADATA_BYTES } from '../format/metadata.js';
import type {
  EntriesReport,
  Inspection,
  InspectionProblem,
  InspectionProgress,
  Verdict,
} from './inspection.js';
import { LenientFile } from './lenient-file.js';
import { isProblem, type Survey, surveyLog } from './survey.js';
import { NO_TAIL } from './survey-frames.js';

export interface InspectOptions {
  /** Default: the machine's. */
  readonly vfs?: Vfs;
  /** Called from time to time; what it returns is awaited, so that a caller can let others run. */
  readonly onProgress?: (progress: InspectionProgress) => void | Promise<void>;
  /** Ends the inspection at the next progress, by throwing its reason. */
  readonly signal?: AbortSignal;
}

/** Beside a live writer, one look may show a frame from after another was looked at: damage counts when it stays. */
const LOOKS_MAX = 4;

/**
 * Reads and checks every byte that counts. Changes nothing, takes no lock, may run beside a live writer, and never
 * throws for what it finds: see {@link Inspection.verdict}. Throws only the signal's reason and what `onProgress` throws.
 */
export async function inspectLog(directory: string, options: InspectOptions = {}): Promise<Inspection> {
  const survey = await surveyUntilStable(directory, options);
  return describeSurvey(directory, survey);
}

/** A survey in which damage is damage, and not a writer's work under way. */
export async function surveyUntilStable(
  directory: string,
  options: InspectOptions,
): Promise<Survey | InspectionProblem> {
  const vfs = options.vfs ?? new NodeVfs();
  let before: string | undefined;
  for (let look = 1; ; look++) {
    const stamp = stampOf(vfs, directory);
    const survey = await runSurvey(vfs, directory, options);
    if (isProblem(survey) || survey.damages.length === 0 || look === LOOKS_MAX) return survey;
    const tailId = survey.found.segmentIds.at(-1);
    const mayBeInFlux =
      survey.damages.some(({ segment }) => segment === tailId) || stamp !== stampOf(vfs, directory);
    const damage = JSON.stringify(survey.damages);
    if (!mayBeInFlux || damage === before) return survey;
    before = damage;
  }
}

async function runSurvey(
  vfs: Vfs,
  directory: string,
  { onProgress, signal }: InspectOptions,
): Promise<Survey | InspectionProblem> {
  signal?.throwIfAborted();
  const steps = surveyLog(vfs, directory);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await onProgress?.(step.value);
    signal?.throwIfAborted();
  }
}

/** Differs when files came, went, or the metadata was written meanwhile. */
function stampOf(vfs: Vfs, directory: string): string {
  try {
    const file = new LenientFile(vfs, join(directory, METADATA_FILE));
    const bytes = Buffer.from(file.atMost(0, METADATA_BYTES)).toString('latin1');
    file.close();
    return `${vfs.list(directory).join()} ${bytes}`;
  } catch {
    return ''; // what cannot be read is told by the survey itself
  }
}

export function describeSurvey(directory: string, survey: Survey | InspectionProblem): Inspection {
  if (isProblem(survey)) return { ...NOTHING, directory, problem: survey };
  const { segments, sum, found, log } = survey;
  return {
    directory,
    verdict: verdictOf(survey),
    problem: undefined,
    logId: log?.logId,
    kind: log?.kind,
    metadata: found.slots,
    segments: segments.reports,
    snapshots: survey.snapshots,
    leftovers: found.leftovers,
    entries: countEntries(survey),
    hardState: sum.hardState,
    compacted: survey.compacted,
    durableSeq: segments.durableSeq,
    tail: segments.tail,
    damages: survey.damages,
    damagesOmitted: survey.damagesOmitted,
    notes: survey.notes,
  };
}

const NOTHING: Omit<Inspection, 'directory' | 'problem'> = {
  verdict: 'unreadable',
  logId: undefined,
  kind: undefined,
  metadata: [],
  segments: [],
  snapshots: [],
  leftovers: [],
  entries: { first: 0, last: 0, readable: 0, unproven: 0 },
  hardState: undefined,
  compacted: { index: 0, term: 0 },
  durableSeq: 0,
  tail: NO_TAIL,
  damages: [],
  damagesOmitted: 0,
  notes: [],
};

function verdictOf({ damages, segments: { tail } }: Survey): Verdict {
  if (damages.length > 0) return 'damaged';
  return tail.unprovenFrames > 0 || tail.droppedAt !== undefined ? 'unsynced-tail' : 'sound';
}

function countEntries({ pieces, compacted, lastIndex }: Survey): EntriesReport {
  let readable = 0;
  let unproven = 0;
  for (const piece of pieces) {
    if (piece.type !== 'entries') continue;
    readable += piece.last - piece.first + 1;
    if (!piece.isProven) unproven += piece.last - piece.first + 1;
  }
  const isEmpty = lastIndex === compacted.index;
  return { first: isEmpty ? 0 : compacted.index + 1, last: isEmpty ? 0 : lastIndex, readable, unproven };
}
