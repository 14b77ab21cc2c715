// The errors of the snapshot store. Each code is one thing that the world may do to a snapshot or that a caller may
// get wrong; anything else that is thrown is a bug of ours, or came out of the caller's own stream.

import type { Index, Term } from '@waldb/core';

/**
 * - `SNAPSHOT_CORRUPT`: a snapshot's file is damaged. It is set aside; older snapshots are still usable.
 * - `SNAPSHOT_VERSION`: written by a newer version of the format. Set aside, too.
 * - `SNAPSHOT_NOT_FOUND`: the store holds no snapshot at that index, or has removed it.
 * - `SNAPSHOT_STALE`: a snapshot that is not newer than the newest one in the store.
 * - `SNAPSHOT_MISMATCH`: the stream did not have the checksum that the caller expected. Nothing was published.
 * - `SNAPSHOT_TOO_LARGE`: over a limit, when writing as when reading.
 * - `SNAPSHOT_BUSY`: that index is being written already, or as many snapshots as may be are written or read.
 * - `SNAPSHOT_FULL`: no space on the disk. Nothing was published; try again once there is space.
 * - `SNAPSHOT_ABORTED`: the caller's signal ended a write; the cause has its reason. Nothing was published.
 * - `SNAPSHOT_LOCKED`: another process, or another opener in this one, has the directory open.
 * - `SNAPSHOT_CLOSED`: the store was closed.
 * - `SNAPSHOT_INVALID`: an option or an argument that can never be right.
 * - `SNAPSHOT_IO`: the system refused; the cause has its error.
 */
export type SnapshotErrorCode =
  | 'SNAPSHOT_CORRUPT'
  | 'SNAPSHOT_VERSION'
  | 'SNAPSHOT_NOT_FOUND'
  | 'SNAPSHOT_STALE'
  | 'SNAPSHOT_MISMATCH'
  | 'SNAPSHOT_TOO_LARGE'
  | 'SNAPSHOT_BUSY'
  | 'SNAPSHOT_FULL'
  | 'SNAPSHOT_ABORTED'
  | 'SNAPSHOT_LOCKED'
  | 'SNAPSHOT_CLOSED'
  | 'SNAPSHOT_INVALID'
  | 'SNAPSHOT_IO';

/** The facts behind an error; which are present depends on the code. */
export interface SnapshotErrorDetail {
  /** Name of the file, relative to the store's directory. */
  readonly file?: string;
  readonly index?: Index;
  readonly term?: Term;
  /** Byte offset within the file. */
  readonly offset?: number;
  /** Which chunk, from 0. */
  readonly chunk?: number;
  readonly [fact: string]: unknown;
}

export class SnapshotError extends Error {
  override readonly name: string = 'SnapshotError';
  readonly code: SnapshotErrorCode;
  readonly detail: SnapshotErrorDetail;

  constructor(
    code: SnapshotErrorCode,
    message: string,
    detail: SnapshotErrorDetail = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

export function invalid(rule: string, facts: SnapshotErrorDetail, options?: ErrorOptions): SnapshotError {
  return new SnapshotError('SNAPSHOT_INVALID', rule, facts, options);
}

/** `why` completes "the snapshot …". */
export function corrupt(file: string, why: string, facts: SnapshotErrorDetail = {}): SnapshotError {
  return new SnapshotError('SNAPSHOT_CORRUPT', `The snapshot ${file} ${why}.`, { file, ...facts });
}

export function closed(): SnapshotError {
  return new SnapshotError('SNAPSHOT_CLOSED', 'The snapshot store was closed.');
}

/** What the system threw, with a code of ours. `doing` completes "… failed". */
export function systemFailure(doing: string, facts: SnapshotErrorDetail, cause: unknown): SnapshotError {
  if (cause instanceof SnapshotError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  const code = isOutOfSpace(cause) ? 'SNAPSHOT_FULL' : 'SNAPSHOT_IO';
  return new SnapshotError(code, `${doing} failed: ${why}`, facts, { cause });
}

/** Whether the system says that there is no space left: on the device or in a quota. */
function isOutOfSpace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code; // reading a property of whatever was thrown
  return code === 'ENOSPC' || code === 'EDQUOT';
}
