// Which keys are watched for a transaction (WATCH), and whether one of them has changed since. Replicated state: only
// logged operations change it, so that every replica decides alike whether an EXEC is carried out, and the decision is
// made at the transaction's own place in the log.
//
// A watch belongs to the term in which it was logged. Clients watch through the leader; with the next term that leader is
// gone, and with it the connections that could still use their watches. So the first entry of a later term forgets them
// all, and none is left behind by a server that died. A transaction that names a forgotten watch is not carried out. A token
// begins with the term in which its client began to watch: keys that are added in a later term may stand beside forgotten
// ones, so such a watch counts as touched from the start.

/** Keys watched by all clients together: as many as can be, on every replica alike. */
export const WATCHED_KEYS_MAX = 100_000;

interface Watch {
  readonly keys: Set<string>;
  isTouched: boolean;
}

/** The name of a watch: `rest` must differ between all watches of all servers in a term. */
export function watchToken(term: number, rest: string): string {
  return `${term}.${rest}`;
}

/** What a snapshot keeps of one watch. */
export interface SavedWatch {
  readonly token: string;
  readonly isTouched: boolean;
  readonly keys: readonly string[];
}

export class WatchTable {
  #term = 0;
  readonly #byToken = new Map<string, Watch>();
  readonly #tokensOf = new Map<string, Set<string>>();
  #count = 0;

  /** The term of the newest entry. */
  get term(): number {
    return this.#term;
  }

  /** To be called with the term of each entry, before it is executed. */
  enterTerm(term: number): void {
    if (term === this.#term) return;
    this.#term = term;
    this.#byToken.clear();
    this.#tokensOf.clear();
    this.#count = 0;
  }

  /** Adds keys to the watch named `token`. False, and nothing is added, when there would be too many. */
  watch(token: string, keys: readonly string[]): boolean {
    if (this.#count + keys.length > WATCHED_KEYS_MAX) return false;
    const watch = this.#byToken.get(token) ?? {
      keys: new Set<string>(),
      isTouched: !token.startsWith(`${this.#term}.`),
    };
    this.#byToken.set(token, watch);
    for (const key of keys) {
      if (watch.keys.has(key)) continue;
      watch.keys.add(key);
      this.#count += 1;
      const tokens = this.#tokensOf.get(key);
      if (tokens === undefined) this.#tokensOf.set(key, new Set([token]));
      else tokens.add(token);
    }
    return true;
  }

  keysOf(token: string): Iterable<string> {
    return this.#byToken.get(token)?.keys ?? [];
  }

  /** A key has changed. */
  touch(key: string): void {
    if (this.#count === 0) return;
    for (const token of this.#tokensOf.get(key) ?? []) {
      const watch = this.#byToken.get(token);
      if (watch !== undefined) watch.isTouched = true;
    }
  }

  /** Every watched key has changed for which `isChanged`. */
  touchAll(isChanged: (key: string) => boolean): void {
    for (const key of this.#tokensOf.keys()) if (isChanged(key)) this.touch(key);
  }

  /** Ends a watch. Whether it was there and none of its keys has changed. */
  settle(token: string): boolean {
    const watch = this.#byToken.get(token);
    if (watch === undefined) return false;
    this.#byToken.delete(token);
    this.#count -= watch.keys.size;
    for (const key of watch.keys) {
      const tokens = this.#tokensOf.get(key);
      tokens?.delete(token);
      if (tokens?.size === 0) this.#tokensOf.delete(key);
    }
    return !watch.isTouched;
  }

  /** All of them, as a copy. */
  saved(): SavedWatch[] {
    return [...this.#byToken].map(([token, { isTouched, keys }]) => ({ token, isTouched, keys: [...keys] }));
  }

  restore({ token, isTouched, keys }: SavedWatch): void {
    this.watch(token, keys);
    const watch = this.#byToken.get(token);
    if (watch !== undefined) watch.isTouched = isTouched;
  }
}
