// A clock that moves when a test says so: time, timers and turns of the event loop.

import type { Clock, Timer } from '@waldb/io';

interface PendingTimer {
  readonly at: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<PendingTimer>();
  #deferred: (() => void)[] = [];
  /** What the date is ahead of `now`; a test may move it either way. */
  dateOffset = 0;

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#now + this.dateOffset;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Whether another turn was asked for. */
  get hasDeferred(): boolean {
    return this.#deferred.length > 0;
  }

  /** One turn of the event loop: the timers that are due, then what was deferred before it. */
  turn(): void {
    this.runTimers();
    for (const callback of this.#deferred.splice(0)) callback();
  }

  /** The first half of a turn: the timers that are due. */
  runTimers(): void {
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.callback();
    }
  }

  /** Lets time pass without a turn: the process was asleep or busy. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  /** Turns until nothing more is deferred; timers that are due run too. */
  settle(): void {
    do this.turn();
    while (this.hasDeferred);
  }
}
