// The numbers under every figure of the benchmarks.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caseTable, formatFigure, targetText } from '../../bench/harness/print-table.js';
import { atLeast, atMost, line, scatter } from '../../bench/harness/result.js';
import { better, median, quantile, ratios, spread } from '../../bench/harness/statistics.js';
import { fileSystemOf, refuseMemory } from '../../bench/harness/work-directory.js';
import { headroom } from '../../bench/report/svg.js';

describe('quantiles', () => {
  it('the median is the middle one, or lies between the two in the middle', () => {
    expect(median([3])).toBe(3);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('are sorted as numbers, not as text', () => {
    expect(median([100, 9, 20])).toBe(20);
  });

  it('reach from the smallest to the largest and lie between neighbours in proportion', () => {
    expect(quantile([10, 20, 30], 0)).toBe(10);
    expect(quantile([10, 20, 30], 1)).toBe(30);
    expect(quantile([10, 20, 30], 0.25)).toBe(15);
    expect(spread([10, 20, 30, 40, 50])).toEqual({ low: 20, middle: 30, high: 40 });
  });

  it('of nothing, or outside 0 to 1, are refused', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => quantile([1], 1.1)).toThrow(RangeError);
    expect(() => quantile([1], Number.NaN)).toThrow(RangeError);
  });

  it('leave their input alone, rise with q and stay within the values', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 });
    fc.assert(
      fc.property(values, share, share, (given, a, b) => {
        const copy = [...given];
        const low = quantile(given, Math.min(a, b));
        const high = quantile(given, Math.max(a, b));
        expect(given).toEqual(copy);
        expect(low).toBeLessThanOrEqual(high + 1e-9);
        expect(low).toBeGreaterThanOrEqual(Math.min(...given) - 1e-9);
        expect(high).toBeLessThanOrEqual(Math.max(...given) + 1e-9);
      }),
    );
  });
});

describe('ratios', () => {
  it('pair the values of the same round', () => {
    expect(ratios([10, 20, 30], [5, 40, 10])).toEqual([2, 0.5, 3]);
  });

  it('of other rounds are refused', () => {
    expect(() => ratios([1, 2], [1])).toThrow(RangeError);
    expect(() => better([1], [1, 2])).toThrow(RangeError);
  });

  it('the better of two is chosen round by round', () => {
    expect(better([1, 9], [5, 2])).toEqual([5, 9]);
  });
});

describe('lines', () => {
  it('a figure at its target meets it, one beyond does not', () => {
    expect(line('rate', 'ratio', [2], atLeast(2)).isMet).toBe(true);
    expect(line('rate', 'ratio', [1.99], atLeast(2)).isMet).toBe(false);
    expect(line('wait', 'ms', [10], atMost(10)).isMet).toBe(true);
    expect(line('wait', 'ms', [10.01], atMost(10)).isMet).toBe(false);
    expect(line('rate', 'ratio', [2])).not.toHaveProperty('isMet');
  });

  it('are judged by the median: one bad round changes nothing', () => {
    expect(line('rate', 'ratio', [0.01, 3, 3], atLeast(2))).toMatchObject({ value: 3, isMet: true });
  });

  it('room to the target counts the same way up and down', () => {
    expect(headroom(line('rate', 'ratio', [3], atLeast(2)))).toBe(1.5);
    expect(headroom(line('wait', 'ms', [5], atMost(10)))).toBe(2);
    expect(() => headroom(line('rate', 'ratio', [3]))).toThrow(RangeError);
  });

  it('scatter is the width of the middle half, as a share of the median', () => {
    expect(scatter(line('rate', 'ms', [10, 20, 30, 40, 50]))).toBeCloseTo(20 / 30);
    expect(scatter(line('rate', 'ms', [0, 0]))).toBe(0);
  });

  it('print aligned, with the target and the verdict', () => {
    const lines = [
      line('fast', 'entries/s', [1234567], atLeast(1e6)),
      line('slow', 'ms', [12.345], atMost(10)),
    ];
    const table = caseTable({ name: 'x', title: 'Things', lines, notes: ['of note'] }).split('\n');
    expect(table[0]).toBe('Things  [x]');
    expect(table[1]).toMatch(/^ {2}fast +1,234,567 entries\/s +±0 % +>= 1,000,000 pass$/);
    expect(table[2]).toMatch(/^ {2}slow +12\.3 ms +±0 % +<= 10 MISS$/);
    expect(table[1]?.indexOf('entries/s')).toBe(table[2]?.indexOf('ms'));
    expect(table[3]).toBe('    of note');
    expect(targetText(line('free', 'ms', [1]))).toBe('');
    expect([0, 0.12345, 999.4, 1000, -2500].map(formatFigure)).toEqual([
      '0',
      '0.123',
      '999',
      '1,000',
      '-2,500',
    ]);
  });
});

describe('the file system of a path', () => {
  const MOUNTS = [
    '21 1 254:0 / / rw - ext4 /dev/vda rw',
    '30 21 0:26 / /tmp rw,nosuid shared:9 - tmpfs tmpfs rw',
    '31 30 8:1 / /tmp/a\\040disk rw - xfs /dev/sda1 rw',
  ].join('\n');

  it.each([
    ['/', 'ext4'],
    ['/home/x', 'ext4'],
    ['/tmp', 'tmpfs'],
    ['/tmp/run', 'tmpfs'],
    ['/tmpx', 'ext4'],
    ['/tmp/a disk/run', 'xfs'],
  ])('%s is on %s', (path, type) => {
    expect(fileSystemOf(path, MOUNTS)).toBe(type);
  });

  it.each(['tmpfs', 'ramfs'])('%s is refused, because syncs cost nothing there', (type) => {
    expect(() => refuseMemory('/tmp/run', type)).toThrow('BENCH_DIR');
    expect(() => refuseMemory('/home/x', 'ext4')).not.toThrow();
  });

  it('is unknown where the kernel has no table', () => {
    expect(fileSystemOf('/', '')).toBe('unknown');
  });
});
