// What the page makes of what it is told, before anything is drawn.

import { describe, expect, it } from 'vitest';
import { SampleStore } from '../../page/src/model/series.js';
import { stripParts, stripScale } from '../../page/src/model/strip-scale.js';
import { changesOf, timelineOf } from '../../page/src/model/timeline.js';
import { verdictOf } from '../../page/src/model/verdict.js';
import { bytes, duration, milliseconds, short, whole } from '../../page/src/model/words.js';
import { SAMPLES_MAX, type Sample } from '../../src/dashboard/report.js';

describe('the scale of the strips', () => {
  it('begins at the first entry, ends at the newest, and shows one missing entry of a million', () => {
    const scale = stripScale(1_000_000);
    expect([scale.at(0), scale.at(1_000_000)]).toEqual([0, 1]);
    expect(scale.at(999_999)).toBeLessThan(0.96);
    expect(scale.at(2_000_000)).toBe(1);
  });

  it('an empty log is no trouble', () => {
    const { at, ticks } = stripScale(0);
    expect([at(0), ticks]).toEqual([1, []]);
  });

  it('the stretches of a log follow each other from end to end, whatever its numbers', () => {
    for (const log of [
      { snapshotIndex: 0, firstIndex: 1, appliedIndex: 0, commitIndex: 0, lastIndex: 0 },
      { snapshotIndex: 50, firstIndex: 41, appliedIndex: 90, commitIndex: 95, lastIndex: 99 },
      // Emptied by a snapshot that it was sent; told of a commit beyond its own end.
      { snapshotIndex: 70, firstIndex: 71, appliedIndex: 70, commitIndex: 99, lastIndex: 70 },
    ]) {
      const { gone, applied, committed, staged, missing } = stripParts(log, stripScale(100));
      const lane = [gone, applied, committed, staged, missing];
      expect(lane.at(-1)?.to).toBe(1);
      for (const [nth, { from, to }] of lane.entries()) {
        expect(to).toBeGreaterThanOrEqual(from);
        if (nth > 0) expect(from).toBe(lane[nth - 1]?.to);
      }
    }
  });
});

describe('the timeline', () => {
  const SPELLS = [
    { term: 4, leader: 1, from: 1000, to: 4000 },
    { term: 5, leader: 2, from: 4600, to: undefined },
  ];

  it('has a bar for each term, and a gap where none was known', () => {
    const { bars, gaps } = timelineOf(SPELLS, 10_000, 10_000);
    expect(bars.map(({ leader, from, to, lasts }) => [leader, from, to, lasts])).toEqual([
      [1, 0.1, 0.4, false],
      [2, 0.46, 1, true],
    ]);
    expect(gaps).toEqual([{ from: 0.4, to: 0.46 }]);
  });

  it('leaves out what was before', () => {
    expect(timelineOf(SPELLS, 10_000, 5000).bars.map(({ leader }) => leader)).toEqual([2]);
  });

  it('is told, newest first', () => {
    expect(changesOf(SPELLS, 10_000, 8).map(({ text }) => text)).toEqual([
      'Server 2 leads, in term 5, after server 1 in term 4 and 600 ms in which none was known.',
      'Server 1 leads, in term 4.',
    ]);
  });
});

describe('samples', () => {
  it('are kept once, in order, and the last only', () => {
    const store = new SampleStore();
    const sample = (date: number): Sample => ({ date, commits: 1, syncs: 1, p50: 1, p99: 1 });
    store.add({ 1: [sample(1), sample(2)] });
    store.add({ 1: [sample(2), sample(3)] });
    expect(store.all.get(1)?.map(({ date }) => date)).toEqual([1, 2, 3]);
    store.add({ 1: Array.from({ length: SAMPLES_MAX }, (_, nth) => sample(nth + 4)) });
    expect(store.all.get(1)).toHaveLength(SAMPLES_MAX);
    expect(store.latest(1)?.date).toBe(SAMPLES_MAX + 3);
  });
});

describe('the verdict', () => {
  it('calls nothing well that is not known to be', () => {
    expect(verdictOf(undefined, { kind: 'connecting' }, 0).mood).toBe('unknown');
    const lost = { kind: 'lost', since: 1000, why: undefined } as const;
    expect(verdictOf(undefined, lost, 15_000)).toMatchObject({ mood: 'unknown', title: 'Connection lost' });
  });
});

describe('words', () => {
  it('of numbers are short and do not lie', () => {
    expect([0, 7, 1234567].map(whole)).toEqual(['0', '7', '1\u202f234\u202f567']);
    expect([0, 9.996, 999, 1000, 12_345, 3.2e9].map(short)).toEqual([
      '0',
      '10',
      '999',
      '1 k',
      '12.3 k',
      '3.2 G',
    ]);
    expect([0, 999, 1024, 1536 * 1024].map(bytes)).toEqual(['0 B', '999 B', '1 KiB', '1.5 MiB']);
    expect([0.125, 2.5, 1500].map(milliseconds)).toEqual(['0.13 ms', '2.5 ms', '1.5 s']);
    expect([640, 14_000, 200_000, 7_500_000, 360_000_000].map(duration)).toEqual([
      '640 ms',
      '14 s',
      '3 min 20 s',
      '2 h 5 min',
      '4 d 4 h',
    ]);
  });
});
