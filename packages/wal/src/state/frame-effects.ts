// What one frame does to the log, gathered while it is staged and again while it is read back. Rules that a frame
// keeps (docs/wal-format.md, "Frames"): its entries are consecutive; what drops entries (a truncation, a snapshot that
// resets) comes at most once and before its entries. So the order of its records needs no remembering.

import type { EntryKind, HardState, Index, Term } from '@waldb/core';
import type { LogRecord, SnapshotRef, StateRecord } from '../format/record.js';

/** Entries from `first` on, up to the next run, have `term`. */
export interface TermRun {
  readonly first: Index;
  readonly term: Term;
}

/** A position in the log with its term. */
export interface LogPosition {
  readonly index: Index;
  readonly term: Term;
}

export class FrameEffects {
  truncateFrom: Index | undefined;
  resetTo: LogPosition | undefined;
  compacted: LogPosition | undefined;
  hardState: HardState | undefined;
  snapshot: SnapshotRef | undefined;
  /** 0 without entries. */
  firstIndex: Index = 0;
  lastTerm: Term = 0;
  entryCount = 0;
  recordCount = 0;
  readonly termRuns: TermRun[] = [];
  readonly configIndexes: Index[] = [];

  /** Whether what drops entries may still come in this frame. */
  get acceptsDrop(): boolean {
    return this.entryCount === 0 && this.truncateFrom === undefined && this.resetTo === undefined;
  }

  /** Whether it is nothing but entries and hard state: then no file is in need of removing or naming after it. */
  get onlyAdds(): boolean {
    return (
      this.truncateFrom === undefined &&
      this.resetTo === undefined &&
      this.snapshot === undefined &&
      this.compacted === undefined
    );
  }

  addEntry(term: Term, index: Index, kind: EntryKind): void {
    if (this.entryCount === 0) this.firstIndex = index;
    if (term !== this.lastTerm || this.entryCount === 0) this.termRuns.push({ first: index, term });
    if (kind === 'config') this.configIndexes.push(index);
    this.lastTerm = term;
    this.entryCount += 1;
    this.recordCount += 1;
  }

  addState(record: StateRecord): void {
    this.recordCount += 1;
    switch (record.type) {
      case 'hardState':
        this.hardState = record.state;
        break;
      case 'truncate':
        this.truncateFrom = record.from;
        break;
      case 'snapshot':
        this.snapshot = record.snapshot;
        if (record.resets) this.resetTo = { index: record.snapshot.index, term: record.snapshot.term };
        break;
      case 'compact':
        this.compacted = { index: record.index, term: record.term };
        break;
    }
  }

  /** Adds an entry that was read from disk, as `addRead` does. */
  addReadEntry(term: Term, index: Index, kind: EntryKind): string | undefined {
    if (this.entryCount > 0 && index !== this.firstIndex + this.entryCount)
      return 'entries that do not follow each other';
    if (this.entryCount > 0 && term < this.lastTerm) return 'entries whose terms fall';
    this.addEntry(term, index, kind);
    return undefined;
  }

  /** Adds a record that was read from disk; the words of a broken rule, or `undefined` when it fits. */
  addRead(record: LogRecord): string | undefined {
    if (record.type === 'entry') {
      const { term, index, kind } = record.entry;
      return this.addReadEntry(term, index, kind);
    }
    const drops = record.type === 'truncate' || (record.type === 'snapshot' && record.resets);
    if (drops && !this.acceptsDrop) return 'a truncation or reset behind entries';
    this.addState(record);
    return undefined;
  }
}
