// The keys and values of the store. Both are latin1 strings: any bytes, one character each, without a Buffer object
// per value. Deterministic: nothing here reads a clock or depends on the order in which a snapshot was written.

import { KeyspaceImage } from './keyspace-image.js';

// A Map refuses to grow beyond 2^24 entries, and it refuses by throwing.
const KEYS_PER_MAP_MAX = 2 ** 24 - 2 ** 16;

export class Keyspace {
  /** A key is in one map at most. There is one map until it is full. */
  readonly #maps: Map<string, string>[] = [new Map()];
  readonly #keysPerMapMax: number;
  readonly #images = new Set<KeyspaceImage>();
  #bytes = 0;

  /** `keysPerMapMax` is for tests. */
  constructor(keysPerMapMax: number = KEYS_PER_MAP_MAX) {
    this.#keysPerMapMax = keysPerMapMax;
  }

  /** Number of keys. */
  get size(): number {
    let size = 0;
    for (const map of this.#maps) size += map.size;
    return size;
  }

  /** Bytes of all keys and values, without what holding them costs. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): string | undefined {
    for (const map of this.#maps) {
      const value = map.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: string): void {
    const home = this.#homeOf(key);
    const previous = home.get(key);
    this.#preserve(key, previous);
    home.set(key, value);
    this.#bytes += value.length + (previous === undefined ? key.length : -previous.length);
  }

  /** Whether the key was there. */
  delete(key: string): boolean {
    const home = this.#homeOf(key);
    const previous = home.get(key);
    if (previous === undefined) return false;
    this.#preserve(key, previous);
    home.delete(key);
    this.#bytes -= key.length + previous.length;
    return true;
  }

  /**
   * The state of this moment, to be read while the store goes on changing. Costs one old value for each key that
   * changes until the image is closed: close it.
   */
  image(): KeyspaceImage {
    const image: KeyspaceImage = new KeyspaceImage([...this.#maps], () => this.#images.delete(image));
    this.#images.add(image);
    return image;
  }

  /** The map that holds the key, else the one that has room for it. */
  #homeOf(key: string): Map<string, string> {
    for (const map of this.#maps) if (map.has(key)) return map;
    for (const map of this.#maps) if (map.size < this.#keysPerMapMax) return map;
    const added = new Map<string, string>();
    this.#maps.push(added);
    return added;
  }

  #preserve(key: string, previous: string | undefined): void {
    if (this.#images.size === 0) return;
    for (const image of this.#images) image.preserve(key, previous);
  }
}
