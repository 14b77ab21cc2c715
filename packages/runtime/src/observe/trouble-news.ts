// When the same trouble is not told again: a snapshot that fails every few seconds for the same reason is one piece of
// news, and a reminder each minute as long as it lasts.

import type { Clock } from '@waldb/io';
import type { RuntimeError } from '../runtime-error.js';

/** The same trouble is told again after this long at the earliest. */
const REPEAT_MS = 60_000;
/** Troubles that are remembered; beyond it all are forgotten rather than more kept. */
const TROUBLES_MAX = 64;

export class TroubleNews {
  readonly #clock: Clock;
  /** When each was last told, by code and words. */
  readonly #toldAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isNew({ code, message }: RuntimeError): boolean {
    const name = `${code} ${message}`;
    const now = this.#clock.now();
    const toldAt = this.#toldAt.get(name);
    if (toldAt !== undefined && now - toldAt < REPEAT_MS) return false;
    if (this.#toldAt.size >= TROUBLES_MAX) this.#toldAt.clear();
    this.#toldAt.set(name, now);
    return true;
  }
}
