// How many commands a second: the count is looked at once a second, whatever comes meanwhile.

import type { Clock, Timer } from '@waldb/io';

const SAMPLE_MS = 1000;

export interface CommandRateOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  /** All commands since the start. */
  readonly count: () => number;
}

export class CommandRate {
  readonly #options: CommandRateOptions;
  #timer: Timer | undefined;
  #isClosed = false;
  #count: number;
  #since: number;
  #perSecond = 0;

  constructor(options: CommandRateOptions) {
    this.#options = options;
    this.#count = options.count();
    this.#since = options.clock.now();
    this.#plan();
  }

  /** Of the last second that is over. */
  get perSecond(): number {
    return this.#perSecond;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(SAMPLE_MS, () => this.#sample(), { isBackground: true });
  }

  #sample(): void {
    const [count, now] = [this.#options.count(), this.#options.clock.now()];
    this.#perSecond = Math.round(((count - this.#count) * 1000) / Math.max(1, now - this.#since));
    this.#count = count;
    this.#since = now;
    this.#plan();
  }
}
