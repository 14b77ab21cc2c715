// Reads that wait, on the leader and on the servers that forward to it (thesis §6.4). Data structures only; the rules
// are in `read-index.ts`.

import type { Index, NodeId } from '../types.js';

/** Who waits for a read at the leader: a client of its own, or another server on behalf of one. */
export type Reader =
  | { readonly type: 'own'; readonly context: Uint8Array; readonly asksMajority: boolean }
  | { readonly type: 'server'; readonly id: NodeId; readonly incarnation: number; readonly request: number };

interface LeaderRead {
  readonly reader: Reader;
  /** What was committed when it arrived. */
  readonly index: Index;
  /** The first round that began after it arrived. */
  readonly round: number;
}

/** Unconfirmed rounds whose start is remembered: a leader that nobody answers begins many. */
const ROUNDS_MAX = 64;

interface RoundStart {
  readonly round: number;
  readonly at: number;
}

/** Reads in the order of their rounds, and when each unconfirmed round began. */
export class LeaderReads {
  /** Arrived before the leader had committed an entry of its term (§8). */
  readonly beforeReady: Reader[] = [];
  readonly #waiting: LeaderRead[] = [];
  /** Begun and not confirmed, rising. */
  readonly #rounds: RoundStart[] = [];
  /** When the newest confirmed round began, by the leader's clock. */
  confirmedAt: number | undefined;

  get length(): number {
    return this.beforeReady.length + this.#waiting.length;
  }

  /** Whether the confirmation of a round would change anything. */
  get awaitsRounds(): boolean {
    return this.#waiting.length > 0 || this.#rounds.length > 0;
  }

  /** The round that the oldest waiting read needs; 0 when none waits. */
  get oldestWantedRound(): number {
    return this.#waiting[0]?.round ?? 0;
  }

  push(read: LeaderRead): void {
    this.#waiting.push(read);
  }

  began(round: number, at: number): void {
    this.#rounds.push({ round, at });
    // Forgetting an old start only makes the lease shorter.
    if (this.#rounds.length > ROUNDS_MAX) this.#rounds.shift();
  }

  /** A quorum has answered `round`. Returns the reads that it confirms. */
  confirm(round: number): LeaderRead[] {
    while ((this.#rounds[0]?.round ?? Number.POSITIVE_INFINITY) <= round) {
      this.confirmedAt = this.#rounds.shift()?.at;
    }
    let count = 0;
    while ((this.#waiting[count]?.round ?? Number.POSITIVE_INFINITY) <= round) count += 1;
    return count === 0 ? [] : this.#waiting.splice(0, count);
  }

  /** Everything that waits, when leadership ends. */
  drain(): Reader[] {
    return [...this.beforeReady.splice(0), ...this.#waiting.splice(0).map((read) => read.reader)];
  }
}

/** Reads of our own clients that the leader was asked to confirm, by the number of the request. */
export class ForwardedReads {
  readonly #waiting: Map<number, { readonly context: Uint8Array; ticks: number }> = new Map();
  #requests = 0;

  get length(): number {
    return this.#waiting.size;
  }

  /** Returns the number to ask the leader with, never used before in this life. */
  add(context: Uint8Array): number {
    this.#requests += 1;
    this.#waiting.set(this.#requests, { context, ticks: 0 });
    return this.#requests;
  }

  /** The context that waits for the answer to `request`; it no longer does. */
  take(request: number): Uint8Array | undefined {
    const context = this.#waiting.get(request)?.context;
    this.#waiting.delete(request);
    return context;
  }

  /** One tick has passed. Returns those that have waited longer than `ticksMax`. */
  tick(ticksMax: number): Uint8Array[] {
    const expired: Uint8Array[] = [];
    for (const [request, read] of this.#waiting) {
      read.ticks += 1;
      if (read.ticks <= ticksMax) continue;
      this.#waiting.delete(request);
      expired.push(read.context);
    }
    return expired;
  }

  drain(): Uint8Array[] {
    const contexts = [...this.#waiting.values()].map((read) => read.context);
    this.#waiting.clear();
    return contexts;
  }
}
