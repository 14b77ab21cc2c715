// Traces of simulated clusters: every line of every run is an action of the specification. A sample; `pnpm sim:core --validate`
// takes any number of seeds.

import { describe, expect, it } from 'vitest';
import { makeTracedNode } from '../../src/sim/protocol-trace.js';
import { runSeed } from '../../src/sim/simulator.js';
import { TraceValidator } from '../../src/trace-validation/validator.js';

const SEEDS = Number(process.env.WALDB_TRACE_SEEDS ?? 120);

/** Runs that the validator once refused by mistake, or had trouble to follow, and why they are hard. */
const HARD_SEEDS: readonly (readonly [seed: number, why: string])[] = [
  [4, 'a candidacy ends while the disk writes'],
  [367, 'a process dies while it leaves a joint configuration'],
  [408, 'a process dies again and again in its first step'],
];

function validate(seed: number): number {
  const validator = new TraceValidator();
  const { violation } = runSeed(seed, { makeNode: makeTracedNode(({ event }) => validator.accept(event)) });
  expect(violation).toBeUndefined();
  return validator.lines;
}

describe('protocol traces of simulated clusters', () => {
  it(`each line of ${SEEDS} runs is an action of the specification`, () => {
    let lines = 0;
    for (let seed = 1; seed <= SEEDS; seed++) lines += validate(seed);
    expect(lines).toBeGreaterThan(SEEDS * 1000);
  });

  it.each(HARD_SEEDS)('seed %i: %s', (seed) => {
    expect(validate(seed)).toBeGreaterThan(0);
  });

  it('tracing changes nothing about a run', () => {
    const traced = runSeed(5, { makeNode: makeTracedNode(() => undefined) });
    const lines: string[] = [];
    const again = runSeed(5, { makeNode: makeTracedNode((line) => lines.push(JSON.stringify(line))) });
    expect(again.digest).toBe(traced.digest);
    const validator = new TraceValidator();
    for (const line of lines) validator.acceptText(line);
    expect(validator.lines).toBe(lines.length);
  });
});
