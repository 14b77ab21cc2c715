// A clock that stands where it was set; nothing rings by itself.

import type { Clock, Timer } from '@waldb/io';

export class SetClock implements Clock {
  #time = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  set(time: number): void {
    this.#time = time;
    for (const timer of [...this.#timers]) {
      if (timer.at > time) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }

  now(): number {
    return this.#time;
  }

  date(): number {
    return this.#time;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.#time + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }
}
