// One connection's operations, in order. A lane is in one of three states:
//
//   idle      nothing under way
//   logged    operations are in the log's pipeline. Whatever follows, reads too, goes there as well: the log keeps
//             the order, and a read finds the writes before it.
//   reading   reads wait for leave to read the local state. What follows waits for them: a write that overtook them
//             could be seen by a read that was sent before it.

import type { Operation } from '../operation/operation.js';
import { ErrorReply, type Reply } from '../resp/reply.js';

/** Where a reply goes. */
export interface ReplyPlace {
  reply: Reply | undefined;
}

/** An operation of a client with its place among the replies. */
export interface LaneOperation {
  readonly operation: Operation;
  readonly isWrite: boolean;
  /** Where its error sends the client. */
  readonly key: string | undefined;
  readonly lane: Lane;
  readonly place: ReplyPlace;
  /** Makes of the replicas' reply what the client is told. Not called with an error. */
  readonly finish: ((reply: Reply) => Reply) | undefined;
}

export function settleOperation({ place, finish }: LaneOperation, reply: Reply): void {
  place.reply = finish === undefined || reply instanceof ErrorReply ? reply : finish(reply);
}

export class Lane {
  /** Not handed on yet. */
  waiting: LaneOperation[] = [];
  loggedCount = 0;
  readingCount = 0;
  /** Whether the scheduler will look at it at the end of this turn. */
  isListed = false;
  readonly #onReplies: () => void;

  /** `onReplies` is called after places were filled in, once for many. */
  constructor(onReplies: () => void) {
    this.#onReplies = onReplies;
  }

  /** Whether what waits must go through the log. */
  get needsLog(): boolean {
    return this.loggedCount > 0 || this.waiting.some((waiting) => waiting.isWrite);
  }

  takeWaiting(): LaneOperation[] {
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }

  replied(): void {
    this.#onReplies();
  }
}
