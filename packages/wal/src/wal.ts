// A log of byte records for anything that must not be lost: the engine below WalLog without Raft's meaning. A record
// is known by its lsn, a number that grows by one from record to record and starts at 1.

import { openDamaged } from './damaged-wal.js';
import type { Damage } from './inspection/inspection.js';
import { LogEngine } from './log-engine.js';
import type { WalMetrics } from './metrics.js';
import { resolveOptions, type WalOptions } from './options.js';
import type { RecoveryReport } from './recovery/recover.js';
import { admitRecord } from './state/admission.js';
import type { Lsn, WalRecord, WalRecords } from './wal-cursor.js';
import { invalid, WalError } from './wal-error.js';
import { EngineSource, type WalSource } from './wal-source.js';

export interface WalOpenOptions extends WalOptions {
  /**
   * What to do about damage. `refuse` (default): nothing is opened. `skipDamaged`, with `readOnly` only, for forensics: shows
   * every record that can still be read and leaves out the others; `damages` tells of them.
   */
  readonly recovery?: RecoveryPolicy;
}

export type RecoveryPolicy = 'refuse' | 'skipDamaged';

export class Wal implements AsyncDisposable {
  readonly #directory: string;
  readonly #source: WalSource;
  /** Absent where there is nothing but what is left of a damaged log. */
  readonly #engine: LogEngine | undefined;

  /**
   * Opens the log in `directory`, which is created if need be, and brings it into order after a crash.
   * Errors: {@link WalError} `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_FULL`, `WAL_IO`,
   * `WAL_INVALID`; read-only also `WAL_NOT_FOUND`. A damaged log is left exactly as it is.
   */
  static async open(directory: string, options: WalOpenOptions = {}): Promise<Wal> {
    const resolved = resolveOptions(options);
    const { recovery = 'refuse' } = options;
    if (recovery === 'refuse') {
      const engine = await LogEngine.open(directory, resolved, 'plain');
      return new Wal(directory, new EngineSource(engine), engine);
    }
    if (recovery !== 'skipDamaged') throw invalid('recovery is refuse or skipDamaged.', { recovery });
    if (!resolved.readOnly)
      throw invalid('A log is opened with recovery: skipDamaged to be read only: add readOnly: true.', {
        recovery,
      });
    return new Wal(directory, await openDamaged(directory, resolved), undefined);
  }

  private constructor(directory: string, source: WalSource, engine: LogEngine | undefined) {
    this.#directory = directory;
    this.#source = source;
    this.#engine = engine;
    if (engine !== undefined) engine.flushed = () => engine.durableThrough;
  }

  /** Made when the log was created, 16 hex digits: a log that was wiped and made again has another one. */
  get logId(): string {
    return this.#source.logId;
  }

  /** What opening found and did. */
  get recovery(): RecoveryReport {
    return this.#source.recovery;
  }

  /** With `recovery: 'skipDamaged'`: what is left out, and why. */
  get damages(): readonly Damage[] {
    return this.#source.damages;
  }

  /** The oldest record that is still there; `lastLsn + 1` when there is none. */
  get firstLsn(): Lsn {
    this.#source.checkReadable();
    return this.#source.firstLsn;
  }

  /** The newest record, durable or not; 0 in a new log. It stays when the record itself was truncated from the front. */
  get lastLsn(): Lsn {
    this.#source.checkReadable();
    return this.#source.lastLsn;
  }

  /** Records up to here survive a loss of power. */
  get durableLsn(): Lsn {
    this.#source.checkReadable();
    return this.#source.durableLsn;
  }

  /**
   * Stages a record, which can be read at once and is durable after the next `sync` or `flush`. The bytes are copied.
   * Errors: `WAL_TOO_LARGE`; then nothing was staged.
   */
  append(data: Uint8Array): Lsn {
    const engine = this.#writable();
    const { view } = engine;
    const lsn = view.lastIndex + 1;
    admitRecord(lsn, data, engine.stagedBytes, engine.options);
    engine.staging.addPlain(lsn, data);
    view.appendPlain(lsn);
    engine.staging.endCall();
    return lsn;
  }

  /** Blocks until every record is durable. Errors: `WAL_BUSY` while a flush is in flight; `WAL_FULL`; `WAL_POISONED`. */
  sync(): void {
    this.#writable().sync();
  }

  /**
   * Resolves, with the durable lsn, once every record staged at the call is durable. While one flush is in flight, the
   * others share the one that follows it. Errors (rejections): `WAL_FULL`, `WAL_POISONED`.
   */
  flush(): Promise<Lsn> {
    return this.#engine?.flush() ?? Promise.reject(this.#readOnly());
  }

  /** One record; `undefined` when the log does not hold it. Errors: `WAL_CORRUPT`, `WAL_IO`. */
  read(lsn: Lsn): WalRecord | undefined {
    const isHeld = Number.isSafeInteger(lsn) && lsn >= this.firstLsn && lsn <= this.lastLsn;
    return isHeld ? this.#source.record(lsn) : undefined;
  }

  /**
   * The records from `from` (the first, if nothing is said) to the last one, in order, durable or not: with `for`
   * blocking, with `for await` not. It shows the log as it is when it gets there. Errors: `WAL_INVALID` when `from` is
   * beyond the log's ends, or when the record that comes next was truncated meanwhile; `WAL_CORRUPT`, `WAL_IO`.
   */
  iterate(from: Lsn = this.firstLsn): WalRecords {
    const { firstLsn, lastLsn } = this;
    if (!Number.isSafeInteger(from) || from < firstLsn || from > lastLsn + 1)
      throw invalid(`The log goes from lsn ${firstLsn} to ${lastLsn}; it cannot be read from ${from}.`, {
        from,
        firstLsn,
        lastLsn,
      });
    return this.#source.records(from);
  }

  /** Drops the records after `lsn`; the next one takes `lsn + 1`. Errors: `WAL_INVALID` below `firstLsn - 1`. */
  truncateAfter(lsn: Lsn): void {
    const engine = this.#writable();
    const { staging, view } = engine;
    const { firstIndex, lastIndex } = view;
    if (!Number.isSafeInteger(lsn) || lsn < firstIndex - 1)
      throw invalid(`What comes before lsn ${firstIndex} was truncated; the log cannot end at ${lsn}.`, {
        lsn,
      });
    if (lsn >= lastIndex) return;
    staging.addState({ type: 'truncate', from: lsn + 1 });
    view.truncate(lsn + 1);
    engine.forgetDurableFrom(lsn + 1);
    staging.endCall();
  }

  /**
   * Gives up the records before `lsn`. Their disk space returns, segment by segment, with the next `sync` or `flush`.
   * Errors: `WAL_INVALID` beyond `lastLsn + 1`.
   */
  truncateBefore(lsn: Lsn): void {
    const engine = this.#writable();
    const { staging, view } = engine;
    const { firstIndex, lastIndex } = view;
    if (!Number.isSafeInteger(lsn) || lsn > lastIndex + 1)
      throw invalid(`The log ends at lsn ${lastIndex}; it cannot begin at ${lsn}.`, { lsn });
    if (lsn <= firstIndex) return;
    staging.addState({ type: 'compact', index: lsn - 1, term: 0 });
    view.compact({ index: lsn - 1, term: 0 });
    staging.endCall();
  }

  /** What the log has done since it was opened, and what it takes up now; events are on `WAL_CHANNELS`. */
  metrics(): WalMetrics {
    return this.#source.metrics();
  }

  /**
   * Writes what is staged, leaves the mark of a clean close and gives the lock back; a poisoned log only gives the
   * lock back. Idempotent. Errors: those of `sync`; the log is closed all the same.
   */
  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #writable(): LogEngine {
    this.#source.checkReadable();
    if (this.#engine === undefined) throw this.#readOnly();
    this.#engine.checkWritable();
    return this.#engine;
  }

  #readOnly(): WalError {
    return new WalError('WAL_READ_ONLY', `The log in ${this.#directory} was opened to be read only.`, {});
  }
}
