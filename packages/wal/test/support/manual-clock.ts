// A clock that moves when a test says so: what a log does by itself, it does then, and always in the same order.

import type { Clock, Timer } from '@waldb/io';

interface PendingTimer {
  readonly at: number;
  readonly callback: () => void;
}

/** More than any chain of callbacks on the simulated disk needs between two timers. */
const TURNS_TO_SETTLE = 40;

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<PendingTimer>();

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#now;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    this.setTimer(0, callback);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Lets time pass: timers fire when they are due, and what each one began on the simulated disk ends before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settle();
    }
    this.#now = until;
  }

  /** Lets time pass and returns as soon as the timers that are due have fired: what they began is still in flight. */
  fire(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) timer.callback();
    }
  }
}

/** What was begun on the simulated disk has ended when this resolves: it needs no time, only turns. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS_TO_SETTLE; turn++) await Promise.resolve();
}
