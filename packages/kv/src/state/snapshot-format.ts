// The image of a store as a stream of chunks. Where the stream is cut means nothing: a reader gets the same bytes in
// chunks of any size. Checksums are the business of who stores or sends the stream.
//
//   "waldb-kv"  version:u8 = 1
//   then records   1  key length, key bytes, value length, value bytes     (a key may come twice, with the same value)
//   and at the end 0
//
// Lengths are unsigned LEB128 of at most 5 bytes.

import { KvError } from '../kv-error.js';

const MAGIC = 'waldb-kv';
const VERSION = 1;
const TAG_END = 0;
const TAG_STRING = 1;
const LENGTH_BYTES_MAX = 5;
/** A length above this is not one that we wrote: refused before anything is allocated for it. */
const TEXT_BYTES_MAX = 512 * 1024 * 1024;

const CHUNK_BYTES = 64 * 1024;

/** Encodes the entries in chunks of about 64 KiB, as they are asked for. */
export function* encodeSnapshot(entries: Iterable<readonly [string, string]>): Generator<Uint8Array> {
  let chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let end = chunk.write(MAGIC, 'latin1');
  chunk[end++] = VERSION;
  for (const [key, value] of entries) {
    const recordBytesMax = 1 + 2 * LENGTH_BYTES_MAX + key.length + value.length;
    if (end + recordBytesMax > chunk.length) {
      if (end > 0) yield chunk.subarray(0, end);
      chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, recordBytesMax));
      end = 0;
    }
    chunk[end++] = TAG_STRING;
    end = writeText(chunk, end, key);
    end = writeText(chunk, end, value);
  }
  yield chunk.subarray(0, end);
  yield Uint8Array.of(TAG_END);
}

/** Calls `onEntry` for each entry of the stream. Errors: `SNAPSHOT_INVALID`. */
export async function decodeSnapshot(
  stream: AsyncIterable<Uint8Array>,
  onEntry: (key: string, value: string) => void,
): Promise<void> {
  const decoder = new SnapshotDecoder(onEntry);
  for await (const chunk of stream) decoder.push(chunk);
  decoder.end();
}

class SnapshotDecoder {
  readonly #onEntry: (key: string, value: string) => void;
  /** The beginning of a record whose rest has not arrived. */
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes that must have arrived before the record in `#rest` can be complete: it is not looked at before. */
  #needed = 1;
  #hasHeader = false;
  #isEnded = false;

  constructor(onEntry: (key: string, value: string) => void) {
    this.#onEntry = onEntry;
  }

  push(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#partBytes += chunk.length;
    if (this.#rest.length + this.#partBytes < this.#needed) return;
    const input = Buffer.concat([this.#rest, ...this.#parts]);
    this.#parts = [];
    this.#partBytes = 0;
    this.#rest = input.subarray(this.#consume(input));
  }

  #parts: Uint8Array[] = [];
  #partBytes = 0;

  end(): void {
    if (!this.#isEnded) throw invalid('the stream ends too early');
  }

  #consume(input: Buffer): number {
    let offset = 0;
    while (offset < input.length) {
      if (this.#isEnded) throw invalid('bytes follow the end');
      const next = this.#hasHeader ? this.#record(input, offset) : this.#header(input);
      if (next === undefined) return offset;
      offset = next;
    }
    this.#needed = 1;
    return offset;
  }

  #header(input: Buffer): number | undefined {
    const length = MAGIC.length + 1;
    if (input.length < length) return this.#need(length);
    if (input.toString('latin1', 0, MAGIC.length) !== MAGIC)
      throw invalid('it is not a snapshot of this store');
    const version = input[MAGIC.length];
    if (version !== VERSION) throw invalid(`version ${version} is not known here`);
    this.#hasHeader = true;
    return length;
  }

  /** The offset behind the record at `offset`; undefined when it is not all there. */
  #record(input: Buffer, offset: number): number | undefined {
    const tag = input[offset];
    if (tag === TAG_END) {
      this.#isEnded = true;
      return offset + 1;
    }
    if (tag !== TAG_STRING) throw invalid(`record tag ${tag} is not known here`);
    const key = readLength(input, offset + 1);
    if (key === undefined) return this.#need(input.length - offset + 1);
    const keyEnd = key.end + key.length;
    if (keyEnd >= input.length) return this.#need(keyEnd - offset + 1);
    const value = readLength(input, keyEnd);
    if (value === undefined) return this.#need(input.length - offset + 1);
    const valueEnd = value.end + value.length;
    if (valueEnd > input.length) return this.#need(valueEnd - offset);
    this.#onEntry(input.toString('latin1', key.end, keyEnd), input.toString('latin1', value.end, valueEnd));
    return valueEnd;
  }

  #need(bytes: number): undefined {
    this.#needed = bytes;
    return undefined;
  }
}

function writeText(target: Buffer, offset: number, text: string): number {
  let end = offset;
  let rest = text.length;
  while (rest > 0x7f) {
    target[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[end++] = rest;
  return end + target.write(text, end, 'latin1');
}

function readLength(input: Buffer, offset: number): { length: number; end: number } | undefined {
  let length = 0;
  for (let nth = 0; nth < LENGTH_BYTES_MAX; nth++) {
    const byte = input[offset + nth];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * nth);
    if (byte >= 0x80) continue;
    if (length > TEXT_BYTES_MAX) break;
    return { length, end: offset + nth + 1 };
  }
  throw invalid('a length is out of range');
}

function invalid(why: string): KvError {
  return new KvError('SNAPSHOT_INVALID', `The store's snapshot cannot be read: ${why}.`, { why });
}
