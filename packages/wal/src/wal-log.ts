// The replicated log of one server on disk. Calls stage (memory only); `sync` and `flush` write what is staged in one
// go. Staging, recovery and the order of writes live in their own modules; this one joins them and guards the door.
//
// Ownership: entries given to `append` are kept as they are (they are immutable) until they are durable and the cache
// needs their room. The bytes written to disk are copies.

import type { DeferredRaftLog, HardState, Index, LogEntry, Snapshot, Term } from '@waldb/core';
import { type IoPlan, runBlocking, runWithCallbacks, type Vfs, type VfsLock } from '@waldb/io';
import { snapshotFile } from './format/file-name.js';
import { encodeSnapshotFile } from './format/snapshot-file.js';
import { openForReading, openForWriting } from './open-directory.js';
import { type ResolvedOptions, resolveOptions, type WalOptions } from './options.js';
import { addUp, type Recovered, type RecoveryReport } from './recovery/recover.js';
import { ColdReader } from './segment/cold-reader.js';
import type { LogWriter } from './segment/log-writer.js';
import { type Batch, Staging } from './segment/staging.js';
import { admitEntries, isNumber } from './state/admission.js';
import { EntryCache } from './state/entry-cache.js';
import type { LogView } from './state/log-view.js';
import { invalid, WalError } from './wal-error.js';

interface Parts {
  readonly directory: string;
  readonly options: ResolvedOptions;
  readonly recovered: Recovered;
  /** Absent in a log that is only read. */
  readonly writer: LogWriter | undefined;
  readonly lock: VfsLock | undefined;
}

export class WalLog implements DeferredRaftLog, AsyncDisposable {
  /** Made when the log was created, 16 hex digits: a log that was wiped and made again has another one. */
  readonly logId: string;
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  readonly #directory: string;
  readonly #options: ResolvedOptions;
  readonly #vfs: Vfs;
  readonly #writer: LogWriter | undefined;
  readonly #lock: VfsLock | undefined;
  readonly #view: LogView;
  readonly #cache: EntryCache;
  readonly #cold: ColdReader;
  readonly #staging: Staging;
  #snapshot: Snapshot | undefined;
  #stagedSeq = 0;
  #durableSeq = 0;
  /** The batch that is being written, or that a full disk cut short. */
  #batch: Batch | undefined;
  /** Entries up to here are on disk as they are in memory; and will be, once the batch is written. */
  #durableThrough: Index;
  #batchThrough: Index = 0;
  #inFlight: Promise<unknown> | undefined;
  #poison: WalError | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the log in `directory`, which is created if need be, and brings it into order after a crash.
   * Errors: {@link WalError} `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_FULL`, `WAL_IO`,
   * `WAL_INVALID`; read-only also `WAL_NOT_FOUND`. A damaged log is left exactly as it is.
   */
  static async open(directory: string, options: WalOptions = {}): Promise<WalLog> {
    const resolved = resolveOptions(options);
    if (resolved.readOnly) {
      const recovered = openForReading(directory, resolved, 'raft');
      return new WalLog({ directory, options: resolved, recovered, writer: undefined, lock: undefined });
    }
    const { recovered, writer, lock } = await openForWriting(directory, resolved, 'raft');
    return new WalLog({ directory, options: resolved, recovered, writer, lock });
  }

  private constructor({ directory, options, recovered, writer, lock }: Parts) {
    this.logId = recovered.metadata.logId;
    this.recovery = recovered.report;
    this.#directory = directory;
    this.#options = options;
    this.#vfs = options.vfs;
    this.#writer = writer;
    this.#lock = lock;
    const segments = writer?.segments ?? recovered.segments;
    this.#view = writer === undefined ? recovered.proven : addUp(segments, recovered.metadata);
    this.#snapshot = recovered.snapshot;
    this.#durableThrough = this.#view.lastIndex;
    this.#cache = new EntryCache(options.cacheBytes, this.#view.lastIndex + 1);
    this.#cold = new ColdReader(options.vfs, segments);
    this.#staging = new Staging(options.frameBytesMax);
  }

  firstIndex(): Index {
    this.#checkReadable();
    return this.#view.firstIndex;
  }

  lastIndex(): Index {
    this.#checkReadable();
    return this.#view.lastIndex;
  }

  lastTerm(): Term {
    this.#checkReadable();
    return this.#view.lastTerm;
  }

  termAt(index: Index): Term | undefined {
    this.#checkReadable();
    const term = this.#view.termAt(index);
    if (term !== undefined) return term;
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index === 0 ? 0 : undefined;
  }

  /** Errors: `WAL_CORRUPT`, `WAL_IO` when an entry that is not in memory cannot be read back. */
  entry(index: Index): LogEntry | undefined {
    this.#checkReadable();
    if (index < this.#view.firstIndex || index > this.#view.lastIndex) return undefined;
    return this.#cache.get(index) ?? this.#cold.entriesFrom(index)[0];
  }

  /** Errors: `WAL_INVALID` for indexes that the log does not hold; `WAL_CORRUPT`, `WAL_IO` as in `entry`. */
  entries(from: Index, to: Index, maxBytes: number = Number.POSITIVE_INFINITY): LogEntry[] {
    this.#checkReadable();
    if (from < this.#view.firstIndex || to > this.#view.lastIndex)
      throw invalid('Only entries that the log holds can be read.', { from, to });
    const found: LogEntry[] = [];
    let bytes = 0;
    let next = from;
    while (next <= to) {
      const cached = this.#cache.get(next);
      const run = cached === undefined ? this.#cold.entriesFrom(next) : [cached];
      for (const entry of run) {
        // Beyond the cache's first index the disk may still hold what a staged truncation has replaced.
        if (entry.index > to || (cached === undefined && entry.index >= this.#cache.firstIndex)) break;
        bytes += entry.encoded?.length ?? entry.command.length;
        if (bytes > maxBytes && found.length > 0) return found;
        found.push(entry);
        next += 1;
      }
    }
    return found;
  }

  configIndexBefore(index: Index): Index {
    this.#checkReadable();
    return this.#view.configIndexBefore(index);
  }

  hardState(): HardState {
    this.#checkReadable();
    return this.#view.hardState;
  }

  snapshotIndex(): Index {
    this.#checkReadable();
    return this.#snapshot?.index ?? 0;
  }

  snapshot(): Snapshot | undefined {
    this.#checkReadable();
    return this.#snapshot;
  }

  stagedSeq(): number {
    this.#checkReadable();
    return this.#stagedSeq;
  }

  /** The highest staged seq that is durable. */
  durableSeq(): number {
    this.#checkReadable();
    return this.#durableSeq;
  }

  /** Errors: `WAL_TOO_LARGE`, `WAL_INVALID`; then nothing was staged. */
  append(entries: readonly LogEntry[]): void {
    this.#checkWritable();
    const encoded = admitEntries(entries, {
      lastIndex: this.#view.lastIndex,
      lastTerm: this.#view.lastTerm,
      stagedBytes: this.#staging.bytes + (this.#batch?.bytes.length ?? 0),
      limits: this.#options,
    });
    for (const entry of encoded) {
      this.#staging.addEntry(entry, entry.encoded as Uint8Array); // admitEntries gave each its encoding
      this.#view.append(entry);
      this.#cache.push(entry);
    }
    this.#stagedSeq += 1;
  }

  truncate(from: Index): void {
    this.#checkWritable();
    if (from <= this.#view.compacted.index)
      throw invalid('What is compacted is committed and cannot be truncated.', { from });
    if (from <= this.#view.lastIndex) {
      this.#staging.addState({ type: 'truncate', from });
      this.#view.truncate(from);
      this.#cache.truncate(from);
      this.#forgetDurableFrom(from);
    }
    this.#stagedSeq += 1;
  }

  setHardState(state: HardState): void {
    this.#checkWritable();
    const { term, votedFor } = state;
    if (!isNumber(term) || !isNumber(votedFor ?? 0))
      throw invalid('Terms and ids are safe integers from 0.', {
        term,
        votedFor,
      });
    this.#view.hardState = { term: state.term, votedFor: state.votedFor };
    this.#staging.addState({ type: 'hardState', state: this.#view.hardState });
    this.#stagedSeq += 1;
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#checkWritable();
    if (snapshot.index <= (this.#snapshot?.index ?? 0)) return;
    const { index, term } = snapshot;
    if (!isNumber(index) || !isNumber(term))
      throw invalid('Indexes and terms are safe integers from 0.', {
        index,
        term,
      });
    const resets = this.termAt(index) !== term;
    const { bytes, ref } = encodeSnapshotFile(snapshot, this.logId);
    this.#staging.addSnapshot({ name: snapshotFile(index, term), bytes });
    this.#staging.addState({ type: 'snapshot', snapshot: ref, resets });
    if (resets) {
      this.#view.reset({ index, term });
      this.#cache.reset(index + 1);
      this.#forgetDurableFrom(index + 1);
    }
    this.#snapshot = snapshot;
    this.#stagedSeq += 1;
  }

  compact(through: Index): void {
    this.#checkWritable();
    if (through > (this.#snapshot?.index ?? 0))
      throw invalid('Only what a snapshot covers can be given up.', {
        through,
      });
    if (through <= this.#view.compacted.index) return;
    const term = this.termAt(through);
    if (through > this.#view.lastIndex || term === undefined)
      throw invalid('The log does not hold what it should give up.', { through });
    this.#staging.addState({ type: 'compact', index: through, term });
    this.#view.compact({ index: through, term });
    this.#evict();
    this.#stagedSeq += 1;
  }

  /** Errors: `WAL_BUSY` while a flush is in flight; `WAL_FULL`; anything else poisons the log. */
  sync(): void {
    this.#checkWritable();
    if (this.#inFlight !== undefined) throw this.#busy();
    if (this.#isIdle()) return;
    try {
      runBlocking(this.#vfs, this.#flushPlan());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Errors (rejections): as `sync`. */
  flush(): Promise<number> {
    try {
      this.#checkWritable();
      if (this.#inFlight !== undefined) throw this.#busy();
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#isIdle()) return Promise.resolve(this.#durableSeq);
    const flushing = runWithCallbacks(this.#vfs, this.#flushPlan()).then(
      () => {
        this.#inFlight = undefined;
        return this.#durableSeq;
      },
      (error: unknown) => {
        this.#inFlight = undefined;
        throw this.#failed(error);
      },
    );
    this.#inFlight = flushing;
    return flushing;
  }

  /**
   * Writes what is staged, leaves the mark of a clean close and gives the lock back; a poisoned log only gives the
   * lock back. Idempotent. Errors: those of `sync`; the log is closed all the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // Whoever started it was told how it ended.
    await this.#inFlight?.catch(() => {});
    try {
      if (this.#writer !== undefined && this.#poison === undefined) await this.#closeCleanly(this.#writer);
    } finally {
      this.#cold.close();
      this.#writer?.close();
      this.#lock?.release();
    }
  }

  async #closeCleanly(writer: LogWriter): Promise<void> {
    try {
      await runWithCallbacks(this.#vfs, this.#flushPlan());
      await runWithCallbacks(this.#vfs, writer.markClosed());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Writes what an earlier attempt left, then everything that is staged when it comes to that. */
  *#flushPlan(): IoPlan {
    const writer = this.#writer as LogWriter; // the callers checked that the log is writable
    if (this.#batch !== undefined) yield* this.#writePlan(writer, this.#batch);
    this.#batch = this.#staging.take(this.#stagedSeq);
    this.#batchThrough = this.#view.lastIndex;
    yield* this.#writePlan(writer, this.#batch);
  }

  *#writePlan(writer: LogWriter, batch: Batch): IoPlan {
    yield* writer.write(batch);
    this.#durableSeq = batch.seq;
    this.#durableThrough = this.#batchThrough;
    this.#staging.release(batch);
    this.#batch = undefined;
    this.#evict();
    this.#cold.forgetRemoved();
  }

  #isIdle(): boolean {
    if (this.#batch !== undefined || !this.#staging.isEmpty) return false;
    this.#durableSeq = this.#stagedSeq; // calls that had nothing to write
    return true;
  }

  /** Entries from here on differ, from now on, from those on disk or in the batch with the same index. */
  #forgetDurableFrom(index: Index): void {
    this.#durableThrough = Math.min(this.#durableThrough, index - 1);
    this.#batchThrough = Math.min(this.#batchThrough, index - 1);
  }

  #evict(): void {
    this.#cache.evict({ compacted: this.#view.compacted.index, durable: this.#durableThrough });
  }

  #checkReadable(): void {
    if (this.#poison !== undefined) throw this.#poison;
    if (this.#closing !== undefined) {
      throw new WalError('WAL_CLOSED', `The log in ${this.#directory} was closed.`, {});
    }
  }

  #checkWritable(): void {
    this.#checkReadable();
    if (this.#writer !== undefined) return;
    throw new WalError('WAL_READ_ONLY', `The log in ${this.#directory} was opened to be read only.`, {});
  }

  #busy(): WalError {
    return new WalError('WAL_BUSY', 'A flush is in flight; only one write can be under way at a time.', {});
  }

  /** A full disk leaves everything as it was. Any other failure is final: nobody knows what the disk holds now. */
  #failed(error: unknown): WalError {
    if (error instanceof WalError && error.code === 'WAL_FULL') return error;
    this.#poison ??= new WalError(
      'WAL_POISONED',
      `Writing the log in ${this.#directory} failed, so nothing more is accepted: ${error instanceof Error ? error.message : String(error)}`,
      {},
      { cause: error },
    );
    return this.#poison;
  }
}
