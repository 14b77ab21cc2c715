// Makes keys expire while nothing else is written: logged time stands still without entries. The leader looks at its clock,
// and when the first key's time has come it logs a `sweep`, which brings the time with it. No server removes anything
// because of its own clock: a wrong one makes sweeps early or late, which then do what logged time says.

import type { Clock, Timer } from '@waldb/io';
import { encodeOperations, operationBytes } from '../operation/entry-codec.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import type { KvStateMachine } from '../state/kv-state-machine.js';
import type { Replica } from './replica.js';

export interface SweeperOptions {
  readonly replica: Pick<Replica, 'propose' | 'cluster'>;
  readonly stateMachine: Pick<KvStateMachine, 'nextExpiry'>;
  readonly clock: Pick<Clock, 'date' | 'setTimer'>;
}

/** How often it looks at what it cannot be told of: whether this server leads, whether a key has come that expires sooner. */
const LOOK_MS = 10;
const SWEEP: Operation = { code: OPERATION.sweep, args: [] };

export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#plan();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#isClosed) return;
    const { clock, stateMachine } = this.#options;
    const left = Math.ceil(stateMachine.nextExpiry - clock.date());
    const delay = Math.min(Math.max(left, 1), LOOK_MS);
    this.#timer = clock.setTimer(delay, () => this.#look(), { isBackground: true });
  }

  #look(): void {
    const { clock, replica, stateMachine } = this.#options;
    const isDue = stateMachine.nextExpiry <= clock.date();
    if (!isDue || replica.cluster().role !== 'leader') {
      this.#plan();
      return;
    }
    const settled = (): void => this.#plan();
    // What fails is tried again by whoever leads then.
    replica.propose(encodeOperations([SWEEP], operationBytes(SWEEP))).then(settled, settled);
  }
}
