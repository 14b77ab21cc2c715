import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogHistogram } from '../src/index.js';

function histogramOf(values: readonly number[]): LogHistogram {
  const histogram = new LogHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('a logarithmic histogram', () => {
  it('is all zeros while nothing was recorded', () => {
    const { count, sum, mean, max } = new LogHistogram();
    expect({ count, sum, mean, max }).toEqual({ count: 0, sum: 0, mean: 0, max: 0 });
    expect(new LogHistogram().quantile(0.99)).toBe(0);
  });

  it('is exact for small numbers', () => {
    const histogram = histogramOf([0, 1, 2, 31, 31]);
    expect([0.2, 0.4, 0.6, 0.8, 1].map((fraction) => histogram.quantile(fraction))).toEqual([
      0, 1, 2, 31, 31,
    ]);
  });

  it('any quantile is the value in its place, or up to a thirty-second above it and never above the largest', () => {
    const values = fc.array(
      fc.oneof(
        fc.nat(100),
        fc.maxSafeNat().map((n) => n % 2 ** 48),
      ),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (recorded, fraction) => {
        const histogram = histogramOf(recorded);
        const sorted = recorded.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(sorted.length * fraction)) - 1] as number; // in bounds
        const found = histogram.quantile(fraction);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 32));
        expect(found).toBeLessThanOrEqual(histogram.max);
        expect(histogram.countUpTo(exact)).toBeGreaterThanOrEqual(
          sorted.filter((one) => one <= exact).length,
        );
      }),
    );
  });

  it('takes what is beyond its scale as the largest that it has', () => {
    const histogram = histogramOf([2 ** 52, 5]);
    expect(histogram.quantile(0.5)).toBe(5);
    expect(histogram.max).toBe(2 ** 52);
    expect(histogram.quantile(1)).toBeGreaterThanOrEqual(2 ** 47);
  });
});
