// Appends sent to one peer and not answered yet: a ring bounded by messages and by bytes. Appends are answered in
// order of their last index, so an answer frees everything at or below it.

import type { Index } from '../types.js';

export class Inflight {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** Grown on demand up to `#messagesMax`: most peers never have more than a few in flight. */
  #lastIndexes: Index[] = [];
  #sizes: number[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One message larger than the byte limit still goes out, alone: else it could never be sent. */
  get isFull(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  add(lastIndex: Index, bytes: number): void {
    if (this.#count === this.#lastIndexes.length) this.#grow();
    const at = (this.#head + this.#count) % this.#lastIndexes.length;
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count += 1;
    this.#bytes += bytes;
  }

  freeThrough(index: Index): void {
    while (this.#count > 0 && (this.#lastIndexes[this.#head] as Index) <= index) this.freeFirst();
  }

  /** Gives up waiting for the oldest: one more message may go out to a peer that answers heartbeats only. */
  freeFirst(): void {
    if (this.#count === 0) return;
    this.#bytes -= this.#sizes[this.#head] as number; // the ring is not empty
    this.#head = (this.#head + 1) % this.#lastIndexes.length;
    this.#count -= 1;
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const size = Math.min(Math.max(8, this.#lastIndexes.length * 2), this.#messagesMax);
    const order = Array.from({ length: this.#count }, (_, i) => (this.#head + i) % this.#lastIndexes.length);
    const lastIndexes = order.map((at) => this.#lastIndexes[at] as Index); // order lists filled places only
    const sizes = order.map((at) => this.#sizes[at] as number);
    for (let i = this.#count; i < size; i++) {
      lastIndexes.push(0);
      sizes.push(0);
    }
    this.#lastIndexes = lastIndexes;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
