// What a leader writes into the log as the time: the date, but never less than what it wrote or saw in the log before
// plus the time that has passed since (docs/server.md, "Clocks"). Only proposals ask it; what is applied goes by the log.

import type { Clock } from '@waldb/io';

export class LoggedClock {
  readonly #clock: Pick<Clock, 'now' | 'date'>;
  #last = 0;
  #lastAt: number;

  constructor(clock: Pick<Clock, 'now' | 'date'>) {
    this.#clock = clock;
    this.#lastAt = clock.now();
  }

  /** Whole milliseconds since 1970. `logged` is the logged time as far as it is applied here. */
  read(logged: number): number {
    const now = this.#clock.now();
    const elapsed = this.#last + Math.max(0, now - this.#lastAt);
    this.#last = Math.max(elapsed, this.#clock.date(), logged);
    this.#lastAt = now;
    return Math.min(Math.floor(this.#last), Number.MAX_SAFE_INTEGER);
  }
}
