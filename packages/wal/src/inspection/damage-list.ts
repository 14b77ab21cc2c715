// Gathers what an inspection finds to be damaged, up to a limit: a disk full of garbage must not fill the memory.

import { DAMAGES_MAX, type Damage, type LostEntries } from './inspection.js';

export type NewDamage = Omit<Damage, 'lost' | 'firstSeq' | 'lastSeq' | 'mayHoldState'> & {
  readonly firstSeq?: number | undefined;
  readonly lastSeq?: number | undefined;
  readonly mayHoldState?: boolean;
};

export class DamageList {
  readonly #damages: Damage[] = [];
  readonly #lost = new Map<number, LostEntries[]>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get omitted(): number {
    return this.#count - this.#damages.length;
  }

  /** Returns the number by which `lose` knows it. */
  add(damage: NewDamage): number {
    if (this.#damages.length < DAMAGES_MAX) {
      this.#damages.push({
        ...damage,
        firstSeq: damage.firstSeq,
        lastSeq: damage.lastSeq,
        mayHoldState: damage.mayHoldState ?? false,
        lost: [],
      });
    }
    this.#count += 1;
    return this.#count - 1;
  }

  /** What is lost for good because of a damage. */
  lose(damage: number, lost: LostEntries): void {
    const known = this.#lost.get(damage);
    if (known === undefined) this.#lost.set(damage, [lost]);
    else if (known.length < DAMAGES_MAX) known.push(lost);
  }

  all(): Damage[] {
    return this.#damages.map((damage, i) => ({ ...damage, lost: this.#lost.get(i) ?? [] }));
  }
}
