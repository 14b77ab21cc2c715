// Saves the state machine: one image at a time, taken between two entries while the loop goes on, handed to the node,
// and called saved only once the log holds it durably.

import type { Index } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { RuntimeError } from './runtime-error.js';
import { gatherSnapshotData } from './snapshot-data.js';

export interface SnapshotsOptions {
  readonly clock: Clock;
  readonly snapshotBytesMax: number;
  /** Begins the image of the moment at which it is called. */
  readonly beginImage: () => AsyncIterable<Uint8Array>;
  /** Calls back at a point between two entries, with everything up to `index` applied and nothing after it. */
  readonly atPoint: (call: (index: Index) => void) => void;
  /** Hands the image to the node in the loop's next turn; calls back with the seq that makes it durable. */
  readonly save: (index: Index, data: Uint8Array, onStaged: (seq: number) => void) => void;
  /** A snapshot is durable, after so many milliseconds. */
  readonly onTaken: (taken: { index: Index; bytes: number; milliseconds: number }) => void;
  /** A snapshot could not be taken. The server goes on, with a longer log. */
  readonly onTrouble: (error: RuntimeError) => void;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  #underWay: Promise<Index> | undefined;
  #staged: { readonly seq: number; readonly resolve: () => void } | undefined;
  #stop: (reason: RuntimeError) => void = () => {};
  readonly #stopped: Promise<never>;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#stopped = new Promise((_resolve, reject) => {
      this.#stop = reject;
    });
    this.#stopped.catch(() => {}); // whoever waits for a snapshot hears of it
  }

  /** Resolves with the index that is covered, once that is durable; 0 when nothing is applied. A second call shares the first. */
  take(): Promise<Index> {
    this.#underWay ??= Promise.race([this.#take(), this.#stopped]).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  durable(seq: number): void {
    if (this.#staged === undefined || seq < this.#staged.seq) return;
    this.#staged.resolve();
    this.#staged = undefined;
  }

  stop(reason: RuntimeError): void {
    this.#stop(reason);
  }

  async #take(): Promise<Index> {
    try {
      const { clock, onTaken } = this.#options;
      const began = clock.now();
      const { index, data } = await this.#image();
      if (index === 0) return index;
      await this.#save(index, data);
      onTaken({ index, bytes: data.length, milliseconds: clock.now() - began });
      return index;
    } catch (cause) {
      const error = asRuntimeError(cause);
      this.#options.onTrouble(error);
      throw error;
    }
  }

  #image(): Promise<{ readonly index: Index; readonly data: Uint8Array }> {
    const { atPoint, beginImage, snapshotBytesMax } = this.#options;
    return new Promise((resolve, reject) => {
      atPoint((index) => {
        // An async function turns what it throws at once into a rejection, too.
        const gather = async () => gatherSnapshotData(beginImage(), snapshotBytesMax);
        gather().then((data) => resolve({ index, data }), reject);
      });
    });
  }

  #save(index: Index, data: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#options.save(index, data, (seq) => {
        this.#staged = { seq, resolve };
      });
    });
  }
}

function asRuntimeError(cause: unknown): RuntimeError {
  if (cause instanceof RuntimeError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RuntimeError('STATE_MACHINE', `The state machine could not be saved: ${why}.`, { cause });
}
