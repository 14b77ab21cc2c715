// What a seed draws: the schedule, and behind it the appendix, which changes nothing of it.

import { describe, expect, it } from 'vitest';
import {
  CLIENT_ACTIONS,
  LATER_ACTIONS,
  LATER_FAULTS,
  UPGRADE_ACTIONS,
} from '../../src/cluster-sim/cluster-coverage.js';
import { makeClusterScenario, type ScheduledAction } from '../../src/cluster-sim/cluster-scenario.js';

const LATER_KINDS = [...LATER_FAULTS, ...UPGRADE_ACTIONS, ...LATER_ACTIONS, ...CLIENT_ACTIONS];
const LATER: ReadonlySet<string> = new Set(LATER_KINDS);
const SEEDS = 1_000;

function isLater({ kind }: ScheduledAction): boolean {
  return LATER.has(kind);
}

describe('the schedule of a seed', () => {
  it('has its lines by number, within the time of faults, and kinds that came later behind all others', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { schedule, faultsMs } = makeClusterScenario(seed);
      expect(schedule.map(({ index }) => index)).toEqual(schedule.map((_, i) => i));
      expect(schedule.every(({ at }) => at > 0 && at < faultsMs)).toBe(true);
      const first = schedule.findIndex(isLater);
      if (first !== -1) expect(schedule.slice(first).every(isLater)).toBe(true);
    }
  });

  it('has each of those in a share of the runs, for large seeds as for small ones', () => {
    for (const from of [1, 2 ** 40]) {
      for (const kind of LATER_KINDS) {
        const runs = Array.from({ length: SEEDS }, (_, i) => makeClusterScenario(from + i).schedule);
        const share = runs.filter((schedule) => schedule.some((line) => line.kind === kind)).length / SEEDS;
        expect([kind, share > 0.1 && share < 0.9]).toEqual([kind, true]);
      }
    }
  });
});
