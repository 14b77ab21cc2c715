// Makes staged work durable: one flush at a time, and while it runs the next one gathers; or at once, by a write that
// blocks, where that is allowed and the log expects it to be quick. A failure is final, a full disk is not. Must never
// report a seq that the log has not called durable.

import type { DeferredRaftLog } from '@waldb/core';

/** A log that can say whether blocking for it would be short; one that cannot is never blocked for. */
export interface FlushedLog extends DeferredRaftLog {
  isSyncQuick?(): boolean;
}

export interface FlusherOptions {
  readonly log: FlushedLog;
  readonly onDurable: (seq: number) => void;
  readonly onFailed: (error: unknown) => void;
  /** The disk is full, or has room again. */
  readonly onFullChange: (isFull: boolean) => void;
}

export class Flusher {
  readonly #options: FlusherOptions;
  #durableSeq: number;
  #inFlight: Promise<void> | undefined;
  #isFull = false;
  #hasFailed = false;

  /** What the log has staged so far counts as durable: whoever opened it has synced it. */
  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#durableSeq = options.log.stagedSeq();
  }

  get isFlushing(): boolean {
    return this.#inFlight !== undefined;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Makes what is staged durable before it returns, if it is allowed to block and that is likely to be short. Else starts
   * a flush if something is staged and none is under way. The seq that became durable at once.
   */
  start(mayBlock: boolean): number | undefined {
    if (this.#isFull) return undefined;
    if (mayBlock && this.#isStaged && this.#options.log.isSyncQuick?.() === true) return this.#sync();
    this.#start();
    return undefined;
  }

  /** The disk was full: see whether it still is. */
  retry(): void {
    if (this.#isFull) this.#start();
  }

  /** Resolves when no flush is under way. */
  async idle(): Promise<void> {
    await this.#inFlight;
  }

  /** Whether there is something to write, and nothing being written. */
  get #isStaged(): boolean {
    if (this.#hasFailed || this.#inFlight !== undefined) return false;
    return this.#options.log.stagedSeq() > this.#durableSeq;
  }

  #sync(): number | undefined {
    const { log } = this.#options;
    try {
      log.sync();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
    this.#durableSeq = log.stagedSeq();
    return this.#durableSeq;
  }

  #start(): void {
    if (!this.#isStaged) return;
    const { log } = this.#options;
    this.#inFlight = log.flush().then(
      (seq) => this.#flushed(seq),
      (error: unknown) => this.#failed(error),
    );
  }

  #flushed(seq: number): void {
    this.#inFlight = undefined;
    this.#durableSeq = seq;
    this.#setFull(false);
    this.#options.onDurable(seq);
  }

  #failed(error: unknown): void {
    this.#inFlight = undefined;
    if (isDiskFull(error)) {
      this.#setFull(true);
      return;
    }
    this.#hasFailed = true;
    this.#options.onFailed(error);
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    this.#options.onFullChange(isFull);
  }
}

/** The log leaves staged what it could not write for lack of room, and says so with this code. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'WAL_FULL';
}
