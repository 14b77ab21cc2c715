// One client's connection: bytes to requests, requests to replies, replies to bytes, in order. Replies that are ready
// at the same time leave in one write.
//
// A client that sends faster than it is served, or does not take its replies, is not read any more until it is even:
// what it can hold here is bounded by `pipeline...`, `requestBytesMax` and `outputBytesMax`.

import type { Socket } from 'node:net';
import type { Client } from '../command/command-context.js';
import type { ProtocolVersion } from '../resp/encode-reply.js';
import { ErrorReply, PushReply, type Reply } from '../resp/reply.js';
import { RequestReader, type RequestSink } from '../resp/request-reader.js';
import type { ReplyCounter } from './command-statistics.js';
import { Lane } from './lane.js';
import { type PendingReply, ReplyQueue } from './reply-queue.js';
import type { ServerLimits } from './server-limits.js';
import { readIntoSharedBuffer } from './shared-reads.js';
import type { OpenTransaction } from './transactions.js';
import type { User } from './users.js';

/** Carries requests out. Fills in the place's reply now or later; must not throw. */
export type RequestHandler = (
  connection: Connection,
  request: readonly string[],
  place: PendingReply,
) => void;

export interface ConnectionOptions {
  readonly id: number;
  /** Accepted a moment ago. */
  readonly socket: Socket;
  readonly limits: ServerLimits;
  readonly user: User | undefined;
  readonly now: () => number;
  /** Calls back when this turn of the event loop ends. */
  readonly defer: (callback: () => void) => void;
  readonly counter: ReplyCounter;
  readonly onRequest: RequestHandler;
  /** MULTI and WATCH are given up. */
  readonly onTransactionReset: (connection: Connection) => void;
  /** Replies have left, perhaps, while one that decides about later requests is awaited. */
  readonly onAnsweredWhileHeld: (connection: Connection) => void;
  readonly onClose: (connection: Connection) => void;
}

/** Replies are encoded and written in pieces of about this size. */
const WRITE_CHARACTERS = 256 * 1024;
/** What a push costs beside its texts, about. */
const PUSH_OVERHEAD_BYTES = 128;

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
  replies: Client['replies'] = 'on';
  user: User | undefined;
  /** Closed because it did not take what it was told. */
  hasFallenBehind = false;
  /** Of an open MULTI. */
  transaction: OpenTransaction | undefined;
  /** The name of the watch, while keys are watched. */
  watchToken: string | undefined;

  readonly #socket: Socket;
  readonly #limits: ServerLimits;
  readonly #now: () => number;
  readonly #options: ConnectionOptions;
  readonly #reader: RequestReader;
  readonly #replies: ReplyQueue;
  #isClosing = false;
  #hasEnded = false;
  #heldInvalid: string | undefined;
  #isPaused = false;
  #isFlushPlanned = false;
  /** Requests behind one that is answered later and decides what they mean; undefined while there is none. */
  #held: { readonly words: string[]; readonly bytes: number }[] | undefined;
  #heldBytes = 0;

  constructor(options: ConnectionOptions) {
    const { limits, now } = options;
    const socket = readIntoSharedBuffer(options.socket, (bytes) => this.#receive(bytes));
    this.id = options.id;
    this.#socket = socket;
    this.#limits = limits;
    this.#now = now;
    this.#options = options;
    this.#replies = new ReplyQueue(options.counter);
    this.user = options.user;
    this.address = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    this.localAddress = `${socket.localAddress ?? '?'}:${socket.localPort ?? 0}`;
    this.connectedAt = now();
    this.lastRequestAt = this.connectedAt;
    this.lane = new Lane(() => this.flush());
    this.#reader = new RequestReader(this, limits);

    socket.on('drain', () => this.flush());
    // The client has sent everything, but may still be waiting for replies.
    socket.on('end', () => {
      this.#hasEnded = true;
      if (this.#held === undefined) this.closeAfterReplies();
    });
    // A broken connection is the client's business; `close` follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => options.onClose(this));
  }

  get keptBytes(): number {
    return this.#reader.keptBytes;
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead;
  }

  get bytesSent(): number {
    return this.#socket.bytesWritten;
  }

  get hasUnanswered(): boolean {
    const { loggedCount, readingCount, waiting } = this.lane;
    return loggedCount + readingCount + waiting.length > 0;
  }

  get outputBytes(): number {
    return this.#socket.writableLength;
  }

  /** Another one whenever the system has taken something of what is written. */
  get outputProgress(): string {
    const socket = this.#socket;
    // What is left of a write that is under way is told by the handle, which is not documented: where it is not there, a
    // write counts when it is done.
    const handle: unknown = Reflect.get(socket, '_handle');
    const left: unknown =
      typeof handle === 'object' && handle !== null && Reflect.get(handle, 'writeQueueSize');
    return `${socket.bytesWritten} ${socket.writableLength} ${String(left)}`;
  }

  get queuedCommands(): number {
    return this.transaction?.items.length ?? -1;
  }

  /** One request, from the reader. */
  request(words: string[], bytes: number): void {
    if (this.#held !== undefined) {
      this.#held.push({ words, bytes });
      this.#heldBytes += bytes;
    } else if (!this.#isClosing) this.#take(words, bytes);
  }

  #take(words: string[], bytes: number): void {
    const place = this.#replies.reserve({
      protocol: this.protocol,
      requestBytes: bytes,
      since: this.lastRequestAt,
    });
    const isSkipped = this.replies === 'skipNext';
    if (isSkipped) this.replies = 'on';
    this.#options.onRequest(this, words, place);
    // CLIENT REPLY decides about its own reply too.
    const isSkipping = this.replies === 'skip';
    if (isSkipping) this.replies = 'skipNext';
    place.isSilent = isSkipped || isSkipping || this.replies === 'off';
  }

  /**
   * Requests that follow wait until `until` has settled. They are read meanwhile, up to the limits of a pipeline: who does not
   * read does not hear that the client has gone.
   */
  hold(until: Promise<unknown>): void {
    this.#held = [];
    const goOn = (): void => {
      const held = this.#held ?? [];
      this.#held = undefined;
      this.#heldBytes = 0;
      for (const { words, bytes } of held) this.request(words, bytes);
      const invalid = this.#heldInvalid;
      if (invalid !== undefined && this.#held === undefined) this.invalid(invalid);
      if (this.#hasEnded && this.#held === undefined) this.#isClosing = true;
      this.flush();
    };
    until.then(goOn, goOn);
  }

  push(reply: Reply): void {
    if (this.#isClosing) return;
    const { protocol } = this;
    const requestBytes = PUSH_OVERHEAD_BYTES + sizeOf(reply);
    const place = this.#replies.reserve({ protocol, requestBytes, since: this.lastRequestAt });
    place.reply = reply;
    if (this.#replies.requestBytes > this.#limits.pushBytesMax + this.#limits.pipelineBytesMax) {
      this.hasFallenBehind = true;
      this.destroy();
    }
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    this.#options.defer(() => {
      this.#isFlushPlanned = false;
      this.flush();
    });
  }

  resetTransaction(): void {
    this.#options.onTransactionReset(this);
  }

  /** The input cannot be understood: answered after everything before it, then closed. */
  invalid(message: string): void {
    if (this.#isClosing) return;
    if (this.#held !== undefined) {
      // What was sent before it is answered first, and then nothing can follow.
      this.#heldInvalid = message;
      return;
    }
    const { protocol, lastRequestAt } = this;
    const place = this.#replies.reserve({ protocol, requestBytes: 0, since: lastRequestAt });
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
    const isDone = this.#isClosing && this.#replies.length === 0 && this.#held === undefined;
    if (isDone && !socket.writableEnded) socket.end();
    if (this.#held !== undefined) this.#options.onAnsweredWhileHeld(this);
    this.#holdOrGoOn();
  }

  /** `chunk` is gone after the call. */
  #receive(chunk: Buffer): void {
    this.lastRequestAt = this.#now();
    this.#reader.push(chunk);
    this.flush();
  }

  #holdOrGoOn(): void {
    const { pipelineRequestsMax, pipelineBytesMax } = this.#limits;
    const requests = this.#replies.length + (this.#held?.length ?? 0);
    const bytes = this.#replies.requestBytes + this.#heldBytes;
    if (!this.#isPaused && (requests > pipelineRequestsMax || bytes > pipelineBytesMax)) {
      this.#isPaused = true;
      this.#socket.pause();
    } else if (this.#isPaused && requests <= pipelineRequestsMax / 2 && bytes <= pipelineBytesMax / 2) {
      this.#isPaused = false;
      this.#socket.resume();
    }
  }
}

/** Characters of the texts in a push. */
function sizeOf(reply: Reply): number {
  if (typeof reply === 'string') return reply.length;
  return reply instanceof PushReply ? reply.members.reduce<number>((sum, one) => sum + sizeOf(one), 0) : 0;
}
