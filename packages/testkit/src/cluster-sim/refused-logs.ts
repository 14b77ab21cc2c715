// Who comes back with another log is turned away by its peers, which say so in their logs alone: this one listens there.

import type { RaftServerOptions } from '@waldb/runtime';

/** Calls back when a server says that it refuses a peer for its log. Each says so once, until the peer is right again. */
export function refusalsOfNewLogs(told: () => void): NonNullable<RaftServerOptions<unknown>['logger']> {
  return {
    debug() {},
    info() {},
    warn: (fields) => {
      if ('reason' in fields && fields.reason === 'LOG_REPLACED') told();
    },
    error() {},
  };
}
