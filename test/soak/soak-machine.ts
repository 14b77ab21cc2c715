// What the soak replicates: lists by key. A command is `key item`; its result is the list's new length. Everything that was
// ever applied is kept, in order, since that is what the verdict compares.

import type { StateMachine } from '@waldb/runtime';

const CHUNK_COMMANDS = 2000;

export class SoakMachine implements StateMachine<number> {
  #applied: string[] = [];
  #lists = new Map<string, string[]>();
  readonly #onRestored: (count: number) => void;

  constructor(onRestored: (count: number) => void) {
    this.#onRestored = onRestored;
  }

  get applied(): readonly string[] {
    return this.#applied;
  }

  list(key: string): readonly string[] {
    return this.#lists.get(key) ?? [];
  }

  apply(entries: Parameters<StateMachine<number>['apply']>[0]): readonly number[] {
    return entries.map(({ command }) => this.#take(new TextDecoder().decode(command)));
  }

  /** Commands are only ever added, so the first so many are the state of now. */
  async *snapshot(): AsyncIterable<Uint8Array> {
    const applied = this.#applied;
    const count = applied.length;
    for (let from = 0; from < count; from += CHUNK_COMMANDS) {
      const some = applied.slice(from, Math.min(from + CHUNK_COMMANDS, count));
      yield new TextEncoder().encode(some.map((command) => `${command}\n`).join(''));
    }
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.#applied = [];
    this.#lists = new Map();
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    }
    if (rest !== '') throw new Error(`The snapshot ends within a command: ${rest}`);
    this.#onRestored(this.#applied.length);
  }

  #take(command: string): number {
    const [key = '', item = ''] = command.split(' ');
    this.#applied.push(command);
    const list = this.#lists.get(key);
    if (list !== undefined) return list.push(item);
    this.#lists.set(key, [item]);
    return 1;
  }
}
