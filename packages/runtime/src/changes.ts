// Membership changes, leadership transfers and nothing else, from the request to its outcome. One is under way at a
// time; the rest waits in order. A change is done once it is committed; a transfer once the other server leads.

import type { Event, Index, NodeId, NodeStatus, Term } from '@waldb/core';
import { RuntimeError } from './runtime-error.js';

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
  /** Where the change is in the log; 0 before that, and for a transfer. */
  index: Index;
  term: Term;
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

  add(request: ChangeRequest, deadline: number): Promise<void> {
    const { changesMax } = this.#options;
    if (this.#waiting.length >= changesMax) {
      return Promise.reject(
        new RuntimeError('BUSY', `Too many changes are waiting (${this.#waiting.length}).`, {
          detail: { changes: this.#waiting.length, changesMax },
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, deadline, resolve, reject, index: 0, term: 0 });
    });
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
    if (this.#options.termAt(current.index) !== current.term) return this.#end()?.reject(outcomeUnknown());
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
      this.#end()?.reject(outcomeUnknown());
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
      }),
    );
  }

  expire(now: number): void {
    const current = this.#current;
    if (current !== undefined && now >= current.deadline) {
      this.#end()?.reject(timedOut(current.index > 0 || this.isTransferring));
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const change = this.#waiting[i];
      if (change === undefined || now < change.deadline) continue;
      this.#waiting.splice(i, 1);
      change.reject(timedOut(false));
    }
  }

  rejectAll(makeError: (mayHaveBeenApplied: boolean) => RuntimeError): void {
    this.#end()?.reject(makeError(true));
    for (const change of this.#waiting.splice(0)) change.reject(makeError(false));
  }

  #end(): Change | undefined {
    const current = this.#current;
    this.#current = undefined;
    return current;
  }
}

function timedOut(mayHaveBeenApplied: boolean): RuntimeError {
  return new RuntimeError('TIMEOUT', 'The change was not committed in time.', { mayHaveBeenApplied });
}

function outcomeUnknown(): RuntimeError {
  return new RuntimeError(
    'LEADERSHIP_LOST',
    'This server stopped leading before the change was committed; whether it takes effect is not known.',
    { mayHaveBeenApplied: true },
  );
}
