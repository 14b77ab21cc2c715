// The simulator's own workload: a few lists to which clients append items that are each unlike all others. Of all objects a
// list shows most (../linearizability/models/append-list.ts).

import type { LogEntry } from '@waldb/core';
import type { AppendListInput } from '../linearizability/models/append-list.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { ComparableMachine, Workload, WorkloadCommand, WorkloadRead } from './workload.js';

const KEYS = ['a', 'b', 'c', 'd'] as const;
const CHUNK_BYTES = 2_000;

/** Answers an append with the list's new length. */
export class ListsMachine implements ComparableMachine<number> {
  #lists = new Map<string, string[]>();
  /** Of everything that was ever appended, in order. */
  #digest = 0;

  apply(entries: readonly LogEntry[]): number[] {
    return entries.map(({ command }) => {
      const [key = '', item = ''] = decoder.decode(command).split(' ');
      return this.#append(key, item);
    });
  }

  async *snapshot(): AsyncGenerator<Uint8Array> {
    const image = encoder.encode(JSON.stringify([this.#digest, [...this.#lists]]));
    for (let at = 0; at < image.length; at += CHUNK_BYTES) yield image.subarray(at, at + CHUNK_BYTES);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of stream) pieces.push(piece.slice());
    // What `snapshot` wrote; the server has checked every byte.
    const [digest, lists] = JSON.parse(Buffer.concat(pieces).toString()) as [number, [string, string[]][]];
    this.#digest = digest;
    this.#lists = new Map(lists);
  }

  answer({ key }: WorkloadRead): readonly string[] {
    return [...(this.#lists.get(key) ?? [])];
  }

  digest(): string {
    const lengths = [...this.#lists].map(([key, list]) => `${key}${list.length}`).sort();
    return `${lengths.join(' ')} ${this.#digest >>> 0}`;
  }

  #append(key: string, item: string): number {
    for (let at = 0; at < item.length; at++)
      this.#digest = Math.imul(this.#digest ^ item.charCodeAt(at), 0x01000193);
    const list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, [item]);
    return list === undefined ? 1 : list.push(item);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Commands of up to about so many bytes. */
export function listsWorkload(commandBytesMax: number): Workload {
  return {
    makeMachine: () => new ListsMachine(),
    command: (random: SeededRandom, number: number): WorkloadCommand => {
      const key = random.pick(KEYS);
      const item = `i${number}`;
      const input: AppendListInput = { type: 'append', item };
      const padding = 'x'.repeat(random.below(Math.max(1, commandBytesMax)));
      return { key, input, command: encoder.encode(`${key} ${item} ${padding}`) };
    },
    read: (random: SeededRandom): WorkloadRead => {
      const input: AppendListInput = { type: 'read' };
      return { key: random.pick(KEYS), input };
    },
  };
}
