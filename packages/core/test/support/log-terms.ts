// Logs as lists of terms: which pairs of them Raft allows at all, and how far two of them agree.

import type { Term } from '../../src/index.js';

/** Entries with the same index and term have the same history (the Log Matching Property, §5.3). */
export function agreesByMatching(a: readonly Term[], b: readonly Term[]): boolean {
  const common = commonPrefix(a, b);
  return !a.some((term, i) => i >= common && term === b[i]);
}

export function commonPrefix(a: readonly Term[], b: readonly Term[]): number {
  const differs = a.findIndex((term, i) => term !== b[i]);
  return differs === -1 ? a.length : differs;
}
