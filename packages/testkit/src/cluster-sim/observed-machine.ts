// A state machine with somebody watching. Keeps with each image the index that it is of, in eight bytes ahead of the
// machine's own stream, so that whoever watches knows what was restored whatever the machine keeps.

import type { Index, LogEntry } from '@waldb/core';
import type { ApplyContext, StateMachine } from '@waldb/runtime';
import type { ComparableMachine } from './workload.js';

const INDEX_BYTES = 8;

export interface MachineWatcher {
  applied(entries: readonly LogEntry[], results: readonly unknown[], context: ApplyContext): void;
  restored(index: Index): void;
  snapshotTaken(index: Index): void;
}

export class ObservedMachine implements StateMachine<unknown> {
  readonly machine: ComparableMachine;
  readonly #watcher: MachineWatcher;
  #index: Index = 0;

  constructor(machine: ComparableMachine, watcher: MachineWatcher) {
    this.machine = machine;
    this.#watcher = watcher;
  }

  apply(
    entries: readonly LogEntry[],
    context: ApplyContext,
  ): readonly unknown[] | Promise<readonly unknown[]> {
    const results = this.machine.apply(entries, context);
    if (results instanceof Promise) {
      return results.then((settled) => this.#applied(entries, settled, context));
    }
    return this.#applied(entries, results, context);
  }

  snapshot(): AsyncIterable<Uint8Array> {
    const image = this.machine.snapshot()[Symbol.asyncIterator]();
    // Begun at once, up to its first wait: the image is of this point.
    const first = image.next();
    first.catch(() => {}); // whoever iterates hears of it
    this.#watcher.snapshotTaken(this.#index);
    return withIndex(this.#index, first, image);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const image = new IndexedImage(stream[Symbol.asyncIterator]());
    const index = await image.readIndex();
    await this.machine.restore(image);
    this.#index = index;
    this.#watcher.restored(index);
  }

  appliedIndex(): Index {
    return this.machine.appliedIndex?.() ?? 0;
  }

  #applied(
    entries: readonly LogEntry[],
    results: readonly unknown[],
    context: ApplyContext,
  ): readonly unknown[] {
    this.#index = entries.at(-1)?.index ?? this.#index;
    this.#watcher.applied(entries, results, context);
    return results;
  }
}

async function* withIndex(
  index: Index,
  first: Promise<IteratorResult<Uint8Array>>,
  image: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const head = new Uint8Array(INDEX_BYTES);
  new DataView(head.buffer).setFloat64(0, index);
  try {
    yield head;
    for (let next = await first; next.done !== true; next = await image.next()) yield next.value;
  } finally {
    await image.return?.();
  }
}

/** Pieces of any size: the index may come in several, or with what follows. */
class IndexedImage implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterator<Uint8Array>) {
    this.#pieces = pieces;
  }

  async readIndex(): Promise<Index> {
    while (this.#rest.length < INDEX_BYTES) {
      const next = await this.#pieces.next();
      if (next.done === true) throw new Error('The image ended before its index.');
      this.#rest = Buffer.concat([this.#rest, next.value]);
    }
    const index = new DataView(this.#rest.buffer, this.#rest.byteOffset).getFloat64(0);
    this.#rest = this.#rest.subarray(INDEX_BYTES);
    return index;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const rest = this.#rest;
    if (rest.length === 0) return await this.#pieces.next();
    this.#rest = new Uint8Array(0);
    return { done: false, value: rest };
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }
}
