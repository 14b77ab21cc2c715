// What an image holds and in which order, and images that nobody wrote.

import { describe, expect, it } from 'vitest';
import { REPLICATED_STATE_BYTES_MAX, type ReplicatedState } from '../src/apply/replicated-state.js';
import { beginImage, restoreImage } from '../src/snapshot/snapshot-image.js';
import { bytes } from './support/list-machine.js';

const text = (piece: Uint8Array): string => new TextDecoder().decode(piece);

/** Both halves of a server's state, as far as an image is concerned. */
function parts(block: string, ...pieces: string[]) {
  const calls: string[] = [];
  const replicatedState: ReplicatedState = {
    encode: () => bytes(block),
    restore: (found) => void calls.push(`block ${text(found)}`),
  };
  const stateMachine = {
    reads: Number.POSITIVE_INFINITY,
    isHeedless: false,
    async *snapshot(): AsyncIterable<Uint8Array> {
      calls.push('begun');
      try {
        for (const piece of pieces) yield bytes(piece);
      } finally {
        calls.push('let go');
      }
    },
    async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
      let left = stateMachine.reads;
      try {
        for await (const piece of stream) {
          calls.push(`piece ${text(piece)}`);
          left -= 1;
          if (left === 0) return;
        }
      } catch (error) {
        if (!stateMachine.isHeedless) throw error;
      }
    },
  };
  return { calls, replicatedState, stateMachine };
}

async function gather(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* inPieces(image: Uint8Array, pieceBytes: number, failAt = -1): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < image.length; offset += pieceBytes) {
    if (failAt >= 0 && offset >= failAt) throw new Error('the disk is gone');
    yield image.slice(offset, offset + pieceBytes);
  }
}

describe("a snapshot's image", () => {
  it("holds the server's own state, then the user's stream, and gives them back in this order, however it is cut", async () => {
    for (const block of ['', 'sessions']) {
      const image = await gather(beginImage(parts(block, 'one ', 'two')));
      for (const pieceBytes of [1, 5, 16, 17, 1000]) {
        const { calls, ...restored } = parts('');
        await restoreImage(inPieces(image, pieceBytes), restored);
        expect(calls[0]).toBe(`block ${block}`);
        expect(calls.slice(1).map((call) => call.replace('piece ', ''))).toSatisfy(
          (found: string[]) => found.join('') === 'one two',
        );
      }
    }
  });

  it('is of the moment at which it is begun: both are asked before anything is read', async () => {
    const { calls, ...made } = parts('block', 'one');
    const image = beginImage(made);
    expect(calls).toEqual(['begun']);
    await image.return();
    await image.return();
    expect(calls).toEqual(['begun', 'let go']);
  });

  it("without a state machine brings the server's own state alone, and still reads to the end", async () => {
    const image = await gather(beginImage(parts('block', 'one')));
    const { calls, replicatedState } = parts('');
    await restoreImage(inPieces(image, 4), { replicatedState });
    expect(calls).toEqual(['block block']);
    await expect(restoreImage(inPieces(image, 4, 20), { replicatedState })).rejects.toThrow(
      'the disk is gone',
    );
  });

  it('P98 a stream that fails is an error, also for a machine that took no notice or had read enough', async () => {
    const image = await gather(beginImage(parts('b', 'one', 'two')));
    const heedless = parts('');
    heedless.stateMachine.isHeedless = true;
    await expect(restoreImage(inPieces(image, 3, 20), heedless)).rejects.toThrow('the disk is gone');
    const satisfied = parts('');
    satisfied.stateMachine.reads = 1;
    await expect(restoreImage(inPieces(image, 3, 20), satisfied)).rejects.toThrow('the disk is gone');
    await restoreImage(inPieces(image, 3), satisfied);
  });

  it('P98 every image cut short inside its head or block, of another kind or version, is refused before anything is restored', async () => {
    const image = await gather(beginImage(parts('block')));
    for (let length = 0; length < image.length; length++) {
      const { calls, ...restored } = parts('');
      await expect(restoreImage(inPieces(image.slice(0, length), 3), restored)).rejects.toMatchObject({
        code: 'SNAPSHOT_UNREADABLE',
      });
      expect(calls).toEqual([]);
    }
    for (const offset of [0, 7, 8, 11]) {
      const other = image.slice();
      other[offset] = 0x7f;
      await expect(restoreImage(inPieces(other, 3), parts(''))).rejects.toMatchObject({
        code: 'SNAPSHOT_UNREADABLE',
      });
    }
    const absurd = image.slice();
    new DataView(absurd.buffer).setUint32(12, REPLICATED_STATE_BYTES_MAX + 1, true);
    await expect(restoreImage(inPieces(absurd, 3), parts(''))).rejects.toMatchObject({
      code: 'SNAPSHOT_UNREADABLE',
    });
  });
});
