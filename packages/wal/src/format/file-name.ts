// Which files of a directory are the log's, by name (docs/wal-format.md, "Files"). A name of any other shape is
// somebody else's and is left alone.

export const LOCK_FILE = 'LOCK';
export const METADATA_FILE = 'METADATA';

export type LogFile =
  | { readonly type: 'segment'; readonly name: string; readonly segmentId: number }
  | { readonly type: 'snapshot'; readonly name: string }
  /** A file that waits to become a segment: its size counts, its contents do not. */
  | { readonly type: 'spare'; readonly name: string; readonly spareNumber: number }
  | { readonly type: 'metadata'; readonly name: string }
  | { readonly type: 'lock'; readonly name: string }
  /** A file that never got its final name: of no value, removed at the next open. */
  | { readonly type: 'unpublished'; readonly name: string };

const SEGMENT = /^([0-9a-f]{16})\.wal$/;
const SNAPSHOT = /^[0-9a-f]{16}-[0-9a-f]{16}\.snapshot$/;
const SPARE = /^([0-9a-f]{16})\.free$/;
const UNPUBLISHED =
  /^(METADATA|[0-9a-f]{16}\.wal|[0-9a-f]{16}\.free|[0-9a-f]{16}-[0-9a-f]{16}\.snapshot)\.tmp$/;

export function segmentFile(segmentId: number): string {
  return `${hex64(segmentId)}.wal`;
}

export function snapshotFile(index: number, term: number): string {
  return `${hex64(index)}-${hex64(term)}.snapshot`;
}

export function spareFile(spareNumber: number): string {
  return `${hex64(spareNumber)}.free`;
}

/** What a name stands for; `undefined` for a file that is not ours. */
export function parseFileName(name: string): LogFile | undefined {
  if (name === LOCK_FILE) return { type: 'lock', name };
  if (name === METADATA_FILE) return { type: 'metadata', name };
  if (SNAPSHOT.test(name)) return { type: 'snapshot', name };
  if (UNPUBLISHED.test(name)) return { type: 'unpublished', name };
  const segmentId = numberIn(SEGMENT, name);
  if (segmentId !== undefined) return { type: 'segment', name, segmentId };
  const spareNumber = numberIn(SPARE, name);
  return spareNumber === undefined ? undefined : { type: 'spare', name, spareNumber };
}

function numberIn(shape: RegExp, name: string): number | undefined {
  const digits = shape.exec(name)?.[1];
  const value = digits === undefined ? Number.NaN : Number.parseInt(digits, 16);
  return Number.isSafeInteger(value) ? value : undefined;
}

function hex64(value: number): string {
  return value.toString(16).padStart(16, '0');
}
