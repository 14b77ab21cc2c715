// The errors of the log. Each code is one thing that the world may do to a log or that a caller may get wrong;
// anything else that is thrown is a bug of ours.

import type { Index, Term } from '@waldb/core';

/**
 * - `WAL_LOCKED`: another process, or another opener in this one, has the log open for writing.
 * - `WAL_CORRUPT`: something that was durable is missing or damaged. Nothing on disk was changed.
 * - `WAL_VERSION`: written by a newer version of the format.
 * - `WAL_FOREIGN`: a file of another log (another log id, or another kind of log) lies in this directory.
 * - `WAL_NOT_FOUND`: a read-only open of a directory that holds no log.
 * - `WAL_POISONED`: a write or a sync failed. Final: close, find out why, open again.
 * - `WAL_FULL`: no space to go on. What was staged is still staged and readable; try again once there is space.
 * - `WAL_BUSY`: `sync` while a flush is in flight: only one write can be under way.
 * - `WAL_TOO_LARGE`: an entry, or everything staged together, is over a limit of the options. Nothing was staged.
 * - `WAL_READ_ONLY`: a change was asked of a log that was opened to be read.
 * - `WAL_STALE`: a log that is read beside its writer has moved on: what was asked for is given up. Open it again.
 * - `WAL_CLOSED`: the log was closed.
 * - `WAL_INVALID`: an option or an argument that can never be right.
 * - `WAL_IO`: the system refused while a log was opened or read; the cause has its error.
 */
export type WalErrorCode =
  | 'WAL_LOCKED'
  | 'WAL_CORRUPT'
  | 'WAL_VERSION'
  | 'WAL_FOREIGN'
  | 'WAL_NOT_FOUND'
  | 'WAL_POISONED'
  | 'WAL_FULL'
  | 'WAL_BUSY'
  | 'WAL_TOO_LARGE'
  | 'WAL_READ_ONLY'
  | 'WAL_STALE'
  | 'WAL_CLOSED'
  | 'WAL_INVALID'
  | 'WAL_IO';

/** The facts behind an error; which are present depends on the code. */
export interface WalErrorDetail {
  /** Name of the file, relative to the log's directory. */
  readonly file?: string;
  readonly segment?: number;
  /** Byte offset within the file. */
  readonly offset?: number;
  /** The first index that is affected, as far as known. */
  readonly index?: Index;
  /** The term of the last entry known to be good before it. */
  readonly term?: Term;
  readonly [fact: string]: unknown;
}

export class WalError extends Error {
  override readonly name: string = 'WalError';
  readonly code: WalErrorCode;
  readonly detail: WalErrorDetail;

  constructor(code: WalErrorCode, message: string, detail: WalErrorDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

export function invalid(rule: string, facts: Readonly<Record<string, unknown>>): WalError {
  return new WalError('WAL_INVALID', rule, facts);
}

/** Whether the system says that there is no space left: on the device or in a quota. */
export function isOutOfSpace(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code; // reading a property of whatever was thrown
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether it is the log's own word for that: nothing was lost, and it can be tried again. */
export function isFull(error: unknown): boolean {
  return error instanceof WalError && error.code === 'WAL_FULL';
}
