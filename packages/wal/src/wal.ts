// A log of byte records for anything that must not be lost: the engine below WalLog without Raft's meaning. A record
// is known by its lsn, a number that grows by one from record to record and starts at 1.

import { LogEngine } from './log-engine.js';
import type { WalMetrics } from './metrics.js';
import { resolveOptions, type WalOptions } from './options.js';
import type { RecoveryReport } from './recovery/recover.js';
import { admitRecord } from './state/admission.js';
import type { LogView } from './state/log-view.js';
import { type Lsn, WalCursor, type WalRecord, type WalRecords } from './wal-cursor.js';
import { invalid } from './wal-error.js';

export class Wal implements AsyncDisposable {
  readonly #engine: LogEngine;
  readonly #view: LogView;

  /**
   * Opens the log in `directory`, which is created if need be, and brings it into order after a crash.
   * Errors: {@link WalError} `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_FULL`, `WAL_IO`,
   * `WAL_INVALID`; read-only also `WAL_NOT_FOUND`. A damaged log is left exactly as it is.
   */
  static async open(directory: string, options: WalOptions = {}): Promise<Wal> {
    return new Wal(await LogEngine.open(directory, resolveOptions(options), 'plain'));
  }

  private constructor(engine: LogEngine) {
    this.#engine = engine;
    this.#view = engine.view;
    engine.flushed = () => engine.durableThrough;
  }

  /** Made when the log was created, 16 hex digits: a log that was wiped and made again has another one. */
  get logId(): string {
    return this.#engine.logId;
  }

  /** What opening found and did. */
  get recovery(): RecoveryReport {
    return this.#engine.recovery;
  }

  /** The oldest record that is still there; `lastLsn + 1` when there is none. */
  get firstLsn(): Lsn {
    this.#engine.checkReadable();
    return this.#view.firstIndex;
  }

  /** The newest record, durable or not; 0 in a new log. It stays when the record itself was truncated from the front. */
  get lastLsn(): Lsn {
    this.#engine.checkReadable();
    return this.#view.lastIndex;
  }

  /** Records up to here survive a loss of power. */
  get durableLsn(): Lsn {
    this.#engine.checkReadable();
    return this.#engine.durableThrough;
  }

  /**
   * Stages a record, which can be read at once and is durable after the next `sync` or `flush`. The bytes are copied.
   * Errors: `WAL_TOO_LARGE`; then nothing was staged.
   */
  append(data: Uint8Array): Lsn {
    const engine = this.#engine;
    engine.checkWritable();
    const lsn = this.#view.lastIndex + 1;
    admitRecord(lsn, data, engine.stagedBytes, engine.options);
    engine.staging.addPlain(lsn, data);
    this.#view.appendPlain(lsn);
    engine.staging.endCall();
    return lsn;
  }

  /** Blocks until every record is durable. Errors: `WAL_BUSY` while a flush is in flight; `WAL_FULL`; `WAL_POISONED`. */
  sync(): void {
    this.#engine.sync();
  }

  /**
   * Resolves, with the durable lsn, once every record staged at the call is durable. While one flush is in flight, the
   * others share the one that follows it. Errors (rejections): `WAL_FULL`, `WAL_POISONED`.
   */
  flush(): Promise<Lsn> {
    return this.#engine.flush();
  }

  /** One record; `undefined` when the log does not hold it. Errors: `WAL_CORRUPT`, `WAL_IO`. */
  read(lsn: Lsn): WalRecord | undefined {
    this.#engine.checkReadable();
    if (!(lsn >= this.#view.firstIndex && lsn <= this.#view.lastIndex)) return undefined;
    return { lsn, data: this.#engine.record(lsn).command };
  }

  /**
   * The records from `from` (the first, if nothing is said) to the last one, in order, durable or not: with `for`
   * blocking, with `for await` not. It shows the log as it is when it gets there. Errors: `WAL_INVALID` when `from` is
   * beyond the log's ends, or when the record that comes next was truncated meanwhile; `WAL_CORRUPT`, `WAL_IO`.
   */
  iterate(from: Lsn = this.firstLsn): WalRecords {
    this.#engine.checkReadable();
    const { firstIndex, lastIndex } = this.#view;
    if (!Number.isSafeInteger(from) || from < firstIndex || from > lastIndex + 1)
      throw invalid(`The log goes from lsn ${firstIndex} to ${lastIndex}; it cannot be read from ${from}.`, {
        from,
        firstLsn: firstIndex,
        lastLsn: lastIndex,
      });
    return new WalCursor(this.#engine, from);
  }

  /** Drops the records after `lsn`; the next one takes `lsn + 1`. Errors: `WAL_INVALID` below `firstLsn - 1`. */
  truncateAfter(lsn: Lsn): void {
    this.#engine.checkWritable();
    const { firstIndex, lastIndex } = this.#view;
    if (!Number.isSafeInteger(lsn) || lsn < firstIndex - 1)
      throw invalid(`What comes before lsn ${firstIndex} was truncated; the log cannot end at ${lsn}.`, {
        lsn,
      });
    if (lsn >= lastIndex) return;
    this.#engine.staging.addState({ type: 'truncate', from: lsn + 1 });
    this.#view.truncate(lsn + 1);
    this.#engine.forgetDurableFrom(lsn + 1);
    this.#engine.staging.endCall();
  }

  /**
   * Gives up the records before `lsn`. Their disk space returns, segment by segment, with the next `sync` or `flush`.
   * Errors: `WAL_INVALID` beyond `lastLsn + 1`.
   */
  truncateBefore(lsn: Lsn): void {
    this.#engine.checkWritable();
    const { firstIndex, lastIndex } = this.#view;
    if (!Number.isSafeInteger(lsn) || lsn > lastIndex + 1)
      throw invalid(`The log ends at lsn ${lastIndex}; it cannot begin at ${lsn}.`, { lsn });
    if (lsn <= firstIndex) return;
    this.#engine.staging.addState({ type: 'compact', index: lsn - 1, term: 0 });
    this.#view.compact({ index: lsn - 1, term: 0 });
    this.#engine.staging.endCall();
  }

  /** What the log has done since it was opened, and what it takes up now; events are on `WAL_CHANNELS`. */
  metrics(): WalMetrics {
    return this.#engine.summary(0);
  }

  /**
   * Writes what is staged, leaves the mark of a clean close and gives the lock back; a poisoned log only gives the
   * lock back. Idempotent. Errors: those of `sync`; the log is closed all the same.
   */
  close(): Promise<void> {
    return this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
