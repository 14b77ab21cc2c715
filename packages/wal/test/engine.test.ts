// Schedules of calls that meet a write or a read in flight: what is asked of the engine then, it answers as if nothing
// had been under way.

import { type FaultVfs, type Operation, SeededRandom } from '@waldb/testkit';
import { Wal, WalError, type WalOptions, type WalRecord } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  DIRECTORY,
  disk,
  entries,
  entry,
  open,
  segmentName,
  segmentNames,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';

/** Longer than a log has to be quiet. */
const LONG_MS = 100;

function openPlain(vfs: FaultVfs, options: WalOptions = {}): Promise<Wal> {
  return Wal.open(DIRECTORY, { segmentBytes: 8 * 1024, spareSegments: 0, ...options, vfs });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function told({ lsn, data }: WalRecord): string {
  return `${lsn} ${new TextDecoder().decode(data.subarray(0, 8))}`;
}

async function rest(records: AsyncIterator<WalRecord>, found: string[] = []): Promise<string[]> {
  for (let next = await records.next(); !next.done; next = await records.next()) found.push(told(next.value));
  return found;
}

/** The file operations of one kind, by callback, that wait until they are let go. */
function hold(vfs: FaultVfs, kind: 'read' | 'write') {
  const waiting: (() => void)[] = [];
  const state = { isHolding: false };
  const openFile = vfs.open.bind(vfs);
  const closedWhileWaiting: string[] = [];
  vfs.open = (path, ...more) => {
    const file = openFile(path, ...more);
    let pending = 0;
    const name = kind === 'read' ? 'readWithCallback' : 'writeWithCallback';
    const original = file[name].bind(file) as (b: Uint8Array, p: number, c: (...a: never[]) => void) => void;
    file[name] = (target: Uint8Array, position: number, callback: (...args: never[]) => void): void => {
      if (!state.isHolding) {
        original(target, position, callback);
        return;
      }
      pending += 1;
      waiting.push(() => {
        pending -= 1;
        original(target, position, callback);
      });
    };
    const close = file.close.bind(file);
    file.close = () => {
      if (pending > 0) closedWhileWaiting.push(path);
      close();
    };
    return file;
  };
  return {
    closedWhileWaiting,
    get count(): number {
      return waiting.length;
    },
    hold(): void {
      state.isHolding = true;
    },
    release(): void {
      state.isHolding = false;
      for (const run of waiting.splice(0)) run();
    },
  };
}

describe('a snapshot staged behind much else', () => {
  it('W10: is in place before the record that names it, wherever the buffers part', async () => {
    for (let count = 1; count <= 8; count++) {
      const vfs = disk();
      const log = await open(vfs, { segmentBytes: 1 << 20, spareSegments: 0, frameBytesMax: 256 * 1024 });
      // One frame each; behind some of these counts the buffer has no room for one more.
      log.append(entries(1, count, 1, 300 * 1024));
      log.applySnapshot(snapshot(1000, 2));
      log.sync();
      const again = await open(copyOf(vfs));
      expect(again.snapshotIndex()).toBe(1000);
      await again.close();
      await log.close();
    }
  });

  it('W10 W24: stays when its record finds no space at first', async () => {
    for (const isFullForGood of [true, false]) {
      const vfs = disk();
      const log = await open(vfs, { spareSegments: 0 });
      log.append(entries(1, 2));
      log.sync();
      log.applySnapshot(snapshot(1000, 2));
      log.append(entries(1001, 1010, 2, 2000));
      let left = isFullForGood ? 2 : 1;
      vfs.faults = ({ type, path }: Operation) =>
        type === 'create' && path.endsWith('.wal.tmp') && left-- > 0
          ? { type: 'error', code: 'ENOSPC' }
          : undefined;
      const error: unknown = await log.flush().catch((reason: unknown) => reason);
      if (error instanceof WalError) {
        expect(error.code).toBe('WAL_FULL');
        vfs.faults = undefined;
        await log.flush();
      }
      const again = await open(copyOf(vfs));
      expect(shown(again)).toEqual(shownAs(entries(1001, 1010, 2, 2000)));
      expect(again.snapshotIndex()).toBe(1000);
      await again.close();
      await log.close();
    }
  });
});

describe('a read in flight', () => {
  it('shows no record that a truncation staged before it has replaced, though it is written meanwhile', async () => {
    const vfs = disk();
    const wal = await openPlain(vfs);
    for (let lsn = 1; lsn <= 10; lsn++) wal.append(bytes('old'));
    wal.sync();
    wal.truncateAfter(5);
    for (let lsn = 6; lsn <= 8; lsn++) wal.append(bytes('new'));
    const records = wal.iterate(4)[Symbol.asyncIterator]();
    const first = records.next();
    wal.sync();
    expect(wal.durableLsn).toBe(8);
    const { value } = await first;
    expect(await rest(records, [told(value as WalRecord)])).toEqual([
      '4 old',
      '5 old',
      '6 new',
      '7 new',
      '8 new',
    ]);
    await wal.close();
  });

  it('goes on with what took the place of a segment that is given up and used again under it', async () => {
    const vfs = disk();
    const reads = hold(vfs, 'read');
    const wal = await openPlain(vfs, { spareSegments: 1 });
    const fill = (lsns: number): void => {
      for (let i = 0; i < lsns; i++) {
        wal.append(new Uint8Array(1000).fill(120));
        wal.sync();
      }
    };
    fill(30);
    reads.hold();
    const replaced = wal.iterate(1)[Symbol.asyncIterator]();
    const first = replaced.next();
    wal.truncateAfter(0);
    fill(40);
    reads.release();
    expect(await first).toMatchObject({ done: false, value: { lsn: 1 } });
    reads.hold();
    const givenUp = wal.iterate(1)[Symbol.asyncIterator]().next();
    wal.truncateBefore(39);
    fill(40);
    reads.release();
    await expect(givenUp).rejects.toMatchObject({ code: 'WAL_INVALID', detail: { lsn: 1 } });
    await wal.close();
  });
});

describe('an idle frame that stays in flight', () => {
  it('keeps its file to itself, however many more are written after it', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const writes = hold(vfs, 'write');
    const log = await open(vfs, { clock, spareSegments: 0 });
    log.append([entry(1)]);
    await log.flush();
    writes.hold();
    clock.fire(LONG_MS);
    expect(writes.count).toBe(1);
    // The log rests again while it is still in flight.
    log.append([entry(2)]);
    log.sync();
    clock.fire(LONG_MS);
    clock.fire(LONG_MS);
    for (let index = 3; index <= 9; index++) {
      log.append([entry(index, 1, 2000)]);
      log.sync();
    }
    expect(segmentNames(vfs)).not.toEqual([segmentName(1)]);
    expect(writes.closedWhileWaiting).toEqual([]);
    writes.release();
    await log.close();
    const again = await open(copyOf(vfs));
    expect(shown(again)).toEqual(shownAs([entry(1), entry(2), ...entries(3, 9, 1, 2000)]));
    await again.close();
  });

  it('X13: its failure is told once: by the flush that waited for it, not by close again', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, spareSegments: 0 });
    log.append([entry(1)]);
    await log.flush();
    vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    clock.fire(LONG_MS);
    log.append([entry(2)]);
    await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_POISONED' });
    await expect(log.close()).resolves.toBeUndefined();
  });
});

describe('a number that is no lsn', () => {
  it('finds no record, staged or durable', async () => {
    const wal = await openPlain(disk());
    for (const text of ['a', 'b', 'c']) wal.append(bytes(text));
    expect([1.5, 2.5].map((lsn) => wal.read(lsn))).toEqual([undefined, undefined]);
    wal.sync();
    expect([1.5, 2.5].map((lsn) => wal.read(lsn))).toEqual([undefined, undefined]);
    await wal.close();
  });
});

/** What a log must show, and what it may say is durable. */
class Expected {
  readonly records: string[] = [];
  /** Images of the disk as it would be if the power went, and what the log said then. */
  readonly claims: { readonly image: FaultVfs; readonly durable: string[] }[] = [];
  #first = 1;

  get last(): number {
    return this.records.length;
  }

  stage(wal: Wal, random: SeededRandom): void {
    const dice = random.below(10);
    if (dice < 2 && this.last > this.#first) {
      const through = random.between(Math.max(this.#first, this.last - 30), this.last);
      wal.truncateAfter(through);
      this.records.length = through;
    } else if (dice < 3 && this.last - this.#first > 40) {
      this.#first = random.between(this.#first, this.last - 20);
      wal.truncateBefore(this.#first);
    } else {
      const text = `${this.last + 1}-${random.below(1000)}`.padEnd(8).slice(0, 8);
      const data = new Uint8Array(random.pick([8, 100, 3000, 150_000])).fill(46);
      data.set(bytes(text));
      this.records.push(`${wal.append(data)} ${text}`);
    }
  }

  /** Everything can be read in every way, and it is what was staged last. */
  compare(wal: Wal): void {
    const from = this.#first;
    const held = this.records.slice(from - 1);
    expect(Array.from(wal.iterate(), told)).toEqual(held);
    expect(held.map((_, i) => told(wal.read(from + i) as WalRecord))).toEqual(held);
  }

  /** Until nothing is left of a record that is durable by the log's word, the power may go. */
  claim(wal: Wal, vfs: FaultVfs): void {
    const image = vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 0 });
    this.claims.push({ image, durable: this.records.slice(this.#first - 1, wal.durableLsn) });
  }
}

describe('while writes of several batches are under way', () => {
  it.each(['sync', 'flush'] as const)(
    'W1 W3: at every operation of a %s each record reads as it was staged last, and what is said to be durable is',
    async (how) => {
      for (let seed = 1; seed <= 2; seed++) {
        const random = new SeededRandom(seed);
        const vfs = disk({ seed });
        const wal = await openPlain(vfs, { segmentBytes: 1 << 20, spareSegments: 1 });
        const expected = new Expected();
        let [failuresLeft, isLooking] = [seed % 2 === 0 ? 2 : 0, true];
        const look = ({ type, path }: Operation) => {
          if (!isLooking || type === 'read') return undefined;
          isLooking = false; // its own reads are operations too
          if (random.chance(0.3) && how === 'flush') expected.stage(wal, random);
          if (random.chance(0.3)) expected.compare(wal);
          if (random.chance(0.1)) expected.claim(wal, vfs);
          isLooking = true;
          const isFull = type === 'create' && path.endsWith('.wal.tmp') && random.chance(0.3);
          return isFull && failuresLeft-- > 0 ? ({ type: 'error', code: 'ENOSPC' } as const) : undefined;
        };
        for (let round = 0; round < 6; round++) {
          for (let calls = random.between(1, 40); calls > 0; calls--) expected.stage(wal, random);
          expected.compare(wal);
          vfs.faults = look;
          const covered = how === 'sync' ? syncOnce(wal) : await flushOnce(wal);
          vfs.faults = undefined;
          expected.compare(wal);
          if (covered) expected.claim(wal, vfs);
        }
        for (const { image, durable } of expected.claims) {
          const again = await openPlain(image, { segmentBytes: 1 << 20 });
          const found = new Set(Array.from(again.iterate(), told));
          expect(durable.filter((record) => !found.has(record))).toEqual([]);
          await again.close();
        }
        expect(expected.claims.length).toBeGreaterThan(5);
        await wal.close();
      }
    },
  );

  it('W1: a buffer takes no new records before what it held has been written, however many fill up meanwhile', async () => {
    const vfs = disk();
    const writes = hold(vfs, 'write');
    const wal = await openPlain(vfs, { segmentBytes: 1 << 25 });
    const lsnsOf = (all: Iterable<WalRecord>): number[] =>
      Array.from(all, ({ lsn, data }) => (data.every((byte) => byte === lsn) ? lsn : -lsn));
    const append = (size: number): void => {
      wal.append(new Uint8Array(size).fill(wal.lastLsn + 1));
    };
    append(100);
    await wal.flush();
    writes.hold();
    append(1_000_000);
    const flushing = wal.flush();
    while (writes.count === 0) await new Promise(setImmediate);
    for (let i = 0; i < 9; i++) append(900_000);
    const all = Array.from({ length: 11 }, (_, i) => i + 1);
    expect(lsnsOf(wal.iterate())).toEqual(all);
    writes.release();
    await flushing;
    await wal.flush();
    const again = await openPlain(copyOf(vfs));
    expect(lsnsOf(again.iterate())).toEqual(all);
    await again.close();
    await wal.close();
  });
});

/** Whether it did not meet a full disk. */
function syncOnce(wal: Wal): boolean {
  try {
    wal.sync();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'WAL_FULL' });
    return false;
  }
}

async function flushOnce(wal: Wal): Promise<boolean> {
  try {
    await wal.flush();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'WAL_FULL' });
    return false;
  }
}
