// Follows the lives of one log from outside: knows which states it may be found in after each end, and says so when it
// is in none of them.

import { describeModel, type ModelLog, statesAfter } from '@waldb/testkit';
import { AHEAD_CALLS_MAX, digest, LoadScript } from './load-script.js';

export class Judge {
  /** The states that the next life may begin with. */
  #acceptable: readonly ModelLog[];
  /** The present life, once it has shown its log. */
  #life: Life | undefined;
  /** What happened over all lives. */
  readonly seen: { opened: number; repaired: number; acknowledged: number; full: number } = {
    opened: 0,
    repaired: 0,
    acknowledged: 0,
    full: 0,
  };
  /** What the log said when it refused to open, or failed, in order: `refused WAL_IO`. */
  readonly failures: string[] = [];

  constructor(first: ModelLog) {
    this.#acceptable = [first];
  }

  /** Takes one line of the process in; `seed` is the one of its life. */
  hear(line: string, seed: number): void {
    const [word, ...facts] = line.split(' ');
    if (word === 'open') this.#begin(seed, facts[0] ?? '', facts[1] ?? '');
    if (word === 'durable') this.#present.acknowledge(Number(facts[0]));
    if (word === 'closed') this.#present.close(Number(facts[0]));
    if (word === 'full') this.seen.full += 1;
    if (word === 'refused' || word === 'failed') this.failures.push(line);
  }

  /** The process has ended. */
  end(): void {
    if (this.#life === undefined) return; // the log was not even open
    this.seen.acknowledged += this.#life.acknowledged;
    this.#acceptable = this.#life.acceptable();
    this.#life = undefined;
  }

  #begin(seed: number, outcome: string, found: string): void {
    const state = this.#acceptable.find((candidate) => digest(describeModel(candidate)) === found);
    if (state === undefined) {
      const oldest = this.#acceptable[0] && describeModel(this.#acceptable[0]);
      throw new Error(
        `The log is in none of the ${this.#acceptable.length} states that it may be in. Acknowledged was:\n${oldest}`,
      );
    }
    this.seen.opened += 1;
    if (outcome === 'repaired') this.seen.repaired += 1;
    this.#life = new Life(state, seed);
  }

  get #present(): Life {
    if (this.#life === undefined) throw new Error('The process acknowledged before it had opened its log.');
    return this.#life;
  }
}

/** What one process does to its log, as far as it has told. */
class Life {
  /** What was certain, and then every state since. */
  #states: ModelLog[];
  readonly #script: LoadScript;
  #calls = 0;
  #isClosed = false;

  constructor(state: ModelLog, seed: number) {
    this.#states = [state];
    this.#script = new LoadScript(state.clone(), seed);
  }

  get acknowledged(): number {
    return this.#calls;
  }

  acknowledge(calls: number): void {
    if (calls <= this.#calls) return;
    while (this.#calls < calls) this.#follow();
    this.#states = this.#states.slice(-1);
  }

  close(calls: number): void {
    this.acknowledge(calls);
    this.#isClosed = true;
  }

  acceptable(): readonly ModelLog[] {
    if (!this.#isClosed) for (let ahead = 0; ahead < AHEAD_CALLS_MAX; ahead++) this.#follow();
    return this.#states;
  }

  #follow(): void {
    const before = this.#states.at(-1) as ModelLog; // never empty
    this.#states.push(...statesAfter(before, this.#script.next()));
    this.#calls += 1;
  }
}
