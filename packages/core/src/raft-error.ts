// The errors a caller can act on. Anything else that `step` throws is a bug of ours.

import type { NodeId } from './types.js';

/**
 * - `NOT_LEADER`: only the leader can do this; `detail.leader` is the known one.
 * - `NOT_READY`: the leader has committed no entry of its own term yet (§8; Ongaro 2015).
 * - `CONFIG_INVALID`: an option or a requested configuration that can never be right.
 * - `CONFIG_IN_PROGRESS`: the previous membership change is not committed yet.
 * - `NOT_CAUGHT_UP`: the learner is too far behind to be promoted.
 * - `TRANSFER_IN_PROGRESS`: leadership is being handed over; proposals are refused until it ends.
 * - `QUOTA_EXCEEDED`: too many uncommitted bytes or too many pending reads.
 * - `TOO_LARGE`: one command is larger than the log or a message may hold.
 * - `STORAGE`: the log failed; the node is silent for good (reopen the log to go on).
 * - `ENCODING`: bytes that are not a message, an entry or a configuration.
 */
export type RaftErrorCode =
  | 'NOT_LEADER'
  | 'NOT_READY'
  | 'CONFIG_INVALID'
  | 'CONFIG_IN_PROGRESS'
  | 'NOT_CAUGHT_UP'
  | 'TRANSFER_IN_PROGRESS'
  | 'QUOTA_EXCEEDED'
  | 'TOO_LARGE'
  | 'STORAGE'
  | 'ENCODING';

/** The facts behind an error; which are present depends on the code. */
export interface RaftErrorDetail {
  readonly leader?: NodeId | undefined;
  readonly [fact: string]: unknown;
}

/** A request that was refused, or input that was not understood. A refused request has changed nothing. */
export class RaftError extends Error {
  override readonly name: string = 'RaftError';
  readonly code: RaftErrorCode;
  readonly detail: RaftErrorDetail;

  constructor(code: RaftErrorCode, message: string, detail: RaftErrorDetail = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}
