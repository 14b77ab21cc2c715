// Counts in fixed buckets.

import { describe, expect, it } from 'vitest';
import { DURATION_MS, Histogram } from '../src/index.js';

/** Where a value is counted: the bound of its bucket. */
function boundOf(value: number): number | undefined {
  const histogram = new Histogram(DURATION_MS);
  histogram.record(value);
  const { bounds, counts } = histogram.data();
  return bounds[counts.indexOf(1)];
}

describe('a histogram', () => {
  it('counts each value under the first bound that is not below it, exactly at the bounds too', () => {
    for (const bound of new Histogram(DURATION_MS).data().bounds) {
      expect(boundOf(bound)).toBe(bound);
      expect(boundOf(bound * (1 - 1e-9))).toBe(bound);
      expect(boundOf(bound * (1 + 1e-9))).toBe(bound === 16384 ? undefined : bound * 2);
    }
  });

  it('has a place for everything: nothing, nonsense, and what is above every bound', () => {
    expect([0, -5, Number.NaN, 1e-300].map(boundOf)).toEqual([1 / 16, 1 / 16, 1 / 16, 1 / 16]);
    const large = new Histogram({ smallest: 1, bounds: 3 });
    for (const value of [4, 5, 2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY]) large.record(value);
    expect(large.data()).toMatchObject({ bounds: [1, 2, 4], counts: [0, 0, 1, 4], count: 5 });
  });

  it('adds up, and gives data that later values do not change', () => {
    const histogram = new Histogram({ smallest: 1, bounds: 4 });
    expect(histogram.data()).toEqual({
      bounds: [1, 2, 4, 8],
      counts: [0, 0, 0, 0, 0],
      count: 0,
      sum: 0,
      max: 0,
    });
    for (const value of [1, 2, 3, 100, -1]) histogram.record(value);
    const before = histogram.data();
    expect(before).toEqual({ bounds: [1, 2, 4, 8], counts: [2, 1, 1, 0, 1], count: 5, sum: 106, max: 100 });
    histogram.record(1);
    expect(before.count).toBe(5);
  });
});
