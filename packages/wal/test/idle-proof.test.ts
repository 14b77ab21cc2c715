// A log that rests says that its last write arrived. Nobody may notice but who opens it next.

import type { FaultVfs } from '@waldb/testkit';
import type { WalLog, WalOptions } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  disk,
  entries,
  entry,
  expectRefused,
  fingerprint,
  flip,
  open,
  segmentName,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
} from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';
import { ENDINGS } from './support/workload.js';

/** Longer than a log has to be quiet. */
const LONG_MS = 100;
/** Within which a log that has just been written to is not at rest. */
const SHORT_MS = 15;
const IDLE_BYTES = 64;

interface Resting {
  readonly vfs: FaultVfs;
  readonly clock: ManualClock;
  readonly log: WalLog;
}

async function opened(options: WalOptions = {}): Promise<Resting> {
  const vfs = disk();
  const clock = new ManualClock();
  return { vfs, clock, log: await open(vfs, { clock, spareSegments: 0, ...options }) };
}

async function write(
  { log }: Resting,
  how: 'sync' | 'flush',
  from: number,
  to = from,
  bytes = 10,
): Promise<void> {
  log.append(entries(from, to, 1, bytes));
  if (how === 'sync') log.sync();
  else await log.flush();
}

describe.each(['sync', 'flush'] as const)('after %s, a log at rest', (how) => {
  it('W45: proves its last frame: damage there is corruption then, and a torn write before', async () => {
    const resting = await opened();
    await write(resting, how, 1, 3);
    const before = copyOf(resting.vfs);
    await resting.clock.advance(LONG_MS);
    const after = copyOf(resting.vfs);
    const offset = 4096 + 72 + 64 + 5;
    for (const image of [before, after]) flip(image, segmentPath(1), offset);
    expect((await open(before)).lastIndex()).toBe(0);
    const error = await expectRefused(after, 'WAL_CORRUPT');
    expect(error.detail).toMatchObject({ segment: 1, offset: 4096 + 72, index: 1 });
  });

  it('W45 W50: is clean for whoever opens it after a kill or a loss of power: nothing is written again', async () => {
    const resting = await opened();
    await write(resting, how, 1, 3);
    await resting.clock.advance(LONG_MS);
    for (const ending of [{ type: 'killed' } as const, ...ENDINGS]) {
      const image = copyOf(resting.vfs.reopen(ending));
      const bytes = fingerprint(image);
      const again = await open(image);
      expect(again.recovery).toMatchObject({ outcome: 'clean', rewrittenFrames: 0 });
      expect(shown(again)).toEqual(shownAs(entries(1, 3)));
      await again.close();
      expect(fingerprint(image)).toBe(bytes);
    }
  });

  it('writes one small frame and then nothing, however long it rests', async () => {
    const resting = await opened();
    await write(resting, how, 1);
    resting.vfs.operations.length = 0;
    await resting.clock.advance(LONG_MS);
    expect(resting.vfs.operations).toMatchObject([{ type: 'writeDurably', bytes: IDLE_BYTES }]);
    await resting.clock.advance(100 * LONG_MS);
    expect(resting.vfs.operations).toHaveLength(1);
    expect(resting.clock.pendingTimers).toBe(0);
    await resting.log.close();
    expect(resting.vfs.operations).toHaveLength(1); // nothing is left to prove
  });

  it('goes on behind the proof, and the whole is found again', async () => {
    const resting = await opened();
    for (let index = 1; index <= 60; index++) {
      await write(resting, how, index);
      await resting.clock.advance(LONG_MS);
    }
    expect(segmentNames(resting.vfs).length).toBeGreaterThan(1);
    for (const ending of ENDINGS) {
      expect(shown(await open(resting.vfs.reopen(ending)))).toEqual(shownAs(entries(1, 60)));
    }
  });

  it('a busy log writes no such frame', async () => {
    const resting = await opened({ segmentBytes: 64 * 1024 });
    resting.vfs.operations.length = 0;
    for (let index = 1; index <= 20; index++) {
      await write(resting, how, index);
      await resting.clock.advance(SHORT_MS);
    }
    expect(resting.vfs.operations).toHaveLength(20);
    await resting.clock.advance(LONG_MS);
    expect(resting.vfs.operations).toHaveLength(21);
  });

  it('a failed write of it poisons like any other', async () => {
    const resting = await opened();
    await write(resting, how, 1);
    resting.vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    await resting.clock.advance(LONG_MS);
    expect(() => resting.log.lastIndex()).toThrow(expect.objectContaining({ code: 'WAL_POISONED' }));
    await resting.log.close();
  });

  it('X13: its failure is told by close, if nobody has heard of it: what was staged meanwhile is not durable', async () => {
    const resting = await opened();
    await write(resting, how, 1);
    resting.log.append([entry(2)]);
    resting.vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    await resting.clock.advance(LONG_MS);
    await expect(resting.log.close()).rejects.toMatchObject({ code: 'WAL_POISONED' });
    resting.vfs.faults = undefined;
    const again = await open(resting.vfs); // the lock is free all the same
    expect(again.lastIndex()).toBe(1);
  });

  it('has nothing to prove after opening, after a rotation that left nothing behind, or once closed', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock });
    log.sync();
    await clock.advance(LONG_MS);
    await log.close();
    const operations = vfs.operations.length;
    const again = await open(vfs, { clock });
    await clock.advance(LONG_MS);
    again.append([entry(1)]);
    again.sync();
    await again.close();
    const closed = vfs.operations.length;
    await clock.advance(LONG_MS);
    expect(vfs.operations.length).toBe(closed);
    // The entry, and the mark of the clean close.
    const written = vfs.operations.slice(operations).filter(({ type }) => type !== 'syncDirectory');
    expect(written.map(({ type }) => type)).toEqual(['writeDurably', 'writeDurably']);
  });
});

describe('while the proof is in flight', () => {
  it('a flush waits for it and is not refused', async () => {
    const resting = await opened();
    await write(resting, 'flush', 1);
    resting.clock.fire(LONG_MS);
    await write(resting, 'flush', 2);
    await resting.log.close();
    expect(shown(await open(copyOf(resting.vfs)))).toEqual(shownAs(entries(1, 2)));
  });

  it('a sync writes the same bytes to the same place and goes on behind them', async () => {
    const resting = await opened();
    await write(resting, 'flush', 1);
    resting.vfs.operations.length = 0;
    resting.clock.fire(LONG_MS);
    resting.log.append([entry(2)]);
    resting.log.sync();
    const [idle, repeated, frames] = resting.vfs.operations;
    expect(repeated).toMatchObject({ type: 'writeDurably', path: segmentPath(1), bytes: IDLE_BYTES });
    expect(repeated?.position).toBe(idle?.position);
    expect(frames?.position).toBe((idle?.position ?? 0) + IDLE_BYTES);
    for (const ending of ENDINGS) {
      expect(shown(await open(resting.vfs.reopen(ending)))).toEqual(shownAs(entries(1, 2)));
    }
  });

  it('a sync that rotates, and compacts, leaves its file alone until it has ended', async () => {
    const resting = await opened({ spareSegments: 2 });
    const { vfs, log, clock } = resting;
    await write(resting, 'flush', 1, 1, 2000);
    const held = holdWrites(vfs);
    // The handle that is held back is that of the tail, opened when the next segment came into use.
    log.append([entry(2, 1, 2000)]);
    log.sync();
    expect(segmentNames(vfs)).toContain(segmentName(2));
    log.append([entry(3)]);
    const flushing = log.flush();
    await held.release();
    await flushing;
    held.hold();
    clock.fire(LONG_MS);
    clock.fire(LONG_MS);
    expect(held.count).toBe(1);
    log.append([entry(4, 1, 2000)]);
    log.applySnapshot({ ...SNAPSHOT, index: 3 });
    log.sync();
    log.compact(3);
    log.sync();
    expect(segmentNames(vfs)).toEqual([segmentName(3)]);
    expect(vfs.list('/data/log').filter((name) => name.endsWith('.free'))).toHaveLength(1);
    const spareAndTail = (): unknown =>
      [...vfs.contents('/data/log')].filter(([name]) => /free$|wal$/.test(name));
    const contents = spareAndTail();
    await held.release();
    expect(spareAndTail()).toEqual(contents);
    log.append([entry(5)]);
    await log.flush();
    await log.close();
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs([entry(4, 1, 2000), entry(5)]));
  });

  it('closing waits for it', async () => {
    const resting = await opened();
    await write(resting, 'flush', 1);
    resting.clock.fire(LONG_MS);
    await resting.log.close();
    const again = await open(resting.vfs);
    expect(again.recovery.outcome).toBe('clean');
  });
});

const SNAPSHOT = {
  term: 1,
  configuration: {
    voters: [1],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses: {},
  },
  data: new Uint8Array(3),
};

/** Writes by callback to files that are opened from now on wait until they are let go. */
function holdWrites(vfs: FaultVfs) {
  const waiting: (() => void)[] = [];
  let isHolding = true;
  const openFile = vfs.open.bind(vfs);
  vfs.open = (...args) => {
    const file = openFile(...args);
    const write = file.writeWithCallback.bind(file);
    file.writeWithCallback = (bytes, position, callback) => {
      const run = (): void => write(bytes, position, callback);
      if (isHolding && file.isDurable) waiting.push(run);
      else run();
    };
    return file;
  };
  return {
    get count(): number {
      return waiting.length;
    },
    hold(): void {
      isHolding = true;
    },
    async release(): Promise<void> {
      // What is about to be written comes with the turns of the event loop.
      await new Promise(setImmediate);
      isHolding = false;
      for (const run of waiting.splice(0)) run();
      await new Promise(setImmediate);
    },
  };
}

describe('a segment without room to spare', () => {
  it('W45: has room for the proof behind its last frame, whatever the size, and opens clean', async () => {
    let rotated = 0;
    for (let bytes = 3400; bytes < 3660; bytes += 4) {
      const resting = await opened();
      await write(resting, 'sync', 1, 1, bytes);
      const tail = segmentNames(resting.vfs).at(-1);
      if (tail !== segmentName(1)) rotated += 1;
      await resting.clock.advance(LONG_MS);
      const image = copyOf(resting.vfs);
      flip(image, `/data/log/${tail}`, 4096 + 72 + 64 + 5);
      await expectRefused(image, 'WAL_CORRUPT');
      const killed = await open(copyOf(resting.vfs));
      expect(killed.recovery.outcome).toBe('clean');
      await write(resting, 'sync', 2, 2);
      await resting.log.close();
      const again = await open(resting.vfs);
      expect(again.recovery.outcome).toBe('clean');
      expect(shown(again)).toEqual(shownAs([entry(1, 1, bytes), entry(2)]));
    }
    expect(rotated).toBeGreaterThan(0);
    expect(rotated).toBeLessThan(65);
  });
});
