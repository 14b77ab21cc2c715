// Whoever reads a log beside its writer sees what was durable at some moment, or is told to look again; never an error
// that is none, and never an entry that is none.

import type { FaultVfs } from '@waldb/testkit';
import { WalError, type WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  DIRECTORY,
  disk,
  entry,
  flip,
  METADATA_PATH,
  open,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';

interface Pair {
  readonly writer: WalLog;
  readonly disk: FaultVfs;
  /** The same disk as another process sees it. */
  readonly besides: FaultVfs;
}

async function pair(count = 60): Promise<Pair> {
  const vfs = disk();
  const writer = await open(vfs, { clock: new ManualClock() });
  write(writer, count);
  return { writer, disk: vfs, besides: vfs.reopen({ type: 'killed' }) };
}

function write(writer: WalLog, count: number): void {
  for (let i = 0; i < count; i++) {
    writer.append([entry(writer.lastIndex() + 1, 1, 300)]);
    writer.sync();
  }
}

/** Gives up all but the newest entries, and writes until a file that is free now is in use again. */
function moveOn(writer: WalLog): void {
  writer.applySnapshot(snapshot(writer.lastIndex(), 1));
  writer.compact(writer.lastIndex() - 3);
  writer.sync();
  write(writer, 45);
}

function expectTrue(reader: WalLog): void {
  const from = reader.firstIndex();
  const all = Array.from({ length: reader.lastIndex() - from + 1 }, (_, i) => entry(from + i, 1, 300));
  expect(shown(reader)).toEqual(shownAs(all));
}

describe('opening beside a writer', () => {
  it('W44: shows a log that was, whenever in between the writer gives up, uses again and goes on', async () => {
    let isReached = true;
    for (let number = 1; isReached; number++) {
      const { writer, besides } = await pair();
      const durable = writer.lastIndex();
      isReached = false;
      besides.faults = (operation) => {
        if (operation.type !== 'read' || operation.number !== number) return undefined;
        isReached = true;
        moveOn(writer);
        return undefined;
      };
      const reader = await open(besides, { readOnly: true, cacheBytes: 0 });
      besides.faults = undefined;
      expect(reader.lastIndex(), `changed at read ${number}`).toBeGreaterThanOrEqual(durable - 1);
      if (!isReached) expectTrue(reader);
      else {
        // What it shows may be given up already; what can be read is right.
        for (let index = reader.firstIndex(); index <= reader.lastIndex(); index++)
          expectRightOrStale(reader, index);
      }
      if (!isReached) expect(number).toBeGreaterThan(8);
    }
  });

  it('W44: gives up with WAL_STALE, and not with damage, where the writer never stands still', async () => {
    const { writer, besides } = await pair();
    let looks = 0;
    besides.faults = ({ type, path }) => {
      if (type === 'read' && path === METADATA_PATH) {
        looks += 1;
        // After the list of files was made, before any of them is opened.
        if (looks % 2 === 1) moveOn(writer);
      }
      return undefined;
    };
    await expect(open(besides, { readOnly: true })).rejects.toMatchObject({ code: 'WAL_STALE' });
    expect(looks).toBeLessThan(1000);
    besides.faults = undefined;
    expectTrue(await open(besides, { readOnly: true }));
  });

  it('W44: calls damage that stays damage, after a few looks', async () => {
    const { writer, disk: vfs, besides } = await pair();
    await writer.close();
    flip(vfs, segmentPath(3), 4096 + 80);
    flip(vfs, segmentPath(3), 8192 - 1);
    let looks = 0;
    besides.faults = ({ type, path }) => {
      if (type === 'read' && path === METADATA_PATH) looks += 1;
      return undefined;
    };
    await expect(open(besides, { readOnly: true })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      detail: { segment: 3 },
    });
    expect(looks).toBeGreaterThan(3);
    expect(looks).toBeLessThan(10);
  });
});

/** An entry of the writer's, or the word that it is gone. */
function expectRightOrStale(reader: WalLog, index: number): 'right' | 'stale' {
  try {
    expect(reader.entry(index)).toEqual(entry(index, 1, 300));
    return 'right';
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    expect(error.code).toBe('WAL_STALE');
    return 'stale';
  }
}

describe('reading on beside a writer', () => {
  it('W44: an entry whose segment was removed or is used again is WAL_STALE, all others are there', async () => {
    for (const hasItOpen of [false, true]) {
      const { writer, disk: vfs, besides } = await pair();
      const reader = await open(besides, { readOnly: true, cacheBytes: 0 });
      // With its file open, a reader goes on seeing it when it has another name, and other bytes.
      if (hasItOpen) expect(reader.entry(20)).toEqual(entry(20, 1, 300));
      const names = segmentNames(vfs);
      moveOn(writer);
      expect(segmentNames(vfs).filter((name) => names.includes(name))).toHaveLength(1);
      const seen = new Set<string>();
      for (let index = 1; index <= reader.lastIndex(); index++) seen.add(expectRightOrStale(reader, index));
      expect([...seen].sort()).toEqual(['right', 'stale']);
      expect(() => reader.entries(1, 3)).toThrow(expect.objectContaining({ code: 'WAL_STALE' }));
      expectTrue(await open(besides, { readOnly: true }));
    }
  });

  it('W44: damage in a segment that is still the log is damage', async () => {
    const { disk: vfs, besides } = await pair();
    const reader = await open(besides, { readOnly: true, cacheBytes: 0 });
    const [first] = segmentNames(vfs);
    vfs.damage(`${DIRECTORY}/${first}`, (bytes) => bytes.fill(0xee, 4096));
    expect(() => reader.entry(1)).toThrow(expect.objectContaining({ code: 'WAL_CORRUPT' }));
  });
});
