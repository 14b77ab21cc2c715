// Puts a whole file in place atomically: whoever looks finds the old one or all of the new one, also after a crash.

import { dirname } from 'node:path';
import { type IoPlan, runBlocking } from './io-plan.js';
import type { Vfs } from './vfs.js';

/** What an unfinished file is called; one that a crash left behind may be removed. */
export const UNPUBLISHED_SUFFIX = '.tmp';

/** The plan behind {@link publishFile}. Its temporary file is `path` + {@link UNPUBLISHED_SUFFIX}. */
export function* publishFilePlan(vfs: Vfs, path: string, bytes: Uint8Array): IoPlan {
  const temporary = path + UNPUBLISHED_SUFFIX;
  // The contents are synced before the name is given:
  // 1. sync contents  2. rename  3. crash  4. the name leads to all of the bytes or to the old file.
  // In the other order, step 4 could find the name on a file whose contents never arrived.
  try {
    const file = vfs.open(temporary, 'create');
    try {
      yield { type: 'write', file, bytes, position: 0 };
      yield { type: 'sync', file };
    } finally {
      file.close();
    }
    yield { type: 'rename', from: temporary, to: path };
  } catch (error) {
    discard(vfs, temporary);
    throw error;
  }
  yield { type: 'syncDirectory', path: dirname(path) };
}

/** Blocks until `path` holds `bytes` on stable storage. On failure the old file, if any, is still in place. */
export function publishFile(vfs: Vfs, path: string, bytes: Uint8Array): void {
  runBlocking(vfs, publishFilePlan(vfs, path, bytes));
}

/** Removes a file that nobody needs, after a failure that matters more than whether this succeeds. */
function discard(vfs: Vfs, path: string): void {
  try {
    vfs.unlink(path);
  } catch {
    // Whoever opens the directory next removes it; the first failure is the one to report.
  }
}
