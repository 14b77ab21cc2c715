// Messages that were received and wait for the loop. Bounded by holding the peers back, not by losing messages: above
// the mark the transport is read no more, and from half of it on again.

import type { Message } from '@waldb/core';

export interface InboxOptions {
  readonly inboxMessagesMax: number;
  readonly inboxBytesMax: number;
  /** Stops and resumes the source. */
  readonly hold: (isHeld: boolean) => void;
}

interface Received {
  readonly message: Message;
  readonly bytes: number;
}

export class Inbox {
  readonly #options: InboxOptions;
  #received: Received[] = [];
  #taken = 0;
  #bytes = 0;
  #isHeld = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#received.length - this.#taken;
  }

  /** Always takes it: what is on its way when the source is held still comes. */
  push(message: Message, bytes: number): void {
    this.#received.push({ message, bytes });
    this.#bytes += bytes;
    this.#balance();
  }

  shift(): Message | undefined {
    const received = this.#received[this.#taken];
    if (received === undefined) return undefined;
    this.#taken += 1;
    this.#bytes -= received.bytes;
    if (this.#taken * 2 > this.#received.length) {
      this.#received = this.#received.slice(this.#taken);
      this.#taken = 0;
    }
    this.#balance();
    return received.message;
  }

  #balance(): void {
    const { inboxMessagesMax, inboxBytesMax, hold } = this.#options;
    const isAbove = this.length > inboxMessagesMax || this.#bytes > inboxBytesMax;
    const isBelowHalf = this.length <= inboxMessagesMax / 2 && this.#bytes <= inboxBytesMax / 2;
    if (!this.#isHeld && isAbove) this.#hold(true, hold);
    else if (this.#isHeld && isBelowHalf) this.#hold(false, hold);
  }

  #hold(isHeld: boolean, hold: (isHeld: boolean) => void): void {
    this.#isHeld = isHeld;
    hold(isHeld);
  }
}
