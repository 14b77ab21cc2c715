// What lies in a log's directory, and what its metadata says should. Reads only.

import { join } from 'node:path';
import { readFile, type Vfs } from '@waldb/io';
import { type LogFile, METADATA_FILE, parseFileName, segmentFile } from '../format/file-name.js';
import { decodeMetadata, METADATA_BYTES, type Metadata, type MetadataSlot } from '../format/metadata.js';
import { FORMAT_VERSION, PAGE_BYTES } from '../format/page.js';
import { WalError } from '../wal-error.js';

export interface DirectoryState {
  readonly metadata: Metadata;
  /** Whether one of the two slots is damaged: the next write should go there. */
  readonly hasBadSlot: boolean;
  /** Ids of the segments that belong to the log, rising without a gap; none while the log is being created. */
  readonly segmentIds: readonly number[];
  readonly snapshotFiles: readonly string[];
  /** Names of files that never got their final name. */
  readonly unpublished: readonly string[];
  /** Numbers of files that wait to become segments. */
  readonly spareNumbers: readonly number[];
  /** Names of segments that the metadata has given up and a crash has kept. */
  readonly obsolete: readonly string[];
}

/** `undefined` when there is no log here yet. Errors: `WAL_CORRUPT`, `WAL_VERSION`, `WAL_IO`. */
export function readDirectory(vfs: Vfs, directory: string): DirectoryState | undefined {
  const files: LogFile[] = [];
  for (const name of vfs.list(directory)) {
    const file = parseFileName(name);
    if (file !== undefined) files.push(file);
  }
  const ids = files
    .flatMap((file) => (file.type === 'segment' ? [file.segmentId] : []))
    .sort((a, b) => a - b);
  const unpublished = files.flatMap((file) => (file.type === 'unpublished' ? [file.name] : []));
  if (!files.some((file) => file.type === 'metadata')) {
    if (ids.length === 0) return undefined;
    throw new WalError(
      'WAL_CORRUPT',
      `${METADATA_FILE} is missing in ${directory}, which holds ${ids.length} segments of a log.`,
      { file: METADATA_FILE },
    );
  }
  const { metadata, hasBadSlot } = readMetadata(vfs, directory);
  const live = ids.filter((id) => id >= metadata.firstSegmentId);
  checkNoneMissing(live, metadata);
  return {
    metadata,
    hasBadSlot,
    segmentIds: live,
    snapshotFiles: files.flatMap((file) => (file.type === 'snapshot' ? [file.name] : [])),
    unpublished,
    spareNumbers: files.flatMap((file) => (file.type === 'spare' ? [file.spareNumber] : [])),
    obsolete: ids.filter((id) => id < metadata.firstSegmentId).map(segmentFile),
  };
}

/** What METADATA says. Errors: `WAL_CORRUPT`, `WAL_VERSION`, `WAL_FOREIGN`, `WAL_IO`. */
export function readMetadata(
  vfs: Vfs,
  directory: string,
): { readonly metadata: Metadata; readonly hasBadSlot: boolean } {
  let bytes: Uint8Array;
  try {
    bytes = readFile(vfs, join(directory, METADATA_FILE), METADATA_BYTES);
  } catch (error) {
    if (error instanceof RangeError) throw metadataDamaged(error.message);
    throw new WalError(
      'WAL_IO',
      `${METADATA_FILE} could not be read.`,
      { file: METADATA_FILE },
      { cause: error },
    );
  }
  const slots = [0, PAGE_BYTES].map((at) => decodeMetadata(bytes.subarray(at, at + PAGE_BYTES)));
  for (const slot of slots) if (slot.type === 'newer') throw newerVersion(METADATA_FILE, slot.version);
  const valid = slots.flatMap((slot) => (slot.type === 'valid' ? [slot.metadata] : []));
  const [newest, other] = valid.sort((a, b) => b.generation - a.generation);
  if (newest === undefined)
    throw metadataDamaged(`Both slots of ${METADATA_FILE} are bad: ${describe(slots)}.`);
  if (other !== undefined && (other.logId !== newest.logId || other.kind !== newest.kind)) {
    throw new WalError('WAL_FOREIGN', `The two slots of ${METADATA_FILE} belong to different logs.`, {
      file: METADATA_FILE,
    });
  }
  return { metadata: newest, hasBadSlot: other === undefined };
}

function checkNoneMissing(ids: readonly number[], metadata: Metadata): void {
  const last = Math.max(metadata.lastSegmentId, ids.at(-1) ?? 0);
  for (let id = metadata.firstSegmentId, i = 0; id <= last; id++, i++) {
    if (ids[i] === id) continue;
    throw new WalError(
      'WAL_CORRUPT',
      `Segment ${segmentFile(id)} is missing; the log goes from segment ${metadata.firstSegmentId} to ${last}.`,
      { file: segmentFile(id), segment: id, offset: 0 },
    );
  }
}

function describe(slots: readonly MetadataSlot[]): string {
  return slots.map((slot, i) => `slot ${i} ${slot.type === 'damaged' ? slot.why : slot.type}`).join(', ');
}

function metadataDamaged(message: string): WalError {
  return new WalError('WAL_CORRUPT', message, { file: METADATA_FILE, offset: 0 });
}

export function newerVersion(file: string, version: number): WalError {
  return new WalError(
    'WAL_VERSION',
    `${file} was written by version ${version} of the format; this program knows versions up to ${FORMAT_VERSION}.`,
    { file, version, versionMax: FORMAT_VERSION },
  );
}
