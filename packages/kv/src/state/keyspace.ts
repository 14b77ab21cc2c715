// The keys and values of the store, and when they expire. Keys and values are latin1 strings: any bytes, one character
// each, without a Buffer object per value. Deterministic: time is logged time, which comes with the entries.
//
// A key whose time has come is not there any more, for anybody, though it may still take room: the next entries remove
// such keys, a few each.

import { NO_TIME, OrderedTree, type TreeImage } from './ordered-tree.js';
import { WatchTable } from './watch-table.js';

/** Told of every change: the event by Redis's name (`set`, `del`, `expired`, ...), and the key. */
export type ChangeListener = (event: string, key: string) => void;

const DIGITS_OF_TIME = 16;

export class Keyspace {
  readonly watches: WatchTable = new WatchTable();
  /** Undefined while nobody listens. */
  onChange: ChangeListener | undefined;
  readonly #tree = new OrderedTree();
  /** Time and key in one string, in the order of times: see `timeKey`. */
  readonly #expiries = new OrderedTree();
  #bytes = 0;
  #time = 0;
  /** When the first key expires; Infinity: none does. */
  #nextExpiry = Infinity;
  #expiredCount = 0;
  #hitCount = 0;
  #missCount = 0;

  /** Number of keys, with those that have expired and are not removed yet. */
  get size(): number {
    return this.#tree.size;
  }

  /** Number of keys that have a time to expire. */
  get expiringSize(): number {
    return this.#expiries.size;
  }

  /** Keys that were removed because their time had come. Not part of the state. */
  get expiredCount(): number {
    return this.#expiredCount;
  }

  /** Keys that were looked up and were there, for whatever purpose. Not part of the state. */
  get hitCount(): number {
    return this.#hitCount;
  }

  /** Keys that were looked up and were not there. Not part of the state. */
  get missCount(): number {
    return this.#missCount;
  }

  /** Bytes of all keys and values, without what holding them costs. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Logged time, in milliseconds since 1970. */
  get time(): number {
    return this.#time;
  }

  /** When the first key expires, in logged time; Infinity when none does. */
  get nextExpiry(): number {
    return this.#nextExpiry;
  }

  /** Never goes back. */
  advance(time: number): void {
    if (time > this.#time) this.#time = time;
  }

  get(key: string): string | undefined {
    const value = this.#tree.find(key);
    if (value === undefined || this.#isPast(this.#tree.foundTime)) {
      this.#missCount += 1;
      return undefined;
    }
    this.#hitCount += 1;
    return value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** When the key expires: `NO_TIME` for never; undefined when it is not there. */
  expiryOf(key: string): number | undefined {
    return this.get(key) === undefined ? undefined : this.#tree.foundTime;
  }

  /** `expiresAt` is in logged time; `NO_TIME`: never. */
  set(key: string, value: string, expiresAt: number = NO_TIME): void {
    const previous = this.#tree.set(key, value, expiresAt);
    this.#bytes += value.length + (previous === undefined ? key.length : -previous.length);
    const before = previous === undefined ? NO_TIME : this.#tree.foundTime;
    if (before !== expiresAt) this.#moveExpiry(key, before, expiresAt);
    if (this.#isPast(before)) this.#tellExpired(key);
    this.watches.touch(key);
  }

  /** Gives a key that is there another value and leaves its time; adds one that is not. */
  replace(key: string, value: string): void {
    const isThere = this.has(key);
    this.set(key, value, isThere ? this.#tree.foundTime : NO_TIME);
  }

  /** Whether the key was there. */
  delete(key: string): boolean {
    const previous = this.#tree.delete(key);
    if (previous === undefined) return false;
    const before = this.#tree.foundTime;
    this.#bytes -= key.length + previous.length;
    if (before !== NO_TIME) this.#moveExpiry(key, before, NO_TIME);
    this.watches.touch(key);
    if (!this.#isPast(before)) return true;
    this.#tellExpired(key);
    return false;
  }

  /** Removes the key if its time has come: its going counts as a change at this moment, and at no later one. */
  purge(key: string): void {
    if (this.#tree.find(key) !== undefined && this.#isPast(this.#tree.foundTime)) this.delete(key);
  }

  /** Tells whoever listens. */
  tell(event: string, key: string): void {
    this.onChange?.(event, key);
  }

  clear(): void {
    this.watches.touchAll((key) => this.has(key));
    this.#tree.clear();
    this.#expiries.clear();
    this.#bytes = 0;
    this.#nextExpiry = Infinity;
  }

  /** Removes keys whose time has come, the earliest first, `max` at most. */
  removeExpired(max: number): void {
    for (let removed = 0; removed < max && this.#nextExpiry <= this.#time; removed++) {
      this.delete((this.#expiries.first as string).slice(DIGITS_OF_TIME)); // nextExpiry says that there is one
    }
  }

  /** Visits keys that are there, from `from` on, in order, until `visit` answers false. */
  walk(from: string, visit: (key: string) => boolean): void {
    this.#tree.walk(from, (key, _, time) => this.#isPast(time) || visit(key));
  }

  /** Any key, by chance. */
  pick(choose: (below: number) => number): string | undefined {
    return this.#tree.pick(choose);
  }

  /** The keys of this moment, to be read while the keyspace changes. Close it. */
  image(): TreeImage {
    return this.#tree.image();
  }

  #tellExpired(key: string): void {
    this.#expiredCount += 1;
    this.onChange?.('expired', key);
  }

  #isPast(time: number): boolean {
    return time !== NO_TIME && time <= this.#time;
  }

  #moveExpiry(key: string, before: number, after: number): void {
    if (before !== NO_TIME) this.#expiries.delete(timeKey(before, key));
    if (after !== NO_TIME) this.#expiries.set(timeKey(after, key), '');
    const first = this.#expiries.first;
    this.#nextExpiry = first === undefined ? Infinity : Number(first.slice(0, DIGITS_OF_TIME));
  }
}

/** Sorts by time, then by key: the same order on every replica. Times are safe integers, of 16 digits at most. */
function timeKey(time: number, key: string): string {
  return String(time).padStart(DIGITS_OF_TIME, '0') + key;
}
