// What an inspection tells of a damaged log: where the damage is, which entries it takes, and what is left. It never
// throws and never changes a file.

import { checksum } from '@waldb/io';
import type { FaultVfs } from '@waldb/testkit';
import { type Inspection, inspectLog, type LenientItem, readLogLeniently } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { sealPage } from '../src/format/page.js';
import { checksumBefore } from '../src/inspection/recover-seed.js';
import {
  DIRECTORY,
  disk,
  entries,
  entry,
  fingerprint,
  flip,
  METADATA_PATH,
  open,
  segmentName,
  segmentNames,
  segmentPath,
  snapshot,
} from './support/log-fixture.js';

const OPTIONS = { segmentBytes: 8 * 1024, cacheBytes: 0 };
const COUNT = 30;
/** Where the first frame of entries lies in the first segment, behind the checkpoint's frame of 72 bytes. */
const FIRST_ENTRY_AT = 4096 + 72;

/** Thirty entries of 300 bytes in several segments, one frame each, closed cleanly. */
async function closedLog(): Promise<FaultVfs> {
  const vfs = disk();
  const log = await open(vfs, OPTIONS);
  log.setHardState({ term: 1, votedFor: 2 });
  for (const one of entries(1, COUNT, 1, 300)) {
    log.append([one]);
    log.sync();
  }
  await log.close();
  expect(segmentNames(vfs).length).toBeGreaterThan(3);
  return vfs;
}

/** Looks, checks that looking changed nothing, and that the lenient reader agrees. */
async function look(vfs: FaultVfs): Promise<Inspection> {
  const before = fingerprint(vfs);
  const inspection = await inspectLog(DIRECTORY, { vfs });
  expect(fingerprint(vfs)).toBe(before);
  if (inspection.verdict !== 'unreadable') {
    const items = readAll(vfs);
    expect(items.filter((item) => item.type === 'entry')).toHaveLength(inspection.entries.readable);
    const lost = inspection.damages.flatMap((damage) => damage.lost);
    expect(items.flatMap((item) => (item.type === 'lost' ? [item.lost] : []))).toEqual(lost);
  }
  return inspection;
}

function readAll(vfs: FaultVfs): LenientItem[] {
  return [...readLogLeniently(DIRECTORY, { vfs, unproven: true })].filter((item) => item.type !== 'progress');
}

function indexes(vfs: FaultVfs): number[] {
  return readAll(vfs).flatMap((item) => (item.type === 'entry' ? [item.entry.index] : []));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function reportOf(inspection: Inspection, id: number): Inspection['segments'][number] {
  const report = inspection.segments.find((one) => one.id === id);
  if (report === undefined) throw new Error(`no segment ${id}`);
  return report;
}

describe('a log without damage', () => {
  it('is sound, and every number of it is told', async () => {
    const inspection = await look(await closedLog());
    expect(inspection).toMatchObject({
      verdict: 'sound',
      kind: 'raft',
      entries: { first: 1, last: COUNT, readable: COUNT, unproven: 0 },
      hardState: { term: 1, votedFor: 2 },
      compacted: { index: 0, term: 0 },
      damages: [],
      notes: [],
      tail: { unprovenFrames: 0, droppedAt: undefined, droppedFrames: 0 },
    });
    expect(inspection.metadata.map(({ slot, state }) => [slot, state])).toEqual([
      ['A', 'valid'],
      ['B', 'valid'],
    ]);
    const sealed = inspection.segments.slice(0, -1);
    expect(sealed.map(({ footer, place }) => [footer, place])).toEqual(sealed.map(() => ['good', 'sealed']));
    expect(inspection.segments.at(-1)).toMatchObject({ place: 'tail', header: 'valid' });
    expect(inspection.segments.reduce((sum, one) => sum + one.entries, 0)).toBe(COUNT);
    let last = 0;
    for (const { firstIndex, lastIndex } of inspection.segments.filter((one) => one.entries > 0)) {
      expect(firstIndex).toBe(last + 1);
      last = lastIndex ?? 0;
    }
  });

  it('reads back entry by entry what was written, and only the range that is asked for', async () => {
    const vfs = await closedLog();
    const items = [...readLogLeniently(DIRECTORY, { vfs, from: 7, to: 19 })];
    const read = items.flatMap((item) => (item.type === 'entry' ? [item.entry] : []));
    expect(read.map(({ index, term, command }) => [index, term, [...command]])).toEqual(
      entries(7, 19, 1, 300).map(({ index, term, command }) => [index, term, [...command]]),
    );
  });

  it('shows no entry that was truncated, reset or given up', async () => {
    const vfs = disk();
    const log = await open(vfs, OPTIONS);
    log.append(entries(1, 20, 1, 300));
    log.sync();
    log.truncate(8);
    log.append(entries(8, 12, 2, 300));
    log.sync();
    log.truncate(11);
    log.sync();
    log.applySnapshot(snapshot(5, 1));
    log.compact(4);
    await log.close();
    const read = readAll(vfs).flatMap((item) => (item.type === 'entry' ? [item.entry] : []));
    expect(read.map(({ index, term }) => `${index}@${term}`)).toEqual([
      '5@1',
      '6@1',
      '7@1',
      '8@2',
      '9@2',
      '10@2',
    ]);
    expect((await look(vfs)).snapshots).toMatchObject([{ index: 5, state: 'sound' }]);
    const again = await open(vfs, OPTIONS);
    again.applySnapshot(snapshot(40, 3));
    again.append([entry(41, 3)]);
    await again.close();
    expect(indexes(vfs)).toEqual([41]);
    expect((await look(vfs)).verdict).toBe('sound');
  });

  it('that a crash left with a write that nothing proves has an unsynced tail, and no damage', async () => {
    const vfs = disk();
    const log = await open(vfs, OPTIONS);
    log.append(entries(1, 3));
    log.sync();
    const image = vfs.reopen({ type: 'killed' });
    const inspection = await look(image);
    expect(inspection).toMatchObject({ verdict: 'unsynced-tail', tail: { unprovenFrames: 1 } });
    expect(inspection.entries).toEqual({ first: 1, last: 3, readable: 3, unproven: 3 });
    expect([...readLogLeniently(DIRECTORY, { vfs: image })].filter(({ type }) => type === 'entry')).toEqual(
      [],
    );
    flip(image, segmentPath(1), FIRST_ENTRY_AT + 70);
    expect(await look(image)).toMatchObject({
      verdict: 'unsynced-tail',
      tail: { unprovenFrames: 0, droppedAt: { segment: 1, offset: FIRST_ENTRY_AT } },
      entries: { readable: 0 },
    });
  });
});

describe('a flipped bit', () => {
  it('W20: at every byte of a sealed segment: told with its place and what is lost, and everything else is read', async () => {
    const vfs = await closedLog();
    const sound = await look(vfs);
    const { usedBytes, firstIndex = 0, lastIndex = 0 } = reportOf(sound, 2);
    for (let offset = 4096; offset < usedBytes; offset += 7) {
      flip(vfs, segmentPath(2), offset, 1 << (offset % 8));
      const { verdict, damages, entries: counted } = await inspectLog(DIRECTORY, { vfs });
      expect(verdict).toBe('damaged');
      expect(damages).toHaveLength(1);
      const [damage] = damages;
      expect(damage).toMatchObject({ type: 'frames', segment: 2, file: segmentName(2) });
      expect(damage?.offset).toBeLessThanOrEqual(offset);
      expect((damage?.offset ?? 0) + (damage?.bytes ?? 0)).toBeGreaterThan(offset);
      const lost = damage?.lost.flatMap(({ first, last = 0 }) => range(first, last)) ?? [];
      for (const index of lost) {
        expect(index).toBeGreaterThanOrEqual(firstIndex);
        expect(index).toBeLessThanOrEqual(lastIndex);
      }
      expect(lost.length).toBeLessThanOrEqual(1);
      expect(counted.readable).toBe(COUNT - lost.length);
      expect(indexes(vfs)).toEqual(range(1, COUNT).filter((index) => !lost.includes(index)));
      flip(vfs, segmentPath(2), offset, 1 << (offset % 8));
    }
  });

  it('in a payload or in a header: exactly the entries of that frame are lost', async () => {
    const vfs = await closedLog();
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 100);
    expect((await look(vfs)).damages).toMatchObject([
      {
        offset: FIRST_ENTRY_AT,
        why: 'the payload does not match its checksum',
        lost: [{ first: 1, last: 1 }],
      },
    ]);
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 100);
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 9);
    expect((await look(vfs)).damages).toMatchObject([
      {
        offset: FIRST_ENTRY_AT,
        why: expect.stringContaining('no frame header'),
        lost: [{ first: 1, last: 1 }],
      },
    ]);
  });

  it('in an entry that a later truncation replaced: nothing is lost', async () => {
    const vfs = disk();
    const log = await open(vfs, OPTIONS);
    log.append([entry(1)]);
    log.sync();
    log.append([entry(2)]);
    log.sync();
    log.truncate(2);
    log.append([entry(2, 2)]);
    await log.close();
    flip(vfs, segmentPath(1), FIRST_ENTRY_AT + 72 + 16 + 70);
    const inspection = await look(vfs);
    expect(inspection.damages).toMatchObject([{ type: 'frames', lost: [] }]);
    expect(indexes(vfs)).toEqual([1, 2]);
  });

  it('in the last frames that something proves: lost to the end, however many they were', async () => {
    const vfs = await closedLog();
    const { id, file, usedBytes } = (await look(vfs)).segments.at(-1) ?? { id: 0, file: '', usedBytes: 0 };
    const path = `${DIRECTORY}/${file}`;
    // The mark of the clean close is last; the frame of the last entry before it.
    const size = 64 + 312;
    flip(vfs, path, usedBytes - 64 - size + 1);
    const { damages } = await look(vfs);
    expect(damages).toMatchObject([{ segment: id, lost: [{ first: COUNT, last: undefined }] }]);
    expect(indexes(vfs)).toEqual(range(1, COUNT - 1));
  });

  it('in a footer: a note, since nothing depends on it', async () => {
    const vfs = await closedLog();
    flip(vfs, segmentPath(2), 8 * 1024 - 60);
    const inspection = await look(vfs);
    expect(inspection).toMatchObject({ verdict: 'sound', notes: [{ file: segmentName(2) }] });
    expect(reportOf(inspection, 2).footer).toBe('damaged');
  });

  it('in a header page: damage, but the frames are found without it', async () => {
    for (const id of [1, 2, 'tail'] as const) {
      const vfs = await closedLog();
      const segment = id === 'tail' ? segmentNames(vfs).length : id;
      // The salt is among what is lost.
      vfs.damage(segmentPath(segment), (bytes) => bytes.fill(0xff, 0, 4096));
      const { damages } = await look(vfs);
      expect(damages).toMatchObject([{ type: 'segment-header', segment, offset: 0, lost: [] }]);
      expect(indexes(vfs)).toEqual(range(1, COUNT));
    }
  });

  it('in one slot of the metadata: a note; in both: damage, but no entry is lost', async () => {
    const vfs = await closedLog();
    flip(vfs, METADATA_PATH, 50);
    expect(await look(vfs)).toMatchObject({
      verdict: 'sound',
      notes: [{ file: 'METADATA', message: expect.stringContaining('Slot A') }],
    });
    flip(vfs, METADATA_PATH, 4096 + 50);
    const inspection = await look(vfs);
    expect(inspection).toMatchObject({ verdict: 'damaged', entries: { readable: COUNT } });
    expect(inspection.damages).toMatchObject([{ type: 'metadata', lost: [] }]);
    expect(inspection.logId).toMatch(/^[0-9a-f]{16}$/);
  });

  it('in the snapshot: told by its name', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 5));
    log.applySnapshot(snapshot(4, 1));
    await log.close();
    const name = vfs.list(DIRECTORY).find((file) => file.endsWith('.snapshot')) ?? '';
    flip(vfs, `${DIRECTORY}/${name}`, 60);
    expect(await look(vfs)).toMatchObject({
      verdict: 'damaged',
      damages: [{ type: 'snapshot', file: name }],
      snapshots: [{ file: name, state: 'damaged' }],
    });
    vfs.unlink(`${DIRECTORY}/${name}`);
    expect((await look(vfs)).snapshots).toMatchObject([{ file: name, state: 'missing' }]);
  });
});

describe('a segment', () => {
  it('W22: that is missing takes its entries and no others, whichever it is', async () => {
    const sound = await look(await closedLog());
    for (const { id, firstIndex, lastIndex } of sound.segments) {
      const vfs = await closedLog();
      vfs.unlink(segmentPath(id));
      const { damages } = await look(vfs);
      const isLast = id === sound.segments.length;
      expect(damages).toMatchObject([
        {
          type: 'segment-missing',
          segment: id,
          lost: [{ first: firstIndex, last: isLast ? undefined : lastIndex }],
        },
      ]);
      const lost = range(firstIndex ?? 0, lastIndex ?? 0);
      expect(indexes(vfs)).toEqual(range(1, COUNT).filter((index) => !lost.includes(index)));
    }
  });

  it('W22: runs of missing ones are told as one, however long', async () => {
    const vfs = await closedLog();
    const bytes = vfs.contents(DIRECTORY).get(segmentName(1)) ?? new Uint8Array(0);
    vfs.unlink(segmentPath(2));
    vfs.unlink(segmentPath(3));
    expect((await look(vfs)).damages.map(({ segment }) => segment)).toEqual([2]);
    vfs.open(segmentPath(2 ** 50), 'create').write(bytes, 0);
    const { damages } = await look(vfs);
    expect(damages.map(({ type }) => type)).toEqual([
      'segment-missing',
      'segment-missing',
      'segment-foreign',
    ]);
  });

  it('W22 X17: of another log, a copy, or a renamed one is named and left out', async () => {
    const vfs = await closedLog();
    const other = disk({ seed: 99 });
    await (await open(other)).close();
    const foreign = other.contents(DIRECTORY).get(segmentName(1)) ?? new Uint8Array(0);
    vfs.damage(segmentPath(2), () => foreign);
    const { damages, segments } = await look(vfs);
    expect(damages).toMatchObject([{ type: 'segment-foreign', segment: 2 }]);
    expect(damages[0]?.lost).toHaveLength(1);
    expect(segments[1]).toMatchObject({ header: 'foreign', entries: 0 });
    const copied = await closedLog();
    const bytes = copied.contents(DIRECTORY).get(segmentName(1)) ?? new Uint8Array(0);
    copied.damage(segmentPath(2), () => bytes);
    expect((await look(copied)).damages).toMatchObject([
      { type: 'segment-foreign', why: expect.stringContaining('it holds segment 1') },
    ]);
  });

  it('W22: that was cut short loses what was cut off', async () => {
    const vfs = await closedLog();
    const sound = reportOf(await look(vfs), 2);
    vfs.damage(segmentPath(2), (bytes) => bytes.subarray(0, 5000));
    const { damages } = await look(vfs);
    // The frame that was cut is known by its header, those behind it by the next segment.
    expect(damages.map(({ type, segment }) => [type, segment])).toEqual([
      ['segment-size', 2],
      ['frames', 2],
      ['frames', 2],
    ]);
    const lost = damages.flatMap((damage) => damage.lost);
    expect(lost.flatMap(({ first, last = 0 }) => range(first, last))).toEqual(
      range(lost[0]?.first ?? 0, sound.lastIndex ?? 0),
    );
    vfs.damage(segmentPath(2), () => new Uint8Array(0));
    expect((await look(vfs)).damages).toMatchObject([
      { type: 'segment-header', lost: [{ first: sound.firstIndex, last: sound.lastIndex }] },
    ]);
  });

  it('with a sector that the disk refuses to read loses what was in it and no more', async () => {
    const vfs = await closedLog();
    const at = 4096 + 1024;
    vfs.faults = ({ type, path, position = 0, bytes = 0 }) => {
      const isHit = path === segmentPath(2) && position <= at && position + bytes > at;
      return type === 'read' && isHit ? { type: 'error', code: 'EIO' } : undefined;
    };
    const inspection = await inspectLog(DIRECTORY, { vfs });
    expect(inspection.verdict).toBe('damaged');
    expect(inspection.notes).toMatchObject([
      { file: segmentName(2), message: expect.stringContaining('at offset 4096') },
    ]);
    const lost = inspection.damages.flatMap((damage) => damage.lost);
    expect(lost).toEqual([
      {
        first: reportOf(await look(await closedLog()), 2).firstIndex,
        last: reportOf(inspection, 3).baseIndex,
      },
    ]);
  });
});

describe('what cannot be read at all', () => {
  it('W29: a newer version is named, in the metadata and in a segment', async () => {
    const vfs = await closedLog();
    setVersion(vfs, segmentPath(2), 0, 2);
    expect(await look(vfs)).toMatchObject({
      verdict: 'unreadable',
      problem: { code: 'NEWER_VERSION', message: expect.stringContaining(segmentName(2)) },
    });
    setVersion(vfs, METADATA_PATH, 0, 9);
    expect((await look(vfs)).problem).toMatchObject({
      code: 'NEWER_VERSION',
      message: expect.stringContaining('METADATA'),
    });
  });

  it('no directory, an empty one, and one of other files', async () => {
    const vfs = disk();
    expect((await inspectLog('/nowhere', { vfs })).problem).toMatchObject({ code: 'NOT_FOUND' });
    expect((await inspectLog('/data', { vfs })).problem).toMatchObject({ code: 'NOT_FOUND' });
    vfs.open('/data/notes.txt', 'create').write(new Uint8Array([1]), 0);
    expect((await inspectLog('/data', { vfs })).problem).toMatchObject({ code: 'NOT_A_LOG' });
  });

  function setVersion(vfs: FaultVfs, path: string, pageAt: number, version: number): void {
    vfs.damage(path, (bytes) => {
      const page = bytes.subarray(pageAt, pageAt + 4096);
      page[8] = version;
      sealPage(page);
      return bytes;
    });
  }
});

describe('the inspection itself', () => {
  it('lets its caller look up and stop', async () => {
    const vfs = await closedLog();
    const seen: number[] = [];
    await inspectLog(DIRECTORY, {
      vfs,
      onProgress: ({ bytesDone, bytesTotal }) => void seen.push(bytesDone / bytesTotal),
    });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const controller = new AbortController();
    const stopped = inspectLog(DIRECTORY, {
      vfs,
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('beside a writer, looks again before it calls anything damaged', async () => {
    const vfs = await closedLog();
    const offset = 4096 + 72 + 10;
    let isFlipped = true;
    flip(vfs, segmentPath(segmentNames(vfs).length), offset);
    const inspection = await inspectLog(DIRECTORY, {
      vfs,
      onProgress: ({ bytesDone, bytesTotal }) => {
        if (bytesDone < bytesTotal || !isFlipped) return;
        isFlipped = false;
        flip(vfs, segmentPath(segmentNames(vfs).length), offset);
      },
    });
    expect(inspection.verdict).toBe('sound');
  });

  it('finds where a checksum started', () => {
    const bytes = Uint8Array.from({ length: 60 }, (_, i) => i * 37);
    for (const seed of [0, 1, 0xffffffff, 0x12345678, 0xdeadbeef]) {
      expect(checksumBefore(checksum(bytes, seed), bytes)).toBe(seed);
    }
  });
});
