// A failing run is made as small as it can be, and no smaller: by a run that is made up, whose needs are known.

import { describe, expect, it } from 'vitest';
import { describeClusterFailure, replayCommand } from '../../src/cluster-seeds/failure-report.js';
import { leftOut, type Reduction, reducedScenario, shrink } from '../../src/cluster-seeds/shrink.js';
import { type ClusterScenario, makeClusterScenario } from '../../src/cluster-sim/cluster-scenario.js';
import { InvariantViolation } from '../../src/invariants/invariant.js';

const LINES = 40;
const drawn = makeClusterScenario(1);
const scenario: ClusterScenario = {
  ...drawn,
  faultsMs: 10_000,
  clients: { ...drawn.clients, count: 4 },
  schedule: Array.from({ length: LINES }, (_, index) => ({
    ...{ index, at: 100 * (index + 1), kind: 'kill' as const, seed: index },
  })),
};
const violation = new InvariantViolation('planted', 'two of its lines are bad together');

/** A run that breaks the rule when it has all of `needed`, and at least so many clients. */
function planted(needed: readonly number[], clientsMin = 1, broken = violation) {
  const tried: Reduction[] = [];
  const run = (reduction: Reduction) => {
    tried.push(reduction);
    const without = leftOut(scenario, reduction);
    const { count } = reducedScenario(scenario, reduction).clients;
    const isBroken = count >= clientsMin && needed.every((line) => !without.has(line));
    return Promise.resolve({ violation: isBroken ? broken : undefined });
  };
  return { run, tried };
}

describe('shrink', () => {
  it('keeps the lines that are needed, wherever they are, and drops all others', async () => {
    for (const needed of [[], [0], [39], [3, 31], [17, 18, 19], [0, 13, 26, 39]]) {
      const { run } = planted(needed);
      const { reduction } = await shrink({ scenario, violation, run });
      expect(reduction.only).toEqual(needed);
    }
  });

  it('takes clients away while the rule stays broken', async () => {
    for (const clientsMin of [1, 2, 3]) {
      const { run } = planted([5], clientsMin);
      expect((await shrink({ scenario, violation, run })).reduction.clients).toBe(clientsMin);
    }
    const { run } = planted([5], 4);
    expect((await shrink({ scenario, violation, run })).reduction.clients).toBeUndefined();
  });

  it('ends the faults after the last line that is needed', async () => {
    const { run } = planted([7]);
    expect((await shrink({ scenario, violation, run })).reduction.faultsMs).toBe(801);
  });

  it('and after the last in time, where a line of a higher number comes before it', async () => {
    const early = { index: LINES, at: 150, kind: 'kill' as const, seed: 0 };
    const appended = { ...scenario, schedule: [...scenario.schedule, early] };
    const { run } = planted([7]);
    const needsEarly = (reduction: Reduction) =>
      leftOut(appended, reduction).has(LINES) ? Promise.resolve({ violation: undefined }) : run(reduction);
    const { reduction } = await shrink({ scenario: appended, violation, run: needsEarly });
    expect(reduction).toMatchObject({ only: [7, LINES], faultsMs: 801 });
    const text = describeClusterFailure({ seed: 9, scenario: appended, violation, reduction, story: [] });
    expect(text).toMatch(/2 of the 41 lines .*\n {2}#40 at 150 ms: kill\n {2}#7 at 800 ms: kill/);
  });

  it('does not take another rule that is broken for the one it began with', async () => {
    const other = new InvariantViolation('another', 'something else');
    const { run } = planted([], 1, other);
    const { reduction } = await shrink({ scenario, violation, run });
    expect(reduction.only).toHaveLength(LINES);
  });

  it('tries no more runs than it may', async () => {
    const { run, tried } = planted([1, 38]);
    const { runs } = await shrink({ scenario, violation, run, runsMax: 9 });
    expect(runs).toBe(9);
    expect(tried).toHaveLength(9);
    let asked = 0;
    const late = await shrink({ scenario, violation, run, isOver: () => ++asked > 3 });
    expect(late.runs).toBeLessThan(4);
  });
});

describe('a failure is told', () => {
  it('by its rule, its facts, the lines it needs and the command that shows it again', () => {
    const reduction = { only: [3, 31], clients: 1, faultsMs: 3_300 };
    const broken = new InvariantViolation('planted', 'it is bad', { index: 7 });
    const text = describeClusterFailure({ seed: 9, scenario, violation: broken, reduction, story: ['one'] });
    expect(text).toMatch(/^seed 9 \(generator \d+\) broke planted: it is bad\nfacts: \{"index":7\}/);
    expect(text).toMatch(/2 of the 40 lines .*\n {2}#3 at 400 ms: kill\n {2}#31 at 3200 ms: kill/);
    expect(text).toMatch(/replay: pnpm sim --seed 9 --only 3,31 --clients 1 --faults-ms 3300 --trace$/);
  });

  it('and a run that needs no fault says so in its command', () => {
    expect(replayCommand(9)).toBe('pnpm sim --seed 9 --trace');
    expect(replayCommand(9, { only: [] })).toBe('pnpm sim --seed 9 --only none --trace');
  });
});
