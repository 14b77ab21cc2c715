// What is left of a damaged plain log, for whoever opens it with `recovery: 'skipDamaged'`: the records that can be read,
// in order, with the others left out and told of. It reads only and promises nothing else: what it skips may have been
// acknowledged, and a truncation that was lost with it cannot be known.

import { surveyUntilStable } from './inspection/inspect-log.js';
import type { Damage, InspectionProblem } from './inspection/inspection.js';
import { type LenientItem, readSurveyed } from './inspection/read-leniently.js';
import { isProblem, type Survey } from './inspection/survey.js';
import { MetricsRecorder, type WalMetrics } from './metrics.js';
import type { ResolvedOptions } from './options.js';
import type { RecoveryReport } from './recovery/recover.js';
import type { Lsn, WalRecord, WalRecords } from './wal-cursor.js';
import { WalError, type WalErrorCode } from './wal-error.js';
import type { WalSource } from './wal-source.js';

const PROBLEM_CODES: Readonly<Record<InspectionProblem['code'], WalErrorCode>> = {
  NOT_FOUND: 'WAL_NOT_FOUND',
  NOT_A_DIRECTORY: 'WAL_IO',
  NOT_A_LOG: 'WAL_NOT_FOUND',
  NEWER_VERSION: 'WAL_VERSION',
  NO_PERMISSION: 'WAL_IO',
  UNREADABLE: 'WAL_IO',
};

/** Errors: `WAL_NOT_FOUND`, `WAL_VERSION`, `WAL_FOREIGN` for a Raft log, `WAL_IO`. Never `WAL_CORRUPT`. */
export async function openDamaged(directory: string, options: ResolvedOptions): Promise<WalSource> {
  const survey = await surveyUntilStable(directory, { vfs: options.vfs });
  if (isProblem(survey)) throw new WalError(PROBLEM_CODES[survey.code], survey.message, { directory });
  if (survey.log?.kind === 'raft')
    throw new WalError(
      'WAL_FOREIGN',
      `${directory} holds a Raft log (WalLog); it cannot be opened as a plain log (Wal).`,
      {
        directory,
      },
    );
  return new DamagedWal(options, survey);
}

class DamagedWal implements WalSource {
  readonly logId: string;
  readonly recovery: RecoveryReport;
  readonly damages: readonly Damage[];
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  readonly #options: ResolvedOptions;
  readonly #survey: Survey;
  #isClosed = false;

  constructor(options: ResolvedOptions, survey: Survey) {
    this.#options = options;
    this.#survey = survey;
    this.logId = survey.log?.logId ?? '';
    this.damages = survey.damages;
    this.firstLsn = survey.compacted.index + 1;
    this.lastLsn = lastProven(survey);
    this.recovery = {
      outcome: survey.damages.length === 0 ? 'clean' : 'damaged',
      rewrittenFrames: 0,
      dropped: undefined,
      removedFiles: [],
    };
  }

  /** Of those that can be read. */
  get durableLsn(): Lsn {
    return this.lastLsn;
  }

  checkReadable(): void {
    if (this.#isClosed)
      throw new WalError('WAL_CLOSED', `The log in ${this.#survey.directory} was closed.`, {});
  }

  record(lsn: Lsn): WalRecord | undefined {
    for (const record of this.#records(lsn, lsn)) return record;
    return undefined;
  }

  records(from: Lsn): WalRecords {
    const records = (): Generator<WalRecord, void, void> => this.#records(from, this.lastLsn);
    return {
      [Symbol.iterator]: records,
      async *[Symbol.asyncIterator]() {
        yield* records();
      },
    };
  }

  metrics(): WalMetrics {
    const facts = [...this.#survey.facts.values()];
    return new MetricsRecorder(this.#survey.directory, this.logId).summary({
      segments: facts.length,
      segmentBytes: facts.reduce((sum, { bytes }) => sum + bytes, 0),
      stagedBytes: 0,
      cachedBytes: 0,
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  *#records(from: Lsn, to: Lsn): Generator<WalRecord, void, void> {
    for (const item of readSurveyed(this.#options.vfs, this.#survey, { from, to })) {
      this.checkReadable();
      if (isRecord(item)) yield { lsn: item.entry.index, data: item.entry.command };
    }
  }
}

function isRecord(item: Exclude<LenientItem, { type: 'progress' }>): item is LenientItem & { type: 'entry' } {
  return item.type === 'entry';
}

function lastProven(survey: Survey): Lsn {
  const proven = survey.pieces.findLast((piece) => piece.type === 'entries' && piece.isProven);
  return proven?.type === 'entries' ? proven.last : survey.compacted.index;
}
