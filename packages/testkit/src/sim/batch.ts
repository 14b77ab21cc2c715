// Many seeds in a row, and what to tell people about them. What runs the batches, in which processes, is not its
// business: see `scripts/sim-core.mjs`.

import { TraceValidator } from '../trace-validation/validator.js';
import { Coverage } from './coverage.js';
import { makeTracedNode } from './protocol-trace.js';
import { GENERATOR_VERSION } from './scenario.js';
import { type RunResult, runSeed } from './simulator.js';
import type { NodeFactory } from './world.js';

/** Lines of the trace that a failure report shows. */
const SHOWN_LINES = 50;

export interface SeedFailure {
  readonly seed: number;
  readonly invariant: string;
  readonly message: string;
}

/** Plain data, so that it can pass between processes. */
export interface BatchReport {
  readonly from: number;
  readonly count: number;
  readonly events: number;
  /** By place in SITUATIONS: how often, and in how many of the runs. */
  readonly counts: readonly number[];
  readonly runs: readonly number[];
  readonly failures: readonly SeedFailure[];
  /** Lines of protocol traces that were validated. */
  readonly traceLines: number;
}

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  /** Real nodes, whose protocol traces are validated against the specification (docs/trace-format.md). */
  readonly validates?: boolean;
}

export function runBatch({ from, count, validates = false }: SeedRange, makeNode: NodeFactory): BatchReport {
  const total = new Coverage();
  const failures: SeedFailure[] = [];
  let events = 0;
  let traceLines = 0;
  for (let seed = from; seed < from + count; seed++) {
    const validator = new TraceValidator();
    const makeValidated = makeTracedNode(({ event }) => validator.accept(event));
    const result = runSeed(seed, { makeNode: validates ? makeValidated : makeNode });
    traceLines += validator.lines;
    events += result.events;
    total.addRun(result.coverage);
    if (result.violation !== undefined) {
      const { invariant, message } = result.violation;
      failures.push({ seed, invariant, message });
    }
  }
  return { from, count, events, counts: [...total.counts], runs: [...total.runs], failures, traceLines };
}

/** Everything a person needs to understand a failing seed, and the one command that shows it again. */
export function describeFailure(result: RunResult): string {
  const { seed, scenario, violation, trace } = result;
  const parts = [
    `seed ${seed} (generator ${GENERATOR_VERSION}) broke ${violation?.message ?? 'nothing'}`,
    `facts: ${toText(violation?.facts ?? {})}`,
    `scenario: ${toText(scenario)}`,
    ...(trace.length > SHOWN_LINES ? [`the last ${SHOWN_LINES} of ${trace.length} lines:`] : []),
    ...trace.slice(-SHOWN_LINES),
    `replay: pnpm sim:core --seed ${seed} --trace`,
  ];
  return parts.join('\n');
}

/** Facts in one line, bytes as hexadecimal digits. */
export function toText(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) => {
    if (held instanceof Uint8Array)
      return `<${Array.from(held, (byte) => byte.toString(16).padStart(2, '0')).join('')}>`;
    return held instanceof Map ? Object.fromEntries(held) : held;
  });
}
