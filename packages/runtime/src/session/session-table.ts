// Which commands of which sessions were applied, and with what result (docs/server.md, section 2). Replicated state: a
// function of the log alone. Must never read a clock, never look at how large a result is, never visit sessions in
// another order than that of the log: servers that disagree here apply different commands.

import type { Index } from '@waldb/core';
import type { ReplicatedState } from '../apply/replicated-state.js';
import type { OpenSession, SessionCommand } from './runtime-command.js';
import { ACKNOWLEDGED, DONE, EXPIRED, SessionReply } from './session-reply.js';
import { decodeTable, encodeTable } from './session-table-image.js';

/** One command of a session and what became of it. */
export interface Slot {
  /** The encoded result; undefined while the command is being applied, and where it was not kept. */
  result: Uint8Array | undefined;
  /** Out of the table: a result that arrives now is not counted. */
  isForgotten: boolean;
}

export interface SessionState {
  readonly ttlMs: number;
  readonly resultsMax: number;
  /** Logged time of the last entry of this session. */
  lastUsed: number;
  /** Everything at or below was answered, says the client, and is never applied again. */
  acknowledged: number;
  readonly slots: Map<number, Slot>;
}

export interface TableContent {
  time: number;
  readonly sessions: Map<Index, SessionState>;
}

/** What to do with a session's command: apply it and settle the slot, repeat the slot's result, or answer at once. */
export type Decision =
  | { readonly type: 'apply'; readonly slot: Slot }
  | { readonly type: 'repeat'; readonly slot: Slot }
  | { readonly type: 'answer'; readonly reply: SessionReply };

/** What an entry of the table takes in memory and in a snapshot beside its result, roughly. */
export const SESSION_BYTES = 64;
export const SLOT_BYTES = 16;

export class SessionTable implements ReplicatedState {
  #content: TableContent = { time: 0, sessions: new Map() };
  #bytes = 0;
  /** No session expires before this time. */
  #nextExpiry = Number.POSITIVE_INFINITY;

  /** Logged time: milliseconds since 1970 as the leaders' clocks had it, never running backward; 0 before the first. */
  get time(): number {
    return this.#content.time;
  }

  get sessions(): number {
    return this.#content.sessions.size;
  }

  /** About what the table takes in a snapshot. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the result of this command is here, or its session has said that it needs none. */
  isAnswered(session: Index, sequence: number): boolean {
    const state = this.#content.sessions.get(session);
    return state === undefined || sequence <= state.acknowledged || state.slots.has(sequence);
  }

  /** An entry with a leader's clock reading was reached: what is expired goes. */
  advance(reading: number): void {
    const content = this.#content;
    content.time = Math.max(content.time, reading);
    if (content.time <= this.#nextExpiry) return;
    for (const [id, session] of content.sessions) if (expiryOf(session) < content.time) this.#remove(id);
    this.#findNextExpiry();
  }

  /** The session's id is the index of this entry: it never comes back. */
  open(index: Index, { ttlMs, sessionsMax, sessionResultsMax }: OpenSession): SessionReply {
    const { sessions, time } = this.#content;
    if (sessions.size >= sessionsMax) return full('sessionsMax', sessionsMax);
    const resultsMax = sessionResultsMax;
    const session = { ttlMs, resultsMax, lastUsed: time, acknowledged: 0, slots: new Map() };
    sessions.set(index, session);
    this.#bytes += SESSION_BYTES;
    this.#nextExpiry = Math.min(this.#nextExpiry, expiryOf(session));
    return new SessionReply({ type: 'opened', session: index });
  }

  begin({ session: id, sequence, acknowledged }: SessionCommand): Decision {
    const session = this.#use(id, acknowledged);
    if (session === undefined) return answer(EXPIRED);
    if (sequence <= session.acknowledged) return answer(ACKNOWLEDGED);
    const known = session.slots.get(sequence);
    if (known !== undefined) return { type: 'repeat', slot: known };
    if (session.slots.size >= session.resultsMax) {
      return answer(full('sessionResultsMax', session.resultsMax));
    }
    const slot: Slot = { result: undefined, isForgotten: false };
    session.slots.set(sequence, slot);
    this.#bytes += SLOT_BYTES;
    return { type: 'apply', slot };
  }

  /** The command of `slot` was applied; undefined for a result that cannot be kept. */
  settle(slot: Slot, result: Uint8Array | undefined): void {
    // Also where the table has let go of it: a repetition between the two, in the same stretch, still answers with it.
    slot.result = result;
    if (!slot.isForgotten) this.#bytes += result?.length ?? 0;
  }

  keep(id: Index, acknowledged: number): SessionReply {
    return this.#use(id, acknowledged) === undefined ? EXPIRED : DONE;
  }

  close(id: Index): SessionReply {
    if (!this.#content.sessions.has(id)) return EXPIRED;
    this.#remove(id);
    return DONE;
  }

  encode(): Uint8Array {
    return encodeTable(this.#content);
  }

  /** Errors: `ENCODING` (`RaftError`); the table is then what it was. */
  restore(block: Uint8Array): void {
    this.#content = decodeTable(block);
    this.#bytes = 0;
    for (const { slots } of this.#content.sessions.values()) {
      this.#bytes += SESSION_BYTES;
      for (const slot of slots.values()) this.#bytes += bytesOf(slot);
    }
    this.#findNextExpiry();
  }

  #use(id: Index, acknowledged: number): SessionState | undefined {
    const session = this.#content.sessions.get(id);
    if (session === undefined) return undefined;
    session.lastUsed = this.#content.time;
    if (acknowledged <= session.acknowledged) return session;
    session.acknowledged = acknowledged;
    for (const [sequence, slot] of session.slots) {
      if (sequence > acknowledged) continue;
      session.slots.delete(sequence);
      this.#forget(slot);
    }
    return session;
  }

  #remove(id: Index): void {
    const session = this.#content.sessions.get(id);
    if (session === undefined) return;
    this.#content.sessions.delete(id);
    this.#bytes -= SESSION_BYTES;
    for (const slot of session.slots.values()) this.#forget(slot);
  }

  #forget(slot: Slot): void {
    slot.isForgotten = true;
    this.#bytes -= bytesOf(slot);
  }

  #findNextExpiry(): void {
    this.#nextExpiry = Number.POSITIVE_INFINITY;
    for (const session of this.#content.sessions.values()) {
      this.#nextExpiry = Math.min(this.#nextExpiry, expiryOf(session));
    }
  }
}

/** The last moment at which the session is alive. */
function expiryOf({ lastUsed, ttlMs }: SessionState): number {
  return lastUsed + ttlMs;
}

function bytesOf({ result }: Slot): number {
  return SLOT_BYTES + (result?.length ?? 0);
}

function full(limit: string, max: number): SessionReply {
  return new SessionReply({ type: 'full', limit, max });
}

function answer(reply: SessionReply): Decision {
  return { type: 'answer', reply };
}
