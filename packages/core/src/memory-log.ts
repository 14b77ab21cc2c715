// A RaftLog in memory: for tests, simulations and the lazy path of `new RaftNode(config)`. What it holds survives
// nothing, so staged and durable are the same to it; it still counts its seq as every log must.

import { assert } from './assert.js';
import { entryBytes } from './codec/entry.js';
import type { DeferredRaftLog } from './raft-log.js';
import type { HardState, Index, LogEntry, Snapshot, Term } from './types.js';

/** Compacted entries are cut off the array once they are at least this many and at least half of it. */
const TRIM_ENTRIES_MIN = 1024;

export class MemoryLog implements DeferredRaftLog {
  /** `#entries[0]` has index `#base + 1`; those at or below `#compacted` are given up and wait to be cut off. */
  #entries: LogEntry[] = [];
  #base: Index = 0;
  #compacted: Index = 0;
  #compactedTerm: Term = 0;
  /** Indexes of the config entries held, rising. */
  #configIndexes: Index[] = [];
  #hardState: HardState = { term: 0, votedFor: undefined };
  #snapshot: Snapshot | undefined;
  #stagedSeq = 0;

  firstIndex(): Index {
    return this.#compacted + 1;
  }

  lastIndex(): Index {
    return this.#base + this.#entries.length;
  }

  lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#compactedTerm;
  }

  termAt(index: Index): Term | undefined {
    if (index > this.#compacted) return this.#entries[index - this.#base - 1]?.term;
    if (index === this.#compacted) return this.#compactedTerm;
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index === 0 ? 0 : undefined;
  }

  entry(index: Index): LogEntry | undefined {
    return index > this.#compacted ? this.#entries[index - this.#base - 1] : undefined;
  }

  entries(from: Index, to: Index, maxBytes: number = Number.POSITIVE_INFINITY): LogEntry[] {
    assert(from > this.#compacted && to <= this.lastIndex(), 'the log holds what is read from it');
    if (maxBytes === Number.POSITIVE_INFINITY)
      return this.#entries.slice(from - this.#base - 1, to - this.#base);
    const found: LogEntry[] = [];
    let bytes = 0;
    for (let i = from - this.#base - 1; i < to - this.#base; i++) {
      const entry = this.#entries[i] as LogEntry; // in bounds: from and to were checked above
      bytes += entryBytes(entry);
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  configIndexBefore(index: Index): Index {
    const at = this.#configIndexes.findLastIndex((configIndex) => configIndex <= index);
    return this.#configIndexes[at] ?? 0;
  }

  append(entries: readonly LogEntry[]): void {
    let { index, term } = { index: this.lastIndex(), term: this.lastTerm() };
    for (const entry of entries) {
      assert(entry.index === index + 1, 'an appended entry follows the last index');
      assert(entry.term >= term, 'terms never fall along the log');
      ({ index, term } = entry);
    }
    for (const entry of entries) {
      this.#entries.push(entry);
      if (entry.kind === 'config') this.#configIndexes.push(entry.index);
    }
    this.#stagedSeq += 1;
  }

  truncate(from: Index): void {
    assert(from > this.#compacted, 'what is compacted is committed and never truncated');
    this.#entries.length = Math.max(0, Math.min(this.#entries.length, from - this.#base - 1));
    while ((this.#configIndexes.at(-1) ?? 0) >= from) this.#configIndexes.pop();
    this.#stagedSeq += 1;
  }

  hardState(): HardState {
    return this.#hardState;
  }

  setHardState(state: HardState): void {
    this.#hardState = { term: state.term, votedFor: state.votedFor };
    this.#stagedSeq += 1;
  }

  snapshotIndex(): Index {
    return this.#snapshot?.index ?? 0;
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  applySnapshot(snapshot: Snapshot): void {
    if (snapshot.index <= this.snapshotIndex()) return;
    if (this.termAt(snapshot.index) !== snapshot.term) {
      this.#entries = [];
      this.#configIndexes = [];
      this.#base = snapshot.index;
      this.#compacted = snapshot.index;
      this.#compactedTerm = snapshot.term;
    }
    this.#snapshot = snapshot;
    this.#stagedSeq += 1;
  }

  compact(through: Index): void {
    assert(through <= this.snapshotIndex(), 'only what a snapshot covers is given up');
    if (through <= this.#compacted) return;
    const term = this.termAt(through);
    assert(term !== undefined, 'the log holds what it compacts');
    this.#compacted = through;
    this.#compactedTerm = term;
    this.#configIndexes = this.#configIndexes.filter((index) => index > through);
    const given = through - this.#base;
    if (given >= TRIM_ENTRIES_MIN && given * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(given);
      this.#base = through;
    }
    this.#stagedSeq += 1;
  }

  sync(): void {}

  stagedSeq(): number {
    return this.#stagedSeq;
  }

  flush(): Promise<number> {
    return Promise.resolve(this.#stagedSeq);
  }
}
