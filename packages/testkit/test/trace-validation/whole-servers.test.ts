// Traces of whole servers on simulated machines: log on disk, transport, loop and all. Every line of every run is an
// action of the specification, through power losses, kills, full disks and lost ones.

import { describe, expect, it } from 'vitest';
import { runClusterSeed } from '../../src/cluster-sim/cluster-run.js';
import { TraceValidator, TraceViolation } from '../../src/trace-validation/validator.js';

const SEEDS = Number(process.env.WALDB_CLUSTER_TRACE_SEEDS ?? 6);
const SHORT = { faultsMs: 6_000 } as const;

async function validate(seed: number): Promise<number> {
  const validator = new TraceValidator();
  let violation: TraceViolation | undefined;
  // A server must not hear of it: what it does next is none of the validator's business.
  const accept = (event: Parameters<TraceValidator['accept']>[0]): void => {
    if (violation !== undefined) return;
    try {
      validator.accept(event);
    } catch (error) {
      if (!(error instanceof TraceViolation)) throw error;
      violation = error;
    }
  };
  await runClusterSeed(seed, {
    scenario: SHORT,
    observer: { diskLost: (id) => validator.diskLost(String(id)) },
    protocolTrace: (lines) => {
      for (const { event } of lines) accept(event);
    },
  });
  expect(violation?.message).toBeUndefined();
  return validator.lines;
}

describe('protocol traces of whole servers', () => {
  it(`each line of ${SEEDS} runs is an action of the specification`, { timeout: 600_000 }, async () => {
    let lines = 0;
    for (let seed = 1; seed <= SEEDS; seed++) lines += await validate(seed);
    expect(lines).toBeGreaterThan(SEEDS * 500);
  });
});
