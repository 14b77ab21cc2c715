// A keyspace as it was at one moment, read bit by bit while the keyspace changes. Nothing is copied up front: a key's
// old value is put aside when the key is first changed, and the walk prefers what was put aside.
//
//   1. walk the live maps: for each key its old value where one is put aside, else the live one; keys that are newer
//      than the image are left out
//   2. then the keys put aside that the walk did not meet: they were deleted before it came to them
//
// A key may be given twice (met by the walk, changed later), each time with the same value: that of the image.

export class KeyspaceImage {
  readonly #maps: readonly Map<string, string>[];
  /** Entries that the walk may meet at most: without the bound, keys deleted and added again would keep it busy for ever. */
  readonly #sizes: readonly number[];
  readonly #onClose: () => void;
  /** First change since the image was taken: the old value, or undefined for a key that is new or was already given. */
  readonly #aside = new Map<string, string | undefined>();
  #isOpen = true;
  #isWalked = false;

  constructor(maps: readonly Map<string, string>[], onClose: () => void) {
    this.#maps = maps;
    this.#sizes = maps.map((map) => map.size);
    this.#onClose = onClose;
  }

  /** To be called before a key changes; `previous` is undefined when the key is not there. */
  preserve(key: string, previous: string | undefined): void {
    if (this.#isWalked || this.#aside.has(key)) return;
    this.#aside.set(key, previous);
  }

  /** Every key of the image with its value. The keyspace may change between two steps. */
  *entries(): Generator<readonly [string, string]> {
    for (const [nth, map] of this.#maps.entries()) yield* this.#walk(map, this.#sizes[nth] ?? 0);
    this.#isWalked = true;
    for (const [key, value] of this.#aside) if (value !== undefined) yield [key, value];
  }

  /** Gives up what was put aside. Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#isWalked = true;
    this.#aside.clear();
    this.#onClose();
  }

  /**
   * Maps keep insertion order also while they change: the entries of the image come first, what was added later comes
   * behind them, so the bound cuts off nothing that belongs to the image.
   */
  *#walk(map: Map<string, string>, entriesMax: number): Generator<readonly [string, string]> {
    if (entriesMax === 0) return;
    let met = 0;
    for (const entry of map) {
      const old = this.#takeAside(entry[0]);
      if (old === undefined) yield entry;
      else if (old !== NOT_IN_IMAGE) yield [entry[0], old];
      met += 1;
      if (met === entriesMax) return;
    }
  }

  /** What was put aside for `key`, so that the second pass does not give it again; undefined when nothing was. */
  #takeAside(key: string): string | typeof NOT_IN_IMAGE | undefined {
    const old = this.#aside.get(key);
    if (old === undefined) return this.#aside.has(key) ? NOT_IN_IMAGE : undefined;
    this.#aside.set(key, undefined);
    return old;
  }
}

const NOT_IN_IMAGE = Symbol('not in image');
