// Snapshots that earlier versions wrote, kept as files in test/compat: they must be read for ever, and as long as the
// version number stays the same, today's code must write the same bytes.
//
// WALDB_WRITE_COMPAT=1 writes the fixture of a version that has none yet.

import * as fs from 'node:fs';
import { join } from 'node:path';
import type { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { at, DIRECTORY, disk, gather, imageOf, inPieces, open } from './support/store-fixture.js';

const FIXTURE = join(import.meta.dirname, '../../../test/compat/snapshot-v1');
const SIZES: readonly (readonly [index: number, term: number, bytes: number])[] = [
  [3, 1, 0],
  [4, 2, 64],
  [0x1_0000_0005, 7, 300],
];

/** One without chunks, one that is exactly full, one of several chunks at an index of more than 32 bits. */
async function writeEverything(): Promise<FaultVfs> {
  const vfs = disk();
  const store = await open(vfs, { retain: SIZES.length });
  for (const [index, term, bytes] of SIZES)
    await store.write(at(index, term), inPieces(imageOf(index, bytes)));
  await store.close();
  return vfs;
}

async function checkEverything(vfs: FaultVfs): Promise<void> {
  const store = await open(vfs, { chunkBytes: 1000 });
  expect(store.refused()).toEqual([]);
  expect(store.list()).toMatchObject(
    SIZES.toReversed().map(([index, term, bytes]) => ({ ...at(index, term), bytes })),
  );
  for (const [index, , bytes] of SIZES) {
    expect(await gather(store.read(index))).toEqual(Buffer.from(imageOf(index, bytes)));
  }
  await store.close();
}

describe('format version 1', () => {
  it('W29: is read', async () => {
    const vfs = disk();
    vfs.mkdir(DIRECTORY);
    for (const name of fs.readdirSync(FIXTURE)) {
      vfs.open(`${DIRECTORY}/${name}`, 'create').write(fs.readFileSync(join(FIXTURE, name)), 0);
    }
    await checkEverything(vfs);
  });

  it('is what is written', async () => {
    const vfs = await writeEverything();
    if (process.env.WALDB_WRITE_COMPAT !== undefined && !fs.existsSync(FIXTURE)) {
      fs.mkdirSync(FIXTURE);
      for (const [name, bytes] of vfs.contents(DIRECTORY)) fs.writeFileSync(join(FIXTURE, name), bytes);
    }
    const written = vfs.contents(DIRECTORY);
    expect([...written.keys()]).toEqual(fs.readdirSync(FIXTURE).sort());
    for (const [name, bytes] of written) {
      expect(Buffer.from(bytes).equals(fs.readFileSync(join(FIXTURE, name))), name).toBe(true);
    }
    await checkEverything(vfs);
  });
});
