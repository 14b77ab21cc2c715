// Where SCANs go on: numbers for clients, keys for us. Bounded: the oldest are forgotten first, and a client that comes
// back with one is told to begin again.

/** Cursors of one server, and the bytes of their keys. */
export const CURSORS_MAX = 16_384;
export const CURSOR_BYTES_MAX: number = 16 * 1024 * 1024;

export class Cursors {
  readonly #keys = new Map<string, string>();
  #bytes = 0;
  #next: number;

  /** `start` keeps the cursors of two servers apart: a client that changes servers in a scan is told, not misled. */
  constructor(start: number) {
    this.#next = Math.floor(start) + 1;
  }

  /** A decimal number that fits 53 bits. */
  add(key: string): string {
    const cursor = String(this.#next++);
    this.#keys.set(cursor, key);
    this.#bytes += key.length;
    for (const [oldest, { length }] of this.#keys) {
      if (this.#keys.size <= CURSORS_MAX && this.#bytes <= CURSOR_BYTES_MAX) break;
      this.#keys.delete(oldest);
      this.#bytes -= length;
    }
    return cursor;
  }

  /** It may be asked for again: a client that lost the reply repeats its request. */
  keyOf(cursor: string): string | undefined {
    return this.#keys.get(cursor);
  }
}
