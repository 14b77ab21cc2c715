// A server's own clock: monotonic within a life, running a little fast on some servers, starting anywhere.

import type { Event } from '@waldb/core';
import type { EventQueue } from './event-queue.js';
import type { SeededRandom } from './seeded-random.js';

const START_MS_MAX = 1e6;

export class ServerClock {
  /** Of its milliseconds per true millisecond. */
  readonly rate: number;
  readonly #queue: EventQueue;
  #base = 0;

  constructor(queue: EventQueue, random: SeededRandom, driftMax: number) {
    this.#queue = queue;
    this.rate = 1 + driftMax * random.pick([0, 1, random.real(0, 1)]);
  }

  get now(): number {
    return this.#base + this.#queue.now * this.rate;
  }

  restart(random: SeededRandom): void {
    this.#base = random.real(0, START_MS_MAX);
  }

  /** The event as a driver hands it over that reads its clock for every event that carries a time. */
  stamp(event: Event): Event {
    switch (event.type) {
      case 'tick':
        return { type: 'tick', now: this.now };
      case 'message':
        return { type: 'message', message: event.message, now: this.now };
      case 'read':
        return { type: 'read', context: event.context, now: this.now };
      default:
        return event;
    }
  }
}
