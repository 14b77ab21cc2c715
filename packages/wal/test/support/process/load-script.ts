// What the process under test does to its log, and its judge on the other side of the pipe does to a model: the same
// calls for the same seed and the same beginning.

import { createHash } from 'node:crypto';
import { type LogCall, type ModelLog, randomCall, SeededRandom } from '@waldb/testkit';
import type { WalOptions } from '@waldb/wal';

/** Small limits, so that a life of milliseconds sees many frames, segments and reads from disk. */
export const LOAD_OPTIONS: WalOptions = { segmentBytes: 16 * 1024, frameBytesMax: 700, cacheBytes: 2000 };

/** The process stages at most so many calls that it has not acknowledged. */
export const AHEAD_CALLS_MAX = 12;

/** Draws the calls of one life, one by one. `model` is the log as it was found; it goes along. */
export class LoadScript {
  readonly #model: ModelLog;
  readonly #random: SeededRandom;

  constructor(model: ModelLog, seed: number) {
    this.#model = model;
    this.#random = new SeededRandom(seed);
  }

  next(): LogCall {
    const call = randomCall(this.#model, this.#random, { commandBytesMax: 3000, entriesMax: 8 });
    this.#model.apply(call);
    return call;
  }
}

/** Stands for a log's whole state. */
export function digest(description: string): string {
  return createHash('sha256').update(description).digest('hex');
}
