// What a caller may choose, with the values that hold when nothing is said, and the limits that nobody chooses.

import { NodeVfs, type Vfs } from '@waldb/io';
import { CHUNK_BYTES_MAX, CHUNK_BYTES_MIN } from './format/header.js';
import { invalid } from './snapshot-error.js';

export interface SnapshotStoreOptions {
  /** The file system. Default: the machine's. */
  readonly vfs?: Vfs;
  /** How many snapshots stay when a new one is published. Default 2: should the newest rot, the one before is there. */
  readonly retain?: number;
  /** The unit in which images are written, checked and read, and the memory that each writer and reader takes. Default 256 KiB, 64 B to 16 MiB. */
  readonly chunkBytes?: number;
  /** The largest image, when writing and when reading. Default 1 TiB. */
  readonly snapshotBytesMax?: number;
}

export type ResolvedOptions = Required<SnapshotStoreOptions>;

/** Snapshots that may be written at a time: one taken here, one received, and room for one that replaces it. */
export const WRITERS_MAX = 4;
/** Streams that may be open at a time; each holds a file and a chunk. */
export const READERS_MAX = 64;

const KIB = 1024;
const TIB = KIB ** 4;

/** Errors: `SNAPSHOT_INVALID`. */
export function resolveOptions(options: SnapshotStoreOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    vfs: options.vfs ?? new NodeVfs(),
    retain: options.retain ?? 2,
    chunkBytes: options.chunkBytes ?? 256 * KIB,
    snapshotBytesMax: options.snapshotBytesMax ?? TIB,
  };
  checkRange('retain', resolved.retain, 1, Number.MAX_SAFE_INTEGER);
  checkRange('chunkBytes', resolved.chunkBytes, CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
  checkRange('snapshotBytesMax', resolved.snapshotBytesMax, 0, Number.MAX_SAFE_INTEGER);
  return resolved;
}

/** Errors: `SNAPSHOT_INVALID`. */
export function checkRange(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalid(`${name} must be a whole number from ${min} to ${max}; it is ${String(value)}.`, {
    name,
    value,
    min,
    max,
  });
}
