// A user's machine made comparable: what its image shows, whenever it may be looked at.

import type { ApplyContext } from '@waldb/runtime';
import { describe, expect, it } from 'vitest';
import { ImagedMachine } from '../../src/simulate/imaged-machine.js';
import { entryOf } from '../support/fake-server.js';

const context: ApplyContext = { timeOf: () => 0 };

class Words {
  words: string[] = [];
  pieceBytes: number;

  constructor(pieceBytes: number) {
    this.pieceBytes = pieceBytes;
  }

  apply(entries: readonly { readonly command: Uint8Array }[]): number[] {
    return entries.map(({ command }) => this.words.push(new TextDecoder().decode(command)));
  }

  async *snapshot(): AsyncGenerator<Uint8Array> {
    const image = new TextEncoder().encode(this.words.join(' '));
    for (let at = 0; at < image.length; at += this.pieceBytes) yield image.subarray(at, at + this.pieceBytes);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const piece of stream) text += new TextDecoder().decode(piece);
    this.words = text === '' ? [] : text.split(' ');
  }
}

async function applied(words: readonly string[], pieceBytes = 3): Promise<ImagedMachine<Words>> {
  const machine = new ImagedMachine(new Words(pieceBytes), {});
  let index = 0;
  for (const word of words) {
    index += 1;
    await machine.apply([entryOf(index, 1, 'normal', word)], context);
  }
  return machine;
}

describe('an imaged machine', () => {
  it('shows the same for the same state, in whatever pieces its image comes', async () => {
    const one = await applied(['a', 'bc', 'def'], 1);
    const other = await applied(['a', 'bc', 'def'], 100);
    expect(one.digest()).toBeDefined();
    expect(one.digest()).toBe(other.digest());
    expect((await applied(['a', 'bd', 'def'])).digest()).not.toBe(one.digest());
    expect((await applied(['a', 'bc'])).digest()).not.toBe(one.digest());
  });

  it('shows after a restore what was restored', async () => {
    const one = await applied(['a', 'bc']);
    const other = await applied(['z']);
    await other.restore(one.snapshot());
    expect(other.digest()).toBe(one.digest());
  });

  it('is not looked at while a server reads an image of it', async () => {
    const machine = await applied(['a', 'bc']);
    const reading = machine.snapshot()[Symbol.asyncIterator]();
    await reading.next();
    await machine.apply([entryOf(3, 1, 'normal', 'def')], context);
    expect(machine.digest()).toBeUndefined();
    await reading.return?.();
    await machine.apply([entryOf(4, 1, 'normal', 'g')], context);
    expect(machine.digest()).toBe((await applied(['a', 'bc', 'def', 'g'])).digest());
  });

  it('is taken at its own word where it has one', async () => {
    const machine = new ImagedMachine(new Words(1), { digest: ({ words }) => `${words.length} words` });
    await machine.apply([entryOf(1, 1, 'normal', 'a')], context);
    expect(machine.digest()).toBe('1 words');
  });
});
