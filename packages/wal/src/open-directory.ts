// Opening a log, the part that changes things: makes the directory, takes the lock, creates what a new log needs, and
// brings a log that was not closed cleanly into order (docs/durability.md, "Opening").

import { join } from 'node:path';
import {
  createDirectory,
  type IoPlan,
  publishFilePlan,
  runWithCallbacks,
  type Vfs,
  VfsError,
  type VfsLock,
} from '@waldb/io';
import { LOCK_FILE, METADATA_FILE } from './format/file-name.js';
import { idToHex } from './format/little-endian.js';
import { encodeMetadata, METADATA_BYTES, type Metadata, metadataSlotOffset } from './format/metadata.js';
import type { LogKind } from './format/page.js';
import type { ResolvedOptions } from './options.js';
import { recoverBesideWriter } from './recovery/beside-writer.js';
import { type Recovered, recover } from './recovery/recover.js';
import { LogWriter } from './segment/log-writer.js';
import { isOutOfSpace, WalError } from './wal-error.js';

export interface OpenedForWriting {
  readonly writer: LogWriter;
  readonly lock: VfsLock;
  readonly recovered: Recovered;
}

/** Errors: those of `recover`, and `WAL_LOCKED`, `WAL_FULL`. Whatever was opened on the way is closed again. */
export async function openForWriting(
  directory: string,
  options: ResolvedOptions,
  kind: LogKind,
): Promise<OpenedForWriting> {
  const { vfs } = options;
  let lock: VfsLock | undefined;
  let writer: LogWriter | undefined;
  try {
    createDirectory(vfs, directory);
    lock = takeLock(vfs, directory);
    const recovered = recover(vfs, directory, { readOnly: false }) ?? (await create(vfs, directory, kind));
    checkKind(directory, recovered, kind);
    writer = openWriter(directory, options, recovered);
    await runWithCallbacks(vfs, repairPlan(directory, writer, recovered));
    return { writer, lock, recovered };
  } catch (error) {
    writer?.close();
    lock?.release();
    throw asWalError(directory, error);
  }
}

/** A read-only open changes nothing and takes no lock. Errors: those of `recover`, and `WAL_NOT_FOUND`, `WAL_STALE`. */
export function openForReading(directory: string, options: ResolvedOptions, kind: LogKind): Recovered {
  try {
    const { vfs } = options;
    const recovered = vfs.isDirectory(directory) ? recoverBesideWriter(vfs, directory) : undefined;
    if (recovered !== undefined) {
      checkKind(directory, recovered, kind);
      return recovered;
    }
  } catch (error) {
    throw asWalError(directory, error);
  }
  throw new WalError('WAL_NOT_FOUND', `${directory} holds no log.`, { directory });
}

const KIND_NAMES: Readonly<Record<LogKind, string>> = {
  raft: 'a Raft log (WalLog)',
  plain: 'a plain log (Wal)',
};

function checkKind(directory: string, { metadata }: Recovered, kind: LogKind): void {
  if (metadata.kind === kind) return;
  throw new WalError(
    'WAL_FOREIGN',
    `${directory} holds ${KIND_NAMES[metadata.kind]}; it cannot be opened as ${KIND_NAMES[kind]}.`,
    { directory, kind: metadata.kind },
  );
}

function asWalError(directory: string, error: unknown): WalError {
  if (error instanceof WalError) return error;
  if (isOutOfSpace(error))
    return new WalError(
      'WAL_FULL',
      `There is no space to open the log in ${directory}, not even for a small file; nothing is lost.`,
      { directory },
      { cause: error },
    );
  const why = error instanceof Error ? error.message : String(error);
  return new WalError(
    'WAL_IO',
    `The log in ${directory} could not be opened: ${why}`,
    { directory },
    { cause: error },
  );
}

function takeLock(vfs: Vfs, directory: string): VfsLock {
  try {
    return vfs.lock(join(directory, LOCK_FILE));
  } catch (error) {
    if (!(error instanceof VfsError) || error.code !== 'LOCKED') throw error;
    throw new WalError(
      'WAL_LOCKED',
      `The log in ${directory} is in use: another process, or this one, has it open. Open it with readOnly to look at it.`,
      { directory, file: LOCK_FILE },
      { cause: error },
    );
  }
}

/** The metadata comes first: from then on the directory is this log's, and a crash before the first segment is seen. */
async function create(vfs: Vfs, directory: string, kind: LogKind): Promise<Recovered> {
  const logId = idToHex(vfs.randomBytes(8));
  const first: Metadata = {
    logId,
    kind,
    generation: 1,
    firstSegmentId: 1,
    lastSegmentId: 0,
    compacted: { index: 0, term: 0 },
    snapshot: undefined,
    durableSeq: 0,
  };
  const metadata = { ...first, generation: 2 };
  const bytes = new Uint8Array(METADATA_BYTES);
  for (const slot of [first, metadata]) bytes.set(encodeMetadata(slot), metadataSlotOffset(slot.generation));
  await runWithCallbacks(vfs, publishFilePlan(vfs, join(directory, METADATA_FILE), bytes));
  const created = recover(vfs, directory, { readOnly: false });
  if (created === undefined) {
    throw new WalError('WAL_IO', `${METADATA_FILE} was written and is not there.`, { file: METADATA_FILE });
  }
  return created;
}

function openWriter(directory: string, options: ResolvedOptions, recovered: Recovered): LogWriter {
  const { vfs } = options;
  return new LogWriter({
    vfs,
    clock: options.clock,
    directory,
    segmentBytes: options.segmentBytes,
    metadata: recovered.metadata,
    metadataFile: vfs.open(join(directory, METADATA_FILE), 'update', { durable: true }),
    segments: recovered.segments,
    state: {
      hardState: recovered.proven.hardState,
      snapshot: recovered.provenSnapshot,
      compacted: recovered.proven.compacted,
    },
    provenSeq: recovered.provenSeq,
    snapshotFiles: recovered.snapshotFiles,
    spareSegments: options.spareSegments,
    spareNumbers: recovered.spareNumbers,
  });
}

/**
 * Every step may be cut off by a crash and is then done again: leftovers count for nothing, a new segment counts once
 * it has its name, and what it carries stays in the old one until then.
 */
function* repairPlan(directory: string, writer: LogWriter, recovered: Recovered): IoPlan {
  // 1. a segment gets its name  2. kill  3. this process finds it and writes to it  4. power loss.
  // Without a sync of the names that were found, step 4 would take the segment and what was acknowledged in it.
  yield { type: 'syncDirectory', path: directory };
  for (const name of recovered.unpublished) yield { type: 'unlink', path: join(directory, name) };
  // Before anything that needs space: the disk may be full.
  if (recovered.obsolete.length > 0) yield* writer.removeObsolete(recovered.obsolete);
  if (recovered.needsNewSegment) yield* writer.begin(recovered.carried);
  else yield* writer.tidy({ hasBadSlot: recovered.hasBadSlot });
  yield* writer.tidySpares();
}
