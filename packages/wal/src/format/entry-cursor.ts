// Reads entries where they lie in a payload, without making objects of them: scans and lookups pass over far more
// entries than anybody asks for. It knows only the two shapes that entries have (record.ts) and believes no length
// beyond the bytes that are there; whatever else it meets it leaves to `readRecord`, which names what is wrong.

import type { EntryKind, Index, LogEntry, Term } from '@waldb/core';

const RAFT_ENTRY = 0x94; // array of four: tag, term, index, command
const PLAIN_ENTRY = 0x93; // array of three: tag, lsn, data
const PLAIN_TAG = 7;
const KINDS: readonly EntryKind[] = ['normal', 'noop', 'config'];
const TWO_32 = 0x1_0000_0000;

export class EntryCursor {
  term: Term = 0;
  index: Index = 0;
  kind: EntryKind = 'normal';
  /** Where the entry begins, where its command does, and the first byte behind both. */
  start = 0;
  commandStart = 0;
  end = 0;
  #isRaft = true;
  #at = 0;
  #fits = true;

  /** Whether a whole entry begins at `at`; then the fields tell of it. */
  read(bytes: Uint8Array, at: number): boolean {
    const tag = bytes[at + 1] ?? 0xff;
    this.#isRaft = bytes[at] === RAFT_ENTRY && tag < KINDS.length;
    if (!this.#isRaft && (bytes[at] !== PLAIN_ENTRY || tag !== PLAIN_TAG)) return false;
    this.start = at;
    this.#at = at + 2;
    this.#fits = true;
    this.kind = this.#isRaft ? (KINDS[tag] as EntryKind) : 'normal'; // in bounds: just compared
    this.term = this.#isRaft ? this.#uint(bytes) : 0;
    this.index = this.#uint(bytes);
    const length = this.#binaryLength(bytes);
    this.commandStart = this.#at;
    this.end = this.#at + length;
    return this.#fits && this.index > 0 && this.end <= bytes.length;
  }

  /** The entry just read; its bytes are views of `bytes`, which the caller hands over. */
  entry(bytes: Uint8Array): LogEntry {
    const { term, index, kind } = this;
    const command = bytes.subarray(this.commandStart, this.end);
    if (!this.#isRaft) return { term, index, kind, command };
    return { term, index, kind, command, encoded: bytes.subarray(this.start, this.end) };
  }

  #uint(bytes: Uint8Array): number {
    const first = bytes[this.#at++] ?? 0xff;
    if (first <= 0x7f) return first;
    if (first === 0xcc) return this.#big(bytes, 1);
    if (first === 0xcd) return this.#big(bytes, 2);
    if (first === 0xce) return this.#big(bytes, 4);
    const value = first === 0xcf ? this.#big(bytes, 4) * TWO_32 + this.#big(bytes, 4) : Number.NaN;
    this.#fits &&= Number.isSafeInteger(value);
    return value;
  }

  #binaryLength(bytes: Uint8Array): number {
    const first = bytes[this.#at++];
    if (first === 0xc4) return this.#big(bytes, 1);
    if (first === 0xc5) return this.#big(bytes, 2);
    if (first === 0xc6) return this.#big(bytes, 4);
    this.#fits = false;
    return 0;
  }

  #big(bytes: Uint8Array, size: 1 | 2 | 4): number {
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + (bytes[this.#at + i] ?? Number.NaN);
    this.#at += size;
    this.#fits &&= !Number.isNaN(value);
    return value;
  }
}
