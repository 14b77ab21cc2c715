// A snapshot that is being read. From the call of `read` on its file stays, until the stream has ended, failed, or was
// given back.

import type { SnapshotError } from './snapshot-error.js';
import type { SnapshotInfo } from './snapshot-info.js';

/**
 * An image in chunks, to be iterated once: `for await` does all that is needed. Each chunk was checked before it is
 * handed out and is the receiver's. The image is whole only when the iteration ends by itself, without an error. Whoever
 * does not iterate to the end calls `return`, or declares the stream with `await using`.
 */
export class SnapshotStream implements AsyncIterableIterator<Uint8Array>, AsyncDisposable {
  readonly info: SnapshotInfo;
  readonly #chunks: AsyncGenerator<Uint8Array, void, void>;
  readonly #onEnd: (error: unknown) => Promise<void>;
  #ending: Promise<void> | undefined;
  #cutBy: SnapshotError | undefined;

  /** `onEnd` is called once, with what went wrong, if anything did. */
  constructor(
    info: SnapshotInfo,
    chunks: AsyncGenerator<Uint8Array, void, void>,
    onEnd: (error: unknown) => Promise<void>,
  ) {
    this.info = info;
    this.#chunks = chunks;
    this.#onEnd = onEnd;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Errors: `SNAPSHOT_CORRUPT`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`. */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      const next = await this.#chunks.next();
      if (next.done !== true) return next;
    } catch (error) {
      await this.#end(error);
      throw error;
    }
    // A store that is closed under a reader must not look to it like the end of the image.
    if (this.#cutBy !== undefined) throw this.#cutBy;
    await this.#end(undefined);
    return { done: true, value: undefined };
  }

  /** Gives the file back, after the read that is under way. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#chunks.return();
    await this.#end(undefined);
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** For the store: ends the stream from behind; whoever goes on reading hears why. */
  async cut(error: SnapshotError): Promise<void> {
    this.#cutBy = error;
    await this.return();
  }

  #end(error: unknown): Promise<void> {
    this.#ending ??= this.#onEnd(error);
    return this.#ending;
  }
}
