// Makes staged work durable without blocking: one flush at a time, and while it runs the next one gathers. A failure is
// final, a full disk is not. Must never report a seq that the log has not called durable.

import type { DeferredRaftLog } from '@waldb/core';

export interface FlusherOptions {
  readonly log: DeferredRaftLog;
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

  /** Starts a flush if something is staged and none is under way. */
  start(): void {
    if (this.#isFull) return;
    this.#start();
  }

  /** The disk was full: see whether it still is. */
  retry(): void {
    if (this.#isFull) this.#start();
  }

  /** Resolves when no flush is under way. */
  async idle(): Promise<void> {
    await this.#inFlight;
  }

  #start(): void {
    const { log } = this.#options;
    if (this.#hasFailed || this.#inFlight !== undefined || log.stagedSeq() <= this.#durableSeq) return;
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
