// Sends one snapshot over a connection that a peer dialled for it. Reads the next piece only when the machine has taken
// the last one: a slow peer is waited for, and costs one piece of memory however large the image is.

import type { ByteStream, Clock } from '@waldb/io';
import { frameHeader } from './frame.js';
import type { TransportLimits } from './limits.js';
import { SNAPSHOT_CHUNK_BYTES_MAX } from './snapshot-request.js';
import { TransportError } from './transport-error.js';

export interface SnapshotSenderOptions {
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** All of it was handed to the machine. */
  readonly onSent: () => void;
  /** The image cannot be read on. */
  readonly onFailed: (error: TransportError) => void;
}

export class SnapshotSender {
  readonly #stream: ByteStream;
  readonly #options: SnapshotSenderOptions;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #isStopped = false;
  /** Since when the machine has had no room. */
  #fullSince: number | undefined;
  #onRoom: () => void = () => {};

  /** Begins at once. */
  constructor(stream: ByteStream, chunks: AsyncIterable<Uint8Array>, options: SnapshotSenderOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#chunks = chunks[Symbol.asyncIterator]();
    void this.#run(); // never rejects
  }

  hasRoom(): void {
    this.#fullSince = undefined;
    this.#onRoom();
  }

  /** A peer that takes nothing for long is gone, or as good as gone: it asks again if it is not. */
  checkLife(): void {
    const { clock, limits } = this.#options;
    if (this.#fullSince === undefined || clock.now() - this.#fullSince <= limits.snapshotSilenceMs) return;
    this.stop();
    this.#stream.destroy();
  }

  /** Reads no more. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#onRoom();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopped) {
        const next = await this.#chunks.next();
        if (next.done === true) {
          this.#fullSince = this.#options.clock.now(); // for a peer that never takes the rest
          if (!this.#isStopped) this.#options.onSent();
          return;
        }
        await this.#send(next.value);
      }
      await this.#chunks.return?.();
    } catch (error) {
      if (!this.#isStopped) this.#options.onFailed(asTransportError(error));
    }
  }

  async #send(piece: Uint8Array): Promise<void> {
    for (let offset = 0; offset < piece.length && !this.#isStopped; offset += SNAPSHOT_CHUNK_BYTES_MAX) {
      const payload = piece.subarray(offset, offset + SNAPSHOT_CHUNK_BYTES_MAX);
      if (!this.#stream.write([frameHeader('snapshotChunk', payload), payload])) await this.#room();
    }
  }

  #room(): Promise<void> {
    this.#fullSince = this.#options.clock.now();
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }
}

function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new TransportError(
    'SNAPSHOT_UNAVAILABLE',
    `The snapshot could not be read on: ${why}`,
    {},
    { cause: error },
  );
}
