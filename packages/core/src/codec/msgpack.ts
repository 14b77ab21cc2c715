// The part of MessagePack that waldb writes: unsigned integers, nil, booleans, binary, strings and arrays.
// https://github.com/msgpack/msgpack/blob/master/spec.md
//
// By hand, because an entry's header written this way costs a few tens of nanoseconds where a general library costs
// several hundreds, and because the reader faces the network: it checks every length against the bytes that are
// there before it allocates, and fails with ENCODING.

import { RaftError } from '../raft-error.js';

const TWO_32 = 0x1_0000_0000;

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BIN_8 = 0xc4;
const BIN_16 = 0xc5;
const BIN_32 = 0xc6;
const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
const UINT_64 = 0xcf;
const STR_8 = 0xd9;
const STR_16 = 0xda;
const STR_32 = 0xdb;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;
const FIXARRAY = 0x90;
const FIXSTR = 0xa0;
const POSITIVE_FIXINT_MAX = 0x7f;
const FIXARRAY_LENGTH_MAX = 15;
const FIXSTR_LENGTH_MAX = 31;

/** Bytes that `writeUint` needs for `value`. */
export function uintSize(value: number): number {
  if (value <= POSITIVE_FIXINT_MAX) return 1;
  if (value <= 0xff) return 2;
  if (value <= 0xffff) return 3;
  return value < TWO_32 ? 5 : 9;
}

/** Bytes of the header in front of `length` bytes of binary. */
export function binHeaderSize(length: number): number {
  if (length <= 0xff) return 2;
  return length <= 0xffff ? 3 : 5;
}

/** Writes a safe integer from 0 in its shortest form; returns the offset behind it. */
export function writeUint(target: Uint8Array, offset: number, value: number): number {
  if (value <= POSITIVE_FIXINT_MAX) {
    target[offset] = value;
    return offset + 1;
  }
  if (value <= 0xff) {
    target[offset] = UINT_8;
    target[offset + 1] = value;
    return offset + 2;
  }
  if (value <= 0xffff) {
    target[offset] = UINT_16;
    return write16(target, offset + 1, value);
  }
  if (value < TWO_32) {
    target[offset] = UINT_32;
    return write32(target, offset + 1, value);
  }
  target[offset] = UINT_64;
  write32(target, offset + 1, Math.floor(value / TWO_32));
  return write32(target, offset + 5, value % TWO_32);
}

/** Writes the header of `length` bytes of binary; the caller writes the bytes. */
export function writeBinHeader(target: Uint8Array, offset: number, length: number): number {
  if (length <= 0xff) {
    target[offset] = BIN_8;
    target[offset + 1] = length;
    return offset + 2;
  }
  if (length <= 0xffff) {
    target[offset] = BIN_16;
    return write16(target, offset + 1, length);
  }
  target[offset] = BIN_32;
  return write32(target, offset + 1, length);
}

/** Writes the header of an array of at most 15 elements. */
export function writeFixArrayHeader(target: Uint8Array, offset: number, length: number): number {
  target[offset] = FIXARRAY | length;
  return offset + 1;
}

function write16(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 8;
  target[offset + 1] = value;
  return offset + 2;
}

function write32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}

/** Appends values to a buffer that grows by doubling; `finish` gives the bytes written. */
export class MsgpackWriter {
  #bytes: Uint8Array;
  #end = 0;

  constructor(sizeHint = 64) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  uint(value: number): this {
    this.#reserve(9);
    this.#end = writeUint(this.#bytes, this.#end, value);
    return this;
  }

  boolean(value: boolean): this {
    this.#reserve(1);
    this.#bytes[this.#end++] = value ? TRUE : FALSE;
    return this;
  }

  nil(): this {
    this.#reserve(1);
    this.#bytes[this.#end++] = NIL;
    return this;
  }

  binary(value: Uint8Array): this {
    this.#reserve(5 + value.length);
    this.#end = writeBinHeader(this.#bytes, this.#end, value.length);
    return this.raw(value);
  }

  string(value: string): this {
    const bytes = UTF8_ENCODER.encode(value);
    const length = bytes.length;
    this.#reserve(5 + length);
    if (length <= FIXSTR_LENGTH_MAX) this.#bytes[this.#end++] = FIXSTR | length;
    else if (length <= 0xff) {
      this.#bytes[this.#end++] = STR_8;
      this.#bytes[this.#end++] = length;
    } else if (length <= 0xffff) {
      this.#bytes[this.#end++] = STR_16;
      this.#end = write16(this.#bytes, this.#end, length);
    } else {
      this.#bytes[this.#end++] = STR_32;
      this.#end = write32(this.#bytes, this.#end, length);
    }
    return this.raw(bytes);
  }

  arrayHeader(length: number): this {
    this.#reserve(5);
    if (length <= FIXARRAY_LENGTH_MAX) {
      this.#bytes[this.#end++] = FIXARRAY | length;
    } else if (length <= 0xffff) {
      this.#bytes[this.#end++] = ARRAY_16;
      this.#end = write16(this.#bytes, this.#end, length);
    } else {
      this.#bytes[this.#end++] = ARRAY_32;
      this.#end = write32(this.#bytes, this.#end, length);
    }
    return this;
  }

  /** Appends bytes that already are MessagePack. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  #reserve(length: number): void {
    const needed = this.#end + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }
}

/** Reads values one after another; everything unexpected is `ENCODING` with the offset at which it was found. */
export class MsgpackReader {
  readonly bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** A safe integer from 0. */
  uint(what: string): number {
    const tag = this.#byte(what);
    if (tag <= POSITIVE_FIXINT_MAX) return tag;
    if (tag === UINT_8) return this.#byte(what);
    if (tag === UINT_16) return this.#big(2, what);
    if (tag === UINT_32) return this.#big(4, what);
    if (tag === UINT_64) {
      const value = this.#big(4, what) * TWO_32 + this.#big(4, what);
      if (Number.isSafeInteger(value)) return value;
    }
    throw this.invalid(what, 'not an unsigned safe integer');
  }

  uintOrNil(what: string): number | undefined {
    if (this.bytes[this.offset] !== NIL) return this.uint(what);
    this.offset += 1;
    return undefined;
  }

  boolean(what: string): boolean {
    const tag = this.#byte(what);
    if (tag === TRUE) return true;
    if (tag === FALSE) return false;
    throw this.invalid(what, 'not a boolean');
  }

  /** A view of the input, not a copy. */
  binary(what: string): Uint8Array {
    const tag = this.#byte(what);
    const length =
      tag === BIN_8
        ? this.#byte(what)
        : tag === BIN_16
          ? this.#big(2, what)
          : tag === BIN_32
            ? this.#big(4, what)
            : -1;
    if (length < 0) throw this.invalid(what, 'not binary');
    return this.#take(length, what);
  }

  string(what: string): string {
    const tag = this.#byte(what);
    let length = -1;
    if ((tag & 0xe0) === FIXSTR) length = tag & FIXSTR_LENGTH_MAX;
    else if (tag === STR_8) length = this.#byte(what);
    else if (tag === STR_16) length = this.#big(2, what);
    else if (tag === STR_32) length = this.#big(4, what);
    if (length < 0) throw this.invalid(what, 'not a string');
    const bytes = this.#take(length, what);
    try {
      return UTF8_DECODER.decode(bytes);
    } catch {
      throw this.invalid(what, 'not UTF-8');
    }
  }

  /** The number of elements that follow; at least one byte of each is known to be there. */
  arrayHeader(what: string): number {
    const tag = this.#byte(what);
    let length = -1;
    if ((tag & 0xf0) === FIXARRAY) length = tag & FIXARRAY_LENGTH_MAX;
    else if (tag === ARRAY_16) length = this.#big(2, what);
    else if (tag === ARRAY_32) length = this.#big(4, what);
    if (length < 0) throw this.invalid(what, 'not an array');
    if (length > this.bytes.length - this.offset) throw this.invalid(what, 'longer than its input');
    return length;
  }

  /** An array of exactly `length` elements. */
  tuple(length: number, what: string): void {
    if (this.arrayHeader(what) !== length) throw this.invalid(what, `not ${length} elements`);
  }

  end(what: string): void {
    if (this.offset !== this.bytes.length) throw this.invalid(what, 'followed by trailing bytes');
  }

  invalid(what: string, why: string): RaftError {
    return new RaftError('ENCODING', `${what} is ${why} at byte ${this.offset}`, {
      what,
      offset: this.offset,
    });
  }

  #byte(what: string): number {
    const byte = this.bytes[this.offset];
    if (byte === undefined) throw this.invalid(what, 'cut short');
    this.offset += 1;
    return byte;
  }

  #big(length: number, what: string): number {
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + this.#byte(what);
    return value;
  }

  #take(length: number, what: string): Uint8Array {
    const end = this.offset + length;
    if (end > this.bytes.length) throw this.invalid(what, 'cut short');
    const bytes = this.bytes.subarray(this.offset, end);
    this.offset = end;
    return bytes;
  }
}

const UTF8_ENCODER = new TextEncoder();
const UTF8_DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
