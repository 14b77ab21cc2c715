// A state machine that takes its time: every batch is applied asynchronously, some of them after a long while, so that the server
// goes on, restores, takes snapshots and steps down while entries wait.

import { setTimeout as sleep } from 'node:timers/promises';
import type { StateMachine } from '@waldb/runtime';

/** One batch in so many takes so long; the others take a turn of the event loop or two. */
const LONG_ONE_IN = 200;
const LONG_MS = 150;

type ApplyArguments = Parameters<StateMachine<number>['apply']>;

export class SlowMachine implements StateMachine<number> {
  readonly #machine: StateMachine<number>;

  constructor(machine: StateMachine<number>) {
    this.#machine = machine;
  }

  async apply(...[entries, context]: ApplyArguments): Promise<readonly number[]> {
    const { index = 0 } = entries[0] ?? {};
    await sleep(index % LONG_ONE_IN === 0 ? LONG_MS : 0);
    return this.#machine.apply(entries, context);
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return this.#machine.snapshot();
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await sleep(LONG_MS);
    await this.#machine.restore(stream);
  }
}
