// The times in which a store answered nobody, as its clients saw them: from the last answer before a client lost its leader
// to the first one after. Several clients that lose it together are one interruption.

export interface Interruption {
  /** Of the last answer before, in seconds from the beginning. */
  readonly at: number;
  readonly seconds: number;
}

/** Of a store that changes its leader all the time the first ones tell enough. */
const TOLD_MAX = 100;

export class Interruptions {
  readonly #began: number;
  readonly #list: Interruption[] = [];
  #lastAnswer: number;
  #isBroken = false;
  #untold = 0;

  /** Times are in milliseconds, all of one clock. */
  constructor(now: number) {
    this.#began = now;
    this.#lastAnswer = now;
  }

  get list(): readonly Interruption[] {
    return this.#list;
  }

  /** How many more there were than are listed. */
  get untold(): number {
    return this.#untold;
  }

  /** A client has lost its leader. */
  broke(): void {
    this.#isBroken = true;
  }

  answered(now: number): void {
    if (this.#isBroken) {
      this.#isBroken = false;
      const one = {
        at: (this.#lastAnswer - this.#began) / 1000,
        seconds: (now - this.#lastAnswer) / 1000,
      };
      if (this.#list.length < TOLD_MAX) this.#list.push(one);
      else this.#untold += 1;
    }
    this.#lastAnswer = now;
  }
}
