// The server's side of session requests: checks them, writes them as entries with the leader's time, and turns what the
// entries result in into results and errors. Must never answer from the table alone: only an applied entry decides.

import type { Proposals } from '../request/proposals.js';
import { busyError, RuntimeError, withDetail } from '../runtime-error.js';
import type { LoggedClock } from './logged-clock.js';
import type { ResultCodec } from './result-codec.js';
import { encodeRuntimeCommand, type RuntimeCommand } from './runtime-command.js';
import { checkSessionRequest, Session, type SessionRequest } from './session.js';
import { SessionReply, sessionError } from './session-reply.js';
import { SESSION_BYTES, type SessionTable, SLOT_BYTES } from './session-table.js';

export interface SessionRequestsOptions<Result> {
  readonly clusterId: string;
  readonly proposals: Proposals<Result | SessionReply>;
  readonly wake: () => void;
  readonly clock: LoggedClock;
  readonly table: SessionTable;
  readonly codec: ResultCodec<Result>;
  readonly limits: {
    readonly sessionsMax: number;
    readonly sessionResultsMax: number;
    readonly sessionBytesMax: number;
    readonly sessionTtlMsMax: number;
  };
}

/** How long the caller waits, from when. */
export interface Patience {
  readonly now: number;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

export class SessionRequests<Result> {
  readonly #options: SessionRequestsOptions<Result>;
  /** What the requests that are not answered yet will add to the table, beside their results. */
  #bytesUnderWay = 0;

  constructor(options: SessionRequestsOptions<Result>) {
    this.#options = options;
  }

  async open(ttlMs: number, patience: Patience): Promise<Session> {
    const { sessionsMax, sessionResultsMax, sessionTtlMsMax } = this.#options.limits;
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > sessionTtlMsMax) {
      throw new RuntimeError(
        'OPTIONS_INVALID',
        `ttlMs is ${String(ttlMs)}, but must be a whole number from 1 to sessionTtlMsMax (${sessionTtlMsMax}).`,
        { detail: { option: 'ttlMs', value: ttlMs } },
      );
    }
    const time = this.#time();
    const command: RuntimeCommand = { type: 'openSession', time, ttlMs, sessionsMax, sessionResultsMax };
    const reply = await this.#logWithin(SESSION_BYTES, command, patience);
    if (!(reply instanceof SessionReply) || reply.outcome.type !== 'opened') throw unexpected(reply);
    const { clusterId: cluster } = this.#options;
    return new Session({ cluster, id: reply.outcome.session, ttlMs, lastSequence: 0, acknowledged: 0 });
  }

  async propose(command: Uint8Array, from: Session | SessionRequest, patience: Patience): Promise<Result> {
    if (!(from instanceof Session)) return this.#proposeRequest(command, from, patience);
    const request = from.next();
    try {
      const result = await this.#proposeRequest(command, request, patience);
      from.settle(request);
      return result;
    } catch (error) {
      throw error instanceof RuntimeError ? withDetail(error, { session: request }) : error;
    }
  }

  async keep(session: Session, patience: Patience): Promise<void> {
    this.#requireOurs(session);
    const { id, acknowledged } = session;
    await this.#log({ type: 'keepSession', time: this.#time(), session: id, acknowledged }, patience);
  }

  async close(session: Session, patience: Patience): Promise<void> {
    this.#requireOurs(session);
    await this.#log({ type: 'closeSession', time: this.#time(), session: session.id }, patience);
  }

  async #proposeRequest(command: Uint8Array, request: SessionRequest, patience: Patience): Promise<Result> {
    checkSessionRequest(request);
    this.#requireOurs(request);
    const { session, sequence, acknowledged } = request;
    // What is answered already takes no room: a retry must get through when everything is full.
    const bytes = this.#options.table.isAnswered(session, sequence) ? 0 : SLOT_BYTES;
    const time = this.#time();
    const entry: RuntimeCommand = { type: 'sessionCommand', time, session, sequence, acknowledged, command };
    const reply = await this.#logWithin(bytes, entry, patience);
    if (!(reply instanceof SessionReply)) return reply;
    if (reply.outcome.type !== 'repeated') throw unexpected(reply);
    return this.#decode(reply.outcome.result);
  }

  /**
   * Logs what makes the table larger by `bytes`, and what it results in: nothing that is under way is forgotten here.
   * Errors: `BUSY`. In bytes only here, before anything is logged: servers may differ in how large a result is.
   */
  async #logWithin(
    bytes: number,
    command: RuntimeCommand,
    patience: Patience,
  ): Promise<Result | SessionReply> {
    const { table, limits } = this.#options;
    const inUse = table.bytes + this.#bytesUnderWay;
    if (bytes > 0 && inUse + bytes > limits.sessionBytesMax)
      throw busyError('sessionBytesMax', limits.sessionBytesMax, { bytes: inUse });
    this.#bytesUnderWay += bytes;
    try {
      return await this.#log(command, patience);
    } finally {
      this.#bytesUnderWay -= bytes;
    }
  }

  async #log(command: RuntimeCommand, { now, deadline, signal }: Patience): Promise<Result | SessionReply> {
    const { proposals, wake } = this.#options;
    const outcome = proposals.add(encodeRuntimeCommand(command), deadline, signal, now);
    wake();
    const reply = await outcome;
    const error = reply instanceof SessionReply ? sessionError(reply.outcome) : undefined;
    if (error !== undefined) throw error;
    return reply;
  }

  #time(): number {
    return this.#options.clock.read(this.#options.table.time);
  }

  /**
   * Ids are indexes, and after `waldb recover` an index may come back in the new cluster: there a session of the old one
   * is unknown, whoever has its id. Errors: `SESSION_EXPIRED`.
   */
  #requireOurs({ cluster }: { readonly cluster: string }): void {
    if (cluster === this.#options.clusterId) return;
    throw new RuntimeError(
      'SESSION_EXPIRED',
      `The session belongs to cluster ${cluster}; this is ${this.#options.clusterId}.`,
      { detail: { cluster }, mayHaveBeenApplied: true },
    );
  }

  #decode(bytes: Uint8Array): Result {
    try {
      return this.#options.codec.decode(bytes);
    } catch (cause) {
      throw new RuntimeError(
        'RESULT_FORGOTTEN',
        'The command was applied, but its result cannot be decoded.',
        {
          detail: { reason: 'notKept' },
          mayHaveBeenApplied: true,
          cause,
        },
      );
    }
  }
}

function unexpected(reply: unknown): RuntimeError {
  const what = reply instanceof SessionReply ? reply.outcome.type : 'a result';
  return new RuntimeError('INTERNAL', `A session's entry was answered with ${what}.`, {
    mayHaveBeenApplied: true,
  });
}
