// What a log holds at one point of its FIFO of operations. A simulated log keeps two: all that is staged, and what is
// on stable storage; both are reached by applying the same operations, so they agree wherever they overlap.
//
// Written apart from core's MemoryLog on purpose: the oracle must not share the faults of what it judges.

import type { HardState, Index, LogEntry, Snapshot, Term } from '@waldb/core';

/** One staged mutation. */
export type LogOperation =
  | { readonly type: 'append'; readonly entries: readonly LogEntry[] }
  | { readonly type: 'truncate'; readonly from: Index }
  | { readonly type: 'hardState'; readonly state: HardState }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'compact'; readonly through: Index };

/** What one may ask an image; the questions of RaftLog. */
export interface LogView {
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  readonly hardState: HardState;
  readonly snapshot: Snapshot | undefined;
  termAt(index: Index): Term | undefined;
  entry(index: Index): LogEntry | undefined;
  configIndexBefore(index: Index): Index;
}

/** A log was used in a way its contract forbids. */
export class LogMisuse extends Error {
  override readonly name: string = 'LogMisuse';
}

export class LogImage implements LogView {
  /** `#entries[i]` has index `#boundary + 1 + i`. */
  #entries: LogEntry[] = [];
  #boundary: Index = 0;
  #boundaryTerm: Term = 0;
  #configIndexes: Index[] = [];
  #hardState: HardState = { term: 0, votedFor: undefined };
  #snapshot: Snapshot | undefined;

  get firstIndex(): Index {
    return this.#boundary + 1;
  }

  get lastIndex(): Index {
    return this.#boundary + this.#entries.length;
  }

  get lastTerm(): Term {
    return this.#entries[this.#entries.length - 1]?.term ?? this.#boundaryTerm;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  termAt(index: Index): Term | undefined {
    if (index > this.#boundary) return this.#entries[index - this.#boundary - 1]?.term;
    if (index === this.#boundary) return this.#boundaryTerm;
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index === 0 ? 0 : undefined;
  }

  entry(index: Index): LogEntry | undefined {
    return this.#entries[index - this.#boundary - 1];
  }

  slice(from: Index, to: Index): LogEntry[] {
    return this.#entries.slice(from - this.#boundary - 1, to - this.#boundary);
  }

  configIndexBefore(index: Index): Index {
    for (let at = this.#configIndexes.length - 1; at >= 0; at--) {
      const found = this.#configIndexes[at] as Index; // 0 <= at < length
      if (found <= index) return found;
    }
    return 0;
  }

  /** Whether `operation` would change nothing, and therefore takes no seq. */
  isNoOp(operation: LogOperation): boolean {
    if (operation.type === 'snapshot') return operation.snapshot.index <= (this.#snapshot?.index ?? 0);
    if (operation.type === 'compact') return operation.through <= this.#boundary;
    return false;
  }

  /** Throws LogMisuse, before anything changes, when the log's contract forbids `operation` here. */
  check(operation: LogOperation): void {
    switch (operation.type) {
      case 'append':
        return this.#checkAppend(operation.entries);
      case 'truncate':
        return claim(operation.from > this.#boundary, 'truncate stays above the compacted index');
      case 'compact':
        return claim(operation.through <= (this.#snapshot?.index ?? 0), 'compact stays within the snapshot');
      case 'hardState':
      case 'snapshot':
        return;
    }
  }

  apply(operation: LogOperation): void {
    switch (operation.type) {
      case 'append':
        for (const entry of operation.entries) {
          this.#entries.push(entry);
          if (entry.kind === 'config') this.#configIndexes.push(entry.index);
        }
        return;
      case 'truncate':
        this.#entries.length = Math.min(this.#entries.length, operation.from - this.#boundary - 1);
        while ((this.#configIndexes[this.#configIndexes.length - 1] ?? 0) >= operation.from) {
          this.#configIndexes.pop();
        }
        return;
      case 'hardState':
        this.#hardState = operation.state;
        return;
      case 'snapshot':
        return this.#applySnapshot(operation.snapshot);
      case 'compact':
        return this.#compact(operation.through);
    }
  }

  copy(): LogImage {
    const copy = new LogImage();
    copy.#entries = this.#entries.slice();
    copy.#boundary = this.#boundary;
    copy.#boundaryTerm = this.#boundaryTerm;
    copy.#configIndexes = this.#configIndexes.slice();
    copy.#hardState = this.#hardState;
    copy.#snapshot = this.#snapshot;
    return copy;
  }

  #checkAppend(entries: readonly LogEntry[]): void {
    let index = this.lastIndex;
    let term = this.lastTerm;
    for (const entry of entries) {
      claim(entry.index === index + 1, 'an appended entry follows the last index');
      claim(entry.term >= term, 'terms never fall along the log');
      index = entry.index;
      term = entry.term;
    }
  }

  #applySnapshot(snapshot: Snapshot): void {
    if (snapshot.index <= (this.#snapshot?.index ?? 0)) return;
    if (this.termAt(snapshot.index) !== snapshot.term) {
      this.#entries = [];
      this.#configIndexes = [];
      this.#boundary = snapshot.index;
      this.#boundaryTerm = snapshot.term;
    }
    this.#snapshot = snapshot;
  }

  #compact(through: Index): void {
    if (through <= this.#boundary) return;
    const term = this.termAt(through);
    claim(term !== undefined, 'the log holds what it compacts');
    this.#entries = this.#entries.slice(through - this.#boundary);
    this.#boundary = through;
    this.#boundaryTerm = term as Term; // claimed above
    this.#configIndexes = this.#configIndexes.filter((index) => index > through);
  }
}

function claim(holds: boolean, rule: string): void {
  if (!holds) throw new LogMisuse(`the log's contract does not hold: ${rule}`);
}
