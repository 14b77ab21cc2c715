// Opening, closing, rotating, compacting: what is on disk after each, and what a later life makes of it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultVfs } from '@waldb/testkit';
import { WalError, WalLog, type WalOptions } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  DIRECTORY,
  disk,
  entries,
  entry,
  fingerprint,
  flip,
  open,
  segmentName,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
  snapshot,
} from './support/log-fixture.js';

const SYNC_EACH = async (
  vfs: FaultVfs,
  from: number,
  to: number,
  bytes = 300,
  options: WalOptions = {},
): Promise<WalLog> => {
  const log = await open(vfs, options);
  for (const one of entries(from, to, 1, bytes)) {
    log.append([one]);
    log.sync();
  }
  return log;
};

const afterPowerLoss = (vfs: FaultVfs): FaultVfs =>
  vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 1 });

describe('a sync', () => {
  it('W3 synced before ack: present after a crash, also what flush covered', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    log.setHardState({ term: 3, votedFor: 2 });
    log.sync();
    log.append([entry(2, 3)]);
    await log.flush();
    log.append([entry(3, 3)]);
    const again = await open(afterPowerLoss(vfs));
    expect(shown(again)).toEqual(shownAs([entry(1), entry(2, 3)]));
    expect(again.hardState()).toEqual({ term: 3, votedFor: 2 });
  });

  it('writes an entry once, in one write for all that is staged', async () => {
    const vfs = disk();
    const log = await open(vfs, { segmentBytes: 64 * 1024 });
    vfs.operations.length = 0;
    for (let index = 1; index <= 50; index++) log.append([entry(index)]);
    log.setHardState({ term: 1, votedFor: 1 });
    log.sync();
    expect(vfs.operations.map((operation) => operation.type)).toEqual(['writeDurably']);
    log.sync();
    await log.flush();
    expect(vfs.operations).toHaveLength(1);
  });

  it('without O_DSYNC a sync follows each write', async () => {
    const vfs = disk({ hasDurableWrites: false });
    const log = await open(vfs);
    vfs.operations.length = 0;
    log.append([entry(1)]);
    await log.flush();
    expect(vfs.operations.map((operation) => operation.type)).toEqual(['write', 'sync']);
    expect((await open(afterPowerLoss(vfs))).lastIndex()).toBe(1);
  });
});

describe('a clean close', () => {
  it('W40: flushes what is staged; opening and closing again changes no byte', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 3));
    await log.close();
    const closed = fingerprint(vfs);
    vfs.operations.length = 0;
    for (let i = 0; i < 3; i++) {
      const again = await open(vfs);
      expect(again.recovery).toEqual({
        outcome: 'clean',
        rewrittenFrames: 0,
        dropped: undefined,
        removedFiles: [],
      });
      expect(shown(again)).toEqual(shownAs(entries(1, 3)));
      await again.close();
      expect(fingerprint(vfs)).toBe(closed);
    }
    expect(new Set(vfs.operations.map((operation) => operation.type))).toEqual(new Set(['syncDirectory']));
  });

  it('lets the next life go on in the same segment, over the mark', async () => {
    const vfs = disk();
    for (let index = 1; index <= 5; index++) {
      const log = await open(vfs);
      expect(log.recovery.outcome).toBe(index === 1 ? 'created' : 'clean');
      log.append([entry(index)]);
      await log.close();
    }
    expect(segmentNames(vfs)).toEqual([segmentName(1)]);
    expect(shown(await open(vfs))).toEqual(shownAs(entries(1, 5)));
  });

  it('a lost mark loses nothing', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 3));
    log.sync();
    const unmarked = vfs.contents(DIRECTORY).get(segmentName(1)) ?? new Uint8Array(0);
    await log.close();
    vfs.damage(segmentPath(1), () => unmarked);
    const again = await open(vfs);
    expect(again.recovery).toMatchObject({ outcome: 'repaired', rewrittenFrames: 1 });
    expect(shown(again)).toEqual(shownAs(entries(1, 3)));
  });

  it('is idempotent, ends every call with WAL_CLOSED, and waits for a flush in flight', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    const flushing = log.flush();
    log.append([entry(2)]);
    const closing = log.close();
    expect(log.close()).toBe(closing);
    expect(await flushing).toBe(2); // a group takes in what comes before its write begins
    await closing;
    expect(() => log.lastIndex()).toThrow(expect.objectContaining({ code: 'WAL_CLOSED' }));
    expect(() => log.sync()).toThrow(expect.objectContaining({ code: 'WAL_CLOSED' }));
    await expect(log.flush()).rejects.toMatchObject({ code: 'WAL_CLOSED' });
    expect((await open(vfs)).lastIndex()).toBe(2);
  });

  it('await using closes', async () => {
    const vfs = disk();
    {
      await using log = await open(vfs);
      log.append([entry(1)]);
    }
    expect((await open(vfs)).recovery.outcome).toBe('clean');
  });
});

describe('rotation', () => {
  it('W4: makes segments of twice the size up to segmentBytes, each found again', async () => {
    const vfs = disk();
    const log = await open(vfs, { segmentBytes: 1024 * 1024 });
    for (let index = 1; index <= 40; index++) {
      log.append([entry(index, 1, 50_000)]);
      await log.flush();
    }
    const sizes = segmentNames(vfs).map((name) => vfs.size(`${DIRECTORY}/${name}`));
    expect(sizes.slice(0, 4)).toEqual([256 * 1024, 512 * 1024, 1024 * 1024, 1024 * 1024]);
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs(entries(1, 40, 1, 50_000)));
  });

  it('W12: a next segment that was being prepared is of no value, and removed', async () => {
    const vfs = disk();
    await (await SYNC_EACH(vfs, 1, 5)).close();
    const temporary = `${segmentPath(2)}.tmp`;
    vfs.open(temporary, 'create').write(new Uint8Array(8192), 0);
    const log = await open(vfs);
    expect(log.recovery).toMatchObject({ outcome: 'clean', removedFiles: [`${segmentName(2)}.tmp`] });
    expect(vfs.size(temporary)).toBeUndefined();
    expect(shown(log)).toEqual(shownAs(entries(1, 5, 1, 300)));
  });

  it('W5: a torn or flipped footer is made up for by the frames', async () => {
    const vfs = disk();
    await (await SYNC_EACH(vfs, 1, 30)).close();
    const size = vfs.size(segmentPath(2)) ?? 0;
    for (let offset = size - 300; offset < size; offset += 3) {
      flip(vfs, segmentPath(2), offset);
      const log = await open(vfs, { cacheBytes: 0 });
      expect(shown(log)).toEqual(shownAs(entries(1, 30, 1, 300)));
      await log.close();
      flip(vfs, segmentPath(2), offset);
    }
  });

  it('W5: a bad frame that is found because the footer is bad is corruption', async () => {
    const vfs = disk();
    await (await SYNC_EACH(vfs, 1, 30)).close();
    flip(vfs, segmentPath(2), (vfs.size(segmentPath(2)) ?? 0) - 1);
    flip(vfs, segmentPath(2), 4096 + 200);
    await expect(open(vfs)).rejects.toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 2 } });
  });

  it('with good footers, opening reads no frame of a sealed segment', async () => {
    const vfs = disk();
    await (await SYNC_EACH(vfs, 1, 30)).close();
    const sealed = segmentNames(vfs).slice(0, -1);
    expect(sealed.length).toBeGreaterThan(1);
    let framesRead = 0;
    vfs.faults = ({ type, path, position = 0 }) => {
      if (
        type === 'read' &&
        sealed.some((name) => path.endsWith(name)) &&
        position >= 4096 &&
        position < 7000
      ) {
        framesRead += 1;
      }
      return undefined;
    };
    await open(vfs);
    expect(framesRead).toBe(0);
  });
});

describe('truncation', () => {
  it('W6: is in the same frame as the first replacements, so a crash shows the old or the new', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 5));
    log.sync();
    vfs.operations.length = 0;
    log.truncate(3);
    log.append(entries(3, 4, 2, 6000));
    const before = copyOf(vfs);
    log.sync();
    expect(shown(await open(before))).toEqual(shownAs(entries(1, 5)));
    expect(shown(await open(copyOf(vfs)))).toEqual(shownAs([...entries(1, 2), ...entries(3, 4, 2, 6000)]));
  });

  it('W36: a truncated tail that is then sealed stays truncated after a restart', async () => {
    const vfs = disk();
    let log = await SYNC_EACH(vfs, 1, 20);
    log.truncate(6);
    log.sync();
    for (const one of entries(6, 25, 2, 300)) {
      log.append([one]);
      log.sync();
    }
    log.truncate(10);
    await log.close();
    const expected = [...entries(1, 5, 1, 300), ...entries(6, 9, 2, 300)];
    for (let i = 0; i < 3; i++) {
      log = await open(vfs, { cacheBytes: 0 });
      expect(shown(log)).toEqual(shownAs(expected));
      expect([log.termAt(5), log.termAt(6), log.lastTerm()]).toEqual([1, 2, 2]);
      await log.close();
    }
  });

  it('entries that a staged truncation replaces are never read from disk, with no cache at all', async () => {
    const log = await open(disk(), { cacheBytes: 0 });
    log.append(entries(1, 10));
    log.sync();
    log.truncate(4);
    log.append(entries(4, 6, 2));
    expect(shown(log)).toEqual(shownAs([...entries(1, 3), ...entries(4, 6, 2)]));
    const flushing = log.flush();
    log.truncate(5);
    log.append(entries(5, 7, 3));
    expect(shown(log)).toEqual(shownAs([...entries(1, 3), entry(4, 2), ...entries(5, 7, 3)]));
    await flushing;
    expect(shown(log)).toEqual(shownAs([...entries(1, 3), entry(4, 2), ...entries(5, 7, 3)]));
    log.sync();
    expect(shown(log)).toEqual(shownAs([...entries(1, 3), entry(4, 2), ...entries(5, 7, 3)]));
  });
});

describe('compaction and snapshots', () => {
  it('compaction lets go of no entry that only memory has', async () => {
    const log = await open(disk(), { cacheBytes: 0 });
    log.append(entries(1, 10));
    log.applySnapshot(snapshot(3, 1));
    log.sync();
    log.truncate(6);
    log.append(entries(6, 8, 2));
    log.compact(2);
    expect(shown(log)).toEqual(shownAs([...entries(3, 5), ...entries(6, 8, 2)]));
    log.sync();
    expect(shown(log)).toEqual(shownAs([...entries(3, 5), ...entries(6, 8, 2)]));
  });

  it('W7 X11: segments without live entries go, oldest first, after both slots of the metadata say so', async () => {
    const vfs = disk();
    const log = await SYNC_EACH(vfs, 1, 40, 300, { spareSegments: 0 });
    const before = segmentNames(vfs).length;
    log.applySnapshot(snapshot(30, 1));
    log.compact(30);
    vfs.operations.length = 0;
    log.sync();
    const order = vfs.operations
      .filter(({ type, path }) => type === 'unlink' || path.endsWith('METADATA'))
      .map(({ type, path }) => `${type} ${path.slice(DIRECTORY.length + 1)}`);
    const gone = before - segmentNames(vfs).length;
    expect(gone).toBeGreaterThan(1);
    expect(order).toEqual([
      'writeDurably METADATA',
      'writeDurably METADATA',
      ...Array.from({ length: gone }, (_, i) => `unlink ${segmentName(i + 1)}`),
    ]);
    expect(vfs.operations.at(-1)?.type).toBe('syncDirectory');
    expect(log.firstIndex()).toBe(31);
    expect(shown(await open(afterPowerLoss(vfs)))).toEqual(shownAs(entries(31, 40, 1, 300)));
  });

  it('W43: the vote survives rotation, compaction and a crash', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.setHardState({ term: 7, votedFor: 3 });
    log.append([entry(1, 7)]);
    log.sync();
    for (const one of entries(2, 40, 7, 300)) {
      log.append([one]);
      log.sync();
    }
    log.applySnapshot(snapshot(40, 7));
    log.compact(40);
    log.sync();
    expect(segmentNames(vfs)).not.toContain(segmentName(1));
    const again = await open(afterPowerLoss(vfs));
    expect(again.hardState()).toEqual({ term: 7, votedFor: 3 });
    expect([again.firstIndex(), again.lastIndex(), again.lastTerm()]).toEqual([41, 40, 7]);
    expect(again.snapshot()).toEqual(snapshot(40, 7));
  });

  it('W34: a snapshot ahead of the log drops it; its entries do not return', async () => {
    const vfs = disk();
    const log = await SYNC_EACH(vfs, 1, 20);
    log.applySnapshot(snapshot(100, 5));
    log.append([entry(101, 5)]);
    log.sync();
    expect(segmentNames(vfs)).toHaveLength(1);
    for (const image of [afterPowerLoss(vfs), copyOf(vfs)]) {
      const again = await open(image);
      expect([again.firstIndex(), again.lastIndex(), again.termAt(100)]).toEqual([101, 101, 5]);
      expect([again.entry(20), again.termAt(20)]).toEqual([undefined, undefined]);
    }
  });

  it('W10: the file of a snapshot is there before anything speaks of it; older ones go afterwards', async () => {
    const vfs = disk();
    const log = await SYNC_EACH(vfs, 1, 3);
    log.applySnapshot(snapshot(2, 1, [9]));
    log.sync();
    vfs.operations.length = 0;
    log.applySnapshot(snapshot(3, 1, [8, 8]));
    log.sync();
    const steps = vfs.operations.map(({ type, path }) => `${type} ${path.replace(/.*\./, '.')}`);
    expect(steps.indexOf('syncDirectory /data/log')).toBeLessThan(steps.indexOf('writeDurably .wal'));
    expect(steps.indexOf('writeDurably .wal')).toBeLessThan(steps.indexOf('unlink .snapshot'));
    expect(vfs.list(DIRECTORY).filter((name) => name.endsWith('.snapshot'))).toHaveLength(1);
    expect((await open(afterPowerLoss(vfs))).snapshot()).toEqual(snapshot(3, 1, [8, 8]));
  });

  it('W32: a snapshot whose configuration could not be read back is refused before it is staged', async () => {
    const log = await open(disk());
    const bad = { ...snapshot(3, 1), configuration: { ...snapshot(3, 1).configuration, voters: [3, 2, 1] } };
    expect(() => log.applySnapshot(bad)).toThrow();
    expect([log.stagedSeq(), log.snapshotIndex(), log.lastIndex()]).toEqual([0, 0, 0]);
    log.sync();
  });
});

describe('read-only', () => {
  it('shows what is proven durable, takes no lock, changes nothing and refuses changes', async () => {
    const vfs = disk();
    const writer = await SYNC_EACH(vfs, 1, 20);
    const before = fingerprint(vfs);
    const reader = await open(vfs, { readOnly: true });
    // Nothing proves the very last frame yet.
    expect(shown(reader)).toEqual(shownAs(entries(1, 19, 1, 300)));
    expect(reader.logId).toBe(writer.logId);
    expect(() => reader.append([entry(20)])).toThrow(expect.objectContaining({ code: 'WAL_READ_ONLY' }));
    expect(() => reader.sync()).toThrow(expect.objectContaining({ code: 'WAL_READ_ONLY' }));
    await expect(reader.flush()).rejects.toMatchObject({ code: 'WAL_READ_ONLY' });
    await reader.close();
    expect(fingerprint(vfs)).toBe(before);
    await writer.close();
    const after = await open(vfs, { readOnly: true });
    expect(after.lastIndex()).toBe(20);
  });

  it('of a directory without a log is refused, and makes nothing', async () => {
    const vfs = disk();
    await expect(open(vfs, { readOnly: true })).rejects.toMatchObject({ code: 'WAL_NOT_FOUND' });
    expect(vfs.isDirectory(DIRECTORY)).toBe(false);
    vfs.mkdir(DIRECTORY);
    await expect(open(vfs, { readOnly: true })).rejects.toMatchObject({ code: 'WAL_NOT_FOUND' });
    expect(vfs.list(DIRECTORY)).toEqual([]);
  });
});

describe('the identity of a log', () => {
  it('is made once and differs between logs', async () => {
    const vfs = disk();
    const log = await open(vfs);
    expect(log.logId).toMatch(/^[0-9a-f]{16}$/);
    await log.close();
    expect((await open(vfs)).logId).toBe(log.logId);
    expect((await open(disk({ seed: 5 }))).logId).not.toBe(log.logId);
  });
});

describe('on the machine itself', () => {
  it('W37 X11: compaction gives disk space back', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'waldb-wal-'));
    const blocks = (): number =>
      fs.readdirSync(directory).reduce((sum, name) => sum + fs.statSync(join(directory, name)).blocks, 0);
    try {
      await using log = await WalLog.open(directory, { segmentBytes: 256 * 1024, cacheBytes: 0 });
      for (let index = 1; index <= 128; index++) log.append([entry(index, 1, 30_000)]);
      log.sync();
      // A file that is still open for reading would keep its space taken.
      expect(log.entry(1)?.command.length).toBe(30_000);
      const before = blocks();
      log.applySnapshot(snapshot(124, 1));
      log.compact(124);
      log.sync();
      // What stays is the tail and what is kept for use.
      expect(blocks()).toBeLessThan(before / 3);
      if (process.platform !== 'linux') return;
      const open = fs.readdirSync('/proc/self/fd').map((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return ''; // closed meanwhile
        }
      });
      expect(open.filter((path) => path.startsWith(directory) && path.endsWith('(deleted)'))).toEqual([]);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('W28 X18: a second process is refused, and a kill frees the lock and loses nothing synced', async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), 'waldb-wal-'));
    try {
      const script = `
        import('@waldb/wal').then(async ({ WalLog }) => {
          const { encodeEntry } = await import('@waldb/core');
          const log = await WalLog.open(${JSON.stringify(directory)});
          const command = new Uint8Array(10);
          for (let index = 1; index <= 100; index++) {
            log.append([encodeEntry({ index, term: 1, kind: 'normal', command })]);
            log.sync();
          }
          console.log('synced');
          globalThis.held = log;
          setInterval(() => {}, 1000);
        })`;
      const holder = spawn(
        process.execPath,
        ['--conditions=@waldb/source', '--import', 'tsx', '-e', script],
        { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(holder.stdout, 'data');
      const error: unknown = await WalLog.open(directory).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WalError);
      expect(error).toMatchObject({ code: 'WAL_LOCKED' });
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      const log = await WalLog.open(directory);
      expect(log.lastIndex()).toBe(100);
      expect(log.recovery.outcome).toBe('repaired');
      await log.close();
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
