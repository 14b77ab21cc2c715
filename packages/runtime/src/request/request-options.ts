// What every call of a server takes besides its matter: how long the caller waits, and how fresh a read is to be.

/**
 * - `linearizable`: sees every write that was acknowledged anywhere before the read was asked for.
 * - `lease`: the same as long as clocks keep their rate; on a leader that holds a lease (`raft.readPolicy: 'lease'` on every
 *   server) it asks nobody, else it is like `linearizable`.
 * - `eventual`: what this server has applied so far, perhaps long ago.
 */
export type ReadConsistency = 'linearizable' | 'lease' | 'eventual';

export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface CloseOptions extends RequestOptions {
  /** Default true. */
  readonly transfer?: boolean;
}
