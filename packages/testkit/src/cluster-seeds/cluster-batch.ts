// Many seeds in a row, as plain data that can pass between processes. What runs the batches is not its business: see
// scripts/sim.mjs.

import { addCounts, type ClusterCounts, NO_COUNTS } from '../cluster-sim/cluster-coverage.js';
import type { Release } from '../cluster-sim/release.js';
import { InvariantViolation } from '../invariants/invariant.js';
import type { SeedFailure, SeedRange } from '../sim/batch.js';
import { checkClusterSeed } from './checked-run.js';

export interface ClusterBatchReport extends SeedRange {
  readonly counts: ClusterCounts;
  readonly failures: readonly SeedFailure[];
  /** Keys whose history was too hard to decide, over all runs. */
  readonly undecidedKeys: number;
}

export interface ClusterBatchOptions {
  /**
   * Asked after each run: an error that nobody has handled in it, a promise that was rejected and forgotten for instance.
   * In a real process it would have ended the server. Who runs the batch can know, this package cannot.
   */
  readonly strayError?: () => unknown;
  /** Later releases that the operator may upgrade to. */
  readonly releases?: readonly Release[];
}

export async function checkClusterSeeds(
  { from, count }: SeedRange,
  { strayError, releases = [] }: ClusterBatchOptions = {},
): Promise<ClusterBatchReport> {
  let counts = NO_COUNTS;
  let undecidedKeys = 0;
  const failures: SeedFailure[] = [];
  for (let seed = from; seed < from + count; seed++) {
    const result = await checkClusterSeed(seed, { releases });
    const violation = result.violation ?? strayViolation(strayError?.());
    counts = addCounts(counts, result.counts);
    undecidedKeys += result.undecidedKeys;
    if (violation !== undefined) {
      const { invariant, message } = violation;
      failures.push({ seed, invariant, message });
    }
  }
  return { from, count, counts, failures, undecidedKeys };
}

/** An error that nobody has handled is a rule broken. */
export function strayViolation(error: unknown): InvariantViolation | undefined {
  if (error === undefined) return undefined;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new InvariantViolation('no-stray-error', `nobody has handled an error: ${what}`);
}
