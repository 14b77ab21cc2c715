// Closes connections that hold memory for nobody. A client that is gone without a word is found in three ways:
//
// - it is asked by the system (TCP keepalive) where nothing else is under way, and its connection ends when nobody answers;
// - it takes nothing of what is written for it: the system may try for a quarter of an hour, and for ever where the other
//   machine goes on and only the process stands still. Here it is given `stalledMsMax`;
// - it says nothing for `idleMsMax`, where that is asked for: it may be well, and have nothing to say.
//
// Must never close a connection that gets on, however slowly, nor one that waits for what it has asked.

import type { Clock, Timer } from '@waldb/io';

/** What of a connection is looked at. */
export interface WatchedConnection {
  readonly lastRequestAt: number;
  readonly hasUnanswered: boolean;
  /** Written, and not taken by the system yet. */
  readonly outputBytes: number;
  /** Another one whenever something was taken. */
  readonly outputProgress: string;
  destroy(): void;
}

export interface VanishedClientsOptions<Connection> {
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  readonly connections: Iterable<Connection>;
  /** Milliseconds. */
  readonly limits: { readonly stalledMsMax: number; readonly idleMsMax: number };
  /** Waits for what others do: a subscriber, or a client in WAIT. */
  readonly isListening: (connection: Connection) => boolean;
}

interface Stall {
  readonly progress: string;
  readonly since: number;
}

/** How often all are looked at. */
const LOOK_MS = 1000;

export class VanishedClients<Connection extends WatchedConnection> {
  readonly #options: VanishedClientsOptions<Connection>;
  #stalls = new Map<Connection, Stall>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: VanishedClientsOptions<Connection>) {
    this.#options = options;
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => this.#look(), { isBackground: true });
  }

  #look(): void {
    const { clock, connections, limits } = this.#options;
    const now = clock.now();
    const stalls = new Map<Connection, Stall>();
    for (const connection of [...connections]) {
      if (connection.outputBytes > 0) {
        const stall = this.#stallOf(connection, now);
        if (now - stall.since >= limits.stalledMsMax) connection.destroy();
        else stalls.set(connection, stall);
      } else if (this.#isIdle(connection, now)) connection.destroy();
    }
    this.#stalls = stalls;
    this.#plan();
  }

  #stallOf(connection: Connection, now: number): Stall {
    const before = this.#stalls.get(connection);
    const progress = connection.outputProgress;
    return before?.progress === progress ? before : { progress, since: now };
  }

  #isIdle(connection: Connection, now: number): boolean {
    const { limits, isListening } = this.#options;
    if (now - connection.lastRequestAt < limits.idleMsMax) return false;
    return !connection.hasUnanswered && !isListening(connection);
  }
}
