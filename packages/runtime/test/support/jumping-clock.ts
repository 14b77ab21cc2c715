// The machine's clock, with jumps: of the monotonic one, as after a pause of the whole machine, and of the date, as when
// somebody puts it right.

import { type Clock, NodeClock, type Timer, type TimerOptions } from '@waldb/io';

export class JumpingClock implements Clock {
  readonly #real = new NodeClock();
  #aheadMs = 0;
  #dateAheadMs = 0;

  now(): number {
    return this.#real.now() + this.#aheadMs;
  }

  date(): number {
    return this.#real.date() + this.#dateAheadMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    return this.#real.setTimer(delayMs, callback, options);
  }

  defer(callback: () => void): void {
    this.#real.defer(callback);
  }

  /** Time has passed in which nothing here ran; it never goes back. */
  jump(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Forth or back. */
  jumpDate(ms: number): void {
    this.#dateAheadMs += ms;
  }
}
