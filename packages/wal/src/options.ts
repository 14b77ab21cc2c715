// What a caller may choose, with the values that hold when nothing is said.

import { type Clock, NodeClock, NodeVfs, type Vfs } from '@waldb/io';
import { PAGE_BYTES } from './format/page.js';
import { invalid, WalError } from './wal-error.js';

export interface WalOptions {
  /** Size that segment files grow to, rounded up to whole pages of 4096 bytes. Default 64 MiB, at least 8 KiB. */
  readonly segmentBytes?: number;
  /**
   * How many files of a segment's size are kept ready, so that no commit waits while one is filled: made in the
   * background, or segments that compaction has emptied. Default 1, at most 16; one more while ingest outruns them. With
   * 0 each segment is filled when it is needed.
   */
  readonly spareSegments?: number;
  /** Memory for recent entries; older ones are read from disk. Default 32 MiB; 0 keeps only what is not durable yet. */
  readonly cacheBytes?: number;
  /** Records gather in frames of up to this many bytes; a larger entry has a frame to itself. Default 8 KiB. */
  readonly frameBytesMax?: number;
  /** The largest encoded entry. Default 16 MiB, at most 1 GiB. */
  readonly entryBytesMax?: number;
  /** How much may be staged and not yet durable. Default 256 MiB. */
  readonly stagedBytesMax?: number;
  /** Open to read only: takes no lock, changes nothing, shows what is proven durable. Default false. */
  readonly readOnly?: boolean;
  /**
   * How `flush` writes. `deferred` (default): on the thread pool, so that the event loop never waits for the disk.
   * `adaptive`: small writes block as long as the disk has been quick of late (half a millisecond), which saves the hop.
   */
  readonly flushMode?: FlushMode;
  /** The file system. Default: the machine's. */
  readonly vfs?: Vfs;
  /** Timers and monotonic time. Default: the machine's. */
  readonly clock?: Clock;
}

export type FlushMode = 'deferred' | 'adaptive';

export type ResolvedOptions = Required<WalOptions>;

const KIB = 1024;
const MIB = 1024 * KIB;
/** What `entryBytesMax` is where nobody says. */
export const DEFAULT_ENTRY_BYTES_MAX: number = 16 * MIB;
const SEGMENT_BYTES_MIN = 8 * KIB;
const SPARE_SEGMENTS_MAX = 16;
const SEGMENT_BYTES_LIMIT = 4096 * MIB;
const ENTRY_BYTES_LIMIT = 1024 * MIB;
const FLUSH_MODES: readonly FlushMode[] = ['deferred', 'adaptive'];

/** Errors: `WAL_INVALID`. */
export function resolveOptions(options: WalOptions): ResolvedOptions {
  const resolved: ResolvedOptions = {
    segmentBytes: options.segmentBytes ?? 64 * MIB,
    spareSegments: options.spareSegments ?? 1,
    cacheBytes: options.cacheBytes ?? 32 * MIB,
    frameBytesMax: options.frameBytesMax ?? 8 * KIB,
    entryBytesMax: options.entryBytesMax ?? DEFAULT_ENTRY_BYTES_MAX,
    stagedBytesMax: options.stagedBytesMax ?? 256 * MIB,
    readOnly: options.readOnly ?? false,
    flushMode: options.flushMode ?? 'deferred',
    vfs: options.vfs ?? new NodeVfs(),
    clock: options.clock ?? new NodeClock(),
  };
  // As it is given, not as it is rounded: a text would round to a number.
  checkRange('segmentBytes', resolved.segmentBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_LIMIT);
  checkRange('spareSegments', resolved.spareSegments, 0, SPARE_SEGMENTS_MAX);
  checkRange('cacheBytes', resolved.cacheBytes, 0, Number.MAX_SAFE_INTEGER);
  checkRange('frameBytesMax', resolved.frameBytesMax, 1, ENTRY_BYTES_LIMIT);
  checkRange('entryBytesMax', resolved.entryBytesMax, 1, ENTRY_BYTES_LIMIT);
  checkRange('stagedBytesMax', resolved.stagedBytesMax, 1, ENTRY_BYTES_LIMIT * 2);
  if (!FLUSH_MODES.includes(resolved.flushMode)) {
    throw new WalError(
      'WAL_INVALID',
      `flushMode must be one of ${FLUSH_MODES.join(', ')}; it is ${resolved.flushMode}.`,
      {
        option: 'flushMode',
        value: resolved.flushMode,
      },
    );
  }
  if (typeof resolved.readOnly !== 'boolean')
    throw invalid(`readOnly must be true or false; it is ${resolved.readOnly}.`, {
      option: 'readOnly',
      value: resolved.readOnly,
    });
  return { ...resolved, segmentBytes: roundUpToPage(resolved.segmentBytes) };
}

export function roundUpToPage(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new WalError(
    'WAL_INVALID',
    `${option} must be a whole number from ${min} to ${max}; it is ${value}.`,
    {
      option,
      value,
      min,
      max,
    },
  );
}
