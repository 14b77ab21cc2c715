// A machine's idea of time: how fast its monotonic clock runs, and how wrong its date is. Both survive its restarts.

/** An arbitrary date at which every run begins: 2026-01-01, in milliseconds since 1970. */
const EPOCH = 1_767_225_600_000;

export class MachineClock {
  #rate = 1;
  /** The monotonic clock has shown `#shown` when the world's time was `#since`. */
  #since = 0;
  #shown: number;
  #skewMs = 0;

  /** Monotonic clocks begin anywhere. */
  constructor(shown: number) {
    this.#shown = shown;
  }

  /** What the monotonic clock shows at a time of the world. */
  monotonic(time: number): number {
    return this.#shown + (time - this.#since) * this.#rate;
  }

  date(time: number): number {
    return Math.floor(EPOCH + time + this.#skewMs);
  }

  /** How long the world waits until so much has passed on this clock. */
  worldMs(delayMs: number): number {
    return delayMs / this.#rate;
  }

  get rate(): number {
    return this.#rate;
  }

  /** From now on the monotonic clock shows so many milliseconds for one of the world. */
  setRate(rate: number, time: number): void {
    this.#shown = this.monotonic(time);
    this.#since = time;
    this.#rate = rate;
  }

  /** Moves the date, forth or back. */
  jump(byMs: number): void {
    this.#skewMs += byMs;
  }
}
