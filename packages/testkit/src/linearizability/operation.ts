// What a client did to an object and what it saw of it: the material of every check in this folder. Plain data.

/**
 * One operation on one key. Times come from one monotonic clock, in any unit. An operation that ended with its outcome
 * unknown (its client timed out, its server died) has no `completedAt`: it may take effect at any later time, or never.
 * An operation that certainly had no effect is none, and is left out.
 */
export interface Operation<Input = unknown, Output = unknown> {
  readonly process: string;
  readonly key: string;
  readonly input: Input;
  /** What the client was told; meaningless while `completedAt` is undefined. */
  readonly output: Output | undefined;
  readonly invokedAt: number;
  readonly completedAt: number | undefined;
}

/** Operations by key, each group in the order of invocation: keys are objects of their own (locality, Herlihy and Wing §3.3). */
export function byKey<Input, Output>(
  operations: Iterable<Operation<Input, Output>>,
): Map<string, Operation<Input, Output>[]> {
  const groups = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const group = groups.get(operation.key);
    if (group === undefined) groups.set(operation.key, [operation]);
    else group.push(operation);
  }
  for (const group of groups.values()) group.sort((a, b) => a.invokedAt - b.invokedAt);
  return groups;
}
