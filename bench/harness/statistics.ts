// The few numbers that a benchmark reports. Medians, because one bad round must not move the result; ratios of values
// that were measured in the same round, because a noisy machine disturbs neighbours alike. Never means of ratios.

export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** The value below which the share `q` (0 to 1) of `values` lies, interpolated between neighbours. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) throw new RangeError('There is no quantile of nothing.');
  if (!(q >= 0 && q <= 1)) throw new RangeError(`A quantile is between 0 and 1; this one is ${q}.`);
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] as number; // in bounds: 0 <= q <= 1
  const above = sorted[Math.ceil(place)] as number;
  return below === above ? below : below + (above - below) * (place - Math.floor(place));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Quartiles and median: how far the rounds lay apart. */
export function spread(values: readonly number[]): Spread {
  return { low: quantile(values, 0.25), middle: median(values), high: quantile(values, 0.75) };
}

/** One ratio per round. Both must come from the same rounds, in the same order. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  if (numerators.length !== denominators.length)
    throw new RangeError(
      `Ratios pair values of the same rounds: there are ${numerators.length} and ${denominators.length}.`,
    );
  return numerators.map((value, round) => value / (denominators[round] as number)); // same length
}

/** Round by round the larger of the two: "the better of two modes". */
export function better(one: readonly number[], other: readonly number[]): number[] {
  if (one.length !== other.length)
    throw new RangeError(`Both must have the same rounds: there are ${one.length} and ${other.length}.`);
  return one.map((value, round) => Math.max(value, other[round] as number)); // same length
}
