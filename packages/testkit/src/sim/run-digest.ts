// One number for the way a run went: two runs of one seed must give the same, or something in them was left to chance.

import type { Invariant, StepView } from '../invariants/invariant.js';

export class RunDigest implements Invariant {
  readonly name: string = 'run-digest';
  #value = 0;

  get value(): number {
    return this.#value;
  }

  stepped({ server, event, actions, stagedSeq }: StepView): void {
    this.#fold(server.id);
    this.#fold(event.type.length);
    this.#fold(actions.length);
    this.#fold(server.term);
    this.#fold(server.commitIndex);
    this.#fold(stagedSeq);
  }

  #fold(value: number): void {
    this.#value = Math.imul(this.#value ^ value, 0x01000193) | 0;
  }
}
