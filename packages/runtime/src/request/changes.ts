// Membership changes, leadership transfers and nothing else, from the request to its outcome. One is under way at a
// time; the rest waits in order. A change is done once it is committed; a transfer once the other server leads.

import type { Event, Index, NodeId, NodeStatus, Term } from '@waldb/core';
import { busyError, RuntimeError } from '../runtime-error.js';
import { abortedError, whenAborted } from './patience.js';

export type ChangeRequest = Extract<
  Event,
  {
    type:
      | 'addServer'
      | 'addLearner'
      | 'removeServer'
      | 'promoteLearner'
      | 'changeMembership'
      | 'transferLeadership';
  }
>;

interface Change {
  readonly request: ChangeRequest;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: RuntimeError) => void;
  unwatch: (() => void) | undefined;
  /** Where the change is in the log; 0 before that, and for a transfer. */
  index: Index;
  term: Term;
  /** It was seen there, committed: the log may give it up from then on. */
  isCommitted: boolean;
}

export interface ChangesOptions {
  readonly changesMax: number;
  /** The term of a log entry, or undefined where the log holds it no more. */
  readonly termAt: (index: Index) => Term | undefined;
  readonly inForce: () => Pick<NodeStatus, 'configuration' | 'configurationIndex'>;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #waiting: Change[] = [];
  #current: Change | undefined;

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /** Asked for and not answered. */
  get count(): number {
    return this.#waiting.length + (this.#current === undefined ? 0 : 1);
  }

  /** Whether one can be started now. */
  get wantsStart(): boolean {
    return this.#current === undefined && this.#waiting.length > 0;
  }

  /** Whether the one under way hands leadership to somebody. */
  get isTransferring(): boolean {
    return this.#current?.request.type === 'transferLeadership';
  }

  /** Errors, by rejection: `BUSY`, `ABORTED`, `TIMEOUT`, and whatever becomes of the change. */
  add(request: ChangeRequest, deadline: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortedError(signal, false));
    const { changesMax } = this.#options;
    if (this.#waiting.length >= changesMax) {
      return Promise.reject(busyError('changesMax', changesMax, { changes: this.#waiting.length }));
    }
    return new Promise((resolve, reject) => {
      const change: Change = {
        request,
        deadline,
        resolve,
        reject,
        unwatch: undefined,
        index: 0,
        term: 0,
        isCommitted: false,
      };
      change.unwatch = whenAborted(signal, () => {
        if (signal !== undefined) this.#giveUp(change, (mayHave) => abortedError(signal, mayHave));
      });
      this.#waiting.push(change);
    });
  }

  /** Nothing that waits is started any more; what is under way goes on. */
  rejectWaiting(error: RuntimeError): void {
    for (const change of [...this.#waiting]) this.#giveUp(change, () => error);
  }

  /** The next request, which is now under way. */
  start(): ChangeRequest | undefined {
    this.#current = this.#waiting.shift();
    return this.#current?.request;
  }

  /** The request under way was refused: nothing was done. */
  refused(error: RuntimeError): void {
    this.#end()?.reject(error);
  }

  /** The change under way is in the log. */
  placed(index: Index, term: Term): void {
    if (this.#current === undefined) return;
    this.#current.index = index;
    this.#current.term = term;
  }

  committed(commitIndex: Index): void {
    const current = this.#current;
    if (current === undefined || current.index === 0 || current.index > commitIndex) return;
    if (!current.isCommitted) {
      const term = this.#options.termAt(current.index);
      // Another leader's entry is there for ever: ours takes no effect. Where the log holds it no more, nobody knows.
      if (term !== current.term) return this.#end()?.reject(leadershipLost(term === undefined));
      current.isCommitted = true;
    }
    if (current.request.type === 'changeMembership') {
      // Done when the joint configuration is left: until then the old voters are still asked.
      const { configuration, configurationIndex } = this.#options.inForce();
      if (configuration.votersOutgoing.length > 0 || configurationIndex > commitIndex) return;
    }
    this.#end()?.resolve();
  }

  /** Somebody else leads, or nobody. */
  leadershipLost(leader: NodeId | undefined): void {
    const current = this.#current;
    if (current === undefined) return;
    if (current.request.type !== 'transferLeadership') {
      this.#end()?.reject(leadershipLost(current.index > 0));
    } else if (leader !== undefined) {
      if (leader === current.request.to) this.#end()?.resolve();
      else this.transferFailed(`server ${leader} leads now`);
    }
  }

  transferFailed(why: string): void {
    const current = this.#current;
    if (current?.request.type !== 'transferLeadership') return;
    const { to } = current.request;
    this.#end()?.reject(
      new RuntimeError('TRANSFER_FAILED', `Server ${to} did not take over leadership: ${why}.`, {
        detail: { to },
        mayHaveBeenApplied: true,
      }),
    );
  }

  expire(now: number): void {
    for (const change of [this.#current, ...this.#waiting]) {
      if (change !== undefined && now >= change.deadline) this.#giveUp(change, timedOut);
    }
  }

  rejectAll(makeError: (mayHaveBeenApplied: boolean) => RuntimeError): void {
    for (const change of [this.#current, ...this.#waiting]) {
      if (change !== undefined) this.#giveUp(change, makeError);
    }
  }

  /** What is under way may still take effect; what waits is never started. */
  #giveUp(change: Change, makeError: (mayHaveBeenApplied: boolean) => RuntimeError): void {
    const isUnderWay = change === this.#current;
    if (isUnderWay) this.#end();
    else {
      this.#waiting.splice(this.#waiting.indexOf(change), 1);
      change.unwatch?.();
    }
    change.reject(makeError(isUnderWay));
  }

  #end(): Change | undefined {
    const current = this.#current;
    this.#current = undefined;
    current?.unwatch?.();
    return current;
  }
}

function timedOut(mayHaveBeenApplied: boolean): RuntimeError {
  return new RuntimeError('TIMEOUT', 'The change was not committed in time.', { mayHaveBeenApplied });
}

function leadershipLost(mayHaveBeenApplied: boolean): RuntimeError {
  const outcome = mayHaveBeenApplied ? 'whether it takes effect is not known' : 'it takes no effect';
  return new RuntimeError(
    'LEADERSHIP_LOST',
    `This server stopped leading before the change was committed; ${outcome}.`,
    { mayHaveBeenApplied },
  );
}
