// What of the staged log is on stable storage. The node learns it only from `durable` events (deferred) or from its
// own barrier (inline); docs/protocol.md, "Durability".
//
// Only the durable *seq* is monotone. The durable *index* answers "through which index is the log, as it reads now, on
// stable storage": a truncation pulls it down, because the entries that come after it are others. Without that a
// leader would count entries of its own that a crash could still take away.

import { assert } from '../assert.js';
import type { Index } from '../types.js';

interface Mark {
  readonly seq: number;
  /** The log's last index once `seq` is durable, as far as the log still reads as it did then. */
  lastIndex: Index;
}

export class Durability {
  #seq: number;
  #index: Index;
  /** Rising by seq; those at or below `#seq` are gone. */
  readonly #marks: Mark[] = [];

  constructor(seq: number, index: Index) {
    this.#seq = seq;
    this.#index = index;
  }

  get seq(): number {
    return this.#seq;
  }

  get index(): Index {
    return this.#index;
  }

  /** The mutation `seq` leaves the log with this last index. */
  staged(seq: number, lastIndex: Index): void {
    const newest = this.#marks.at(-1);
    assert(newest === undefined || newest.seq < seq, 'every mutation takes a new seq');
    this.#marks.push({ seq, lastIndex });
  }

  /** Nothing above `lastIndex` reads as it did before. Called with every mutation that removes entries. */
  clamp(lastIndex: Index): void {
    this.#index = Math.min(this.#index, lastIndex);
    for (const mark of this.#marks) mark.lastIndex = Math.min(mark.lastIndex, lastIndex);
  }

  /** Everything through `seq` is durable. Returns false for old news. */
  advance(seq: number): boolean {
    if (seq <= this.#seq) return false;
    this.#seq = seq;
    let passed = 0;
    for (const mark of this.#marks) {
      if (mark.seq > seq) break;
      this.#index = Math.max(this.#index, mark.lastIndex);
      passed += 1;
    }
    this.#marks.splice(0, passed);
    return true;
  }
}
