// A distribution that costs a few nanoseconds to add to: counts on a logarithmic scale. The histogram of
// node:perf_hooks is a call into native code, which next to a write of a tenth of a millisecond can be seen
// (bench/wal, "commit").
//
// Beside histogram.ts: that one has few fixed buckets, which can be added up over servers and over time; this one has
// many, for quantiles that are right to 3 %.

/** Buckets for each doubling: a quantile is at most 1/32 above the value that it stands for. */
const BUCKETS_PER_DOUBLING = 32;
const FRACTION_BITS = 5;
/** Values from 0 to below 2^48: nanoseconds of three days, bytes of 256 TiB. Larger ones count as the largest. */
const DOUBLINGS = 48;
const BUCKETS = (DOUBLINGS - FRACTION_BITS + 1) * BUCKETS_PER_DOUBLING;

/** Of whole numbers from 0. */
export class LogHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** 0 while nothing was recorded, like `max` and every quantile. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  get max(): number {
    return this.#max;
  }

  record(value: number): void {
    const bucket = bucketOf(value);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1; // in bounds: `bucketOf`
    this.#count += 1;
    this.#sum += value;
    if (value > this.#max) this.#max = value;
  }

  /** The value below which `fraction` of the recorded ones lie, 0 to 1; at most 3 % above it. */
  quantile(fraction: number): number {
    const wanted = Math.max(1, Math.ceil(this.#count * fraction));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] as number; // in bounds
      if (seen >= wanted) return Math.min(largestOf(bucket), this.#max);
    }
    return this.#max;
  }

  /** How many recorded values are at most `value`, give or take the bucket that it falls into. */
  countUpTo(value: number): number {
    const last = bucketOf(value);
    let seen = 0;
    for (let bucket = 0; bucket <= last; bucket++) seen += this.#counts[bucket] as number; // in bounds
    return seen;
  }
}

/** Small values have a bucket each; above them the leading bits say which. */
function bucketOf(value: number): number {
  if (value < BUCKETS_PER_DOUBLING) return value > 0 ? Math.floor(value) : 0;
  let doublings = 0;
  let mantissa = value;
  // At most twice for values of two words; the loop keeps what follows within 31 bits.
  while (mantissa >= 2 ** 31) {
    mantissa /= 2 ** 16;
    doublings += 16;
  }
  const shift = 31 - Math.clz32(mantissa) - FRACTION_BITS;
  const bucket = (doublings + shift) * BUCKETS_PER_DOUBLING + (mantissa >>> shift);
  return Math.min(bucket, BUCKETS - 1);
}

/** The largest whole number that falls into `bucket`. */
function largestOf(bucket: number): number {
  if (bucket < BUCKETS_PER_DOUBLING) return bucket;
  const shift = Math.floor(bucket / BUCKETS_PER_DOUBLING) - 1;
  const mantissa = (bucket % BUCKETS_PER_DOUBLING) + BUCKETS_PER_DOUBLING;
  return (mantissa + 1) * 2 ** shift - 1;
}
