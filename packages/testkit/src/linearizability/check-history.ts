// Whether clients that used an object at the same time can believe that they took turns: linearizability (Herlihy and
// Wing 1990), key by key. Three answers, since trying everything may take longer than anybody waits.

import { type Counterexample, makeCounterexample } from './counterexample.js';
import { byKey, type Operation } from './operation.js';
import { search } from './search.js';
import type { SequentialModel } from './sequential-model.js';

export interface CheckOptions {
  /** For each key. Default a million: a second or a few, and some hundred megabytes at most. */
  readonly configurationsMax?: number;
  /** Returns true once the time is up; asked after every thousand configurations or so. Default: never. */
  readonly isOver?: () => boolean;
}

export type CheckResult<Input = unknown, Output = unknown> =
  | {
      readonly verdict: 'linearizable';
      readonly operations: number;
      readonly keys: number;
      readonly configurations: number;
    }
  | {
      readonly verdict: 'violation';
      readonly key: string;
      readonly counterexample: Counterexample<Input, Output>;
    }
  /** No violation was found, and for these keys not everything was tried. Says nothing either way. */
  | { readonly verdict: 'notDecided'; readonly keys: readonly string[]; readonly configurations: number };

const CONFIGURATIONS_MAX = 1_000_000;

/** A model that collects states, as the list does, must be a new one for each check. */
export function checkHistory<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: Iterable<Operation<Input, Output>>,
  options: CheckOptions = {},
): CheckResult<Input, Output> {
  const budget = {
    configurationsMax: options.configurationsMax ?? CONFIGURATIONS_MAX,
    isOver: options.isOver ?? (() => false),
  };
  const groups = byKey(operations);
  const undecided: string[] = [];
  let configurations = 0;
  let count = 0;
  for (const [key, group] of groups) {
    const result = search(model, group, budget);
    configurations += result.configurations;
    count += group.length;
    if (result.verdict === 'notDecided') undecided.push(key);
    if (result.verdict !== 'violation') continue;
    return { verdict: 'violation', key, counterexample: makeCounterexample(model, group, result) };
  }
  if (undecided.length > 0) return { verdict: 'notDecided', keys: undecided, configurations };
  return { verdict: 'linearizable', operations: count, keys: groups.size, configurations };
}
