// An assert marks a bug of ours, or a peer or disk that broke Raft's assumptions; it stops the node.

/** Thrown by `assert`: the node that threw it has halted. */
export class AssertionFailed extends Error {
  override readonly name: string = 'AssertionFailed';
}

/** States what must be true here, positively, one condition each. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailed(`does not hold: ${claim}`);
}
