// A loss of power at every operation of a store's life, many images of each, and the store opened again from them.

import { type Ending, type FaultVfs, PowerLoss } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import {
  at,
  CHUNK_BYTES,
  disk,
  gather,
  imageOf,
  indexesOf,
  inPieces,
  nameOf,
  open,
} from './support/store-fixture.js';

const ENDINGS: readonly Ending[] = [
  { type: 'powerLoss', survival: 'nothing', seed: 1 },
  { type: 'powerLoss', survival: 'everything', seed: 1 },
  ...Array.from({ length: 6 }, (_, seed) => ({ type: 'powerLoss', survival: 'any', seed }) as const),
];
const INDEXES = [10, 20, 30];
const IMAGE_BYTES = CHUNK_BYTES * 12 + 7; // over several sectors of 512 bytes

describe('after a loss of power', () => {
  it('W10: what was acknowledged is usable and a new snapshot is there only whole, at every operation of a write', async () => {
    const whole = disk();
    expect(await writeAll(whole)).toEqual(INDEXES);
    const seen = new Set(whole.operations.map(({ type, path }) => `${type} ${path.replace(/^.*[/.]/, '')}`));
    // A life in which nothing happens would prove nothing: chunks, the sync, the rename, the directory, the old one.
    expect([...seen].sort()).toEqual([
      'create LOCK',
      'create tmp',
      'mkdir snapshots',
      'rename snap',
      'sync tmp',
      'syncDirectory ',
      'syncDirectory data',
      'syncDirectory snapshots',
      'unlink snap',
      'write tmp',
    ]);
    for (let number = 1; number <= whole.operations.length + 1; number++) {
      const { vfs, acknowledged } = await crashAt(number);
      for (const ending of ENDINGS)
        await checkSurvivor(vfs.reopen(ending), acknowledged, `${number} ${JSON.stringify(ending)}`);
    }
  });

  it('W10 W41: what a new process shows survives the power, after a kill at every operation', async () => {
    const operations = await countOperations();
    for (let number = 1; number <= operations; number++) {
      const { vfs, acknowledged } = await crashAt(number);
      const next = vfs.reopen({ type: 'killed' });
      const store = await open(next);
      const shown = indexesOf(store);
      const isRecent = shown[0] === undefined || shown[0] >= (acknowledged.at(-1) ?? 0);
      expect(isRecent, `operation ${number} shows ${shown}`).toBe(true);
      const after = await open(next.reopen({ type: 'powerLoss', survival: 'nothing', seed: number }));
      expect(indexesOf(after), `operation ${number}`).toEqual(shown);
      for (const index of shown)
        expect(await gather(after.read(index))).toEqual(Buffer.from(imageOf(index, IMAGE_BYTES)));
    }
  });

  it('W10 W11: opening that is interrupted at any operation is repeated to the same end', async () => {
    const operations = await countOperations();
    for (let number = 1; number <= operations; number += 3) {
      const { vfs, acknowledged } = await crashAt(number);
      for (const ending of ENDINGS.slice(1, 4)) {
        for (let again = 1; ; again++) {
          const first = vfs.reopen(ending);
          first.faults = (operation) => (operation.number === again ? { type: 'powerLoss' } : undefined);
          const isComplete = await open(first).then(
            () => true,
            (error) => notInjected(error),
          );
          await checkSurvivor(first.reopen(ending), acknowledged, `${number}, opening cut off at ${again}`);
          if (isComplete) break;
        }
      }
    }
  });
});

/** Writes until the power goes; returns the indexes that were acknowledged. */
async function writeAll(vfs: FaultVfs): Promise<number[]> {
  const acknowledged: number[] = [];
  try {
    const store = await open(vfs);
    for (const index of INDEXES) {
      await store.write(at(index), inPieces(imageOf(index, IMAGE_BYTES)));
      acknowledged.push(index);
    }
    await store.close();
  } catch (error) {
    notInjected(error);
  }
  return acknowledged;
}

function notInjected(error: unknown): false {
  if ((error as Error).cause instanceof PowerLoss || error instanceof PowerLoss) return false;
  throw error;
}

async function countOperations(): Promise<number> {
  const vfs = disk();
  await writeAll(vfs);
  return vfs.operations.length;
}

async function crashAt(number: number): Promise<{ vfs: FaultVfs; acknowledged: number[] }> {
  const vfs = disk();
  vfs.faults = (operation) => (operation.number === number ? { type: 'powerLoss' } : undefined);
  return { vfs, acknowledged: await writeAll(vfs) };
}

async function checkSurvivor(vfs: FaultVfs, acknowledged: readonly number[], place: string): Promise<void> {
  const store = await open(vfs);
  const found = indexesOf(store);
  const newest = acknowledged.at(-1);
  // The newest that was acknowledged, and the one before it, since two are kept.
  for (const index of acknowledged.slice(-2)) {
    const isReplaced = index !== newest && found.length >= 2;
    expect(found.includes(index) || isReplaced, `${place}: ${index} of ${found}`).toBe(true);
  }
  expect(store.refused(), place).toEqual([]);
  for (const index of found) {
    expect(await gather(store.read(index)), place).toEqual(Buffer.from(imageOf(index, IMAGE_BYTES)));
  }
  await store.write(at(99), inPieces(imageOf(99, IMAGE_BYTES)));
  expect(indexesOf(store), place).toEqual([99, ...found].slice(0, 2));
  await store.close();
  const names = [...vfs.contents('/data/snapshots').keys()];
  expect(names, place).toEqual([
    ...[99, ...found]
      .slice(0, 2)
      .reverse()
      .map((index) => nameOf(index)),
    'LOCK',
  ]);
}
