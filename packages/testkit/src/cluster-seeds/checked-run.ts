// One seed under the eyes of all checks: what `pnpm sim` does, thousands of times.

import { makeClusterChecks } from '../cluster-checks/cluster-checks.js';
import { SpecifiedSteps } from '../cluster-checks/specified-steps.js';
import { together } from '../cluster-checks/together.js';
import type { ClusterObserver } from '../cluster-sim/cluster-observer.js';
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

/** One seed in so many: following the specification makes a run half as long again. */
const SPECIFIED_EVERY = 4;

const LISTS: AnyModel = anyModel(appendListModel);

/**
 * Runs one seed with every check; every fourth one also follows the specification, line by line. Never rejects for what a server does wrong: that is the result's `violation`.
 */
export async function checkClusterSeed(
  seed: number,
  options: CheckedRunOptions = {},
): Promise<CheckedRunResult> {
  const { model, observer, ...rest } = options;
  const checks = makeClusterChecks({
    model: model ?? (options.workload === undefined ? LISTS : undefined),
    readsLists: options.workload === undefined,
  });
  const observers = observer === undefined ? [checks.observer] : [checks.observer, observer];
  const result = await runClusterSeed(
    seed,
    isSpecified(seed, rest) ? specified(rest, observers) : { ...rest, observer: together(observers) },
  );
  return { ...result, history: checks.history(), undecidedKeys: checks.undecidedKeys() };
}

/** Who takes the trace judges it; and an operator who makes a new cluster of what is left does what no specification has. */
function isSpecified(seed: number, { protocolTrace, disaster }: ClusterRunOptions): boolean {
  return seed % SPECIFIED_EVERY === 0 && protocolTrace === undefined && disaster === undefined;
}

function specified(rest: ClusterRunOptions, observers: readonly ClusterObserver[]): ClusterRunOptions {
  const steps = new SpecifiedSteps();
  return { ...rest, observer: together([...observers, steps]), protocolTrace: steps.sink };
}
