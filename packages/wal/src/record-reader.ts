// Reads entries wherever they are: staged, being written, or on disk. What is staged and what the disk holds can
// contradict each other where a truncation is staged; the log is what is staged.

import type { Index, LogEntry } from '@waldb/core';
import type { ColdReader } from './segment/cold-reader.js';
import { type PlacedFrame, stagedRun } from './segment/staged-run.js';
import { type Batch, newestFirst, type Staging } from './segment/staging.js';

export interface RecordReaderStart {
  readonly staging: Staging;
  /** What was taken from `staging` and is not durable, oldest first. */
  readonly unwritten: readonly Batch[];
  readonly cold: ColdReader;
  /** Entries up to here are on disk as the log shows them. */
  readonly durableThrough: () => Index;
}

export class RecordReader {
  readonly #start: RecordReaderStart;

  constructor(start: RecordReaderStart) {
    this.#start = start;
  }

  /** An entry that the log holds. Errors: `WAL_CORRUPT`, `WAL_IO`. */
  at(index: Index): LogEntry {
    return this.#stagedFrom(index)?.[0] ?? this.#start.cold.entry(index);
  }

  /** A run of entries that begins with `index`, which the log holds. Errors: `WAL_CORRUPT`, `WAL_IO`. */
  from(index: Index): readonly LogEntry[] {
    return this.#stagedFrom(index) ?? asShown(this.#start.cold.entriesFrom(index), this.#durableCount(index));
  }

  /** The same, without blocking. */
  async fromLater(index: Index): Promise<readonly LogEntry[]> {
    // As of now: what becomes durable during the read may not be what it finds.
    const durable = this.#durableCount(index);
    return this.#stagedFrom(index) ?? asShown(await this.#start.cold.entriesFromLater(index), durable);
  }

  #durableCount(from: Index): number {
    return this.#start.durableThrough() - from + 1;
  }

  #stagedFrom(index: Index): readonly LogEntry[] | undefined {
    return this.#durableCount(index) > 0 ? undefined : stagedRun(this.#newestFirst(), index);
  }

  *#newestFirst(): Generator<PlacedFrame, void, void> {
    const { staging, unwritten } = this.#start;
    yield* staging.newestFirst();
    for (let i = unwritten.length - 1; i >= 0; i--) {
      const { bytes, frames } = unwritten[i] as Batch; // in bounds
      yield* newestFirst(bytes, frames);
    }
  }
}

/** Without what the disk still holds and a staged truncation has taken away. `durable` are on disk as they are shown. */
function asShown(run: readonly LogEntry[], durable: number): readonly LogEntry[] {
  const shown = Math.max(1, durable);
  return run.length <= shown ? run : run.slice(0, shown);
}
