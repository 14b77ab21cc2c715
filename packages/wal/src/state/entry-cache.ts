// The newest entries of the log, within a limit of bytes. Only durable entries are let go: those can be read back.

import { entryBytes, type Index, type LogEntry } from '@waldb/core';

/**
 * What one entry adds to the process besides its bytes: its objects, and what of them waits to be collected. An entry
 * that came without its encoding has, as a rule, a small buffer of its own, which costs far more than a view of a
 * shared one. Measured as the growth of the resident set with the cache (bench/wal, "memory").
 */
const OVERHEAD_BYTES_SHARED = 256;
const OVERHEAD_BYTES_OWN = 1024;
/** Entries let go are cut off the array once they are at least this many and at least half of it. */
const TRIM_ENTRIES_MIN = 1024;

export class EntryCache {
  readonly #bytesMax: number;
  #entries: LogEntry[] = [];
  /** Position in `#entries` of the oldest entry held. */
  #head = 0;
  #nextIndex: Index;
  #bytes = 0;

  constructor(bytesMax: number, nextIndex: Index) {
    this.#bytesMax = bytesMax;
    this.#nextIndex = nextIndex;
  }

  /** The oldest index held; the next index to come when nothing is. Everything from here to the end of the log is held. */
  get firstIndex(): Index {
    return this.#nextIndex - (this.#entries.length - this.#head);
  }

  /** Roughly, with the objects. */
  get bytes(): number {
    return this.#bytes;
  }

  get(index: Index): LogEntry | undefined {
    return index < this.firstIndex
      ? undefined
      : this.#entries[this.#entries.length - (this.#nextIndex - index)];
  }

  /** Entries from `from`, which is held, through `to`. */
  range(from: Index, to: Index): LogEntry[] {
    const at = this.#entries.length - (this.#nextIndex - from);
    return this.#entries.slice(at, at + to - from + 1);
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#nextIndex = entry.index + 1;
    this.#bytes += costOf(entry);
  }

  truncate(from: Index): void {
    while (this.#entries.length > this.#head && this.#nextIndex > from) {
      const dropped = this.#entries.pop() as LogEntry; // there is one: the loop's condition
      this.#bytes -= costOf(dropped);
      this.#nextIndex -= 1;
    }
    this.#nextIndex = Math.min(this.#nextIndex, from);
  }

  reset(nextIndex: Index): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#nextIndex = nextIndex;
  }

  /** Lets go of the oldest entries: compacted ones, and durable ones while there are too many bytes. */
  evict(bounds: { readonly compacted: Index; readonly durable: Index }): void {
    while (this.#head < this.#entries.length) {
      const index = this.firstIndex;
      const isOver = this.#bytes > this.#bytesMax && index <= bounds.durable;
      if (index > bounds.compacted && !isOver) break;
      this.#letGo();
    }
    if (this.#head >= TRIM_ENTRIES_MIN && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  #letGo(): void {
    const entry = this.#entries[this.#head] as LogEntry; // in bounds: the caller checked
    this.#bytes -= costOf(entry);
    // The slot must not keep the entry alive until the array is cut.
    this.#entries[this.#head] = EMPTY_SLOT;
    this.#head += 1;
  }
}

const EMPTY_SLOT: LogEntry = { term: 0, index: 0, kind: 'noop', command: new Uint8Array(0) };

function costOf(entry: LogEntry): number {
  return entryBytes(entry) + (entry.encoded === undefined ? OVERHEAD_BYTES_OWN : OVERHEAD_BYTES_SHARED);
}
