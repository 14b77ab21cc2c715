// Callers who share a write, and how it ended.

import type { WalError } from './wal-error.js';

/** The callers that wait for the same write. */
export interface Group {
  readonly promise: Promise<number>;
  readonly resolve: (seq: number) => void;
  readonly reject: (error: WalError) => void;
}

export function newGroup(): Group {
  let resolve: Group['resolve'] = () => {};
  let reject: Group['reject'] = () => {};
  const promise = new Promise<number>((onDurable, onFailure) => {
    resolve = onDurable;
    reject = onFailure;
  });
  return { promise, resolve, reject };
}
