// An assert marks a bug of ours; it stops the node. So does what a peer says of the log that cannot be: then the disk has
// lost something, or the peer is wrong, and only the node's silence is safe either way.

/** Thrown by `assert`: the node that threw it has halted. */
export class AssertionFailed extends Error {
  override readonly name: string = 'AssertionFailed';
}

/** A leader says that something is committed which this server's log contradicts. The node that threw it has halted. */
export class LogContradicted extends Error {
  override readonly name: string = 'LogContradicted';
  /** What was said, by whom, and what the log holds instead. */
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(message: string, detail: Readonly<Record<string, unknown>>) {
    super(message);
    this.detail = detail;
  }
}

/** States what must be true here, positively, one condition each. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionFailed(`does not hold: ${claim}`);
}
