// A release of waldb, as far as the simulator knows one: how its servers are started. What runs is the real server of that
// release, from formats to protocol; several run side by side in one process, each with its own modules (docs/upgrades.md).

import { RaftServer, type RuntimeError } from '@waldb/runtime';

export interface Release {
  /** For people. */
  readonly name: string;
  readonly start: (options: Parameters<typeof RaftServer.start<unknown>>[0]) => Promise<RaftServer<unknown>>;
}

/** These sources. */
export const THIS_RELEASE: Release = {
  name: 'release 1',
  start: (options) => RaftServer.start(options),
};

/** Of any release: each has classes of its own, and so `instanceof` tells nothing. */
export function isRuntimeError(error: unknown): error is RuntimeError {
  return error instanceof Error && error.name === 'RuntimeError';
}

/** What a stream of an image ends with when it cannot go on. */
export function isSnapshotError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SnapshotError';
}
