// How long to wait before dialling again: doubling, with jitter, so that many servers that lost one peer do not come
// back to it in step.

export interface BackoffOptions {
  readonly msMin: number;
  readonly msMax: number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The wait after one more failure: between half of the doubled time and all of it. */
  nextMs(): number {
    const { msMin, msMax, random } = this.#options;
    const ceiling = Math.min(msMin * 2 ** this.#failures, msMax);
    if (ceiling < msMax) this.#failures += 1;
    return ceiling / 2 + (ceiling / 2) * random();
  }

  reset(): void {
    this.#failures = 0;
  }
}
