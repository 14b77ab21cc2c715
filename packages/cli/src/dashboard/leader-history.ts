// Who led when, as this server saw it: kept from its start on, so that a page that is opened later sees the past. Must
// never hold more than SPELLS_MAX; the oldest are forgotten first.

import { SPELLS_MAX, type Spell } from './report.js';

export class LeaderHistory {
  readonly #spells: Spell[] = [];

  get spells(): readonly Spell[] {
    return this.#spells;
  }

  /** `leader` is known from `date` on; undefined: none is. */
  heard(leader: number | undefined, term: number, date: number): void {
    const last = this.#spells.at(-1);
    if (last !== undefined && last.leader === leader && last.term === term) {
      // Lost from sight and found again in its term: it led all the time.
      this.#spells[this.#spells.length - 1] = { ...last, to: undefined };
      return;
    }
    if (last !== undefined && last.to === undefined)
      this.#spells[this.#spells.length - 1] = { ...last, to: date };
    if (leader !== undefined) this.#spells.push({ term, leader, from: date, to: undefined });
    if (this.#spells.length > SPELLS_MAX) this.#spells.shift();
  }
}

/**
 * What all servers saw, put together: there is one leader in each term, it led as long as anybody saw it, and at the latest
 * until the next one did. Spells of servers that are gone stay.
 */
export class LeaderLedger {
  readonly #byTerm = new Map<number, Spell>();
  readonly #lastSeen = new Map<number, number>();

  /** `shift`: what is to be added to their dates. `date`: until when an unfinished spell is known to have lasted. */
  add(spells: readonly Spell[], { shift, date }: { readonly shift: number; readonly date: number }): void {
    for (const { term, leader, from, to } of spells) {
      const known = this.#byTerm.get(term);
      const began = Math.min(known?.from ?? Number.POSITIVE_INFINITY, from + shift);
      this.#byTerm.set(term, { term, leader, from: began, to: undefined });
      const seen = to === undefined ? date : to + shift;
      this.#lastSeen.set(term, Math.max(this.#lastSeen.get(term) ?? 0, seen));
    }
    const terms = [...this.#byTerm.keys()].sort((a, b) => a - b);
    for (const term of terms.slice(0, Math.max(terms.length - SPELLS_MAX, 0))) {
      this.#byTerm.delete(term);
      this.#lastSeen.delete(term);
    }
  }

  /** By rising terms. Only the one of `present`, a leader that is still seen, lasts. */
  spells(present: { readonly leader: number; readonly term: number } | undefined): Spell[] {
    const rising = [...this.#byTerm.values()].sort((a, b) => a.term - b.term);
    return rising.map((spell, nth) => {
      const { term, leader, from } = spell;
      if (term === present?.term && leader === present.leader && nth === rising.length - 1) return spell;
      const next = rising[nth + 1]?.from ?? Number.POSITIVE_INFINITY;
      return { ...spell, to: Math.max(Math.min(this.#lastSeen.get(term) ?? from, next), from) };
    });
  }
}
