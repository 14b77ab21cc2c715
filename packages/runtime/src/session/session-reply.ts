// What an entry of the runtime's own results in, where an ordinary entry has the state machine's result. A class of its
// own, so that no result of a user's can be taken for one. Stays inside the runtime.

import type { Index } from '@waldb/core';
import { busyError, RuntimeError } from '../runtime-error.js';

export type SessionOutcome =
  | { readonly type: 'done' }
  | { readonly type: 'opened'; readonly session: Index }
  /** The command was applied before; `result` is what it resulted in, encoded. */
  | { readonly type: 'repeated'; readonly result: Uint8Array }
  | { readonly type: 'expired' }
  | { readonly type: 'forgotten'; readonly reason: 'acknowledged' | 'notKept' }
  | { readonly type: 'full'; readonly limit: string; readonly max: number };

export class SessionReply {
  readonly outcome: SessionOutcome;

  constructor(outcome: SessionOutcome) {
    this.outcome = outcome;
  }
}

export const DONE: SessionReply = new SessionReply({ type: 'done' });
export const EXPIRED: SessionReply = new SessionReply({ type: 'expired' });
export const ACKNOWLEDGED: SessionReply = new SessionReply({ type: 'forgotten', reason: 'acknowledged' });
export const NOT_KEPT: SessionReply = new SessionReply({ type: 'forgotten', reason: 'notKept' });

/** The error that an outcome is; undefined where it is none. */
export function sessionError(outcome: SessionOutcome): RuntimeError | undefined {
  switch (outcome.type) {
    case 'expired':
      return new RuntimeError(
        'SESSION_EXPIRED',
        'The session is expired or unknown: nothing was done now; what was done before cannot be told any more.',
        { mayHaveBeenApplied: true },
      );
    case 'forgotten': {
      const { reason } = outcome;
      return new RuntimeError('RESULT_FORGOTTEN', FORGOTTEN[reason], {
        detail: { reason },
        mayHaveBeenApplied: true,
      });
    }
    case 'full':
      return busyError(outcome.limit, outcome.max, {});
    default:
      return undefined;
  }
}

const FORGOTTEN = {
  acknowledged: 'The session has acknowledged this request: it is not applied again, and its result is gone.',
  notKept: 'The command was applied, but its result could not be kept.',
};
