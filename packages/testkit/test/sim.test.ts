// The simulator on the real node: a sample of what `pnpm sim:core` runs by the hundred thousand.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeFailure, runBatch } from '../src/sim/batch.js';
import { Coverage, SITUATIONS } from '../src/sim/coverage.js';
import { makeRaftNode } from '../src/sim/raft-node-factory.js';
import { GENERATOR_VERSION } from '../src/sim/scenario.js';
import { runSeed } from '../src/sim/simulator.js';
import { neverAcknowledges } from './support/saboteurs.js';

const SEEDS = 100;

/** A seed that once failed. Under a newer generator it is another run: still worth its 10 ms. */
interface RecordedSeed {
  readonly seed: number;
  readonly generator: number;
  readonly found: string;
}

const recorded = JSON.parse(
  readFileSync(new URL('./regressions/seeds.json', import.meta.url), 'utf8'),
) as readonly RecordedSeed[]; // the shape is checked below

describe('random clusters', () => {
  it(`every invariant holds, and every fault is injected, over ${SEEDS} seeds`, () => {
    const report = runBatch({ from: 1, count: SEEDS }, makeRaftNode);
    expect(report.failures).toEqual([]);
    const total = new Coverage();
    total.addBatch(report);
    const unreached = SITUATIONS.filter((situation) => total.count(situation) === 0);
    // A hundred seeds reach what one seed in a few dozen does; `pnpm sim:core:ci` asks for the rest.
    expect(unreached.length).toBeLessThan(SITUATIONS.length / 10);
    for (const common of [
      'crashes',
      'messages lost',
      'elections won',
      'snapshots installed',
      'reads answered',
    ] as const) {
      expect(total.count(common), common).toBeGreaterThan(0);
    }
  });

  it('the same seed is the same run, traced or not', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const first = runSeed(seed, { makeNode: makeRaftNode });
      const second = runSeed(seed, { makeNode: makeRaftNode, trace: true });
      expect([second.digest, second.events]).toEqual([first.digest, first.events]);
      expect(first.trace).toEqual([]);
      expect(second.trace.length).toBeGreaterThan(0);
    }
  });

  it('different seeds are different runs', () => {
    const digests = new Set(
      Array.from({ length: 20 }, (_, i) => runSeed(i + 1, { makeNode: makeRaftNode }).digest),
    );
    expect(digests.size).toBe(20);
  });

  it('a failure report holds the seed, what broke, and the command that replays it', () => {
    const result = runSeed(4, { makeNode: neverAcknowledges, trace: true });
    const report = describeFailure(result);
    expect(report).toMatch(/^seed 4 \(generator \d+\) broke liveness/);
    expect(report).toMatch(/replay: pnpm sim:core --seed 4 --trace$/);
  });
});

describe('seeds that once failed', () => {
  it.each(recorded)('seed $seed: $found', ({ seed, generator, found }) => {
    expect(generator).toBeLessThanOrEqual(GENERATOR_VERSION);
    expect(found).toBeTruthy();
    const { violation } = runSeed(seed, { makeNode: makeRaftNode });
    expect(violation).toBeUndefined();
  });
});
