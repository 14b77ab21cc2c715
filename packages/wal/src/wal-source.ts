// Where a `Wal` reads from: the engine of a sound log, or what is left of a damaged one (damaged-wal.ts).

import type { Damage } from './inspection/inspection.js';
import type { LogEngine } from './log-engine.js';
import type { WalMetrics } from './metrics.js';
import type { RecoveryReport } from './recovery/recover.js';
import { type Lsn, WalCursor, type WalRecord, type WalRecords } from './wal-cursor.js';

export interface WalSource {
  readonly logId: string;
  readonly recovery: RecoveryReport;
  readonly damages: readonly Damage[];
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  readonly durableLsn: Lsn;
  checkReadable(): void;
  /** Of a number between the first and the last. */
  record(lsn: Lsn): WalRecord | undefined;
  records(from: Lsn): WalRecords;
  metrics(): WalMetrics;
  close(): Promise<void>;
}

export class EngineSource implements WalSource {
  readonly damages: readonly Damage[] = [];
  readonly #engine: LogEngine;

  constructor(engine: LogEngine) {
    this.#engine = engine;
  }

  get logId(): string {
    return this.#engine.logId;
  }

  get recovery(): RecoveryReport {
    return this.#engine.recovery;
  }

  get firstLsn(): Lsn {
    return this.#engine.view.firstIndex;
  }

  get lastLsn(): Lsn {
    return this.#engine.view.lastIndex;
  }

  get durableLsn(): Lsn {
    return this.#engine.durableThrough;
  }

  checkReadable(): void {
    this.#engine.checkReadable();
  }

  record(lsn: Lsn): WalRecord {
    return { lsn, data: this.#engine.records.at(lsn).command };
  }

  records(from: Lsn): WalRecords {
    return new WalCursor(this.#engine, from);
  }

  metrics(): WalMetrics {
    return this.#engine.summary(0);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
