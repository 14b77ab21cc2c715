// The simulator's only source of chance: xoshiro128** (Blackman, Vigna 2018), its state filled by SplitMix32 from a
// seed. The same seed gives the same numbers on every machine, so a run can be replayed. Never use Math.random here.

const TWO_32 = 0x1_0000_0000;

export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is a safe integer from 0. */
  constructor(seed: number) {
    let state = (seed >>> 0) ^ Math.imul(Math.floor(seed / TWO_32), 0x85ebca6b);
    const fill = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    this.#a = fill();
    this.#b = fill();
    this.#c = fill();
    this.#d = fill() | 1; // an all-zero state would give zeros for ever
  }

  /** A uniform whole number from 0, below 2^32. */
  next(): number {
    const scaled = Math.imul(this.#b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** From 0, below `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / TWO_32) * limit);
  }

  /** From `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** From `min`, below `max`, not rounded. */
  real(min: number, max: number): number {
    return min + (this.next() / TWO_32) * (max - min);
  }

  /** True with this probability; 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.next() < probability * TWO_32;
  }

  /** One of `choices`, which must not be empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)] as Choice; // in bounds: below(length) < length
  }

  /** Some of `choices`, in their order, each with this probability. */
  some<Choice>(choices: readonly Choice[], probability: number): Choice[] {
    return choices.filter(() => this.chance(probability));
  }

  /** Mostly small: a wait until the next of events that come every `mean` on average, at least 1. */
  wait(mean: number): number {
    return 1 + Math.floor(-Math.log(1 - this.next() / TWO_32) * mean);
  }

  /** An independent generator: what it gives does not depend on how often this one is used afterwards. */
  fork(): SeededRandom {
    return new SeededRandom(this.next() * 0x20_0000 + (this.next() >>> 11));
  }
}
