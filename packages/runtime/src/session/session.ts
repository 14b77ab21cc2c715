// A client's side of a session: which requests it has made, and which of them are settled. Plain bookkeeping, bound to
// no server: it outlives a failover, and as data a restart of the client (docs/server.md, section 2).

import type { Index } from '@waldb/core';
import { RuntimeError } from '../runtime-error.js';

/** One request of a session, as plain data: what makes a retry the same request. */
export interface SessionRequest {
  /** The id of the cluster that the session belongs to: in another one its id would be somebody else's. */
  readonly cluster: string;
  /** The session's id. */
  readonly session: Index;
  /** The request's number in its session, from 1. */
  readonly sequence: number;
  /** Every request up to this number is settled: servers forget its result. Below `sequence`. */
  readonly acknowledged: number;
}

/** A session as plain data, to be kept where the client keeps things. */
export interface SessionData {
  /** The id of the cluster that it was opened in. */
  readonly cluster: string;
  readonly id: Index;
  readonly ttlMs: number;
  /** The number of the last request made. */
  readonly lastSequence: number;
  readonly acknowledged: number;
}

export class Session {
  readonly cluster: string;
  readonly id: Index;
  readonly ttlMs: number;
  #lastSequence: number;
  #acknowledged: number;
  /** Settled above `#acknowledged`. */
  readonly #settled = new Set<number>();

  /**
   * A session that was saved with `toJSON`. Requests that were under way then count as not settled: retry them with
   * what was kept of them, or `settle` them. Errors: `OPTIONS_INVALID`.
   */
  constructor(data: SessionData) {
    const { cluster, id, ttlMs, lastSequence, acknowledged } = data;
    const isValid =
      typeof cluster === 'string' &&
      isCount(id, 1) &&
      isCount(ttlMs, 1) &&
      isCount(acknowledged, 0) &&
      isCount(lastSequence, acknowledged);
    if (!isValid) {
      throw new RuntimeError('OPTIONS_INVALID', `${JSON.stringify(data)} is not a session.`, {
        detail: { option: 'session', value: data },
      });
    }
    this.cluster = cluster;
    this.id = id;
    this.ttlMs = ttlMs;
    this.#lastSequence = lastSequence;
    this.#acknowledged = acknowledged;
  }

  /** Requests made and not settled. Servers keep the result of each, and at most `sessionResultsMax`. */
  get unsettled(): number {
    return this.#lastSequence - this.#acknowledged - this.#settled.size;
  }

  /** A new request. Keep it until its result has arrived: a retry with it is the same request. */
  next(): SessionRequest {
    this.#lastSequence += 1;
    const { cluster, id: session } = this;
    return { cluster, session, sequence: this.#lastSequence, acknowledged: this.#acknowledged };
  }

  /**
   * The request needs no answer any more: its result has arrived, or it is given up. From the next request on, servers
   * forget its result once all requests before it are settled too, and never apply it again.
   */
  settle(request: Pick<SessionRequest, 'sequence'>): void {
    const { sequence } = request;
    if (sequence <= this.#acknowledged || sequence > this.#lastSequence) return;
    this.#settled.add(sequence);
    while (this.#settled.delete(this.#acknowledged + 1)) this.#acknowledged += 1;
  }

  /** Everything up to this number is settled. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  toJSON(): SessionData {
    return {
      cluster: this.cluster,
      id: this.id,
      ttlMs: this.ttlMs,
      lastSequence: this.#lastSequence,
      acknowledged: this.#acknowledged,
    };
  }
}

/** Errors: `OPTIONS_INVALID`. */
export function checkSessionRequest(request: SessionRequest): void {
  const { cluster, session, sequence, acknowledged } = request;
  if (
    typeof cluster === 'string' &&
    isCount(session, 1) &&
    isCount(acknowledged, 0) &&
    isCount(sequence, acknowledged + 1)
  )
    return;
  throw new RuntimeError('OPTIONS_INVALID', `${JSON.stringify(request)} is not a session's request.`, {
    detail: { option: 'session', value: request },
  });
}

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}
