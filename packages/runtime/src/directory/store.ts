// Opens a server's directory: who it is, its log, and what it knows of its peers' logs. Decides whether the three
// belong together, and refuses before anything is changed where they do not.
//
//   identity     who this server is (identity.ts); written last when a server is founded
//   log/         the write-ahead log; its own lock keeps a second server out
//   snapshots/   the images of the snapshots that the log names (images.ts)
//   peers        the peers' log ids (known-logs.ts)

import { join as joinPath } from 'node:path';
import { createDirectory, type Vfs } from '@waldb/io';
import { SILENT_LOGGER } from '@waldb/transport';
import { WalError, WalLog } from '@waldb/wal';
import { asOptionError } from '../options/check-options.js';
import { DEFAULT_RUNTIME_LIMITS } from '../options/limits.js';
import { ownAddress, type RaftServerOptions } from '../options/options.js';
import { RuntimeError } from '../runtime-error.js';
import { Images } from '../snapshot/images.js';
import { foundedClusterId, type Identity, readIdentity, writeIdentity } from './identity.js';
import { KnownLogs } from './known-logs.js';

export interface Store {
  readonly identity: Identity;
  readonly log: WalLog;
  readonly images: Images;
  readonly knownLogs: KnownLogs;
}

/** Makes everything staged durable and gives both locks back. Errors: those of closing the log. */
export async function closeStore({ log, images }: Store): Promise<void> {
  await images.close();
  await log.close();
}

/** Errors: those of starting in `RuntimeErrorCode`, and `WalError`. */
export async function openStore<Result>(vfs: Vfs, options: RaftServerOptions<Result>): Promise<Store> {
  try {
    return await open(vfs, options);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const optionError = asOptionError(error);
    if (optionError !== error) throw optionError;
    // What the log knows of itself has its own code; that the file system refuses is the directory's matter.
    if (error instanceof WalError && error.code !== 'WAL_IO') throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new RuntimeError(
      'DIRECTORY_UNUSABLE',
      `The directory ${options.directory} cannot be used: ${why}.`,
      {
        detail: { directory: options.directory },
        cause: error,
      },
    );
  }
}

async function open<Result>(vfs: Vfs, options: RaftServerOptions<Result>): Promise<Store> {
  const { directory } = options;
  const identityPath = joinPath(directory, 'identity');
  const logPath = joinPath(directory, 'log');
  const known = readIdentity(vfs, identityPath);
  if (known === undefined) checkFounding(options);
  else {
    checkIdentity(known, options);
    checkRestored(known, directory);
    // Opening would make an empty log where there is none.
    if (!vfs.isDirectory(logPath) || vfs.list(logPath).length === 0)
      throw logLost(known, logPath, 'it is gone');
  }
  createDirectory(vfs, directory);
  const log = await WalLog.open(logPath, {
    ...(options.clock && { clock: options.clock }),
    ...options.log,
    vfs,
  });
  try {
    // Read again: another process may have founded the server before we held the log's lock.
    const identity = readIdentity(vfs, identityPath) ?? found(vfs, identityPath, log, options);
    checkIdentity(identity, options);
    checkRecovered(identity, directory);
    if (identity.logId !== log.logId) throw logLost(identity, logPath, 'it is another one');
    const knownLogs = new KnownLogs({
      vfs,
      path: joinPath(directory, 'peers'),
      logger: options.logger ?? SILENT_LOGGER,
      own: { id: identity.id, logId: log.logId },
    });
    const images = await Images.open({
      vfs,
      directory: joinPath(directory, 'snapshots'),
      snapshotBytesMax: options.limits?.snapshotBytesMax ?? DEFAULT_RUNTIME_LIMITS.snapshotBytesMax,
      named: log.snapshot(),
    });
    return { identity, log, images, knownLogs };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** An empty directory is a server's only by an explicit wish: it may as well be a disk that was not mounted. */
function checkFounding<Result>(options: RaftServerOptions<Result>): void {
  if (options.bootstrap !== undefined || options.join !== undefined) return;
  throw new RuntimeError(
    'IDENTITY_MISSING',
    `${options.directory} holds no server: say \`bootstrap\` to found a cluster or \`join\` to join one.`,
    { detail: { directory: options.directory } },
  );
}

function found<Result>(vfs: Vfs, path: string, log: WalLog, options: RaftServerOptions<Result>): Identity {
  // The identity is written after the log was made, and before anything is written to the log:
  // 1. make log  2. crash  3. the next start finds an empty log without an identity and goes on from here.
  // A log that holds something and has no identity has lost it.
  if (log.lastIndex() > 0 || log.hardState().term > 0 || log.snapshotIndex() > 0) {
    throw new RuntimeError(
      'IDENTITY_MISSING',
      `${options.directory} holds a log that was used, but not the identity of the server that used it.`,
      { detail: { directory: options.directory } },
    );
  }
  const identity = foundingIdentity(log.logId, options);
  writeIdentity(vfs, path, identity);
  return identity;
}

function foundingIdentity<Result>(logId: string, options: RaftServerOptions<Result>): Identity {
  const { id, bootstrap, join } = options;
  const address = ownAddress(options);
  if (bootstrap !== undefined) {
    const clusterId = foundedClusterId(bootstrap.cluster ?? '', bootstrap.members);
    return {
      clusterId,
      id,
      logId,
      origin: 'bootstrap',
      address,
      members: { ...bootstrap.members, [id]: address },
    };
  }
  if (join !== undefined) {
    return { clusterId: join.cluster, id, logId, origin: 'join', address, members: join.members };
  }
  checkFounding(options);
  throw new RuntimeError('INTERNAL', 'A server was founded without a wish.');
}

/** What the options say about a server that is there must be true of it. */
function checkIdentity<Result>(identity: Identity, options: RaftServerOptions<Result>): void {
  const { id, bootstrap, join, directory } = options;
  const wanted =
    bootstrap === undefined ? join?.cluster : foundedClusterId(bootstrap.cluster ?? '', bootstrap.members);
  if (identity.id !== id) {
    throw new RuntimeError(
      'IDENTITY_MISMATCH',
      `${directory} belongs to server ${identity.id}, not to server ${id}.`,
      {
        detail: { directory, found: identity.id, expected: id },
      },
    );
  }
  // The id of a restored cluster is random; who names its members means it all the same.
  if (wanted !== undefined && wanted === identity.restored?.founded) return;
  if (wanted !== undefined && identity.clusterId !== wanted && identity.recovery !== undefined) {
    throw new RuntimeError(
      'IDENTITY_MISMATCH',
      `${directory} was recovered from cluster ${identity.recovery.from} into a new one, ${identity.clusterId}: start it without naming members, and have the others join it with empty directories.`,
      { detail: { directory, found: identity.clusterId, expected: wanted } },
    );
  }
  if (wanted !== undefined && identity.clusterId !== wanted) {
    throw new RuntimeError(
      'IDENTITY_MISMATCH',
      `${directory} belongs to cluster ${identity.clusterId}; the members and token given are those of cluster ${wanted}.`,
      { detail: { directory, found: identity.clusterId, expected: wanted } },
    );
  }
}

/** Its log and its image may be whole or not, and the cluster's other servers may have nothing at all. */
function checkRestored({ restored }: Identity, directory: string): void {
  if (restored?.state !== 'begun') return;
  throw new RuntimeError(
    'RESTORE_UNFINISHED',
    `A restore of a backup into ${directory} was interrupted: remove the directories that it made, and restore again.`,
    { detail: { directory, ...restored } },
  );
}

/** In between, the log and the identity may speak of different clusters. */
function checkRecovered({ id, recovery }: Identity, directory: string): void {
  if (recovery?.state !== 'begun') return;
  throw new RuntimeError(
    'RECOVERY_UNFINISHED',
    `A recovery of server ${id} in ${directory} was interrupted: run it again to finish it (waldb recover ${directory}).`,
    { detail: { directory, ...recovery } },
  );
}

function logLost(identity: Identity, path: string, what: string): RuntimeError {
  return new RuntimeError(
    'LOG_LOST',
    `Server ${identity.id} may not start without its log ${path} (${what}): it could vote twice. Remove it from the cluster and add it under a new id, with an empty directory.`,
    { detail: { path, logId: identity.logId } },
  );
}
