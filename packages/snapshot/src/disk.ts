// The file system as promises: single steps by one thread-pool hop each, so that the event loop goes on. What the
// system throws gets a code here.

import { type IoPlan, type IoStep, runWithCallbacks, type Vfs, type VfsFile } from '@waldb/io';
import { type SnapshotErrorDetail, systemFailure } from './snapshot-error.js';

/** Errors: `SNAPSHOT_FULL`, `SNAPSHOT_IO`. */
export async function perform(vfs: Vfs, step: IoStep, facts: SnapshotErrorDetail): Promise<void> {
  try {
    await runWithCallbacks(vfs, planOf(step));
  } catch (error) {
    throw systemFailure(`On the way to a durable snapshot, the disk operation ${step.type}`, facts, error);
  }
}

/** How many bytes were there; fewer than `target` holds only at the end of the file. Errors: `SNAPSHOT_IO`. */
export function readAt(
  file: VfsFile,
  target: Uint8Array,
  position: number,
  facts: SnapshotErrorDetail,
): Promise<number> {
  return new Promise((resolve, reject) => {
    file.readWithCallback(target, position, (error, bytesRead) => {
      if (error === undefined) resolve(bytesRead);
      else reject(systemFailure(`Reading ${file.path}`, { ...facts, offset: position }, error));
    });
  });
}

/** Removes a file that nobody needs, after a failure that matters more than whether this succeeds. */
export async function discard(vfs: Vfs, path: string): Promise<void> {
  try {
    await runWithCallbacks(vfs, planOf({ type: 'unlink', path }));
  } catch {
    // Whoever opens the directory next finds it; the first failure is the one to report.
  }
}

function* planOf(step: IoStep): IoPlan {
  yield step;
}
