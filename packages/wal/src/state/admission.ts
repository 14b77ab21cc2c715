// What may enter the log. Everything is checked before the first entry is staged, so that a refusal changes nothing; and
// by the same limits as when it is read back, so that nothing can be written that could not be read.

import { entryBytes, type Index, type LogEntry, type Term } from '@waldb/core';
import { plainRecordBytes } from '../format/record.js';
import { invalid, WalError } from '../wal-error.js';

export interface Admission {
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** What is staged already. */
  readonly stagedBytes: number;
  readonly limits: { readonly entryBytesMax: number; readonly stagedBytesMax: number };
}

/** Errors: `WAL_INVALID`, `WAL_TOO_LARGE`. */
export function admitEntries(entries: readonly LogEntry[], admission: Admission): void {
  const { entryBytesMax, stagedBytesMax } = admission.limits;
  let { lastIndex, lastTerm, stagedBytes } = admission;
  for (const entry of entries) {
    const { index, term } = entry;
    if (index !== lastIndex + 1)
      throw invalid('An appended entry must follow the last index.', { index, lastIndex });
    if (!isNumber(term)) throw invalid('Terms are safe integers from 0.', { index, term });
    if (term < lastTerm) throw invalid('Terms never fall along the log.', { index, term, lastTerm });
    const size = entryBytes(entry);
    if (size > entryBytesMax)
      throw tooLarge(`The entry of index ${index}`, size, 'entryBytesMax', entryBytesMax);
    lastIndex = index;
    lastTerm = term;
    stagedBytes += size;
  }
  if (stagedBytes > stagedBytesMax)
    throw tooLarge('What is staged', stagedBytes, 'stagedBytesMax', stagedBytesMax);
}

/** A record of a plain log. Errors: `WAL_TOO_LARGE`. */
export function admitRecord(
  lsn: number,
  data: Uint8Array,
  stagedBytes: number,
  { entryBytesMax, stagedBytesMax }: Admission['limits'],
): void {
  const size = plainRecordBytes(lsn, data.length);
  if (size > entryBytesMax) throw tooLarge(`The record of lsn ${lsn}`, size, 'entryBytesMax', entryBytesMax);
  if (stagedBytes + size > stagedBytesMax)
    throw tooLarge('What is staged', stagedBytes + size, 'stagedBytesMax', stagedBytesMax);
}

/** What a record can hold as a term, an index or an id. */
export function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function tooLarge(what: string, bytes: number, limit: string, max: number): WalError {
  return new WalError('WAL_TOO_LARGE', `${what} would have ${bytes} bytes; ${limit} is ${max}.`, {
    bytes,
    [limit]: max,
  });
}
