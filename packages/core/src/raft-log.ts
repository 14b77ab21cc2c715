// The seam between the protocol and its storage. `MemoryLog` (here) and `WalLog` (@waldb/wal) implement it; the
// contract suite in @waldb/testkit is what "implements" means.

import type { HardState, Index, LogEntry, Snapshot, Term } from './types.js';

/**
 * The replicated log, the hard state and the newest snapshot of one server.
 *
 * Every mutating call only *stages*: its effect is readable at once and takes the next number (`stagedSeq`) of one
 * FIFO that log and vote share. `sync` makes everything staged durable before it returns. After a crash the log holds
 * the effects of some prefix of the staged calls that includes everything synced; an `append` of several entries may
 * be cut between two of them.
 *
 * A call that cannot be carried out throws before it changes anything.
 */
export interface RaftLog {
  /** The oldest index that `entry` can return; `lastIndex() + 1` when the log holds no entry. */
  firstIndex(): Index;
  /** The newest index, staged or durable; the compacted index when the log holds no entry, 0 when it never held one. */
  lastIndex(): Index;
  /** `termAt(lastIndex())`; 0 for an empty log. */
  lastTerm(): Term;
  /** The term at `index`: also for the boundary `firstIndex() - 1` and for `snapshotIndex()`; 0 for index 0; else `undefined`. */
  termAt(index: Index): Term | undefined;
  entry(index: Index): LogEntry | undefined;
  /** Entries `from` to `to`, both included, cut after `maxBytes` of encoded entries; at least one entry however large. */
  entries(from: Index, to: Index, maxBytes?: number): LogEntry[];
  /** The newest `config` entry at or below `index` that the log still holds; 0 when there is none. */
  configIndexBefore(index: Index): Index;

  /** Stages entries that follow `lastIndex()` without a gap and never fall in term. */
  append(entries: readonly LogEntry[]): void;
  /** Stages the removal of every index at or above `from`. `from` is above the compacted index. */
  truncate(from: Index): void;

  hardState(): HardState;
  setHardState(state: HardState): void;

  /** 0 when there is none. */
  snapshotIndex(): Index;
  snapshot(): Snapshot | undefined;
  /**
   * Stages a snapshot. Where the log holds `snapshot.index` with `snapshot.term`, every entry stays (`compact` gives
   * them up); else the whole log is dropped and goes on after the snapshot. Not newer than the present one: no-op.
   */
  applySnapshot(snapshot: Snapshot): void;
  /** Stages giving up entries at or below `through`, at most `snapshotIndex()`. */
  compact(through: Index): void;

  /** Blocks until everything staged is on stable storage. A failure is final: every later call throws. */
  sync(): void;
  /** 0 after open, one more for each mutating call. */
  stagedSeq(): number;
}

/** A log that can also be made durable without blocking. */
export interface DeferredRaftLog extends RaftLog {
  /** Covers everything staged at the call; resolves with the highest durable seq. One flush is in flight at a time. */
  flush(): Promise<number>;
}
