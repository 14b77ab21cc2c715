// Reads numbers and latin1 texts from a stream of chunks. A record that is not all there is begun again when more has
// come: reading past the end sets `isShort` and gives empty values.

/** Eight groups of seven bits hold every safe integer. */
const NUMBER_BYTES_MAX = 8;
/** A length above this is not one that we wrote: refused before anything is allocated for it. */
const TEXT_BYTES_MAX = 512 * 1024 * 1024;

export class TextReader {
  readonly #invalid: (why: string) => Error;
  /** The beginning of a record whose rest has not arrived. */
  #input: Buffer = Buffer.alloc(0);
  #offset = 0;
  #start = 0;
  /** Arrived, and not looked at before there are `#needed` bytes: a long text is not gone through for every chunk. */
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  #needed = 1;
  isShort = false;

  constructor(invalid: (why: string) => Error) {
    this.#invalid = invalid;
  }

  get hasMore(): boolean {
    return this.#offset < this.#input.length;
  }

  /** False when what is there is known not to be enough. */
  push(chunk: Uint8Array): boolean {
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
    const kept = this.#input.subarray(this.#offset);
    if (kept.length + this.#partBytes < this.#needed) return false;
    this.#input = Buffer.concat([kept, ...this.#parts]);
    this.#offset = 0;
    this.#parts = [];
    this.#partBytes = 0;
    this.#needed = 1;
    return true;
  }

  begin(): void {
    this.#start = this.#offset;
    this.isShort = false;
  }

  /** Whether the record was all there. If not, its bytes are kept until more comes. */
  commit(): boolean {
    if (!this.isShort) return true;
    this.#input = this.#input.subarray(this.#start);
    this.#needed -= this.#start;
    this.#offset = 0;
    return false;
  }

  byte(): number {
    if (this.#offset >= this.#input.length) return this.#short(this.#offset + 1);
    return this.#input[this.#offset++] as number; // checked on the line before
  }

  number(): number {
    let value = 0;
    for (let nth = 0; nth < NUMBER_BYTES_MAX; nth++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * nth);
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
    }
    throw this.#invalid('a number is out of range');
  }

  text(): string {
    const length = this.number();
    if (length > TEXT_BYTES_MAX) throw this.#invalid('a length is out of range');
    return this.raw(length);
  }

  raw(length: number): string {
    const end = this.#offset + length;
    if (this.isShort || end > this.#input.length) {
      this.#short(end);
      return '';
    }
    const text = this.#input.toString('latin1', this.#offset, end);
    this.#offset = end;
    return text;
  }

  #short(needed: number): 0 {
    // The first one counts: what follows was read from nothing.
    if (!this.isShort) this.#needed = needed;
    this.isShort = true;
    return 0;
  }
}
