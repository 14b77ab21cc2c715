// The user's state machine, with a clock beside it: what each call takes. Adds nothing to what the machine does, and
// takes nothing away.

import type { Clock } from '@waldb/io';
import type { MetricsRecorder } from '../observe/metrics-recorder.js';
import type { StateMachine } from '../state-machine.js';

type ApplyArguments<Result> = Parameters<StateMachine<Result>['apply']>;

export class TimedStateMachine<Result> implements StateMachine<Result> {
  readonly #machine: StateMachine<Result>;
  readonly #clock: Clock;
  readonly #recorder: MetricsRecorder;

  constructor(machine: StateMachine<Result>, clock: Clock, recorder: MetricsRecorder) {
    this.#machine = machine;
    this.#clock = clock;
    this.#recorder = recorder;
  }

  apply(...given: ApplyArguments<Result>): readonly Result[] | Promise<readonly Result[]> {
    const began = this.#clock.now();
    const results = this.#machine.apply(...given);
    if (!(results instanceof Promise)) {
      this.#applied(given, began);
      return results;
    }
    return results.then((settled) => {
      this.#applied(given, began);
      return settled;
    });
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return this.#machine.snapshot();
  }

  restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#machine.restore(stream);
  }

  appliedIndex(): number {
    return this.#machine.appliedIndex?.() ?? 0;
  }

  #applied([entries]: ApplyArguments<Result>, began: number): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    const milliseconds = this.#clock.now() - began;
    this.#recorder.applied({ first: first.index, last: last.index, entries: entries.length, milliseconds });
  }
}
