// Finds where requests end and refuses what is malformed or too large, before the parser sees it. It looks at headers
// alone and skips the bytes of arguments; taking requests apart is redis-parser's work.
//
// It stands in front because redis-parser reads *replies*, from a server it trusts: a header of `*100000000` makes it
// allocate, nested arrays make it recurse, and it has no limits. Behind this scanner it only ever sees
//
//   *<count>\r\n  then count times  $<length>\r\n<length bytes>\r\n
//
// complete and within the limits. Texts and limits follow Redis's networking.c.

import type { RequestLimits } from './request-limits.js';

/** What lies at the front of the input. `end` is the offset behind it. */
export type Scanned =
  | { readonly type: 'incomplete' }
  /** One request in the array form, whole. */
  | { readonly type: 'array'; readonly end: number }
  /** One line of text, without its line break. */
  | { readonly type: 'inline'; readonly end: number; readonly lineEnd: number }
  /** Nothing to answer: `*0\r\n`, `*-1\r\n`. */
  | { readonly type: 'nothing'; readonly end: number }
  | { readonly type: 'invalid'; readonly message: string };

const LF = 0x0a;
const CR = 0x0d;
const DOLLAR = 0x24;
const STAR = 0x2a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const INCOMPLETE: Scanned = { type: 'incomplete' };
const NO_LINE = -1;

/** Scans one connection's input; remembers how far it has come in a request that is not complete. */
export class RequestScanner {
  readonly #limits: RequestLimits;
  /** Offset into the request, up to which it was scanned. */
  #scanned = 0;
  /** Where to go on looking for a line break. */
  #searched = 0;
  /** Arguments of the present request still to come; undefined before its first line was read. */
  #argumentsLeft: number | undefined;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /**
   * Looks at the request that begins at `start`. After `incomplete`, call again with the same request and more bytes
   * behind it (it may have moved to another buffer); after anything else, with the next request.
   */
  scan(input: Uint8Array, start: number): Scanned {
    const scanned = input[start] === STAR ? this.#scanArray(input, start) : this.#scanInline(input, start);
    if (scanned.type !== 'incomplete') this.#reset();
    else if (input.length - start > this.#limits.requestBytesMax) return this.#tooLarge();
    return scanned;
  }

  #scanArray(input: Uint8Array, start: number): Scanned {
    if (this.#argumentsLeft === undefined) {
      const lineEnd = this.#findLine(input, start);
      if (lineEnd === NO_LINE) return this.#incompleteLine(input, start, 'too big mbulk count string');
      const count = parseLength(input, start + 1, lineEnd);
      const end = lineEnd + 2;
      if (count === undefined || count > this.#limits.argumentsMax)
        return invalid('invalid multibulk length');
      if (count <= 0) return { type: 'nothing', end };
      this.#argumentsLeft = count;
      this.#advance(end - start);
    }
    return this.#scanArguments(input, start, this.#argumentsLeft);
  }

  #scanArguments(input: Uint8Array, start: number, argumentsLeft: number): Scanned {
    for (let left = argumentsLeft; left > 0; left--) {
      this.#argumentsLeft = left;
      const header = start + this.#scanned;
      const sign = input[header];
      if (sign === undefined) return INCOMPLETE;
      if (sign !== DOLLAR) return invalid(`expected '$', got '${printable(sign)}'`);
      const lineEnd = this.#findLine(input, start);
      if (lineEnd === NO_LINE) return this.#incompleteLine(input, header, 'too big bulk count string');
      const length = parseLength(input, header + 1, lineEnd);
      if (length === undefined || length < 0 || length > this.#limits.bulkBytesMax) {
        return invalid('invalid bulk length');
      }
      const end = lineEnd + 2 + length + 2;
      if (end - start > this.#limits.requestBytesMax) return this.#tooLarge();
      // The header is scanned again once the argument is there: a few bytes, and no state for "inside an argument".
      if (end > input.length) return INCOMPLETE;
      this.#advance(end - start);
    }
    return { type: 'array', end: start + this.#scanned };
  }

  #scanInline(input: Uint8Array, start: number): Scanned {
    const lineFeed = input.indexOf(LF, start + this.#searched);
    if (lineFeed === -1) {
      this.#searched = input.length - start;
      if (this.#searched > this.#limits.lineBytesMax) return invalid('too big inline request');
      return INCOMPLETE;
    }
    if (lineFeed - start > this.#limits.lineBytesMax) return invalid('too big inline request');
    const hasReturn = lineFeed > start && input[lineFeed - 1] === CR;
    return { type: 'inline', end: lineFeed + 1, lineEnd: hasReturn ? lineFeed - 1 : lineFeed };
  }

  /** The offset of the CR that ends the line being scanned, once the LF behind it is there too. */
  #findLine(input: Uint8Array, start: number): number {
    const found = input.indexOf(CR, start + this.#searched);
    if (found !== -1 && found + 1 < input.length) return found;
    this.#searched = (found === -1 ? input.length : found) - start;
    return NO_LINE;
  }

  #incompleteLine(input: Uint8Array, lineStart: number, message: string): Scanned {
    return input.length - lineStart > this.#limits.lineBytesMax ? invalid(message) : INCOMPLETE;
  }

  #advance(offset: number): void {
    this.#scanned = offset;
    this.#searched = offset;
  }

  #tooLarge(): Scanned {
    return invalid(`request larger than ${this.#limits.requestBytesMax} bytes`);
  }

  #reset(): void {
    this.#scanned = 0;
    this.#searched = 0;
    this.#argumentsLeft = undefined;
  }
}

function invalid(message: string): Scanned {
  return { type: 'invalid', message: `Protocol error: ${message}` };
}

/**
 * A decimal integer without sign or with a minus, and without zeros that say nothing (so no `-0`), as Redis has it;
 * undefined for anything else or more than 15 digits.
 */
function parseLength(input: Uint8Array, from: number, to: number): number | undefined {
  const isNegative = input[from] === MINUS;
  const first = isNegative ? from + 1 : from;
  if (first >= to || to - first > 15) return undefined;
  if (input[first] === ZERO && to - from > 1) return undefined;
  let value = 0;
  for (let offset = first; offset < to; offset++) {
    const digit = input[offset] as number; // offset < to <= input.length
    if (digit < ZERO || digit > NINE) return undefined;
    value = value * 10 + (digit - ZERO);
  }
  return isNegative ? -value : value;
}

function printable(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?';
}
