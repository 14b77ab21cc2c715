// One client's connection: bytes to requests, requests to replies, replies to bytes, in order. Replies that are ready
// at the same time leave in one write.
//
// A client that sends faster than it is served, or does not take its replies, is not read any more until it is even:
// what it can hold here is bounded by `pipeline...`, `requestBytesMax` and `outputBytesMax`.

import type { Socket } from 'node:net';
import type { Client } from '../command/command-context.js';
import type { ProtocolVersion } from '../resp/encode-reply.js';
import { ErrorReply } from '../resp/reply.js';
import { RequestReader, type RequestSink } from '../resp/request-reader.js';
import { Lane } from './lane.js';
import { type PendingReply, ReplyQueue } from './reply-queue.js';
import type { ServerLimits } from './server-limits.js';

/** Carries requests out. Fills in the place's reply now or later; must not throw. */
export type RequestHandler = (
  connection: Connection,
  request: readonly string[],
  place: PendingReply,
) => void;

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly limits: ServerLimits;
  readonly now: () => number;
  readonly onRequest: RequestHandler;
  readonly onClose: (connection: Connection) => void;
}

/** Replies are encoded and written in pieces of about this size. */
const WRITE_CHARACTERS = 256 * 1024;

export class Connection implements Client, RequestSink {
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAt: number;
  readonly lane: Lane;
  lastRequestAt: number;
  lastCommand = '';
  name = '';
  libraryName = '';
  libraryVersion = '';
  protocol: ProtocolVersion = 2;
  acceptsStale = false;

  readonly #socket: Socket;
  readonly #limits: ServerLimits;
  readonly #now: () => number;
  readonly #onRequest: RequestHandler;
  readonly #reader: RequestReader;
  readonly #replies = new ReplyQueue();
  #isClosing = false;
  #isPaused = false;

  constructor(options: ConnectionOptions) {
    const { socket, limits, now } = options;
    this.id = options.id;
    this.#socket = socket;
    this.#limits = limits;
    this.#now = now;
    this.#onRequest = options.onRequest;
    this.address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.localAddress = `${socket.localAddress ?? '?'}:${socket.localPort ?? 0}`;
    this.connectedAt = now();
    this.lastRequestAt = this.connectedAt;
    this.lane = new Lane(() => this.flush());
    this.#reader = new RequestReader(this, limits);

    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.flush());
    // The client has sent everything, but may still be waiting for replies.
    socket.on('end', () => this.closeAfterReplies());
    // A broken connection is the client's business; `close` follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => options.onClose(this));
  }

  get keptBytes(): number {
    return this.#reader.keptBytes;
  }

  get outputBytes(): number {
    return this.#socket.writableLength;
  }

  /** One request, from the reader. */
  request(words: string[], bytes: number): void {
    if (this.#isClosing) return;
    const place = this.#replies.reserve({ protocol: this.protocol, requestBytes: bytes });
    this.#onRequest(this, words, place);
  }

  /** The input cannot be understood: answered after everything before it, then closed. */
  invalid(message: string): void {
    if (this.#isClosing) return;
    const place = this.#replies.reserve({ protocol: this.protocol, requestBytes: 0 });
    place.reply = new ErrorReply(`ERR ${message}`);
    this.closeAfterReplies();
  }

  closeAfterReplies(): void {
    this.#isClosing = true;
    this.flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Writes the replies that can leave. */
  flush(): void {
    const socket = this.#socket;
    while (this.#replies.hasReady && socket.writableLength < this.#limits.outputBytesMax) {
      socket.write(this.#replies.take(WRITE_CHARACTERS), 'latin1');
    }
    if (this.#isClosing && this.#replies.length === 0 && !socket.writableEnded) socket.end();
    this.#holdOrGoOn();
  }

  #receive(chunk: Buffer): void {
    this.lastRequestAt = this.#now();
    this.#reader.push(chunk);
    this.flush();
  }

  #holdOrGoOn(): void {
    const { pipelineRequestsMax, pipelineBytesMax } = this.#limits;
    const { length, requestBytes } = this.#replies;
    if (!this.#isPaused && (length > pipelineRequestsMax || requestBytes > pipelineBytesMax)) {
      this.#isPaused = true;
      this.#socket.pause();
    } else if (this.#isPaused && length <= pipelineRequestsMax / 2 && requestBytes <= pipelineBytesMax / 2) {
      this.#isPaused = false;
      this.#socket.resume();
    }
  }
}
