// The replicated log of one server on disk. Calls stage (memory only); `sync` and `flush` write what is staged in one
// go. Writing, durability and closing are the engine's (log-engine.ts); this file says what Raft's calls mean.
//
// Ownership: entries given to `append` are kept as they are (they are immutable) until they are durable and the cache
// needs their room. The bytes written to disk are copies.

import {
  type DeferredRaftLog,
  entryBytes,
  type HardState,
  type Index,
  type LogEntry,
  type Snapshot,
  type Term,
} from '@waldb/core';
import { snapshotFile } from './format/file-name.js';
import { encodeSnapshotFile } from './format/snapshot-file.js';
import { LogEngine } from './log-engine.js';
import type { WalMetrics } from './metrics.js';
import { resolveOptions, type WalOptions } from './options.js';
import type { RecoveryReport } from './recovery/recover.js';
import { admitEntries, isNumber } from './state/admission.js';
import { EntryCache } from './state/entry-cache.js';
import type { LogView } from './state/log-view.js';
import { invalid } from './wal-error.js';

export class WalLog implements DeferredRaftLog, AsyncDisposable {
  readonly #engine: LogEngine;
  readonly #view: LogView;
  readonly #cache: EntryCache;
  #snapshot: Snapshot | undefined;

  /**
   * Opens the log in `directory`, which is created if need be, and brings it into order after a crash.
   * Errors: {@link WalError} `WAL_LOCKED`, `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_FULL`, `WAL_IO`,
   * `WAL_INVALID`; read-only also `WAL_NOT_FOUND`. A damaged log is left exactly as it is.
   */
  static async open(directory: string, options: WalOptions = {}): Promise<WalLog> {
    return new WalLog(await LogEngine.open(directory, resolveOptions(options), 'raft'));
  }

  private constructor(engine: LogEngine) {
    this.#engine = engine;
    this.#view = engine.view;
    this.#snapshot = engine.recovered.snapshot;
    this.#cache = new EntryCache(engine.options.cacheBytes, this.#view.lastIndex + 1);
    engine.onDurable = () => this.#evict();
  }

  /** Made when the log was created, 16 hex digits: a log that was wiped and made again has another one. */
  get logId(): string {
    return this.#engine.logId;
  }

  /** What opening found and did. */
  get recovery(): RecoveryReport {
    return this.#engine.recovery;
  }

  firstIndex(): Index {
    this.#engine.checkReadable();
    return this.#view.firstIndex;
  }

  lastIndex(): Index {
    this.#engine.checkReadable();
    return this.#view.lastIndex;
  }

  lastTerm(): Term {
    this.#engine.checkReadable();
    return this.#view.lastTerm;
  }

  termAt(index: Index): Term | undefined {
    this.#engine.checkReadable();
    const term = this.#view.termAt(index);
    if (term !== undefined) return term;
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index === 0 ? 0 : undefined;
  }

  /** Errors: `WAL_CORRUPT`, `WAL_IO` when an entry that is not in memory cannot be read back. */
  entry(index: Index): LogEntry | undefined {
    this.#engine.checkReadable();
    if (!Number.isInteger(index) || index < this.#view.firstIndex || index > this.#view.lastIndex)
      return undefined;
    const cached = this.#cache.get(index);
    if (cached !== undefined) {
      this.#engine.metrics.cacheHit();
      return cached;
    }
    this.#engine.metrics.cacheMiss(index);
    return this.#engine.cold.entry(index);
  }

  /** Errors: `WAL_INVALID` for indexes that the log does not hold; `WAL_CORRUPT`, `WAL_IO` as in `entry`. */
  entries(from: Index, to: Index, maxBytes: number = Number.POSITIVE_INFINITY): LogEntry[] {
    this.#engine.checkReadable();
    if (from < this.#view.firstIndex || to > this.#view.lastIndex)
      throw invalid('Only entries that the log holds can be read.', { from, to });
    const found: LogEntry[] = [];
    let bytes = 0;
    let next = from;
    while (next <= to) {
      for (const entry of this.#run(next, to)) {
        bytes += entryBytes(entry);
        if (bytes > maxBytes && found.length > 0) return found;
        found.push(entry);
        next += 1;
      }
    }
    return found;
  }

  /** Entries from `from`, which the log holds, up to `to` at most; at least one. */
  #run(from: Index, to: Index): readonly LogEntry[] {
    const { firstIndex } = this.#cache;
    if (from >= firstIndex) {
      this.#engine.metrics.cacheHit();
      return this.#cache.range(from, to);
    }
    this.#engine.metrics.cacheMiss(from);
    // From the cache's first index on the disk may still hold what a staged truncation has replaced.
    const last = Math.min(to, firstIndex - 1);
    return this.#engine.cold.entriesFrom(from).slice(0, last - from + 1);
  }

  configIndexBefore(index: Index): Index {
    this.#engine.checkReadable();
    return this.#view.configIndexBefore(index);
  }

  hardState(): HardState {
    this.#engine.checkReadable();
    return this.#view.hardState;
  }

  snapshotIndex(): Index {
    this.#engine.checkReadable();
    return this.#snapshot?.index ?? 0;
  }

  snapshot(): Snapshot | undefined {
    this.#engine.checkReadable();
    return this.#snapshot;
  }

  stagedSeq(): number {
    this.#engine.checkReadable();
    return this.#engine.staging.seq;
  }

  /** The highest staged seq that is durable. */
  durableSeq(): number {
    this.#engine.checkReadable();
    return this.#engine.durableSeq;
  }

  /** Errors: `WAL_TOO_LARGE`, `WAL_INVALID`; then nothing was staged. */
  append(entries: readonly LogEntry[]): void {
    this.#engine.checkWritable();
    admitEntries(entries, {
      lastIndex: this.#view.lastIndex,
      lastTerm: this.#view.lastTerm,
      stagedBytes: this.#engine.stagedBytes,
      limits: this.#engine.options,
    });
    const { staging } = this.#engine;
    for (const entry of entries) {
      staging.addEntry(entry);
      this.#view.append(entry);
      this.#cache.push(entry);
    }
    this.#engine.staging.endCall();
  }

  truncate(from: Index): void {
    this.#engine.checkWritable();
    if (from <= this.#view.compacted.index)
      throw invalid('What is compacted is committed and cannot be truncated.', { from });
    if (from <= this.#view.lastIndex) {
      this.#engine.staging.addState({ type: 'truncate', from });
      this.#view.truncate(from);
      this.#cache.truncate(from);
      this.#engine.forgetDurableFrom(from);
    }
    this.#engine.staging.endCall();
  }

  setHardState(state: HardState): void {
    this.#engine.checkWritable();
    const { term, votedFor } = state;
    if (!isNumber(term) || !isNumber(votedFor ?? 0))
      throw invalid('Terms and ids are safe integers from 0.', {
        term,
        votedFor,
      });
    this.#view.hardState = { term: state.term, votedFor: state.votedFor };
    this.#engine.staging.addState({ type: 'hardState', state: this.#view.hardState });
    this.#engine.staging.endCall();
  }

  applySnapshot(snapshot: Snapshot): void {
    this.#engine.checkWritable();
    if (snapshot.index <= (this.#snapshot?.index ?? 0)) return;
    const { index, term } = snapshot;
    if (!isNumber(index) || !isNumber(term))
      throw invalid('Indexes and terms are safe integers from 0.', {
        index,
        term,
      });
    const resets = this.termAt(index) !== term;
    const { bytes, ref } = encodeSnapshotFile(snapshot, this.#engine.logId);
    // In this order, for the record may be the first of a new batch: the file belongs to the batch of its record.
    this.#engine.staging.addState({ type: 'snapshot', snapshot: ref, resets });
    this.#engine.staging.addSnapshot({ name: snapshotFile(index, term), bytes });
    if (resets) {
      this.#view.reset({ index, term });
      this.#cache.reset(index + 1);
      this.#engine.forgetDurableFrom(index + 1);
    }
    this.#snapshot = snapshot;
    this.#engine.staging.endCall();
  }

  compact(through: Index): void {
    this.#engine.checkWritable();
    if (through > (this.#snapshot?.index ?? 0))
      throw invalid('Only what a snapshot covers can be given up.', {
        through,
      });
    if (through <= this.#view.compacted.index) return;
    const term = this.termAt(through);
    if (through > this.#view.lastIndex || term === undefined)
      throw invalid('The log does not hold what it should give up.', { through });
    this.#engine.staging.addState({ type: 'compact', index: through, term });
    this.#view.compact({ index: through, term });
    this.#evict();
    this.#engine.staging.endCall();
  }

  /**
   * Whether `sync` can be expected to return soon, in well under a millisecond: no flush is in flight, little is staged,
   * and writes were quick of late. What a driver asks before it blocks its event loop for the thread-pool hop's sake.
   */
  isSyncQuick(): boolean {
    this.#engine.checkReadable();
    return this.#engine.isSyncQuick;
  }

  /** Blocks until everything staged is durable. Errors: `WAL_BUSY` while a flush is in flight; `WAL_FULL`; `WAL_POISONED`. */
  sync(): void {
    this.#engine.sync();
  }

  /**
   * Resolves, with the durable seq, once everything staged at the call is durable. While one flush is in flight, the
   * others share the one that follows it. Errors (rejections): `WAL_FULL`, `WAL_POISONED`.
   */
  flush(): Promise<number> {
    return this.#engine.flush();
  }

  /** What the log has done since it was opened, and what it takes up now; events are on `WAL_CHANNELS`. */
  metrics(): WalMetrics {
    return this.#engine.summary(this.#cache.bytes);
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

  #evict(): void {
    this.#cache.evict({ compacted: this.#view.compacted.index, durable: this.#engine.durableThrough });
  }
}
