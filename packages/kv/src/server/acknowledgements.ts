// How far the other servers are, for WAIT: the leader knows up to where each of them holds the log on its disk. A client that
// waits stops nobody but itself: its later requests stay unread, all other connections go on.
//
// Rule: what WAIT counts is at least what the client has written. Every write that was answered is committed, so the leader's
// commit index, read once everything that the connection has asked before is answered, lies at or behind all of them. Index
// matches are those of the leader's own term: a leader that lost its place counts nobody.

import type { Clock, Timer } from '@waldb/io';
import type { Client } from '../command/command-context.js';
import { ErrorReply, type Reply } from '../resp/reply.js';
import type { Replica } from './replica.js';

export interface AcknowledgementsOptions {
  readonly replica: Pick<Replica, 'cluster' | 'progress'>;
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
}

export interface WaitOptions {
  /** Other servers. */
  readonly wanted: number;
  /** 0: for ever. */
  readonly timeoutMs: number;
}

/** How often it looks at those who wait: nothing tells when a follower has written. */
const LOOK_MS = 2;

const NOT_LEADER_ANY_MORE = new ErrorReply(
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
);
const UNBLOCKED = new ErrorReply('UNBLOCKED client unblocked via CLIENT UNBLOCK');

interface Waiting {
  readonly client: Client;
  readonly wanted: number;
  readonly endsAt: number;
  readonly term: number;
  readonly resolve: (reply: Reply) => void;
  /** Undefined until everything before is answered. */
  index: number | undefined;
}

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;
  readonly #waiting = new Map<Client, Waiting>();
  #timer: Timer | undefined;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
  }

  /** Clients that wait now. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  isWaiting(client: Client): boolean {
    return this.#waiting.has(client);
  }

  /** How many others have everything that is committed now. */
  count(index: number = this.#options.replica.progress().commitIndex): number {
    return this.#options.replica.progress().peers.filter(({ matchIndex }) => matchIndex >= index).length;
  }

  /** Answers with how many others have the client's writes: once they are as many as wanted, or when the time is over. */
  wait(client: Client, { wanted, timeoutMs }: WaitOptions): Reply | Promise<Reply> {
    const { replica, clock } = this.#options;
    if (!client.hasUnanswered) {
      const index = replica.progress().commitIndex;
      const count = this.count(index);
      if (count >= wanted) return count;
    }
    return new Promise((resolve) => {
      this.#waiting.set(client, {
        client,
        wanted,
        endsAt: timeoutMs === 0 ? Infinity : clock.now() + timeoutMs,
        term: replica.cluster().term,
        resolve,
        index: client.hasUnanswered ? undefined : replica.progress().commitIndex,
      });
      this.#plan();
    });
  }

  /** The client was told something: if it was all, what it has written is committed by now. */
  answered(client: Client): void {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined || client.hasUnanswered) return;
    waiting.index ??= this.#options.replica.progress().commitIndex;
  }

  /** CLIENT UNBLOCK: as if the time were over, or with an error. Whether the client was waiting. */
  unblock(client: Client, how: 'timeout' | 'error'): boolean {
    const waiting = this.#waiting.get(client);
    if (waiting === undefined) return false;
    this.#settle(waiting, how === 'error' ? UNBLOCKED : this.count(waiting.index));
    return true;
  }

  /** It is gone. */
  forget(client: Client): void {
    const waiting = this.#waiting.get(client);
    if (waiting !== undefined) this.#settle(waiting, 0);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const client of [...this.#waiting.keys()]) this.forget(client);
  }

  #plan(): void {
    this.#timer ??= this.#options.clock.setTimer(LOOK_MS, () => {
      this.#timer = undefined;
      this.#look();
      if (this.#waiting.size > 0) this.#plan();
    });
  }

  #look(): void {
    const { replica, clock } = this.#options;
    const { role, term } = replica.cluster();
    const now = clock.now();
    for (const waiting of [...this.#waiting.values()]) {
      if (role !== 'leader' || term !== waiting.term) {
        this.#settle(waiting, NOT_LEADER_ANY_MORE);
        continue;
      }
      const count = waiting.index === undefined ? 0 : this.count(waiting.index);
      if ((waiting.index !== undefined && count >= waiting.wanted) || now >= waiting.endsAt) {
        this.#settle(waiting, count);
      }
    }
  }

  #settle(waiting: Waiting, reply: Reply): void {
    this.#waiting.delete(waiting.client);
    waiting.resolve(reply);
  }
}
