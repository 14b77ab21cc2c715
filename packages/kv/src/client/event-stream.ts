// Events as an async iterator, with a bound: a reader that does not keep up is told so, and the stream ends.

import { KvError } from '../kv-error.js';

export class EventStream<Event> implements AsyncIterableIterator<Event> {
  readonly #eventsMax: number;
  readonly #onEnd: () => void;
  #events: Event[] = [];
  #waiting: { resolve(result: IteratorResult<Event>): void; reject(error: Error): void }[] = [];
  #isEnded = false;
  #overflow: KvError | undefined;

  /** `onEnd` is called once, when nobody listens any more. */
  constructor(eventsMax: number, onEnd: () => void) {
    this.#eventsMax = eventsMax;
    this.#onEnd = onEnd;
  }

  push(event: Event): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve({ done: false, value: event });
    else if (this.#events.length < this.#eventsMax) this.#events.push(event);
    else {
      this.#overflow = new KvError(
        'WATCH_OVERFLOW',
        `More than ${this.#eventsMax} events were waiting to be read; later ones are lost. Watch again, and read faster.`,
        { limit: 'watchEventsMax', eventsMax: this.#eventsMax },
      );
      this.end();
    }
  }

  /** What has come can still be read. Idempotent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    this.#onEnd();
  }

  next(): Promise<IteratorResult<Event>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    const overflow = this.#overflow;
    this.#overflow = undefined;
    if (overflow !== undefined) return Promise.reject(overflow);
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Event>> {
    this.#events = [];
    this.#overflow = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
