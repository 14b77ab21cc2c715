// Whole servers under every check: a sample of what `pnpm sim` runs by the thousand, the seeds that once failed, and what
// the checks find where a state machine is wrong.

import { readFileSync } from 'node:fs';
import type { LogEntry } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { checkClusterSeed } from '../../src/cluster-seeds/checked-run.js';
import { checkClusterSeeds } from '../../src/cluster-seeds/cluster-batch.js';
import { leftOut, type Reduction, reducedScenario, shrink } from '../../src/cluster-seeds/shrink.js';
import type { ClusterObserver } from '../../src/cluster-sim/cluster-observer.js';
import { CLUSTER_GENERATOR_VERSION, makeClusterScenario } from '../../src/cluster-sim/cluster-scenario.js';
import { ListsMachine, listsWorkload } from '../../src/cluster-sim/lists.js';
import type { ComparableMachine } from '../../src/cluster-sim/workload.js';
import { InvariantViolation } from '../../src/invariants/invariant.js';
import { appendListModel } from '../../src/linearizability/models/append-list.js';
import { anyModel } from '../../src/linearizability/sequential-model.js';

interface RecordedSeed extends Reduction {
  readonly seed: number;
  readonly generator: number;
  readonly found: string;
}

const recorded = JSON.parse(
  readFileSync(new URL('../regressions/cluster-seeds.json', import.meta.url), 'utf8'),
) as readonly RecordedSeed[]; // ours: a wrong one fails its run

const SHORT = { faultsMs: 4_000 } as const;

describe('whole servers under every check', () => {
  it('break no rule, and say what happened', { timeout: 240_000 }, async () => {
    const report = await checkClusterSeeds({ from: 4, count: 3 });
    expect(report.failures).toEqual([]);
    expect(report.counts.runs).toBe(3);
    for (const common of ['elections won', 'entries applied', 'proposals done', 'reads done'] as const)
      expect(report.counts.times[common], common).toBeGreaterThan(0);
  });

  it('go the same way as without any check', { timeout: 120_000 }, async () => {
    const one = await checkClusterSeed(11, { scenario: SHORT });
    const other = await checkClusterSeed(11, { scenario: SHORT });
    expect([other.digest, other.history.length]).toEqual([one.digest, one.history.length]);
    expect(one.history.length).toBeGreaterThan(10);
  });

  it('an error that nobody has handled is a rule broken', { timeout: 120_000 }, async () => {
    const range = { from: 1, count: 1 };
    const report = await checkClusterSeeds(range, { strayError: () => new Error('forgotten') });
    expect(report.failures).toMatchObject([{ seed: 1, invariant: 'no-stray-error' }]);
  });

  for (const { seed, generator, found, ...reduction } of recorded) {
    // A seed of an older generator is another run now; its direct test remains.
    const title = `seed ${seed} of generator ${generator}, which found: ${found}`;
    if (generator !== CLUSTER_GENERATOR_VERSION) continue;
    it(title, { timeout: 120_000 }, async () => {
      const scenario = makeClusterScenario(seed);
      const { violation } = await checkClusterSeed(seed, {
        scenario: reducedScenario(scenario, reduction),
        without: leftOut(scenario, reduction),
      });
      expect(violation?.message).toBeUndefined();
    });
  }
});

/** Has one item more after each restore than it had when it was saved. */
class Inventive extends ListsMachine {
  override async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await super.restore(stream);
    const command = new TextEncoder().encode('a invented ');
    super.apply([{ index: 0, term: 0, kind: 'normal', command }]);
  }
}

/** Tells every fortieth client that its item was appended, and leaves it out: on every server alike. */
class Lossy extends ListsMachine {
  override apply(entries: readonly LogEntry[]): number[] {
    return entries.map((entry) => (entry.index % 40 === 0 ? 7 : (super.apply([entry])[0] ?? 0)));
  }
}

/** Its image is of no moment: what is applied while it is read is in the later pieces of it. */
class Torn extends ListsMachine {
  #applied = 0;

  override apply(entries: readonly LogEntry[]): number[] {
    this.#applied += entries.length;
    return super.apply(entries);
  }

  override async *snapshot(): AsyncGenerator<Uint8Array> {
    const before = this.#applied;
    yield* super.snapshot();
    if (this.#applied !== before) yield new TextEncoder().encode('torn');
  }
}

describe('the checks find a state machine that', () => {
  const violationOf = async (makeMachine: () => ComparableMachine, seeds: number): Promise<string[]> => {
    const found: string[] = [];
    for (let seed = 1; seed <= seeds && found.length === 0; seed++) {
      const { violation } = await checkClusterSeed(seed, {
        workload: { ...listsWorkload(100), makeMachine },
        model: anyModel(appendListModel),
      });
      if (violation !== undefined) found.push(violation.invariant);
    }
    return found;
  };

  it('restores another state than it saved', { timeout: 120_000 }, async () => {
    expect(await violationOf(() => new Inventive(), 6)).toEqual(['replicated-machines']);
  });

  it('is the same everywhere, and does not do what it says', { timeout: 120_000 }, async () => {
    expect(await violationOf(() => new Lossy(), 6)).toEqual(['client-histories']);
  });

  it('saves an image that is of no moment', { timeout: 240_000 }, async () => {
    expect(await violationOf(() => new Torn(), 12)).toHaveLength(1);
  });
});

it('a run is made smaller down to the one line that matters', { timeout: 240_000 }, async () => {
  const drawn = makeClusterScenario(4);
  const schedule = Array.from({ length: 8 }, (_, index) => ({
    ...{ index, at: 700 + 300 * index, seed: index },
    kind: index === 5 ? ('power loss of all' as const) : ('pause' as const),
  }));
  const scenario = { ...drawn, ...SHORT, schedule };
  const observer: ClusterObserver = {
    faultInjected: ({ kind }) => {
      if (kind === 'power loss of all') throw new InvariantViolation('planted', 'the power failed');
    },
  };
  const run = (reduction: Reduction) =>
    checkClusterSeed(4, {
      observer,
      scenario: reducedScenario(scenario, reduction),
      without: leftOut(scenario, reduction),
    });
  const { violation } = await run({});
  expect(violation?.invariant).toBe('planted');
  const shrunk = await shrink({ scenario, violation: violation as InvariantViolation, run }); // just expected
  expect(shrunk.reduction).toEqual({ only: [5], clients: 1, faultsMs: 2_201 });
});
