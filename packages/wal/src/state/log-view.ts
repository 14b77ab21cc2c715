// The log as its callers see it, without the entries themselves: bounds, terms, configurations, hard state, snapshot.
// It always shows what is staged; what of it is durable is the writer's business.

import type { HardState, Index, LogEntry, Term } from '@waldb/core';
import type { LogPosition, TermRun } from './frame-effects.js';
import { type SegmentSummary, trimTail } from './segment-summary.js';

export class LogView {
  compacted: LogPosition = { index: 0, term: 0 };
  lastIndex: Index = 0;
  /** How often entries were taken off the end. */
  cuts = 0;
  hardState: HardState = { term: 0, votedFor: undefined };
  /** Rising in index and term; the run of a compacted entry may still be at the front. */
  readonly #termRuns: TermRun[] = [];
  readonly #configIndexes: Index[] = [];

  get firstIndex(): Index {
    return this.compacted.index + 1;
  }

  get lastTerm(): Term {
    if (this.lastIndex === this.compacted.index) return this.compacted.term;
    return this.#termRuns.at(-1)?.term ?? 0;
  }

  /** The term at an index that the log holds or at its boundary. */
  termAt(index: Index): Term | undefined {
    if (index === this.compacted.index) return this.compacted.term;
    if (index < this.compacted.index || index > this.lastIndex) return undefined;
    let low = 0;
    let high = this.#termRuns.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#termRuns[middle] as TermRun).first <= index)
        low = middle; // in bounds: low < middle <= high
      else high = middle - 1;
    }
    return this.#termRuns[low]?.term;
  }

  configIndexBefore(index: Index): Index {
    const at = this.#configIndexes.findLastIndex((configIndex) => configIndex <= index);
    return this.#configIndexes[at] ?? 0;
  }

  append(entry: LogEntry): void {
    if (entry.term !== this.#termRuns[this.#termRuns.length - 1]?.term)
      this.#termRuns.push({ first: entry.index, term: entry.term });
    if (entry.kind === 'config') this.#configIndexes.push(entry.index);
    this.lastIndex = entry.index;
  }

  /** A record of a plain log: its terms are all 0. */
  appendPlain(lsn: Index): void {
    if (this.#termRuns.length === 0) this.#termRuns.push({ first: lsn, term: 0 });
    this.lastIndex = lsn;
  }

  truncate(from: Index): void {
    if (from > this.lastIndex) return;
    trimTail(this.#termRuns, (run) => run.first >= from);
    trimTail(this.#configIndexes, (index) => index >= from);
    this.lastIndex = from - 1;
    this.cuts += 1;
  }

  reset(to: LogPosition): void {
    this.#termRuns.length = 0;
    this.#configIndexes.length = 0;
    this.compacted = to;
    this.lastIndex = to.index;
    this.cuts += 1;
  }

  compact(through: LogPosition): void {
    if (through.index <= this.compacted.index) return;
    this.compacted = through;
    this.lastIndex = Math.max(this.lastIndex, through.index);
    this.#forgetCompacted();
  }

  /** Adds up the next segment, in order. */
  addSegment(baseIndex: Index, summary: SegmentSummary): void {
    // The first live segment begins where the removed ones ended; their entries are all compacted.
    if (this.lastIndex < baseIndex) this.lastIndex = baseIndex;
    this.truncate(summary.keptThrough + 1);
    if (summary.keptThrough === 0 && summary.compacted !== undefined) this.reset(summary.compacted);
    for (const run of summary.termRuns) {
      if (run.term !== this.#termRuns.at(-1)?.term) this.#termRuns.push(run);
    }
    this.#configIndexes.push(...summary.configIndexes);
    this.lastIndex = summary.lastIndex;
    if (summary.compacted !== undefined) this.compact(summary.compacted);
    this.#forgetCompacted();
    this.hardState = summary.hardState ?? this.hardState;
  }

  #forgetCompacted(): void {
    const through = this.compacted.index;
    const runs = this.#termRuns.findLastIndex((run) => run.first <= through);
    if (runs > 0) this.#termRuns.splice(0, runs);
    const configs = this.#configIndexes.findIndex((index) => index > through);
    this.#configIndexes.splice(0, configs === -1 ? this.#configIndexes.length : configs);
  }
}
