// Writes numbers and latin1 texts into chunks of about 64 KiB. See snapshot-format.ts for what they add up to.

const CHUNK_BYTES = 64 * 1024;
/** Tags and numbers beside the texts of one record. */
const RECORD_OVERHEAD_BYTES = 64;

export class TextWriter {
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #end = 0;

  /** To be called before a record whose texts have `bytes` bytes. Returns the chunk so far when there is no room in it. */
  makeRoom(bytes: number): Uint8Array | undefined {
    const needed = bytes + RECORD_OVERHEAD_BYTES;
    if (this.#end + needed <= this.#chunk.length) return undefined;
    const full = this.take();
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, needed));
    return full;
  }

  /** What was written and not taken; nothing is written behind it in the same memory. */
  take(): Uint8Array {
    const taken = this.#chunk.subarray(0, this.#end);
    this.#chunk = this.#chunk.subarray(this.#end);
    this.#end = 0;
    return taken;
  }

  byte(value: number): void {
    this.#chunk[this.#end++] = value;
  }

  /** A safe integer that is not negative. */
  number(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  text(text: string): void {
    this.number(text.length);
    this.raw(text);
  }

  raw(text: string): void {
    this.#end += this.#chunk.write(text, this.#end, 'latin1');
  }
}
