// One number for the way a run went: two runs of one seed must give the same, or something in them was left to chance.

import type { Invariant, StepView } from '../invariants/invariant.js';

export class RunDigest implements Invariant {
  readonly name: string = 'run-digest';
  #value = 0;

  get value(): number {
    return this.#value;
  }

  stepped({ server, event, actions, stagedSeq }: StepView): void {
    this.add(server.id, event.type.length, actions.length, server.term, server.commitIndex, stagedSeq);
  }

  add(...values: readonly number[]): void {
    for (const value of values) this.#fold(value);
  }

  #fold(value: number): void {
    this.#value = Math.imul(this.#value ^ value, 0x01000193) | 0;
  }
}
