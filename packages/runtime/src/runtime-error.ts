// The errors that a server answers with. Each has a code to branch on, facts, and a sentence for people.

import { AssertionFailed, LogContradicted, type NodeId, type RaftError } from '@waldb/core';

/**
 * Requests:
 * - `NOT_LEADER`: only the leader can do this; `detail.leader` and its addresses say who that is, as far as known.
 * - `BUSY`: a limit is reached: `detail.limit` is its name. Nothing was done; try again later.
 * - `TIMEOUT`, `ABORTED`: no longer waited for. `mayHaveBeenApplied` says whether it can still take effect.
 * - `LEADERSHIP_LOST`: this server stopped leading before the outcome was known.
 * - `CLOSED`: the server was closed.
 * - `STORAGE`: the log failed for good, or the system would not read the snapshot that it names; start the server again to
 *   recover.
 * - `LOG_CONTRADICTED`: a leader says that something is committed which this server's log contradicts: its disk has lost
 *   what it had called durable, or that leader is wrong. The server stopped rather than vote with such a log.
 * - `STORAGE_STALLED`: told as trouble, never to a caller: the disk takes work and does not finish it.
 * - `STORAGE_FULL`: the disk is full. Nothing was done; the server goes on when there is room.
 * - `STATE_MACHINE`: the state machine failed, and the server stopped before anything later was applied.
 * - `TOO_LARGE`: one command is larger than the log or a message may hold.
 * - `SESSION_EXPIRED`: the session is unknown: expired, closed, or never opened. Not applied now; before, nobody knows.
 * - `RESULT_FORGOTTEN`: this request of a session was answered before, and its result is not there any more.
 * - `NOT_READY`, `CONFIG_IN_PROGRESS`, `CONFIG_INVALID`, `NOT_CAUGHT_UP`, `TRANSFER_IN_PROGRESS`: as in `RaftError`.
 * - `TRANSFER_FAILED`: the other server did not take over leadership.
 * - `SNAPSHOT_TOO_LARGE`: the state machine's image is larger than a snapshot may be.
 * - `SNAPSHOT_UNREADABLE`: a snapshot's image is not one that this version knows.
 * - `SNAPSHOT_FAILED`: a snapshot could not be written, fetched or removed; the server goes on without it.
 * - `SNAPSHOT_MISSING`, `SNAPSHOT_DAMAGED`: the image that the log names is not there, or cannot be used. Nothing else can
 *   stand in for it: the server stops, or does not start.
 * - `ENTRY_UNSUPPORTED`: the log holds an entry of a newer version; the server stopped before it.
 * - `INTERNAL`: a bug of ours; the server stopped.
 *
 * Start:
 * - `OPTIONS_INVALID`: an option that can never be right.
 * - `ADDRESS_IN_USE`, `ADDRESS_UNUSABLE`: the listening address is taken, or is not this machine's to use.
 * - `DIRECTORY_UNUSABLE`: the directory cannot be made, read or written.
 * - `IDENTITY_MISSING`: an empty directory, and neither `bootstrap` nor `join` was asked for.
 * - `IDENTITY_MISMATCH`: the directory belongs to another server or another cluster.
 * - `IDENTITY_DAMAGED`: the identity file cannot be believed.
 * - `DIRECTORY_NEWER`: a file of the directory, other than the log's own (`WAL_VERSION`), was written by a newer version.
 * - `RECOVERY_UNFINISHED`: a recovery of the membership was interrupted, and has to be run again first.
 * - `RESTORE_UNFINISHED`: a restore of a backup was interrupted: what it made is to be removed.
 * - `LOG_LOST`: the directory's log is gone or was replaced: this server may have forgotten votes and entries.
 */
export type RuntimeErrorCode =
  | 'NOT_LEADER'
  | 'BUSY'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'LEADERSHIP_LOST'
  | 'CLOSED'
  | 'STORAGE'
  | 'LOG_CONTRADICTED'
  | 'STORAGE_FULL'
  | 'STORAGE_STALLED'
  | 'STATE_MACHINE'
  | 'TOO_LARGE'
  | 'SESSION_EXPIRED'
  | 'RESULT_FORGOTTEN'
  | 'NOT_READY'
  | 'CONFIG_IN_PROGRESS'
  | 'CONFIG_INVALID'
  | 'NOT_CAUGHT_UP'
  | 'TRANSFER_IN_PROGRESS'
  | 'TRANSFER_FAILED'
  | 'SNAPSHOT_TOO_LARGE'
  | 'SNAPSHOT_UNREADABLE'
  | 'SNAPSHOT_FAILED'
  | 'SNAPSHOT_MISSING'
  | 'SNAPSHOT_DAMAGED'
  | 'ENTRY_UNSUPPORTED'
  | 'INTERNAL'
  | 'OPTIONS_INVALID'
  | 'ADDRESS_IN_USE'
  | 'ADDRESS_UNUSABLE'
  | 'DIRECTORY_UNUSABLE'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_MISMATCH'
  | 'IDENTITY_DAMAGED'
  | 'DIRECTORY_NEWER'
  | 'RECOVERY_UNFINISHED'
  | 'RESTORE_UNFINISHED'
  | 'LOG_LOST';

export interface RuntimeErrorDetail {
  /** With `NOT_LEADER`: the leader, and where its peers and its clients and operators reach it, as far as known. */
  readonly leader?: NodeId | undefined;
  readonly leaderAddress?: string | undefined;
  readonly leaderClientAddress?: string | undefined;
  readonly leaderAdminAddress?: string | undefined;
  readonly [fact: string]: unknown;
}

export interface RuntimeErrorOptions extends ErrorOptions {
  readonly detail?: RuntimeErrorDetail;
  /** Default false. */
  readonly mayHaveBeenApplied?: boolean;
}

export class RuntimeError extends Error {
  override readonly name: string = 'RuntimeError';
  readonly code: RuntimeErrorCode;
  readonly detail: RuntimeErrorDetail;
  /** True when a proposal with this outcome may have been applied, or may still be: asking again may apply it twice. */
  readonly mayHaveBeenApplied: boolean;

  constructor(code: RuntimeErrorCode, message: string, options: RuntimeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? {};
    this.mayHaveBeenApplied = options.mayHaveBeenApplied ?? false;
  }
}

/** What a refusal of the protocol means to a caller of the server. A refused request has changed nothing. */
export function fromRaftError(error: RaftError): RuntimeError {
  const { leader: _, ...facts } = error.detail;
  const options = { detail: facts, cause: error };
  if (error.code === 'QUOTA_EXCEEDED') {
    if (facts.reason === 'diskFull') return diskFullError();
    const limit = quotaLimit(facts);
    return new RuntimeError('BUSY', sentence(error), { ...options, detail: { ...facts, limit } });
  }
  if (error.code === 'ENCODING') return new RuntimeError('INTERNAL', sentence(error), options);
  return new RuntimeError(error.code, sentence(error), options);
}

/** The option that the protocol's quota comes from. */
function quotaLimit(facts: RuntimeErrorDetail): string {
  return 'maxUncommittedBytes' in facts ? 'maxUncommittedBytes' : 'maxPendingReads';
}

/** Why a node has halted, with the outcome of nothing in particular. */
export function haltedError(cause: unknown): RuntimeError {
  if (cause instanceof LogContradicted) {
    return new RuntimeError(
      'LOG_CONTRADICTED',
      `The server has stopped, because its log contradicts what is committed: ${cause.message}. Either its disk has lost what it had called durable, or that server is wrong. If it happens again after a restart, remove this server from the cluster and add it again, with an empty directory.`,
      { detail: cause.detail, cause },
    );
  }
  if (cause instanceof AssertionFailed) return bugError(cause);
  return storageError(cause);
}

export function bugError(cause: unknown): RuntimeError {
  return new RuntimeError('INTERNAL', `The server stopped on a bug: ${String(cause)}.`, { cause });
}

export function storageError(cause: unknown): RuntimeError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RuntimeError('STORAGE', `The log failed, and the server has stopped: ${why}`, { cause });
}

export function diskFullError(): RuntimeError {
  return new RuntimeError('STORAGE_FULL', 'The disk is full: nothing can be written until there is room.');
}

/** A limit is full; `limit` is its name among the options. */
export function busyError(limit: string, max: number, inUse: RuntimeErrorDetail): RuntimeError {
  return new RuntimeError(
    'BUSY',
    `The limit ${limit} (${max}) is reached: nothing was done, try again later.`,
    {
      detail: { limit, max, ...inUse },
    },
  );
}

export function diskStalledError(): RuntimeError {
  return new RuntimeError(
    'STORAGE_STALLED',
    'The disk has taken work and does not finish it: a leader steps down, and this server does not campaign until it does.',
  );
}

/** The same error, with what it means for one proposal or change. */
export function withOutcome(error: RuntimeError, mayHaveBeenApplied: boolean): RuntimeError {
  const { code, message, detail, cause } = error;
  return new RuntimeError(code, message, { detail, cause, mayHaveBeenApplied });
}

/** The same error with more facts. */
export function withDetail(error: RuntimeError, facts: RuntimeErrorDetail): RuntimeError {
  const { code, message, detail, cause, mayHaveBeenApplied } = error;
  return new RuntimeError(code, message, { detail: { ...detail, ...facts }, cause, mayHaveBeenApplied });
}

function sentence(error: RaftError): string {
  return error.message.endsWith('.') ? error.message : `${error.message}.`;
}
