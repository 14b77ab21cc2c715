// An entry in one number, for comparing what was seen at different times: the bytes themselves belong to the log and must
// not be kept. 53 bits, so that two different entries among the millions of a long run are not taken for the same.

import type { LogEntry } from '@waldb/core';

const KINDS: Readonly<Record<LogEntry['kind'], number>> = { normal: 1, noop: 2, config: 3 };
const TWO_32 = 0x1_0000_0000;
const HIGH_BITS = 0x1f_ffff;

/** Entries never change, and one is sent to several peers. */
const known: WeakMap<LogEntry, number> = new WeakMap();

/** Of its term, index, kind and command. */
export function entryDigest(entry: LogEntry): number {
  const found = known.get(entry);
  if (found !== undefined) return found;
  const digest = foldBytes(
    foldNumbers([KINDS[entry.kind], entry.term, entry.index, entry.command.length]),
    entry.command,
  );
  known.set(entry, digest);
  return digest;
}

export function foldNumbers(numbers: readonly number[]): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (const number of numbers) {
    low = Math.imul(low ^ number, 0x01000193);
    high = Math.imul(high ^ low ^ Math.floor(number / TWO_32), 0x85ebca6b) ^ (high >>> 15);
  }
  return join(low, high);
}

/** How `digest` changes by these bytes; the same in whatever pieces they come. */
export function foldBytes(digest: number, bytes: Uint8Array): number {
  let low = (digest % TWO_32) | 0;
  let high = Math.floor(digest / TWO_32);
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = (Math.imul(high ^ low, 0x85ebca6b) ^ (low >>> 11)) & HIGH_BITS;
  }
  return join(low, high);
}

function join(low: number, high: number): number {
  return (low >>> 0) + (high & HIGH_BITS) * TWO_32;
}
