// Reads from the call of `read` to the moment at which a local read is allowed. Everything that waits when a round is
// started shares it: one round of the protocol for any number of reads. A read never joins a round that was started
// before it was asked for: that round may have been confirmed by a quorum that knew less.

import type { Action, Index } from '@waldb/core';
import type { MetricsRecorder } from '../observe/metrics-recorder.js';
import { busyError, RuntimeError } from '../runtime-error.js';
import { abortedError, whenAborted } from './patience.js';

interface Read {
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: RuntimeError) => void;
  unwatch: (() => void) | undefined;
  isSettled: boolean;
}

interface Confirmed {
  readonly index: Index;
  readonly reads: readonly Read[];
}

const CONTEXT_BYTES = 8;

/** Who counts what becomes of them. */
export type ReadObserver = Pick<MetricsRecorder, 'readRoundStarted' | 'readsAnswered' | 'readFailed'>;

const NOBODY: ReadObserver = { readRoundStarted() {}, readsAnswered() {}, readFailed() {} };

export class Reads {
  readonly #observer: ReadObserver;
  readonly #limits: { readonly readsMax: number; readonly readRoundsMax: number };
  #waiting: Read[] = [];
  /** Rounds under way, by the number in their context. */
  readonly #rounds = new Map<number, readonly Read[]>();
  /** Confirmed, and waiting for the state machine. At most one for each round since the last apply, and one for each read during a restore. */
  #confirmed: Confirmed[] = [];
  #lastRound = 0;
  #count = 0;
  #nextDeadline = Number.POSITIVE_INFINITY;
  #onIdle: (() => void) | undefined;

  constructor(
    limits: { readonly readsMax: number; readonly readRoundsMax: number },
    observer: ReadObserver = NOBODY,
  ) {
    this.#limits = limits;
    this.#observer = observer;
  }

  /** Asked for and not answered. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when none is left. One caller at a time. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Whether a round can and should be started. */
  get wantsRound(): boolean {
    return this.#waiting.length > 0 && this.#rounds.size < this.#limits.readRoundsMax;
  }

  /** A read that may be made now. */
  answerAtOnce(): Promise<void> {
    this.#observer.readsAnswered(1);
    return Promise.resolve();
  }

  /** Errors, by rejection: `BUSY`, `ABORTED`, `TIMEOUT`, and why the read was not confirmed. */
  add(deadline: number, signal?: AbortSignal): Promise<void> {
    return this.#accept((read) => this.#waiting.push(read), deadline, signal);
  }

  /** A read that needs no round, and is right once `index` is applied. Errors: as `add`. */
  addConfirmed(index: Index, deadline: number, signal?: AbortSignal): Promise<void> {
    return this.#accept((read) => this.#confirmed.push({ index, reads: [read] }), deadline, signal);
  }

  #accept(place: (read: Read) => void, deadline: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return this.#refuse(abortedError(signal, false));
    if (this.#count >= this.#limits.readsMax) {
      return this.#refuse(busyError('readsMax', this.#limits.readsMax, { reads: this.#count }));
    }
    return new Promise((resolve, reject) => {
      this.#count += 1;
      this.#nextDeadline = Math.min(this.#nextDeadline, deadline);
      const read: Read = { deadline, resolve, reject, unwatch: undefined, isSettled: false };
      read.unwatch = whenAborted(signal, () => {
        if (signal !== undefined) this.#rejectThese([read], abortedError(signal, false));
      });
      place(read);
    });
  }

  #refuse(error: RuntimeError): Promise<never> {
    this.#observer.readFailed(error);
    return Promise.reject(error);
  }

  /** Everything that waits becomes one round; returns its context. */
  startRound(): Uint8Array {
    this.#lastRound += 1;
    this.#observer.readRoundStarted();
    this.#rounds.set(this.#lastRound, this.#waiting);
    this.#waiting = [];
    const context = new Uint8Array(CONTEXT_BYTES);
    new DataView(context.buffer).setBigUint64(0, BigInt(this.#lastRound));
    return context;
  }

  /** The round's reads are right once `index` is applied. */
  ready(context: Uint8Array, index: Index, appliedIndex: Index): void {
    const reads = this.#endRound(context);
    if (index <= appliedIndex) this.#resolve(reads);
    else if (reads.length > 0) this.#confirmed.push({ index, reads });
  }

  failed(context: Uint8Array, error: RuntimeError): void {
    this.#rejectThese(this.#endRound(context), error);
  }

  /** Everything up to `appliedIndex` is visible in the state machine. */
  applied(appliedIndex: Index): void {
    if (this.#confirmed.length === 0) return;
    const due = this.#confirmed.filter((confirmed) => confirmed.index <= appliedIndex);
    this.#confirmed = this.#confirmed.filter((confirmed) => confirmed.index > appliedIndex);
    for (const { reads } of due) this.#resolve(reads);
  }

  expire(now: number): void {
    if (now < this.#nextDeadline) return;
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    for (const reads of this.#all()) for (const read of reads) this.#expireOne(read, now);
    this.#waiting = this.#waiting.filter((read) => !read.isSettled);
    // A round whose answer was lost must not take a place for ever; a late answer to it is ignored.
    for (const [round, reads] of this.#rounds)
      if (reads.every((read) => read.isSettled)) this.#rounds.delete(round);
  }

  rejectAll(error: RuntimeError): void {
    for (const reads of this.#all()) this.#rejectThese(reads, error);
    this.#waiting = [];
    this.#rounds.clear();
    this.#confirmed = [];
  }

  #all(): (readonly Read[])[] {
    return [this.#waiting, ...this.#rounds.values(), ...this.#confirmed.map((confirmed) => confirmed.reads)];
  }

  #endRound(context: Uint8Array): readonly Read[] {
    if (context.length !== CONTEXT_BYTES) return [];
    const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES);
    const round = Number(view.getBigUint64(0));
    const reads = this.#rounds.get(round) ?? [];
    this.#rounds.delete(round);
    return reads;
  }

  #expireOne(read: Read, now: number): void {
    if (read.isSettled) return;
    if (now < read.deadline) this.#nextDeadline = Math.min(this.#nextDeadline, read.deadline);
    else this.#rejectThese([read], new RuntimeError('TIMEOUT', 'The read was not confirmed in time.'));
  }

  #resolve(reads: readonly Read[]): void {
    let answered = 0;
    for (const read of reads) {
      if (read.isSettled) continue;
      this.#settle(read);
      answered += 1;
      read.resolve();
    }
    this.#observer.readsAnswered(answered);
  }

  #settle(read: Read): void {
    read.isSettled = true;
    read.unwatch?.();
    this.#count -= 1;
    if (this.#count === 0) this.#onIdle?.();
  }

  #rejectThese(reads: readonly Read[], error: RuntimeError): void {
    for (const read of reads) {
      if (read.isSettled) continue;
      this.#settle(read);
      this.#observer.readFailed(error);
      read.reject(error);
    }
  }
}

/** Why the protocol could not confirm a round. */
export function readError(
  reason: Extract<Action, { type: 'readFailed' }>['reason'],
  notLeader: () => RuntimeError,
): RuntimeError {
  switch (reason) {
    case 'noLeader':
      return notLeader();
    case 'leadershipLost':
      return new RuntimeError(
        'LEADERSHIP_LOST',
        'This server stopped leading before the read was confirmed.',
      );
    case 'timeout':
      return new RuntimeError('TIMEOUT', 'The leader did not confirm the read in time.');
  }
}
