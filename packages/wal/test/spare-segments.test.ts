// Segments that are ready before they are needed: prepared in the background or used again. None of it may cost a commit
// its space, its speed or its truth.

import type { Fault, FaultVfs, Operation } from '@waldb/testkit';
import type { WalLog, WalOptions } from '@waldb/wal';
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
  segmentPath,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';
import { ENDINGS, powerLossAt } from './support/workload.js';

/** Longer than it takes to prepare any segment of these tests. */
const LONG_MS = 1000;
const PAGE = 4096;

const names = (vfs: FaultVfs, ending: string): string[] =>
  vfs.list(DIRECTORY).filter((name) => name.endsWith(ending));
const spares = (vfs: FaultVfs): string[] => names(vfs, '.free');

function syncEach(log: WalLog, from: number, to: number, bytes = 300): void {
  for (const one of entries(from, to, 1, bytes)) {
    log.append([one]);
    log.sync();
  }
}

/** Appends until another segment is in use; the last index. */
function rotate(log: WalLog, vfs: FaultVfs, bytes = 300): number {
  const before = segmentNames(vfs).at(-1);
  while (segmentNames(vfs).at(-1) === before) {
    log.append([entry(log.lastIndex() + 1, 1, bytes)]);
    log.sync();
  }
  return log.lastIndex();
}

function steps(vfs: FaultVfs): string[] {
  return vfs.operations.map(({ type, path }) => `${type} ${path.slice(DIRECTORY.length + 1)}`);
}

const HEX = (n: number): string => n.toString(16).padStart(16, '0');

describe('a prepared segment', () => {
  it('W4: is taken by the rotation, which fills nothing and names it once its beginning is synced', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock });
    expect(clock.pendingTimers).toBe(0); // who only looks needs no more space
    syncEach(log, 1, 1);
    await clock.advance(LONG_MS);
    expect(spares(vfs)).toEqual([`${HEX(1)}.free`]);
    expect(names(vfs, '.tmp')).toEqual([]);
    vfs.operations.length = 0;
    const last = rotate(log, vfs);
    const all = steps(vfs);
    expect(all.slice(all.indexOf(`write ${HEX(1)}.free`), -1)).toEqual([
      `write ${HEX(1)}.free`,
      `sync ${HEX(1)}.free`,
      `rename ${segmentName(2)}`,
      'syncDirectory ',
      `writeDurably ${segmentName(1)}`,
      'writeDurably METADATA',
    ]);
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, last, 1, 300)));
    await clock.advance(LONG_MS);
    expect(spares(vfs)).toEqual([`${HEX(2)}.free`]);
  });

  it('W12: is written in small synced pieces with a pause after each, so that commits come in between', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, segmentBytes: 2 ** 20 });
    syncEach(log, 1, 1);
    vfs.operations.length = 0;
    await clock.advance(2);
    expect(steps(vfs)).toEqual(['create', 'write', 'sync'].map((type) => `${type} ${HEX(1)}.free.tmp`));
    expect(vfs.operations[1]).toMatchObject({ position: 0, bytes: 256 * 1024 });
    await clock.advance(1);
    expect(vfs.operations).toHaveLength(3);
    await clock.advance(LONG_MS);
    const further = steps(vfs).slice(3);
    expect(further.filter((step) => step.includes('.free'))).toEqual([
      `write ${HEX(1)}.free.tmp`,
      `sync ${HEX(1)}.free.tmp`,
      `rename ${HEX(1)}.free`,
    ]);
    expect(vfs.size(`${DIRECTORY}/${HEX(1)}.free`)).toBe(512 * 1024);
  });

  it('W12: that nobody used is kept for the next life, and used there; of no use, or unfinished, it is removed', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    let log = await open(vfs, { clock });
    syncEach(log, 1, 1);
    await clock.advance(LONG_MS);
    await log.close();
    for (const [name, bytes] of [
      [`${HEX(7)}.free`, 8192],
      [`${HEX(8)}.free`, 12_288],
      [`${HEX(9)}.free.tmp`, 8192],
    ] as const) {
      vfs.open(`${DIRECTORY}/${name}`, 'create').write(new Uint8Array(bytes).fill(0xab), 0);
    }
    log = await open(vfs, { clock });
    expect(log.recovery.outcome).toBe('clean');
    expect(spares(vfs)).toEqual([`${HEX(1)}.free`]);
    expect(names(vfs, '.tmp')).toEqual([]);
    const last = rotate(log, vfs);
    expect(spares(vfs)).toEqual([]);
    await clock.advance(LONG_MS);
    expect(spares(vfs)).toEqual([`${HEX(9)}.free`]); // numbers of files that were there are not given again
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, last, 1, 300)));
  });

  it('that somebody has removed or cut is not missed', async () => {
    for (const spoil of [
      (vfs: FaultVfs, path: string) => vfs.unlink(path),
      (vfs: FaultVfs, path: string) => vfs.damage(path, (bytes) => bytes.slice(0, 4096)),
    ]) {
      const vfs = disk();
      const clock = new ManualClock();
      const log = await open(vfs, { clock });
      syncEach(log, 1, 1);
      await clock.advance(LONG_MS);
      spoil(vfs, `${DIRECTORY}/${HEX(1)}.free`);
      const last = rotate(log, vfs);
      expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, last, 1, 300)));
    }
  });

  const failures: readonly [Operation['type'], Fault][] = [
    ['create', { type: 'error', code: 'ENOSPC' }],
    ['write', { type: 'shortWrite', bytes: 1000, code: 'ENOSPC' }],
    ['sync', { type: 'lostSync', code: 'EIO' }],
    ['rename', { type: 'error', code: 'EIO' }],
  ];
  it.each(failures)(
    'W12 W23: whose %s failed is thrown away, never used, and nobody is troubled',
    async (type, fault) => {
      const vfs = disk();
      const clock = new ManualClock();
      const log = await open(vfs, { clock });
      let failed = 0;
      vfs.faults = (operation) => {
        if (operation.type !== type || !operation.path.includes('.free')) return undefined;
        failed += 1;
        return fault;
      };
      syncEach(log, 1, 2);
      await clock.advance(LONG_MS);
      expect([failed, spares(vfs), names(vfs, '.tmp')]).toEqual([1, [], []]);
      syncEach(log, 3, 4);
      await clock.advance(LONG_MS);
      expect(failed).toBe(1); // once for each tail, however long that lasts
      const last = rotate(log, vfs);
      await clock.advance(LONG_MS);
      expect(failed).toBe(2);
      vfs.faults = undefined;
      expect(shown(log)).toEqual(shownAs(entries(1, last, 1, 300)));
      expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, last, 1, 300)));
    },
  );

  it('that is not ready in time is bridged by segments of bounded size, and used when it is', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, segmentBytes: 8 * 2 ** 20, cacheBytes: 0 });
    let last = 0;
    for (let i = 0; i < 7; i++) last = rotate(log, vfs, 200_000);
    const size = (name: string | undefined): number => vfs.size(`${DIRECTORY}/${name}`) ?? 0;
    const kib = segmentNames(vfs).map((name) => size(name) / 1024);
    expect(kib).toEqual([256, 512, 1024, 2048, 4096, 4096, 4096, 4096]);
    await clock.advance(LONG_MS);
    const [spare] = spares(vfs);
    expect(size(spare)).toBe(512 * 1024); // the one that was begun with; larger ones follow
    last = rotate(log, vfs, 200_000);
    expect(size(segmentNames(vfs).at(-1))).toBe(512 * 1024);
    expect(shown(log)).toEqual(shownAs(entries(1, last, 1, 200_000)));
  });

  it('is not made when none is wanted', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, spareSegments: 0 });
    rotate(log, vfs);
    expect([names(vfs, '.tmp'), spares(vfs)]).toEqual([[], []]);
    log.applySnapshot(snapshot(5, 1));
    log.compact(5);
    log.sync();
    expect(spares(vfs)).toEqual([]);
  });
});

describe('closing', () => {
  it('ends what is being prepared and leaves nothing of it, and nothing goes on afterwards', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, segmentBytes: 4 * 2 ** 20 });
    syncEach(log, 1, 1);
    await clock.advance(2);
    expect(names(vfs, '.tmp')).toHaveLength(1);
    await log.close();
    expect(names(vfs, '.tmp')).toEqual([]);
    const operations = vfs.operations.length;
    await clock.advance(LONG_MS);
    expect([vfs.operations.length, clock.pendingTimers]).toEqual([operations, 0]);
  });

  it('a poisoned log prepares nothing more', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock, segmentBytes: 4 * 2 ** 20 });
    syncEach(log, 1, 1);
    vfs.faults = ({ type }) => (type === 'writeDurably' ? { type: 'error', code: 'EIO' } : undefined);
    expect(() => syncEach(log, 2, 2)).toThrow(expect.objectContaining({ code: 'WAL_POISONED' }));
    const operations = vfs.operations.length;
    await clock.advance(LONG_MS);
    expect(vfs.operations.length).toBe(operations);
    await log.close();
  });
});

/** A log whose tail is a file that held other entries before, and the clock it lives by. */
async function inRecycledSegment(
  options: WalOptions = {},
): Promise<{ vfs: FaultVfs; log: WalLog; last: number }> {
  const vfs = disk();
  const log = await open(vfs, { clock: new ManualClock(), ...options });
  let last = rotate(log, vfs);
  last = rotate(log, vfs);
  log.applySnapshot(snapshot(last, 1));
  log.compact(last - 1);
  log.sync();
  expect(spares(vfs)).toHaveLength(2);
  last = rotate(log, vfs);
  return { vfs, log, last };
}

describe('a segment that is used again', () => {
  it('W13 W37: is renamed once both slots have given it up; as many are kept as are wanted, the others go', async () => {
    const vfs = disk();
    const log = await open(vfs, { clock: new ManualClock() });
    for (let i = 0; i < 5; i++) rotate(log, vfs);
    log.applySnapshot(snapshot(log.lastIndex(), 1));
    log.compact(log.lastIndex());
    vfs.operations.length = 0;
    log.sync();
    const order = steps(vfs).filter((step) => /METADATA|\.free|unlink .*wal|Directory/.test(step));
    expect(order.slice(order.indexOf('writeDurably METADATA'))).toEqual([
      'writeDurably METADATA',
      'writeDurably METADATA',
      `rename ${HEX(2)}.free`,
      `rename ${HEX(3)}.free`,
      `unlink ${segmentName(3)}`,
      `unlink ${segmentName(4)}`,
      `unlink ${segmentName(5)}`,
      'syncDirectory ',
    ]);
    expect(segmentNames(vfs)).toEqual([segmentName(6)]);
  });

  it('is enough while compaction gives back one for each that comes into use: none is filled; when it stops, one is', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock });
    const turn = async (compacts: boolean): Promise<number> => {
      const filled = steps(vfs).filter((step) => /^write .*\.free\.tmp/.test(step)).length;
      const last = rotate(log, vfs);
      await clock.advance(LONG_MS); // compaction comes late
      if (compacts) {
        log.applySnapshot(snapshot(last - 1, 1));
        log.compact(last - 1);
        log.sync();
      }
      return steps(vfs).filter((step) => /^write .*\.free\.tmp/.test(step)).length - filled;
    };
    for (let warm = 0; warm < 6; warm++) await turn(true);
    for (let nth = 0; nth < 6; nth++) expect(await turn(true)).toBe(0);
    const afterwards = [await turn(false), await turn(false), await turn(false)];
    expect(afterwards.filter((filled) => filled > 0).length).toBeGreaterThan(0);
  });

  it('W13: full of stale frames, shows its own ones only, whatever a crash leaves of them', async () => {
    const { vfs, log, last } = await inRecycledSegment();
    const tail = segmentPath(4);
    expect(segmentNames(vfs).at(-1)).toBe(segmentName(4));
    const stale =
      vfs
        .contents(DIRECTORY)
        .get(segmentName(4))
        ?.subarray(PAGE + 1000) ?? new Uint8Array(0);
    expect(stale.some((byte) => byte !== 0)).toBe(true);
    const from = log.firstIndex();
    expect(shown(log)).toEqual(shownAs(entries(from, last, 1, 300)));
    for (const ending of ENDINGS) {
      const image = vfs.reopen(ending);
      const again = await open(image);
      expect(shown(again)).toEqual(shownAs(entries(from, last, 1, 300)));
      expect(again.snapshot()?.index).toBe(log.snapshotIndex());
      await again.close();
    }
    expect(vfs.size(tail)).toBe(8192);
  });

  it('W13 W40: closed cleanly, is opened cleanly: stale frames behind its end are no torn ones', async () => {
    const { vfs, log, last } = await inRecycledSegment();
    await log.close();
    for (let life = 0; life < 2; life++) {
      const again = await open(vfs);
      expect(again.recovery).toMatchObject({ outcome: 'clean', rewrittenFrames: 0, dropped: undefined });
      expect(again.lastIndex()).toBe(last);
      await again.close();
    }
  });

  it('W13 W1: cut at every byte of its last frame, that frame is whole or absent, and what replaces it stands alone', async () => {
    const { vfs, log, last } = await inRecycledSegment();
    const before = vfs.contents(DIRECTORY).get(segmentName(4)) ?? new Uint8Array(0);
    log.append([entry(last + 1, 1, 40)]);
    log.sync();
    const after = vfs.contents(DIRECTORY).get(segmentName(4)) ?? new Uint8Array(0);
    const changed = [...after.keys()].filter((at) => before[at] !== after[at]);
    const start = changed[0] ?? 0;
    const end = changed.at(-1) ?? 0;
    expect(end - start).toBeGreaterThan(64);
    for (let cut = start; cut <= end + 1; cut++) {
      const image = copyOf(vfs);
      image.damage(segmentPath(4), (bytes) => {
        bytes.set(before.subarray(cut), cut);
        return bytes;
      });
      const again = await open(image);
      expect(again.lastIndex(), `cut at ${cut}`).toBe(cut === end + 1 ? last + 1 : last);
      const next = again.lastIndex() + 1;
      again.append([entry(next, 2, 40)]);
      again.sync();
      const third = await open(copyOf(image));
      expect([third.lastIndex(), third.lastTerm()]).toEqual([next, 2]);
    }
  });

  it('W13 W11: interrupted at any step of giving up, renaming and beginning anew, every acknowledged entry is there', async () => {
    const live = async (vfs: FaultVfs): Promise<{ acknowledged: number; first: number }> => {
      let acknowledged = 0;
      let first = 1;
      try {
        const log = await open(vfs, { clock: new ManualClock() });
        for (let round = 0; round < 3; round++) {
          for (let i = 0; i < 25; i++) {
            log.append([entry(acknowledged + 1, 1, 300)]);
            log.sync();
            acknowledged += 1;
          }
          log.applySnapshot(snapshot(acknowledged, 1));
          log.compact(acknowledged - 5);
          log.sync();
          first = acknowledged - 4;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'WAL_POISONED' });
      }
      return { acknowledged, first };
    };
    const whole = disk();
    await live(whole);
    const count = whole.operations.length;
    expect(steps(whole).filter((step) => /rename .*free/.test(step)).length).toBeGreaterThan(2);
    for (let number = 20; number <= count; number++) {
      const vfs = disk();
      vfs.faults = powerLossAt(number);
      const { acknowledged, first } = await live(vfs).catch(() => ({ acknowledged: 0, first: 1 }));
      for (const ending of ENDINGS) {
        const again = await open(vfs.reopen(ending));
        expect(again.lastIndex(), `operation ${number}`).toBeGreaterThanOrEqual(acknowledged);
        expect(again.lastIndex()).toBeLessThanOrEqual(acknowledged + 1);
        expect(again.firstIndex()).toBeGreaterThanOrEqual(first);
        const all = entries(again.firstIndex(), again.lastIndex(), 1, 300);
        expect(shown(again)).toEqual(shownAs(all));
        await again.close();
      }
    }
  }, 120_000);
});
