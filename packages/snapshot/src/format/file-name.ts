// Which files of a directory are the store's, by name (docs/snapshot-format.md, "Files"). A name of any other shape is
// somebody else's and is left alone.

import type { Index, Term } from '@waldb/core';
import { UNPUBLISHED_SUFFIX } from '@waldb/io';

export const LOCK_FILE = 'LOCK';

export type StoreFile =
  | { readonly type: 'snapshot'; readonly name: string; readonly index: Index; readonly term: Term }
  /** A file that never got its final name: of no value, removed at the next open. */
  | { readonly type: 'unpublished'; readonly name: string };

const SNAPSHOT = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/;

export function snapshotFile(index: Index, term: Term): string {
  return `${hex64(index)}-${hex64(term)}.snap`;
}

/** What a name stands for; `undefined` for a file that is not ours. */
export function parseFileName(name: string): StoreFile | undefined {
  if (name.endsWith(UNPUBLISHED_SUFFIX)) {
    const published = parseFileName(name.slice(0, -UNPUBLISHED_SUFFIX.length));
    return published?.type === 'snapshot' ? { type: 'unpublished', name } : undefined;
  }
  const [, index, term] = SNAPSHOT.exec(name) ?? [];
  if (index === undefined || term === undefined) return undefined;
  const numbers = { index: Number.parseInt(index, 16), term: Number.parseInt(term, 16) };
  const isPossible = [numbers.index, numbers.term].every((n) => Number.isSafeInteger(n) && n > 0);
  return isPossible ? { type: 'snapshot', name, ...numbers } : undefined;
}

function hex64(value: number): string {
  return value.toString(16).padStart(16, '0');
}
