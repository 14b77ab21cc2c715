// The 64-bit signed integers of the store, as Redis reads and writes them: canonical decimal text.

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const SAFE_DIGITS_MAX = 15;
const CANONICAL = /^(?:0|-?[1-9][0-9]{0,18})$/;

/** Undefined unless `text` is the one way to write a 64-bit signed integer: no plus, no leading zero, no space, no "-0". */
export function parseInteger(text: string): number | bigint | undefined {
  if (!CANONICAL.test(text)) return undefined;
  if (text.length <= SAFE_DIGITS_MAX) return Number(text);
  return inRange(BigInt(text));
}

/** The sum; undefined when it does not fit 64 bits. */
export function addIntegers(a: number | bigint, b: number | bigint): number | bigint | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return inRange(BigInt(a) + BigInt(b));
}

/** The negative; undefined for the smallest integer, which has none. */
export function negateInteger(value: number | bigint): number | bigint | undefined {
  if (typeof value === 'number') return value === 0 ? 0 : -value;
  return inRange(-value);
}

function inRange(value: bigint): bigint | undefined {
  return value >= MIN && value <= MAX ? value : undefined;
}
