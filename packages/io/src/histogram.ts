// How often a measured value fell where: counts in fixed buckets, each bound twice the one before. Recording is a few
// integer operations and allocates nothing, so that a hot path may do it for every request; what is kept is a few
// dozen numbers, however long a process runs. It must never throw and never grow.
// Quantiles are for log-histogram.ts.

/** A histogram at one moment. Plain data. */
export interface HistogramData {
  /** Upper bounds, each included in its bucket, ascending. */
  readonly bounds: readonly number[];
  /** Values in each bucket alone (not cumulated), and one more count for what lies above the last bound. */
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
  /** The largest value recorded; 0 before the first. */
  readonly max: number;
}

export interface HistogramShape {
  /** The first bound. */
  readonly smallest: number;
  /** How many bounds: the last one is `smallest * 2 ** (bounds - 1)`. */
  readonly bounds: number;
}

/** From a sixteenth of a millisecond, what a quick disk takes, to 16 seconds. */
export const DURATION_MS: HistogramShape = { smallest: 1 / 16, bounds: 19 };

/** Steps of `smallest` are counted in 32 bits; what is larger than that is above every bound. */
const STEPS_MAX = 2 ** 31;

export class Histogram {
  readonly #shape: HistogramShape;
  readonly #counts: number[];
  #count = 0;
  #sum = 0;
  #max = 0;

  constructor(shape: HistogramShape) {
    this.#shape = shape;
    this.#counts = Array.from({ length: shape.bounds + 1 }, () => 0);
  }

  /** What is negative or not a number, as from a clock that was set back, counts as 0. */
  record(value: number): void {
    const recorded = Number.isNaN(value) ? 0 : Math.max(value, 0);
    const at = this.#bucketOf(recorded);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
    this.#sum += recorded;
    if (recorded > this.#max) this.#max = recorded;
  }

  data(): HistogramData {
    const { smallest, bounds } = this.#shape;
    return {
      bounds: Array.from({ length: bounds }, (_, i) => smallest * 2 ** i),
      counts: [...this.#counts],
      count: this.#count,
      sum: this.#sum,
      max: this.#max,
    };
  }

  /** The first bucket whose bound is not below the value: the number of bits of the steps below it. */
  #bucketOf(value: number): number {
    const steps = Math.ceil(value / this.#shape.smallest);
    if (steps <= 1) return 0;
    if (steps > STEPS_MAX) return this.#shape.bounds;
    return Math.min(32 - Math.clz32(steps - 1), this.#shape.bounds);
  }
}
