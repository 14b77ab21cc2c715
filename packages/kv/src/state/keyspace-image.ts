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
  readonly #onClose: () => void;
  /** First change since the image was taken: the old value, or undefined for a key that is new or was already given. */
  readonly #aside = new Map<string, string | undefined>();
  #isOpen = true;
  #isWalked = false;

  constructor(maps: readonly Map<string, string>[], onClose: () => void) {
    this.#maps = maps;
    this.#onClose = onClose;
  }

  /** To be called before a key changes; `previous` is undefined when the key is not there. */
  preserve(key: string, previous: string | undefined): void {
    if (this.#isWalked || this.#aside.has(key)) return;
    this.#aside.set(key, previous);
  }

  /** Every key of the image with its value. The keyspace may change between two steps. */
  *entries(): Generator<readonly [string, string]> {
    for (const map of this.#maps) yield* this.#walk(map);
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
   * A Map may change while it is walked: keys added meanwhile come last, and are left out. A key that is deleted and
   * added again comes twice at most, since by the second time it is put aside and given from there.
   */
  *#walk(map: Map<string, string>): Generator<readonly [string, string]> {
    for (const entry of map) {
      const old = this.#takeAside(entry[0]);
      if (old === undefined) yield entry;
      else if (old !== NOT_IN_IMAGE) yield [entry[0], old];
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
