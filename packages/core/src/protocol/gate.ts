// Holds back what must not happen before the state it depends on is durable (docs/protocol.md, "What is gated").
//
// A FIFO of effects, each with the staged seq at the moment it was decided: not "did this step write". A duplicate
// append writes nothing, and its acknowledgement must still wait for the entries that the first one staged.

import type { Message } from '../message.js';
import type { Snapshot, Term } from '../types.js';

export type Effect =
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'selfVote' }
  | { readonly type: 'restore'; readonly snapshot: Snapshot };

/** Most effects that wait for a stalled disk. What is said beyond is lost, as any message may be, and asked for again. */
export const GATED_EFFECTS_MAX = 4096;

interface Held {
  readonly requiredSeq: number;
  /** The node's term when the effect was decided. */
  readonly term: Term;
  readonly effect: Effect;
}

export class Gate {
  readonly #held: Held[] = [];
  #restoresHeld = 0;

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  get length(): number {
    return this.#held.length;
  }

  /** The seq that must be durable for the newest effect to be released; 0 when nothing is held. */
  get requiredSeq(): number {
    return this.#held.at(-1)?.requiredSeq ?? 0;
  }

  hold(requiredSeq: number, term: Term, effect: Effect): void {
    if (effect.type === 'send' && this.#held.length >= GATED_EFFECTS_MAX) return;
    this.#held.push({ requiredSeq, term, effect });
    if (effect.type === 'restore') this.#restoresHeld += 1;
  }

  /**
   * Takes out the oldest effect if its time has come. What was said or voted in a term that has passed is dropped:
   * nobody needs it, and nothing then leaves that is not true of the sender as it is now. A snapshot that became
   * durable is restored in whatever term it is by then.
   */
  release(durableSeq: number, term: Term): Effect | undefined {
    for (;;) {
      const first = this.#held[0];
      if (first === undefined || first.requiredSeq > durableSeq) return undefined;
      this.#held.shift();
      if (first.effect.type === 'restore') {
        this.#restoresHeld -= 1;
        return first.effect;
      }
      if (first.term === term) return first.effect;
    }
  }

  /** Whether a snapshot waits to become durable: nothing is applied until it has. */
  get holdsRestore(): boolean {
    return this.#restoresHeld > 0;
  }
}
