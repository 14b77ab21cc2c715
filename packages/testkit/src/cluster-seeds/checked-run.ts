// One seed under the eyes of all checks: what `pnpm sim` does, thousands of times.

import { makeClusterChecks } from '../cluster-checks/cluster-checks.js';
import { together } from '../cluster-checks/together.js';
import { type ClusterRunOptions, type ClusterRunResult, runClusterSeed } from '../cluster-sim/cluster-run.js';
import type { HistoryEvent } from '../linearizability/history-event.js';
import { appendListModel } from '../linearizability/models/append-list.js';
import { type AnyModel, anyModel } from '../linearizability/sequential-model.js';

export interface CheckedRunOptions extends ClusterRunOptions {
  /** What clients' words mean. Default: that of the simulator's own lists; with another workload, nothing. */
  readonly model?: AnyModel;
}

export interface CheckedRunResult extends ClusterRunResult {
  /** What clients did and saw, in the form that docs/linearizability.md describes. */
  readonly history: readonly HistoryEvent[];
  /** Keys whose history was too hard to decide. */
  readonly undecidedKeys: number;
}

const LISTS: AnyModel = anyModel(appendListModel);

/** Runs one seed with every check. Never rejects for what a server does wrong: that is the result's `violation`. */
export async function checkClusterSeed(
  seed: number,
  options: CheckedRunOptions = {},
): Promise<CheckedRunResult> {
  const { model, observer, ...rest } = options;
  const checks = makeClusterChecks({
    model: model ?? (options.workload === undefined ? LISTS : undefined),
  });
  const result = await runClusterSeed(seed, {
    ...rest,
    observer: observer === undefined ? checks.observer : together([checks.observer, observer]),
  });
  return { ...result, history: checks.history(), undecidedKeys: checks.undecidedKeys() };
}
