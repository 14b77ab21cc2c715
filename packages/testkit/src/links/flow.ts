// Bytes on their way in one direction of one connection, which may be let through, delayed or held. In order and whole:
// what a broken network does to a TCP stream is to make it wait or to end it, never to change it.

import type { Clock, Timer } from '@waldb/io';

/** How bytes get from one server to another at present. */
export type FlowRule =
  | { readonly type: 'open' }
  | { readonly type: 'delayed'; readonly ms: number }
  /** They wait, and come when the rule changes. */
  | { readonly type: 'held' };

interface Waiting {
  readonly at: number;
  readonly deliver: () => void;
  readonly bytes: number;
}

/** Beyond this the sender is told that there is no room: as much as a machine's socket buffers take. */
const ROOM_BYTES = 256 * 1024;

export class Flow {
  readonly #clock: Clock;
  readonly #rule: () => FlowRule;
  readonly #onRoom: () => void;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #timer: Timer | undefined;
  #isSenderWaiting = false;

  /** `onRoom` is called when a `push` was answered with false and there is room again. */
  constructor(options: {
    readonly clock: Clock;
    readonly rule: () => FlowRule;
    readonly onRoom: () => void;
  }) {
    this.#clock = options.clock;
    this.#rule = options.rule;
    this.#onRoom = options.onRoom;
  }

  /** `deliver` is called when `bytes` may arrive, after everything pushed before. Returns whether more is welcome. */
  push(bytes: number, deliver: () => void): boolean {
    const rule = this.#rule();
    if (rule.type === 'open' && this.#waiting.length === 0) {
      deliver();
      return true;
    }
    const now = this.#clock.now();
    this.#waiting.push({ at: rule.type === 'delayed' ? now + rule.ms : now, deliver, bytes });
    this.#bytes += bytes;
    this.#isSenderWaiting = this.#bytes > ROOM_BYTES;
    this.pump();
    return !this.#isSenderWaiting;
  }

  /** Delivers what is due; to be called when the rule has changed. */
  pump(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const rule = this.#rule();
      if (rule.type === 'held') return;
      const waitMs = rule.type === 'open' ? 0 : next.at - this.#clock.now();
      if (waitMs > 0) {
        this.#timer = this.#clock.setTimer(waitMs, () => this.pump());
        return;
      }
      this.#waiting.shift();
      this.#bytes -= next.bytes;
      next.deliver();
    }
    if (!this.#isSenderWaiting) return;
    this.#isSenderWaiting = false;
    this.#onRoom();
  }

  /** Nothing more arrives. */
  stop(): void {
    this.#timer?.cancel();
    this.#waiting = [];
    this.#bytes = 0;
  }
}
