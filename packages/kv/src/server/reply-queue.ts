// The replies of one connection, in the order of its requests. A request takes its place when it is read and the reply
// is filled in when it is known; only what has no gap before it can leave.

import { encodeReply, type ProtocolVersion } from '../resp/encode-reply.js';
import type { Reply } from '../resp/reply.js';
import type { CommandCount, ReplyCounter } from './command-statistics.js';

/** A place in the order. */
export interface PendingReply {
  /** The version in force when the request was read: HELLO changes it for later ones, and for its own reply. */
  protocol: ProtocolVersion;
  /** Size of the request. */
  readonly requestBytes: number;
  /** Undefined until it is known. */
  reply: Reply | undefined;
  /** CLIENT REPLY: the place is kept, and nothing is written. */
  isSilent: boolean;
  /** What the request is counted as; undefined when no command was found, or none was carried out. */
  count: CommandCount | undefined;
  /** When the request arrived. */
  readonly since: number;
}

/** A request that takes a place. */
export interface Arrival {
  readonly protocol: ProtocolVersion;
  readonly requestBytes: number;
  readonly since: number;
}

export class ReplyQueue {
  readonly #counter: ReplyCounter;
  #places: PendingReply[] = [];
  /** The first place that has not left. */
  #head = 0;
  #requestBytes = 0;

  constructor(counter: ReplyCounter) {
    this.#counter = counter;
  }

  /** Places that have not left. */
  get length(): number {
    return this.#places.length - this.#head;
  }

  /** Bytes of the requests whose replies have not left. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  get hasReady(): boolean {
    return this.#places[this.#head]?.reply !== undefined;
  }

  reserve({ protocol, requestBytes, since }: Arrival): PendingReply {
    const place: PendingReply = {
      protocol,
      requestBytes,
      since,
      reply: undefined,
      isSilent: false,
      count: undefined,
    };
    this.#places.push(place);
    this.#requestBytes += requestBytes;
    return place;
  }

  /** Takes replies that are ready, encoded, until they are about `charactersMax` long; at least one if any is ready. */
  take(charactersMax: number): string {
    let text = '';
    const now = this.#counter.now();
    while (text.length < charactersMax) {
      const place = this.#places[this.#head];
      if (place?.reply === undefined) break;
      this.#counter.left(place, place.reply, now);
      if (!place.isSilent) text += encodeReply(place.reply, place.protocol);
      this.#requestBytes -= place.requestBytes;
      this.#head += 1;
    }
    this.#trim();
    return text;
  }

  /** What has left is cut off in large pieces, so that each place is moved once at most. */
  #trim(): void {
    if (this.#head === this.#places.length) {
      this.#places = [];
      this.#head = 0;
    } else if (this.#head * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#head = 0;
    }
  }
}
