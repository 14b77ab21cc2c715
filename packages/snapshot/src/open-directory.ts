// Opening a store: makes the directory, takes the lock, removes what was never published, and looks at every snapshot
// without reading its chunks (docs/snapshot-format.md, "Opening").

import { join } from 'node:path';
import { createDirectory, type IoPlan, runWithCallbacks, type Vfs, VfsError, type VfsLock } from '@waldb/io';
import { LOCK_FILE, parseFileName, type StoreFile } from './format/file-name.js';
import { readInfo, type SnapshotFile } from './image-reader.js';
import type { ResolvedOptions } from './options.js';
import { SnapshotError, systemFailure } from './snapshot-error.js';
import type { RefusedSnapshot, SnapshotInfo } from './snapshot-info.js';

export interface OpenedDirectory {
  readonly lock: VfsLock;
  readonly infos: readonly SnapshotInfo[];
  readonly refused: readonly RefusedSnapshot[];
}

/** Errors: `SNAPSHOT_LOCKED`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`. */
export async function openDirectory(directory: string, options: ResolvedOptions): Promise<OpenedDirectory> {
  const { vfs } = options;
  let lock: VfsLock | undefined;
  try {
    createDirectory(vfs, directory);
    lock = takeLock(vfs, directory);
    const files = vfs
      .list(directory)
      .map(parseFileName)
      .filter((file) => file !== undefined);
    await runWithCallbacks(vfs, tidyPlan(directory, files));
    const snapshots = files.filter((file) => file.type === 'snapshot');
    return { lock, ...(await inspect(directory, snapshots, options)) };
  } catch (error) {
    lock?.release();
    throw systemFailure(`Opening the snapshots in ${directory}`, { directory }, error);
  }
}

function takeLock(vfs: Vfs, directory: string): VfsLock {
  try {
    return vfs.lock(join(directory, LOCK_FILE));
  } catch (error) {
    if (!(error instanceof VfsError) || error.code !== 'LOCKED') throw error;
    throw new SnapshotError(
      'SNAPSHOT_LOCKED',
      `The snapshots in ${directory} are in use: another process, or this one, has them open.`,
      { directory, file: LOCK_FILE },
      { cause: error },
    );
  }
}

function* tidyPlan(directory: string, files: readonly StoreFile[]): IoPlan {
  // 1. a snapshot gets its name  2. kill  3. this process shows it, and older ones are removed  4. power loss.
  // Without a sync of the names that were found, step 4 would take the new snapshot after the old ones.
  yield { type: 'syncDirectory', path: directory };
  for (const { type, name } of files) {
    if (type === 'unpublished') yield { type: 'unlink', path: join(directory, name) };
  }
}

/** One file that cannot be used takes none of the others with it. */
async function inspect(
  directory: string,
  files: readonly SnapshotFile[],
  { vfs, snapshotBytesMax }: ResolvedOptions,
): Promise<Pick<OpenedDirectory, 'infos' | 'refused'>> {
  const infos: SnapshotInfo[] = [];
  const refused: RefusedSnapshot[] = [];
  for (const file of files) {
    try {
      infos.push(await readInfo({ vfs, path: join(directory, file.name), file, snapshotBytesMax }));
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      refused.push({ file: file.name, index: file.index, term: file.term, error });
    }
  }
  return { infos, refused };
}
