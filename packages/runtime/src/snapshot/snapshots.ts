// Saves the state machine: one image at a time, taken between two entries and streamed to the disk while the loop goes
// on. Only when the image is durable is the node told of it, and only when the log names it durably is it called taken.

import type { Index } from '@waldb/core';
import type { Clock } from '@waldb/io';
import { SnapshotError, type SnapshotPosition } from '@waldb/snapshot';
import { RuntimeError } from '../runtime-error.js';
import type { BegunImage } from './snapshot-image.js';
import type { SnapshotReference } from './snapshot-reference.js';

export interface SnapshotsOptions {
  readonly clock: Clock;
  /** Begins the image of the moment at which it is called. */
  readonly beginImage: () => BegunImage;
  /** Calls back at a point between two entries, with everything up to `index` applied and nothing after it. */
  readonly atPoint: (call: (index: Index) => void) => void;
  /** The newest snapshot in the log, durable or not; 0 for none. */
  readonly snapshotIndex: () => Index;
  /** Errors: `NOT_READY` where this server cannot tell. */
  readonly positionAt: (index: Index) => SnapshotPosition;
  /** Resolves once the image is durable. */
  readonly write: (
    position: SnapshotPosition,
    image: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<SnapshotReference>;
  /** Tells the node, and resolves once the log names the snapshot durably. Rejects when the node refuses. */
  readonly save: (reference: SnapshotReference) => Promise<void>;
  /** A snapshot is durable, after so many milliseconds. */
  readonly onTaken: (taken: { index: Index; bytes: number; milliseconds: number }) => void;
  /** A snapshot could not be taken. The server goes on, with a longer log. */
  readonly onTrouble: (error: RuntimeError) => void;
}

interface Begun {
  readonly position: SnapshotPosition;
  readonly image: BegunImage;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #stopping = new AbortController();
  #underWay: Promise<Index> | undefined;
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

  stop(reason: RuntimeError): void {
    this.#stop(reason);
    this.#stopping.abort(reason);
  }

  async #take(): Promise<Index> {
    try {
      const { clock, onTaken } = this.#options;
      const began = clock.now();
      const begun = await this.#begin();
      if (begun === undefined) return this.#options.snapshotIndex();
      const reference = await this.#write(begun);
      if (reference === undefined) return this.#options.snapshotIndex();
      await this.#options.save(reference);
      const { index, bytes } = reference;
      onTaken({ index, bytes, milliseconds: clock.now() - began });
      return index;
    } catch (cause) {
      const error = asRuntimeError(cause);
      this.#options.onTrouble(error);
      throw error;
    }
  }

  /** Undefined when the log has a snapshot of all that is applied. */
  #begin(): Promise<Begun | undefined> {
    const { atPoint, beginImage, positionAt, snapshotIndex } = this.#options;
    return new Promise((resolve, reject) => {
      atPoint((index) => {
        // An async function turns what it throws at once into a rejection, too.
        const begin = async () => {
          if (index <= snapshotIndex()) return undefined;
          return { position: positionAt(index), image: beginImage() };
        };
        begin().then(resolve, reject);
      });
    });
  }

  /** Undefined when a snapshot that was installed meanwhile is newer. */
  async #write({ position, image }: Begun): Promise<SnapshotReference | undefined> {
    try {
      return await this.#options.write(position, image, this.#stopping.signal);
    } catch (error) {
      if (error instanceof SnapshotError && error.code === 'SNAPSHOT_STALE') return undefined;
      throw error;
    } finally {
      // A machine that never gives its next piece must not hold up anybody.
      image.return().catch(() => {}); // the write's own outcome is the one to report
    }
  }
}

function asRuntimeError(cause: unknown): RuntimeError {
  if (cause instanceof RuntimeError) return cause;
  if (cause instanceof SnapshotError) return fromSnapshotError(cause);
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RuntimeError('STATE_MACHINE', `The state machine could not be saved: ${why}.`, { cause });
}

/** What trouble with a file of a snapshot means to whoever wants one. */
export function fromSnapshotError(error: SnapshotError): RuntimeError {
  const options = { detail: error.detail, cause: error };
  switch (error.code) {
    case 'SNAPSHOT_TOO_LARGE':
      return new RuntimeError('SNAPSHOT_TOO_LARGE', error.message, options);
    case 'SNAPSHOT_FULL':
      return new RuntimeError('STORAGE_FULL', `There is no room for a snapshot: ${error.message}`, options);
    default:
      return new RuntimeError('SNAPSHOT_FAILED', error.message, options);
  }
}
