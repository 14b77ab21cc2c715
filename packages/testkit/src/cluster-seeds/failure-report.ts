// What people are told of a failing seed: the rule, the smallest schedule that still breaks it, the end of the story, and
// the one command that shows it again.

import { CLUSTER_GENERATOR_VERSION, type ClusterScenario } from '../cluster-sim/cluster-scenario.js';
import type { InvariantViolation } from '../invariants/invariant.js';
import { toText } from '../sim/batch.js';
import type { Reduction } from './shrink.js';

export interface ClusterFailure {
  readonly seed: number;
  readonly scenario: ClusterScenario;
  readonly violation: InvariantViolation;
  /** How the run was made smaller, if it was. */
  readonly reduction: Reduction;
  /** The story of that run. */
  readonly story: readonly string[];
}

const SHOWN_LINES = 60;
const SHOWN_FACTS = 4_000;

export function describeClusterFailure(failure: ClusterFailure): string {
  const { seed, scenario, violation, reduction, story } = failure;
  const { schedule, ...rest } = scenario;
  const kept = schedule
    .filter(({ index }) => reduction.only?.includes(index) ?? true)
    .sort((one, other) => one.at - other.at);
  return [
    `seed ${seed} (generator ${CLUSTER_GENERATOR_VERSION}) broke ${violation.message}`,
    `facts: ${toText(violation.facts).slice(0, SHOWN_FACTS)}`,
    `scenario: ${toText(rest)}`,
    `${kept.length} of the ${schedule.length} lines of its schedule are needed:`,
    ...kept.map(({ index, at, kind }) => `  #${index} at ${at} ms: ${kind}`),
    ...(story.length > SHOWN_LINES
      ? [`the last ${SHOWN_LINES} of ${story.length} lines of its story:`]
      : story.length > 0
        ? ['its story:']
        : []),
    ...story.slice(-SHOWN_LINES),
    `replay: ${replayCommand(seed, reduction)}`,
  ].join('\n');
}

/** Shows the run again, line by line. */
export function replayCommand(seed: number, { only, clients, faultsMs }: Reduction = {}): string {
  return [
    `pnpm sim --seed ${seed}`,
    ...(only === undefined ? [] : [`--only ${only.length === 0 ? 'none' : only.join(',')}`]),
    ...(clients === undefined ? [] : [`--clients ${clients}`]),
    ...(faultsMs === undefined ? [] : [`--faults-ms ${faultsMs}`]),
    '--trace',
  ].join(' ');
}
