import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../src/sim/seeded-random.js';

/** The first numbers of seed 1: every recorded seed relies on them. */
const GOLDEN = [393288148, 2174103013, 3814759091];

const first = (seed: number, count = 5): number[] => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe('SeededRandom', () => {
  it('the same seed gives the same numbers, also on another machine', () => {
    expect(first(42)).toEqual(first(42));
    expect(first(1, 3)).toEqual(GOLDEN);
  });

  it('seeds that differ only above 32 bits differ', () => {
    expect(first(7)).not.toEqual(first(7 + 2 ** 32));
  });

  it('stays within its bounds and reaches both of them', () => {
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 500 }, () => random.between(2, 5)));
    expect([...seen].sort()).toEqual([2, 3, 4, 5]);
    for (let i = 0; i < 500; i++) {
      expect(random.below(3)).toBeLessThan(3);
      expect(random.wait(4)).toBeGreaterThanOrEqual(1);
      const real = random.real(1, 2);
      expect(real >= 1 && real < 2).toBe(true);
    }
  });

  it('probability 0 is never and 1 is always', () => {
    const random = new SeededRandom(9);
    for (let i = 0; i < 1000; i++) {
      expect(random.chance(0)).toBe(false);
      expect(random.chance(1)).toBe(true);
    }
  });

  it('what a fork gives does not depend on how its parent is used afterwards', () => {
    const a = new SeededRandom(5);
    const b = new SeededRandom(5);
    const forkA = a.fork();
    const forkB = b.fork();
    a.next();
    expect(forkA.next()).toBe(forkB.next());
  });

  it('is spread evenly enough to reach everything', () => {
    const random = new SeededRandom(11);
    const buckets = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const at = random.below(16);
      buckets[at] = (buckets[at] ?? 0) + 1;
    }
    for (const count of buckets) expect(count).toBeGreaterThan(700);
  });
});
