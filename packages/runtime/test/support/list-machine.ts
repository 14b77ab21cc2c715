// A state machine that tests can look into: keeps every command in order, and answers with how many there are.

import type { LogEntry } from '@waldb/core';
import type { StateMachine } from '../../src/state-machine.js';

export class ListMachine implements StateMachine<number> {
  readonly items: string[] = [];
  readonly indexes: number[] = [];

  apply(entries: readonly LogEntry[]): readonly number[] | Promise<readonly number[]> {
    return entries.map((entry) => {
      this.indexes.push(entry.index);
      return this.items.push(new TextDecoder().decode(entry.command));
    });
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    const items = [...this.items];
    for (const item of items) yield bytes(`${item}\n`);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
    this.items.splice(0, this.items.length, ...text.split('\n').slice(0, -1));
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
