// The machine's own clock. Must never be read by code that a simulator is to run: that code takes a `Clock`.

import { performance } from 'node:perf_hooks';
import type { Clock, Timer, TimerOptions } from './clock.js';

/** Longest delay that Node's timers take; a longer one would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export class NodeClock implements Clock {
  now(): number {
    return performance.now();
  }

  date(): number {
    return Date.now();
  }

  setTimer(delayMs: number, callback: () => void, options: TimerOptions = {}): Timer {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), DELAY_MS_MAX));
    if (options.isBackground === true) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }
}
