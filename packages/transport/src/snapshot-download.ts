// Asks a peer for a snapshot over a connection of its own, and hands out what comes, checked frame by frame. While
// nobody asks for the next piece the connection is not read: the machine's buffers fill, and the sender waits. Must
// never take the end of the connection for the end of the image: who asked knows how long that is.

import type { NodeId } from '@waldb/core';
import type { ByteStream, Endpoint, NetworkError, StreamHandlers, Timer } from '@waldb/io';
import { checkIdentity } from './certified-name.js';
import { type Frame, FrameReader, frameHeader } from './frame.js';
import {
  agreeVersion,
  checkHello,
  decodeHello,
  decodeRefusal,
  greeting,
  HELLO_BYTES_MAX,
  helloTo,
  PREAMBLE_BYTES,
} from './hello.js';
import type { PeerContext } from './peer.js';
import { encodeSnapshotRequest, SNAPSHOT_CHUNK_BYTES_MAX, type SnapshotRequest } from './snapshot-request.js';
import { TransportError } from './transport-error.js';

export interface SnapshotSource {
  readonly id: NodeId;
  readonly endpoint: Endpoint;
}

/**
 * The pieces of an image from the request's offset on, until the peer ends the connection. Each is the receiver's.
 * Errors: `TransportError` (`REFUSED` with the peer's own code in `detail.theirCode`), `NetworkError`, the signal's reason.
 */
export async function* downloadSnapshot(
  context: PeerContext,
  source: SnapshotSource,
  request: SnapshotRequest,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  signal.throwIfAborted();
  const download = new SnapshotDownload(context, source, request);
  const onAbort = () => download.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      const piece = await download.next();
      if (piece === undefined) return;
      yield piece;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    download.close();
  }
}

type Ending = { readonly type: 'end' } | { readonly type: 'failure'; readonly error: unknown };

class SnapshotDownload implements StreamHandlers {
  readonly #context: PeerContext;
  readonly #source: SnapshotSource;
  readonly #request: SnapshotRequest;
  readonly #reader = new FrameReader(PREAMBLE_BYTES, HELLO_BYTES_MAX);
  readonly #stream: ByteStream;
  /** Read and not handed out: what one read of the machine brought. */
  readonly #pieces: Uint8Array[] = [];
  #timer: Timer;
  #hasMet = false;
  #isPaused = false;
  #ending: Ending | undefined;
  #onNews: () => void = () => {};

  constructor(context: PeerContext, source: SnapshotSource, request: SnapshotRequest) {
    this.#context = context;
    this.#source = source;
    this.#request = request;
    this.#timer = this.#armTimer();
    this.#stream = context.network.connect(source.endpoint, this);
  }

  /** Undefined at the end of the connection. One call at a time. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) return piece;
      if (this.#ending?.type === 'failure') throw this.#ending.error;
      if (this.#ending !== undefined) return undefined;
      this.#resume();
      await new Promise<void>((resolve) => {
        this.#onNews = resolve;
      });
    }
  }

  fail(error: unknown): void {
    if (this.#ending === undefined) {
      this.#pieces.length = 0;
      this.#end({ type: 'failure', error });
    }
    this.#stream.destroy();
  }

  close(): void {
    this.#end({ type: 'end' });
    this.#stream.destroy();
  }

  onOpen(): void {
    const { id } = this.#source;
    try {
      checkIdentity(this.#stream.identity, this.#context.nodeId, id);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#stream.write(greeting(helloTo(id, this.#context, 'snapshot')));
  }

  onData(bytes: Uint8Array): void {
    if (this.#ending !== undefined) return;
    try {
      this.#reader.push(bytes, agreeVersion, (frame) => {
        this.#handle(frame);
        return true;
      });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.fail(error);
      return;
    }
    if (this.#pieces.length > 0) this.#pause();
    else this.#restartTimer();
    this.#onNews();
  }

  onDrain(): void {
    // A hello and a request do not wait for room.
  }

  onClose(error: NetworkError | undefined): void {
    this.#end(error === undefined ? { type: 'end' } : { type: 'failure', error });
  }

  #handle(frame: Frame): void {
    if (frame.kind === 'refusal') throw decodeRefusal(frame.payload);
    if (frame.kind === 'hello' && !this.#hasMet) this.#meet(frame.payload);
    else if (frame.kind === 'snapshotChunk' && this.#hasMet) this.#pieces.push(frame.payload);
    else {
      throw new TransportError(
        'FRAME_UNEXPECTED',
        `Server ${this.#source.id} sent a ${frame.kind} where a snapshot was expected.`,
      );
    }
  }

  #meet(payload: Uint8Array): void {
    const hello = decodeHello(payload);
    checkHello({ ...this.#context, peer: this.#source.id }, hello);
    this.#context.admit(hello);
    this.#hasMet = true;
    this.#reader.payloadBytesMax = SNAPSHOT_CHUNK_BYTES_MAX;
    const request = encodeSnapshotRequest(this.#request);
    this.#stream.write([frameHeader('snapshotRequest', request), request]);
  }

  #end(ending: Ending): void {
    this.#timer.cancel();
    this.#ending ??= ending;
    this.#onNews();
  }

  #pause(): void {
    this.#timer.cancel();
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#restartTimer();
    this.#stream.resume();
  }

  #restartTimer(): void {
    this.#timer.cancel();
    this.#timer = this.#armTimer();
  }

  /** The other side owes something: its hello, or the next piece. */
  #armTimer(): Timer {
    const { clock, limits } = this.#context;
    return clock.setTimer(this.#hasMet ? limits.snapshotSilenceMs : limits.helloTimeoutMs, () =>
      this.fail(
        new TransportError('SILENT', `Server ${this.#source.id} sends nothing more of a snapshot.`, {
          peer: this.#source.id,
        }),
      ),
    );
  }
}
