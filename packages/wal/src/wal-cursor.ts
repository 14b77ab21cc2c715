// Reads a plain log's records in order, from disk or from what is still staged. It holds no position on disk: each run of
// records is looked up anew, so that a log that is appended to, truncated and compacted meanwhile is read as it is.

import type { LogEntry } from '@waldb/core';
import type { LogEngine } from './log-engine.js';
import { WalError } from './wal-error.js';

/** A record's number: 1 for the first of a log, and one more for each that follows. */
export type Lsn = number;

/** The bytes are the caller's to keep and not to change. */
export interface WalRecord {
  readonly lsn: Lsn;
  readonly data: Uint8Array;
}

/** Records in order: `for` reads blocking, `for await` without. Each loop begins anew. */
export interface WalRecords extends Iterable<WalRecord>, AsyncIterable<WalRecord> {}

export class WalCursor implements WalRecords {
  readonly #engine: LogEngine;
  readonly #from: Lsn;

  constructor(engine: LogEngine, from: Lsn) {
    this.#engine = engine;
    this.#from = from;
  }

  *[Symbol.iterator](): Generator<WalRecord, void, void> {
    let next = this.#from;
    while (this.#holds(next)) next = yield* this.#following(next, this.#engine.records.from(next));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WalRecord, void, void> {
    let next = this.#from;
    while (this.#holds(next)) {
      const run = await this.#read(next);
      if (run === undefined) continue;
      for (const record of this.#following(next, run)) {
        yield record;
        next = record.lsn + 1;
      }
    }
  }

  /** A run from `next` on; `undefined` when what was read was truncated meanwhile: the file may be another's by then. */
  async #read(next: Lsn): Promise<readonly LogEntry[] | undefined> {
    const { view } = this.#engine;
    const { cuts } = view;
    try {
      const run = await this.#engine.records.fromLater(next);
      return cuts === view.cuts ? run : undefined;
    } catch (error) {
      if (cuts === view.cuts && next >= view.firstIndex) throw error;
      return undefined;
    }
  }

  /** Those of a run that nobody truncates while they are handed out. Returns the lsn that comes next. */
  *#following(first: Lsn, run: readonly LogEntry[]): Generator<WalRecord, Lsn, void> {
    const { view } = this.#engine;
    const { cuts } = view;
    let next = first;
    for (const { index, command } of run) {
      if (cuts !== view.cuts || index < view.firstIndex) break;
      next = index + 1;
      yield { lsn: index, data: command };
      this.#engine.checkReadable();
    }
    return next;
  }

  /** Whether there is a record `lsn`, or the log ends before it. */
  #holds(lsn: Lsn): boolean {
    this.#engine.checkReadable();
    const { firstIndex, lastIndex } = this.#engine.view;
    if (lsn >= firstIndex) return lsn <= lastIndex;
    throw new WalError(
      'WAL_INVALID',
      `The record of lsn ${lsn} was truncated while it was about to be read; the log begins at ${firstIndex} now.`,
      { lsn, firstLsn: firstIndex },
    );
  }
}
