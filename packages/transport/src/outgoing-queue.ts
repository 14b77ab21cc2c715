// What waits to be sent to one peer. Bounded: when it is full the *newest* message is dropped, since what is queued is
// a gapless run of appends that the peer can use, and a hole in it would make it refuse all the rest. Raft sends again.

import { FRAME_HEADER_BYTES, frameHeader } from './frame.js';

export interface OutgoingQueueLimits {
  readonly queueMessagesMax: number;
  readonly queueBytesMax: number;
}

/** Up to this much is copied into one buffer, so that many small messages are one small write; more goes in pieces. */
const GATHER_BYTES_MAX = 64 * 1024;

export class OutgoingQueue {
  readonly #limits: OutgoingQueueLimits;
  #payloads: Uint8Array[] = [];
  #bytes = 0;

  constructor(limits: OutgoingQueueLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#payloads.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when it is full and the message was dropped. */
  push(payload: Uint8Array): boolean {
    const bytes = payload.length + FRAME_HEADER_BYTES;
    const isFull =
      this.#payloads.length >= this.#limits.queueMessagesMax ||
      (this.#payloads.length > 0 && this.#bytes + bytes > this.#limits.queueBytesMax);
    if (isFull) return false;
    this.#payloads.push(payload);
    this.#bytes += bytes;
    return true;
  }

  /** Everything that waits, framed, for one write. */
  take(): Uint8Array[] {
    const payloads = this.#payloads;
    const bytes = this.#bytes;
    this.#payloads = [];
    this.#bytes = 0;
    const chunks: Uint8Array[] = [];
    for (const payload of payloads) chunks.push(frameHeader('message', payload), payload);
    return bytes > GATHER_BYTES_MAX ? chunks : [gather(chunks, bytes)];
  }

  /** Drops everything; returns how many messages that were. */
  clear(): number {
    const count = this.#payloads.length;
    this.#payloads = [];
    this.#bytes = 0;
    return count;
  }
}

function gather(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const gathered = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    gathered.set(chunk, offset);
    offset += chunk.length;
  }
  return gathered;
}
