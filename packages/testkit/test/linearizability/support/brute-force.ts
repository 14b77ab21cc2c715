// Linearizability by its definition: every order of every choice of operations, one after the other. For a handful.

import type { HistoryOperation, SequentialModel } from '@waldb/testkit';

export function isLinearizableByForce<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly HistoryOperation<Input, Output>[],
): boolean {
  const extend = (state: State, left: readonly HistoryOperation<Input, Output>[]): boolean => {
    if (left.every(({ completedAt }) => completedAt === undefined)) return true;
    return left.some((next) => {
      const isFirst = left.every(
        ({ completedAt }) => (completedAt ?? Number.POSITIVE_INFINITY) >= next.invokedAt,
      );
      if (!isFirst) return false;
      const step = model.step(state, next.input);
      if (next.completedAt !== undefined && !step.allows(next.output as Output)) return false;
      return extend(
        step.state,
        left.filter((operation) => operation !== next),
      );
    });
  };
  return extend(model.init(), operations);
}
