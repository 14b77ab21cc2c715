// Where a segment's entries lie, in numbers side by side rather than in objects: a log of 4 GiB has half a million
// stretches, which must fit beside everything else in its process (bench/wal, "memory"). It knows nothing of disks.

import type { Index } from '@waldb/core';

/**
 * Neighbouring frames with consecutive entries, the unit in which old entries are found and read. At least one frame;
 * more as long as they stay within {@link STRETCH_BYTES} together.
 */
export interface Stretch {
  readonly offset: number;
  readonly bytes: number;
  readonly first: Index;
  readonly last: Index;
}

/** As much as one entry's read from disk is allowed to cost when entries are small. */
export const STRETCH_BYTES: number = 8 * 1024;

/** offset, bytes, first, last */
const FIELDS = 4;
const STRETCHES_MIN = 16;

/** In index order and without gaps. */
export class StretchTable implements Iterable<Stretch> {
  #fields = new Float64Array(STRETCHES_MIN * FIELDS);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Counted from the end when negative. */
  at(position: number): Stretch | undefined {
    const at = position < 0 ? this.#length + position : position;
    if (!(at >= 0 && at < this.#length)) return undefined;
    const from = at * FIELDS;
    return {
      offset: this.#field(from),
      bytes: this.#field(from + 1),
      first: this.#field(from + 2),
      last: this.#field(from + 3),
    };
  }

  *[Symbol.iterator](): Generator<Stretch, void, void> {
    for (let i = 0; i < this.#length; i++) yield this.at(i) as Stretch; // in bounds
  }

  push(stretch: Stretch): void {
    if ((this.#length + 1) * FIELDS > this.#fields.length) this.#resize(this.#length * 2);
    this.#length += 1;
    this.#put(this.#length - 1, stretch);
  }

  /** There is a last one. */
  replaceLast(stretch: Stretch): void {
    this.#put(this.#length - 1, stretch);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Drops what is above `through`; a stretch that holds both sides stays and ends earlier. */
  trim(through: Index): void {
    while (this.#length > 0 && this.#first(this.#length - 1) > through) this.#length -= 1;
    const cut = this.at(-1);
    if (cut !== undefined && cut.last > through) this.replaceLast({ ...cut, last: through });
  }

  /** Which stretch holds `index`; -1 when none does. */
  find(index: Index): number {
    let low = 0;
    let high = this.#length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#first(middle) <= index) low = middle;
      else high = middle - 1;
    }
    const found = this.at(low);
    return found !== undefined && index >= found.first && index <= found.last ? low : -1;
  }

  #first(position: number): Index {
    return this.#field(position * FIELDS + 2);
  }

  #field(at: number): number {
    return this.#fields[at] as number; // in bounds: every position was compared with the length
  }

  #put(position: number, { offset, bytes, first, last }: Stretch): void {
    const at = position * FIELDS;
    this.#fields[at] = offset;
    this.#fields[at + 1] = bytes;
    this.#fields[at + 2] = first;
    this.#fields[at + 3] = last;
  }

  #resize(stretches: number): void {
    const fields = new Float64Array(Math.max(stretches, STRETCHES_MIN) * FIELDS);
    fields.set(this.#fields.subarray(0, this.#length * FIELDS));
    this.#fields = fields;
  }
}
