// Makes the directories of a new cluster from a backup (docs/backup.md has the argument). What makes it safe to be
// interrupted anywhere:
//
//   1. every directory   made; its identity says "begun"                     nothing starts there any more
//   2. every directory   the image                                           durable
//   3. every directory   the log, which begins behind the image              durable
//   4. every directory   its identity says "done"                            it may start
//
// One directory after the other, a crash could leave one server with the state beside two empty ones, which together are
// a majority of nothing.

import { join as joinPath } from 'node:path';
import type { Configuration, NodeId } from '@waldb/core';
import { createDirectory, NodeVfs, type Vfs } from '@waldb/io';
import {
  type OpenedSnapshotFile,
  openSnapshotFile,
  SnapshotError,
  type SnapshotInfo,
  SnapshotStore,
} from '@waldb/snapshot';
import { WalLog } from '@waldb/wal';
import { foundedClusterId, type Identity, writeIdentity } from '../directory/identity.js';
import { requireServerAddress } from '../membership/server-address.js';
import type { Members } from '../options/options.js';
import { RuntimeError } from '../runtime-error.js';
import { encodeReference } from '../snapshot/snapshot-reference.js';
import { fromSnapshotError } from '../snapshot/snapshots.js';

export interface RestoreBackupOptions {
  /** What `RaftServer.backup` gave, as `writeSnapshotFile` of `@waldb/snapshot` writes it. */
  readonly file: string;
  /** The voters of the new cluster, by id, each as in `RaftServerOptions.bootstrap`. */
  readonly members: Members;
  /** Where the directory of each member is made. One that is there has to be empty. */
  readonly directories: Readonly<Record<NodeId, string>>;
  /** As in `RaftServerOptions.bootstrap`: servers that are started with `bootstrap` later have to name the same. */
  readonly cluster?: string;
  /** Hears how much of all images is written. */
  readonly onProgress?: (progress: { readonly bytesDone: number; readonly bytesTotal: number }) => unknown;
  readonly vfs?: Vfs;
}

export interface RestoreReport {
  /** The new cluster's id, which no other restore has. */
  readonly cluster: string;
  /** What was restored; its configuration is the old cluster's. */
  readonly backup: SnapshotInfo;
}

const CLUSTER_ID_BYTES = 16;

interface Restoration {
  readonly vfs: Vfs;
  readonly backup: OpenedSnapshotFile;
  /** As of the backup's index, in the new cluster. */
  readonly configuration: Configuration;
  readonly directories: readonly (readonly [NodeId, string])[];
  readonly onPiece: (bytes: number) => unknown;
}

/**
 * Resolves once every directory can be started: with nothing said about members, or with the same ones as `bootstrap`.
 * Errors: `OPTIONS_INVALID`, `DIRECTORY_UNUSABLE` (one is not empty), `SNAPSHOT_FAILED` and `STORAGE_FULL` with a
 * `SnapshotError` as cause, and those of the file system. After any but the first two, remove what was made.
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoreReport> {
  const vfs = options.vfs ?? new NodeVfs();
  try {
    const restoration = await prepare(vfs, options);
    const { info } = restoration.backup;
    const cluster = Buffer.from(vfs.randomBytes(CLUSTER_ID_BYTES)).toString('hex');
    const founded = foundedClusterId(options.cluster ?? '', options.members);
    const restored = { checksum: info.checksum, index: info.index, term: info.term, founded };
    const identityOf = (id: NodeId, logId: string): Omit<Identity, 'restored'> => ({
      ...{ clusterId: cluster, id, logId, origin: 'bootstrap', members: options.members },
      address: options.members[id] ?? '',
    });
    for (const [id, directory] of restoration.directories) {
      createDirectory(vfs, directory);
      writeIdentity(vfs, joinPath(directory, 'identity'), {
        ...identityOf(id, ''),
        restored: { ...restored, state: 'begun' },
      });
    }
    const images: SnapshotInfo[] = [];
    for (const [, directory] of restoration.directories)
      images.push(await writeImage(restoration, directory));
    const logIds: string[] = [];
    for (const [nth, [, directory]] of restoration.directories.entries())
      logIds.push(await beginLog(restoration, directory, images[nth] as SnapshotInfo)); // one for each directory
    for (const [nth, [id, directory]] of restoration.directories.entries())
      writeIdentity(vfs, joinPath(directory, 'identity'), {
        ...identityOf(id, logIds[nth] ?? ''),
        restored: { ...restored, state: 'done' },
      });
    return { cluster, backup: info };
  } catch (error) {
    throw error instanceof SnapshotError ? fromSnapshotError(error) : error;
  }
}

/** Looks at everything before anything is made. */
async function prepare(
  vfs: Vfs,
  { file, members, directories, onProgress = () => {} }: RestoreBackupOptions,
): Promise<Restoration> {
  const ids = Object.keys(members).map(Number);
  if (ids.length === 0) throw invalid('A cluster has one member at least.');
  const wanted = ids.map((id) => {
    const directory = directories[id];
    if (directory === undefined) throw invalid(`Member ${id} has no directory.`);
    requireServerAddress(members[id] ?? '', `The address of member ${id}`);
    return [id, directory] as const;
  });
  if (Object.keys(directories).length !== ids.length)
    throw invalid('There is a directory of a server that is no member.');
  for (const [, directory] of wanted) refuseUsed(vfs, directory);
  const backup = await openSnapshotFile(file, { vfs });
  const bytesTotal = backup.info.bytes * ids.length;
  let bytesDone = 0;
  return {
    vfs,
    backup,
    configuration: {
      voters: ids.sort((a, b) => a - b),
      ...{ learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, addresses: members },
    },
    directories: wanted,
    onPiece: (bytes) => {
      bytesDone += bytes;
      return onProgress({ bytesDone, bytesTotal });
    },
  };
}

function refuseUsed(vfs: Vfs, directory: string): void {
  if (!vfs.isDirectory(directory) || vfs.list(directory).length === 0) return;
  throw new RuntimeError(
    'DIRECTORY_UNUSABLE',
    `${directory} is not empty: a restore makes new servers, and touches none that is there.`,
    { detail: { directory } },
  );
}

/** Every checksum of the backup is compared on the way, that of the whole before the image is published. */
async function writeImage(
  { vfs, backup, configuration, onPiece }: Restoration,
  directory: string,
): Promise<SnapshotInfo> {
  const { index, term } = backup.info;
  await using store = await SnapshotStore.open(joinPath(directory, 'snapshots'), { vfs });
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of backup.read()) {
      yield piece;
      await onPiece(piece.length);
    }
  }
  return await store.write({ index, term, configuration }, pieces());
}

/** Returns the new log's id, once all of it is durable. */
async function beginLog(
  { vfs, configuration }: Restoration,
  directory: string,
  image: SnapshotInfo,
): Promise<string> {
  const { index, term } = image;
  const log = await WalLog.open(joinPath(directory, 'log'), { vfs });
  try {
    // Nobody of the new cluster has voted in the backup's term, and nobody will: to campaign is to raise it first.
    log.setHardState({ term, votedFor: undefined });
    log.applySnapshot({ index, term, configuration, data: encodeReference(image) });
    log.sync();
    return log.logId;
  } finally {
    await log.close();
  }
}

function invalid(message: string): RuntimeError {
  return new RuntimeError('OPTIONS_INVALID', message);
}
