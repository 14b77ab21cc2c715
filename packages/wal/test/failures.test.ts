// What the system may refuse, and what then still holds.

import { encodeEntry } from '@waldb/core';
import type { Fault, FaultVfs, Operation, OperationType } from '@waldb/testkit';
import { WalError, type WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  DIRECTORY,
  disk,
  entries,
  entry,
  expectRefused,
  METADATA_PATH,
  open,
  segmentName,
  segmentNames,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';

/** The next operation of this type, on a file whose path ends so, gets this fault; once. */
function failNext(vfs: FaultVfs, type: OperationType, ending: string, fault: Fault): void {
  vfs.faults = (operation: Operation) => {
    if (operation.type !== type || !operation.path.endsWith(ending)) return undefined;
    vfs.faults = undefined;
    return fault;
  };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof WalError) return error.code;
    throw error;
  }
  return 'none';
}

const READS: readonly ((log: WalLog) => unknown)[] = [
  (log) => log.firstIndex(),
  (log) => log.lastIndex(),
  (log) => log.lastTerm(),
  (log) => log.termAt(1),
  (log) => log.entry(1),
  (log) => log.entries(1, 1),
  (log) => log.configIndexBefore(1),
  (log) => log.hardState(),
  (log) => log.snapshotIndex(),
  (log) => log.snapshot(),
  (log) => log.stagedSeq(),
  (log) => log.durableSeq(),
];

const WRITES: readonly ((log: WalLog) => unknown)[] = [
  (log) => log.append([entry(2)]),
  (log) => log.truncate(1),
  (log) => log.setHardState({ term: 9, votedFor: 1 }),
  (log) => log.applySnapshot(snapshot(9, 9)),
  (log) => log.compact(1),
  (log) => log.sync(),
];

describe('a failed write or sync on a live segment', () => {
  it('W23 X12: poisons for good, and is not retried, however often it is asked', async () => {
    for (const hasDurableWrites of [true, false]) {
      const vfs = disk({ hasDurableWrites });
      const log = await open(vfs);
      log.append([entry(1)]);
      failNext(vfs, hasDurableWrites ? 'writeDurably' : 'sync', '.wal', { type: 'lostSync', code: 'EIO' });
      expect(codeOf(() => log.sync())).toBe('WAL_POISONED');
      const operations = vfs.operations.length;
      for (const call of [...READS, ...WRITES]) expect(codeOf(() => call(log))).toBe('WAL_POISONED');
      await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_POISONED', cause: { code: 'EIO' } });
      await log.close();
      expect(vfs.operations.length).toBe(operations);
    }
  });

  it('W23: poisons through flush as well; the log can be opened again and holds what was acknowledged', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 3));
    await log.flush();
    log.append(entries(4, 5));
    failNext(vfs, 'writeDurably', '.wal', { type: 'error', code: 'EIO' });
    await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_POISONED' });
    await log.close();
    const again = await open(vfs);
    expect(shown(again)).toEqual(shownAs(entries(1, 3)));
    await again.close();
  });

  it('ENOSPC on a live segment is a failed write like any other: its space was there before', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    failNext(vfs, 'writeDurably', '.wal', { type: 'error', code: 'ENOSPC' });
    expect(codeOf(() => log.sync())).toBe('WAL_POISONED');
  });

  it('W25: a write that ends short with an error poisons; what it left is torn', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    log.sync();
    log.append([entry(2, 1, 500)]);
    failNext(vfs, 'writeDurably', '.wal', { type: 'shortWrite', bytes: 200, code: 'ENOSPC' });
    expect(codeOf(() => log.sync())).toBe('WAL_POISONED');
    await log.close();
    const again = await open(vfs);
    expect(shown(again)).toEqual(shownAs([entry(1)]));
    expect(again.recovery).toMatchObject({ outcome: 'repaired', dropped: { segment: 1, frames: 0 } });
  });

  it('X13: memory does not run ahead of the disk: after a failure nothing is readable until reopened', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    failNext(vfs, 'writeDurably', '.wal', { type: 'error', code: 'EIO' });
    expect(codeOf(() => log.sync())).toBe('WAL_POISONED');
    expect(codeOf(() => log.entry(1))).toBe('WAL_POISONED');
  });

  it('a failed sync of the directory or of the metadata poisons too', async () => {
    for (const [type, ending] of [
      ['syncDirectory', '/log'],
      ['writeDurably', 'METADATA'],
    ] as const) {
      const vfs = disk();
      const log = await open(vfs);
      for (let index = 1; index <= 12; index++) log.append([entry(index, 1, 300)]);
      log.applySnapshot(snapshot(10, 1));
      failNext(vfs, type, ending, { type: 'error', code: 'EIO' });
      expect(codeOf(() => log.sync())).toBe('WAL_POISONED');
      await log.close();
      expect((await open(vfs)).lastIndex()).toBeLessThanOrEqual(12);
    }
  });
});

describe('a full disk', () => {
  it('W24: while a segment is prepared: WAL_FULL, what is staged stays and is readable, and goes on once there is space', async () => {
    for (const [type, ending] of [
      ['create', '.tmp'],
      ['write', '.tmp'],
      ['sync', '.tmp'],
      ['rename', '.wal'],
    ] as const) {
      const vfs = disk();
      const log = await open(vfs);
      const all = entries(1, 30, 1, 300);
      log.append(all);
      log.setHardState({ term: 2, votedFor: 1 });
      vfs.faults = (operation) =>
        operation.type === type && operation.path.endsWith(ending)
          ? { type: 'error', code: 'ENOSPC' }
          : undefined;
      expect(codeOf(() => log.sync())).toBe('WAL_FULL');
      await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_FULL' });
      expect(shown(log)).toEqual(shownAs(all));
      expect(log.durableSeq()).toBe(0);
      log.append([entry(31, 2)]);
      vfs.faults = undefined;
      expect(await log.flush()).toBe(3);
      const again = await open(copyOf(vfs));
      expect(shown(again)).toEqual(shownAs([...all, entry(31, 2)]));
      expect(again.hardState()).toEqual({ term: 2, votedFor: 1 });
      expect(vfs.list(DIRECTORY).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
  });

  it('W24: while a snapshot is published: WAL_FULL, and nothing of it is left', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 3));
    log.applySnapshot(snapshot(2, 1));
    failNext(vfs, 'write', '.snapshot.tmp', { type: 'error', code: 'ENOSPC' });
    expect(codeOf(() => log.sync())).toBe('WAL_FULL');
    expect(vfs.list(DIRECTORY).filter((name) => name.includes('snapshot'))).toEqual([]);
    log.sync();
    expect((await open(copyOf(vfs))).snapshot()).toEqual(snapshot(2, 1));
  });

  it('W24: what was written before the disk filled up counts, once', async () => {
    const vfs = disk();
    const log = await open(vfs, { frameBytesMax: 1000 });
    log.append(entries(1, 30, 1, 300));
    vfs.faults = ({ type, path }) =>
      type === 'write' && path.endsWith('3.wal.tmp') ? { type: 'error', code: 'ENOSPC' } : undefined;
    expect(codeOf(() => log.sync())).toBe('WAL_FULL');
    vfs.faults = undefined;
    // A prefix is on disk: the same staged calls may be found there in part after a crash.
    const image = await open(copyOf(vfs));
    expect(image.lastIndex()).toBeGreaterThan(0);
    expect(image.lastIndex()).toBeLessThan(30);
    log.sync();
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, 30, 1, 300)));
  });

  it('W24: at open: WAL_FULL or success, the lock is free again, and reading works all the time', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    log.sync();
    const crashed = vfs.reopen({ type: 'powerLoss', survival: 'everything', seed: 1 });
    crashed.faults = (operation) =>
      operation.type === 'write' ? { type: 'error', code: 'ENOSPC' } : undefined;
    await expect(open(crashed)).rejects.toMatchObject({ code: 'WAL_FULL' });
    const reader = await open(crashed, { readOnly: true });
    expect(reader.lastIndex()).toBe(0); // nothing proves the entry durable until it has been written again
    crashed.faults = undefined;
    expect((await open(crashed)).lastIndex()).toBe(1);
    const empty = disk();
    empty.faults = crashed.faults = (operation) =>
      operation.type === 'write' ? { type: 'error', code: 'ENOSPC' } : undefined;
    await expect(open(empty)).rejects.toMatchObject({ code: 'WAL_FULL' });
    empty.faults = undefined;
    expect((await open(empty)).lastIndex()).toBe(0);
  });
});

describe('a read that fails is never an end', () => {
  it('W26: EIO, EINTR and short reads at open are errors, at every read, and change nothing', async () => {
    const vfs = disk();
    const log = await open(vfs);
    for (let index = 1; index <= 20; index++) {
      log.append([entry(index, 1, 300)]);
      log.sync();
    }
    log.applySnapshot(snapshot(3, 1));
    await log.close();
    const faults: readonly Fault[] = [
      { type: 'error', code: 'EIO' },
      { type: 'error', code: 'EINTR' },
      { type: 'shortRead', bytes: 7 },
    ];
    for (const fault of faults) {
      for (let number = 1; ; number++) {
        const image = copyOf(vfs);
        let isReached = false;
        image.faults = (operation) => {
          if (operation.type !== 'read' || operation.number !== number) return undefined;
          isReached = true;
          return fault;
        };
        if (await opens(image)) {
          expect(isReached).toBe(false);
          expect(number).toBeGreaterThan(6);
          break;
        }
        image.faults = undefined;
        expect((await open(image)).lastIndex()).toBe(20);
      }
    }
  });

  async function opens(vfs: FaultVfs): Promise<boolean> {
    const before = JSON.stringify([...vfs.contents(DIRECTORY).keys()]);
    try {
      await open(vfs);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'WAL_IO' });
      expect(JSON.stringify([...vfs.contents(DIRECTORY).keys()])).toBe(before);
      return false;
    }
  }

  it('W26: an entry that cannot be read back is an error of that read alone', async () => {
    const vfs = disk();
    const log = await open(vfs, { cacheBytes: 0 });
    log.append(entries(1, 3));
    log.sync();
    vfs.faults = (operation) => (operation.type === 'read' ? { type: 'error', code: 'EIO' } : undefined);
    expect(codeOf(() => log.entry(1))).toBe('WAL_IO');
    vfs.faults = (operation) => (operation.type === 'read' ? { type: 'shortRead', bytes: 10 } : undefined);
    expect(codeOf(() => log.entries(1, 2))).toBe('WAL_CORRUPT');
    vfs.faults = undefined;
    expect(shown(log)).toEqual(shownAs(entries(1, 3)));
  });

  it('W35: an entry that was damaged on disk is found when it is read, with its place', async () => {
    const vfs = disk();
    const log = await open(vfs, { cacheBytes: 0 });
    log.append(entries(1, 3, 4, 100));
    log.sync();
    vfs.damage(`${DIRECTORY}/${segmentName(1)}`, (bytes) =>
      bytes.fill(0xaa, 4096 + 72 + 100, 4096 + 72 + 110),
    );
    const error = await log
      .flush()
      .then(
        () => log.entries(1, 3),
        (reason) => reason,
      )
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 1, offset: 4096 + 72, index: 1 } });
  });
});

describe('the lock', () => {
  it('W28 X18: refuses a second opener, in the same process too, until the first has closed', async () => {
    const vfs = disk();
    const log = await open(vfs);
    await expect(open(vfs)).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await log.close();
    await (await open(vfs)).close();
  });

  it('is released when opening fails', async () => {
    const vfs = disk();
    await (await open(vfs)).close();
    vfs.damage(METADATA_PATH, (bytes) => bytes.fill(0));
    await expectRefused(vfs, 'WAL_CORRUPT');
    await expectRefused(vfs, 'WAL_CORRUPT');
  });
});

/** Runs `act` when the flush that was just asked for has begun to write, and before the simulated disk answers. */
function inFlight<Result extends object>(act: () => Result): Promise<Result> {
  return new Promise((resolve) => process.nextTick(() => resolve(act())));
}

describe('only one write at a time', () => {
  it('sync while a flush is in flight is refused with WAL_BUSY, and the flush is not disturbed', async () => {
    const log = await open(disk());
    log.append([entry(1)]);
    const flushing = log.flush();
    expect(codeOf(() => log.sync())).toBe('WAL_BUSY');
    expect(await flushing).toBe(1);
    expect(log.durableSeq()).toBe(1);
    log.append([entry(2)]);
    log.sync();
    expect(log.durableSeq()).toBe(2);
  });

  it('flushes that come while one is in flight share the next one, and each covers what was staged before it', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    const first = log.flush();
    await Promise.resolve(); // still before the group is closed
    log.append([entry(2)]);
    const joined = log.flush();
    expect(await first).toBe(2);
    const before = vfs.operations.length;
    log.append([entry(3)]);
    const writing = log.flush();
    const { nothingNew, others } = await inFlight(() => {
      const before = log.flush();
      log.append([entry(4)]);
      const together = [log.flush(), log.flush()];
      log.append([entry(5)]);
      return { nothingNew: before, others: [...together, log.flush()] };
    });
    expect(await Promise.all([joined, writing, nothingNew])).toEqual([2, 3, 3]);
    expect(await Promise.all(others)).toEqual([5, 5, 5]);
    expect(vfs.operations.length - before).toBe(2);
    expect(shown(log)).toHaveLength(5);
  });

  it('a failure reaches the flush that met it and every one behind it', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    failNext(vfs, 'writeDurably', '.wal', { type: 'error', code: 'EIO' });
    const first = log.flush();
    const second = await inFlight(() => {
      log.append([entry(2)]);
      return [log.flush()];
    });
    await expect(first).rejects.toMatchObject({ code: 'WAL_POISONED' });
    await expect(second[0]).rejects.toMatchObject({ code: 'WAL_POISONED' });
  });
});

describe('limits', () => {
  it('W39 W32: entries of 0 and 1 byte, and just under and at the limit, go in and come back; one over is refused', async () => {
    const entryBytesMax = 5000;
    const vfs = disk();
    const log = await open(vfs, { entryBytesMax, cacheBytes: 0 });
    const sizes = [0, 1, entryBytesMax - 8, entryBytesMax - 7];
    const all = sizes.map((bytes, i) => entry(i + 1, 1, bytes));
    expect(all.at(-1)?.encoded?.length).toBe(entryBytesMax);
    log.append(all);
    const over = entry(5, 1, entryBytesMax - 6);
    expect(codeOf(() => log.append([entry(5), { ...over, index: 6 }]))).toBe('WAL_TOO_LARGE');
    expect(codeOf(() => log.append([over]))).toBe('WAL_TOO_LARGE');
    expect([log.lastIndex(), log.stagedSeq()]).toEqual([4, 1]);
    log.sync();
    expect(shown(log)).toEqual(shownAs(all));
    // What could be written can be read back by anyone: the limit of the reader is the size of the file.
    expect(shown(await open(copyOf(vfs), { entryBytesMax: 100 }))).toEqual(shownAs(all));
  });

  it('W39: an entry larger than a segment gets a segment of its own size', async () => {
    const vfs = disk();
    const log = await open(vfs, { cacheBytes: 0 });
    const large = entry(2, 1, 100_000);
    log.append([entry(1), large, entry(3)]);
    log.sync();
    expect(shown(log)).toEqual(shownAs([entry(1), large, entry(3)]));
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs([entry(1), large, entry(3)]));
    expect(segmentNames(vfs).length).toBeGreaterThan(1);
  });

  it('W39: exactly full, one byte more: a frame that just fits stays, the next one starts a segment', async () => {
    // One entry of growing size into a fresh segment: at some size it no longer fits in.
    const fitted: number[] = [];
    for (let bytes = 3500; bytes < 3650; bytes += 2) {
      const vfs = disk();
      const log = await open(vfs);
      log.append([entry(1, 1, bytes)]);
      log.sync();
      if (segmentNames(vfs).includes(segmentName(1))) fitted.push(bytes);
      await log.close();
      const again = await open(copyOf(vfs));
      expect(shown(again)).toEqual(shownAs([entry(1, 1, bytes)]));
      expect(again.recovery.outcome).toBe('clean');
    }
    expect(fitted.length).toBeGreaterThan(0);
    expect(fitted.length).toBeLessThan(75);
    expect(fitted).toEqual(fitted.map((_, i) => 3500 + 2 * i));
  });

  it('what is staged is limited, and staging over the limit stages nothing', async () => {
    const log = await open(disk(), { stagedBytesMax: 1000 });
    log.append([entry(1, 1, 800)]);
    expect(codeOf(() => log.append([entry(2, 1, 300)]))).toBe('WAL_TOO_LARGE');
    expect(log.lastIndex()).toBe(1);
    log.sync();
    log.append([entry(2, 1, 300)]);
  });

  it('W32: numbers that could not be read back are refused', async () => {
    const log = await open(disk());
    const bad = {
      ...encodeEntry({ index: 1, term: 1, kind: 'noop', command: new Uint8Array(0) }),
      term: 2 ** 60,
    };
    expect(codeOf(() => log.append([bad]))).toBe('WAL_INVALID');
    expect(codeOf(() => log.setHardState({ term: -1, votedFor: undefined }))).toBe('WAL_INVALID');
    expect(codeOf(() => log.setHardState({ term: 1, votedFor: 0.5 }))).toBe('WAL_INVALID');
    expect(codeOf(() => log.applySnapshot(snapshot(2 ** 60, 1)))).toBe('WAL_INVALID');
    expect(log.stagedSeq()).toBe(0);
  });

  it('options out of range are refused by name', async () => {
    const bad = [
      { segmentBytes: 4096 },
      { frameBytesMax: 0 },
      { entryBytesMax: 2 ** 31 },
      { cacheBytes: -1 },
      { stagedBytesMax: Number.NaN },
    ];
    for (const options of bad) {
      await expect(open(disk(), options)).rejects.toMatchObject({
        code: 'WAL_INVALID',
        detail: { option: Object.keys(options)[0] },
      });
    }
  });
});
