// Commands from the call of `propose` to its outcome: waiting for a batch, then in the log at an index in a term, then
// applied there or not. Holds promises and nothing of the protocol; must never call a command applied that is not, nor
// "not applied" one that still may be.

import type { Index, Term } from '@waldb/core';
import type { MetricsRecorder } from '../observe/metrics-recorder.js';
import { busyError, RuntimeError } from '../runtime-error.js';
import type { Session, SessionRequest } from '../session/session.js';
import { abortedError, whenAborted } from './patience.js';

export interface ProposeOptions {
  /** Stops waiting; the command may still be applied. */
  readonly signal?: AbortSignal;
  /** How long to wait for the outcome. */
  readonly timeoutMs?: number;
  /**
   * Makes a retry harmless (docs/server.md, section 2). A `SessionRequest` is one request, the same however often it is
   * tried; a `Session` makes its next one, settles it with the result, and leaves it in `error.detail.session` otherwise.
   */
  readonly session?: Session | SessionRequest;
}

export interface Proposal<Result> {
  readonly command: Uint8Array;
  readonly startedAt: number;
  readonly deadline: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: RuntimeError) => void;
  unwatch: (() => void) | undefined;
  /** 0 while it waits. */
  index: Index;
  term: Term;
  isSettled: boolean;
}

export interface ProposalLimits {
  readonly proposalsMax: number;
  readonly proposalBytesMax: number;
  /** Follows from what the log and the transport take (`commandBytesMax` in options.ts). */
  readonly commandBytesMax: number;
  readonly batchCommandsMax: number;
  readonly batchBytesMax: number;
}

/** Who counts what becomes of them. */
export type ProposalObserver = Pick<
  MetricsRecorder,
  'proposalAccepted' | 'proposalApplied' | 'proposalFailed'
>;

const NOBODY: ProposalObserver = { proposalAccepted() {}, proposalApplied() {}, proposalFailed() {} };

export class Proposals<Result> {
  readonly #limits: ProposalLimits;
  readonly #observer: ProposalObserver;
  #waiting: Proposal<Result>[] = [];
  /** The first of `#waiting` that was not taken yet. */
  #taken = 0;
  readonly #inLog = new Map<Index, Proposal<Result>>();
  #count = 0;
  #bytes = 0;
  /** No proposal's deadline is earlier. */
  #nextDeadline = Number.POSITIVE_INFINITY;
  #onIdle: (() => void) | undefined;

  constructor(limits: ProposalLimits, observer: ProposalObserver = NOBODY) {
    this.#limits = limits;
    this.#observer = observer;
  }

  /** Accepted and not settled. */
  get count(): number {
    return this.#count;
  }

  get hasWaiting(): boolean {
    return this.#taken < this.#waiting.length;
  }

  get isAnyInLog(): boolean {
    return this.#inLog.size > 0;
  }

  /** `now` is when it was asked for. Errors, by rejection: `BUSY`, and whatever becomes of the command. */
  add(
    command: Uint8Array,
    deadline: number,
    signal: AbortSignal | undefined,
    now: number = 0,
  ): Promise<Result> {
    if (signal?.aborted) return this.#refuse(abortedError(signal, false));
    const refusal = this.#refusal(command.length);
    if (refusal !== undefined) return this.#refuse(refusal);
    return new Promise((resolve, reject) => {
      const proposal: Proposal<Result> = {
        command,
        startedAt: now,
        deadline,
        resolve,
        reject,
        unwatch: undefined,
        index: 0,
        term: 0,
        isSettled: false,
      };
      proposal.unwatch = whenAborted(signal, () => {
        if (signal !== undefined) this.#reject(proposal, abortedError(signal, proposal.index > 0));
      });
      this.#count += 1;
      this.#bytes += command.length;
      this.#nextDeadline = Math.min(this.#nextDeadline, deadline);
      this.#waiting.push(proposal);
      this.#observer.proposalAccepted(command.length);
    });
  }

  /** Resolves when none is left. One caller at a time. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** The next batch: everything that waits, up to the caps, and at least one command. Empty when nothing waits. */
  takeBatch(): Proposal<Result>[] {
    const batch: Proposal<Result>[] = [];
    let bytes = 0;
    for (; this.#taken < this.#waiting.length; this.#taken++) {
      const proposal = this.#waiting[this.#taken];
      if (proposal === undefined || proposal.isSettled) continue;
      bytes += proposal.command.length;
      const isFull =
        batch.length >= this.#limits.batchCommandsMax ||
        (batch.length > 0 && bytes > this.#limits.batchBytesMax);
      if (isFull) break;
      batch.push(proposal);
    }
    this.#trim();
    return batch;
  }

  /** Back to the front: the batch was not taken and nothing was done. */
  putBack(batch: readonly Proposal<Result>[]): void {
    this.#waiting = [...batch, ...this.#waiting.slice(this.#taken)];
    this.#taken = 0;
  }

  /** The batch is in the log, from `first` on. */
  placed(batch: readonly Proposal<Result>[], first: Index, term: Term): void {
    for (let i = 0; i < batch.length; i++) {
      const proposal = batch[i];
      if (proposal === undefined || proposal.isSettled) continue;
      proposal.index = first + i;
      proposal.term = term;
      this.#inLog.set(proposal.index, proposal);
    }
  }

  /** The entry at `index` was applied; if a proposal of ours was put there in that same term, this is its outcome. */
  applied(index: Index, term: Term, result: Result, now: number = 0): void {
    const proposal = this.#inLog.get(index);
    if (proposal === undefined) return;
    if (proposal.term === term) {
      this.#settle(proposal);
      this.#observer.proposalApplied(now - proposal.startedAt);
      proposal.resolve(result);
      return;
    }
    // Another leader's entry is committed where ours was: ours never will be.
    this.#reject(
      proposal,
      new RuntimeError(
        'LEADERSHIP_LOST',
        `Another leader's entry took index ${index}; the command was not applied.`,
        {
          detail: { index },
        },
      ),
    );
  }

  /** A snapshot took the place of everything up to `index`: what it did with our commands there cannot be told. */
  replacedThrough(index: Index): void {
    for (const proposal of this.#inLog.values())
      if (proposal.index <= index) this.#reject(proposal, outcomeUnknown());
  }

  /** This server does not lead any more. What it handed to the state machine, up to `applying`, is certain; the rest is not. */
  leadershipLost(applying: Index): void {
    for (const proposal of this.#inLog.values())
      if (proposal.index > applying) this.#reject(proposal, outcomeUnknown());
  }

  rejectBatch(batch: readonly Proposal<Result>[], error: RuntimeError): void {
    for (const proposal of batch) this.#reject(proposal, error);
  }

  /** Rejects everything that waits for a batch: nothing was done about it. */
  rejectWaiting(error: RuntimeError): void {
    const waiting = this.#waiting.slice(this.#taken);
    this.#forgetTaken();
    this.rejectBatch(waiting, error);
  }

  /** Rejects everything; `makeError` is told whether the command may be applied all the same. */
  rejectAll(makeError: (mayHaveBeenApplied: boolean) => RuntimeError): void {
    this.rejectWaiting(makeError(false));
    for (const proposal of this.#inLog.values()) this.#reject(proposal, makeError(true));
  }

  /** Rejects what has waited too long. */
  expire(now: number): void {
    if (now < this.#nextDeadline) return;
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    for (const proposal of this.#inLog.values()) this.#expireOne(proposal, now);
    for (let i = this.#taken; i < this.#waiting.length; i++) this.#expireOne(this.#waiting[i], now);
  }

  #expireOne(proposal: Proposal<Result> | undefined, now: number): void {
    if (proposal === undefined || proposal.isSettled) return;
    if (now < proposal.deadline) {
      this.#nextDeadline = Math.min(this.#nextDeadline, proposal.deadline);
      return;
    }
    const mayHaveBeenApplied = proposal.index > 0;
    const error = new RuntimeError('TIMEOUT', 'The command was not applied in time.', { mayHaveBeenApplied });
    this.#reject(proposal, error);
  }

  #reject(proposal: Proposal<Result>, error: RuntimeError): void {
    if (proposal.isSettled) return;
    this.#settle(proposal);
    this.#observer.proposalFailed(error, proposal.startedAt);
    proposal.reject(error);
  }

  #refusal(commandBytes: number): RuntimeError | undefined {
    const { proposalsMax, proposalBytesMax, commandBytesMax } = this.#limits;
    const inUse = { proposals: this.#count, bytes: this.#bytes };
    if (commandBytes > commandBytesMax) {
      return new RuntimeError(
        'TOO_LARGE',
        `A command of ${commandBytes} bytes is larger than the ${commandBytesMax} bytes that the log and a message take.`,
        { detail: { bytes: commandBytes, bytesMax: commandBytesMax } },
      );
    }
    if (this.#count >= proposalsMax) return busyError('proposalsMax', proposalsMax, inUse);
    if (this.#count === 0 || this.#bytes + commandBytes <= proposalBytesMax) return undefined;
    return busyError('proposalBytesMax', proposalBytesMax, inUse);
  }

  /** It was not taken at all. */
  #refuse(error: RuntimeError): Promise<never> {
    this.#observer.proposalFailed(error, undefined);
    return Promise.reject(error);
  }

  #settle(proposal: Proposal<Result>): void {
    proposal.isSettled = true;
    this.#count -= 1;
    this.#bytes -= proposal.command.length;
    if (proposal.index > 0) this.#inLog.delete(proposal.index);
    proposal.unwatch?.();
    if (this.#count === 0) this.#onIdle?.();
  }

  /** What was taken is cut off in large pieces, so that each proposal is moved once at most. */
  #trim(): void {
    if (this.#taken * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#taken);
    this.#taken = 0;
  }

  #forgetTaken(): void {
    this.#waiting = [];
    this.#taken = 0;
  }
}

function outcomeUnknown(): RuntimeError {
  return new RuntimeError(
    'LEADERSHIP_LOST',
    'This server stopped leading before the command was committed; whether it will be applied is not known.',
    { mayHaveBeenApplied: true },
  );
}
