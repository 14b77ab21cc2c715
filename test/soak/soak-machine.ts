// What the soak replicates: lists by key. A command is `key item`; its result is the list's new length. Everything that was
// ever applied is kept, in order, since that is what the verdict compares.

import type { StateMachine } from '@waldb/runtime';

const CHUNK_COMMANDS = 2000;
/** What makes an image large: lines that are no commands, the same in every image. */
const BALLAST_LINE = `#${'ballast'.repeat(100)}`;
const BALLAST_CHUNK = new TextEncoder().encode(`${BALLAST_LINE}\n`.repeat(80));

export class SoakMachine implements StateMachine<number> {
  #applied: string[] = [];
  #lists = new Map<string, string[]>();
  readonly #ballastChunks: number;
  readonly #onRestored: (count: number) => void;

  constructor(options: { readonly ballastBytes: number; readonly onRestored: (count: number) => void }) {
    this.#ballastChunks = Math.ceil(options.ballastBytes / BALLAST_CHUNK.length);
    this.#onRestored = options.onRestored;
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
    for (let left = this.#ballastChunks; left > 0; left--) yield BALLAST_CHUNK;
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.#applied = [];
    this.#lists = new Map();
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#takeLine(line);
    }
    if (rest !== '') throw new Error(`The snapshot ends within a command: ${rest}`);
    this.#onRestored(this.#applied.length);
  }

  #takeLine(line: string): void {
    if (!line.startsWith('#')) this.#take(line);
    else if (line !== BALLAST_LINE)
      throw new Error(`The snapshot's ballast is not as it was written: ${line}`);
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
