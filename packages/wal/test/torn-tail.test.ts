// What may be missing after a crash is dropped and never comes back; what was durable is never taken for torn.

import type { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import {
  copyOf,
  disk,
  entries,
  entry,
  expectRefused,
  open,
  segmentName,
  segmentNames,
  segmentPath,
  shown,
  shownAs,
} from './support/log-fixture.js';

const FRAMES_OF_ONE = { frameBytesMax: 1 };
const SECTOR = 512;
/** The checkpoint that opens a segment is 72 bytes; the frames of the tests follow it. */
const FIRST_FRAME_AT = 4096 + 72;

/** Three frames of `bytes` each in one write, of which the disk keeps only what `keeps` says, byte range by byte range. */
async function tornBatch(keeps: (frame: number) => boolean, bytes = 1024): Promise<FaultVfs> {
  const vfs = disk();
  const log = await open(vfs, FRAMES_OF_ONE);
  const before = copyOf(vfs).contents('/data/log').get('0000000000000001.wal') ?? new Uint8Array(0);
  log.append(entries(1, 3, 1, commandFor(bytes)));
  log.sync();
  const image = copyOf(vfs);
  image.damage(segmentPath(1), (after) => {
    for (let frame = 0; frame < 3; frame++) {
      const at = FIRST_FRAME_AT + frame * bytes;
      if (!keeps(frame)) after.set(before.subarray(at, at + bytes), at);
    }
    return after;
  });
  return image;
}

/** A command whose frame has so many bytes: 64 of header, 7 of the entry's own. */
function commandFor(frameBytes: number): number {
  return frameBytes - 64 - 7;
}

describe('a torn tail', () => {
  it('W2 W33: later frames of an unsynced batch survive, an earlier one does not: both gone, never resurface', async () => {
    const vfs = await tornBatch((frame) => frame > 0);
    const log = await open(vfs, FRAMES_OF_ONE);
    expect(log.lastIndex()).toBe(0);
    expect(log.recovery).toMatchObject({
      outcome: 'repaired',
      dropped: { segment: 1, offset: FIRST_FRAME_AT, frames: 2 },
    });
    // A frame of the same size where the lost one was would make the two stale ones follow it.
    const own = entry(1, 9, commandFor(1024));
    log.append([own]);
    log.sync();
    const again = await open(copyOf(vfs), FRAMES_OF_ONE);
    expect(shown(again)).toEqual(shownAs([own]));
  });

  it('W2: stale frames do not come back either when the log was closed cleanly in between', async () => {
    const vfs = await tornBatch((frame) => frame > 0);
    await (await open(vfs, FRAMES_OF_ONE)).close();
    const log = await open(vfs, FRAMES_OF_ONE);
    expect(log.lastIndex()).toBe(0);
    log.append([entry(1, 9, commandFor(1024))]);
    log.sync();
    expect((await open(copyOf(vfs), FRAMES_OF_ONE)).lastIndex()).toBe(1);
  });

  it('a prefix of an unsynced batch may be there, and is then durable', async () => {
    const vfs = await tornBatch((frame) => frame < 2);
    const log = await open(vfs, FRAMES_OF_ONE);
    expect(shown(log)).toEqual(shownAs(entries(1, 2, 1, commandFor(1024))));
    expect(log.recovery).toMatchObject({ outcome: 'repaired', rewrittenFrames: 2 });
    const image = vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 1 });
    expect((await open(image, FRAMES_OF_ONE)).lastIndex()).toBe(2);
  });

  it('W1: cut at every byte, the last frame is whole or absent', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append([entry(1)]);
    log.sync();
    const end = FIRST_FRAME_AT + frameOf(1);
    for (let cut = FIRST_FRAME_AT; cut <= end; cut++) {
      const image = copyOf(vfs);
      image.damage(segmentPath(1), (bytes) => bytes.fill(0, cut));
      const after = await open(image);
      expect(after.lastIndex(), `cut at ${cut}`).toBe(cut === end ? 1 : 0);
      expect(after.recovery.outcome).toBe(cut > FIRST_FRAME_AT ? 'repaired' : 'clean');
      await after.close();
    }
  });

  it('W30: an absurd length after a crash is not believed, and the log opens', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 2));
    log.sync();
    log.append([entry(3)]);
    log.sync();
    const image = copyOf(vfs);
    const third = FIRST_FRAME_AT + frameOf(2);
    image.damage(segmentPath(1), (bytes) => {
      bytes.set([0xff, 0xff, 0xff, 0x7f], third + 8);
      return bytes;
    });
    const after = await open(image);
    expect(after.lastIndex()).toBe(2);
    expect(after.recovery.dropped).toEqual({ segment: 1, offset: third, frames: 0 });
  });

  it('W31: zeros from the middle of a sector on are a torn tail', async () => {
    const vfs = disk();
    const log = await open(vfs, FRAMES_OF_ONE);
    log.append(entries(1, 4, 1, 300));
    log.sync();
    const image = copyOf(vfs);
    // Somewhere in the third frame, in the middle of a sector.
    const cut = FIRST_FRAME_AT + 2 * frameOf(1, 300) + 100;
    expect(cut % SECTOR).not.toBe(0);
    image.damage(segmentPath(1), (bytes) => bytes.fill(0, cut));
    const after = await open(image, FRAMES_OF_ONE);
    expect(after.lastIndex()).toBe(2);
  });

  it('with a later frame as evidence, the same hole is corruption and nothing is changed', async () => {
    const vfs = disk();
    const log = await open(vfs, FRAMES_OF_ONE);
    for (let index = 1; index <= 3; index++) {
      log.append([entry(index, 1, commandFor(1024))]);
      log.sync();
    }
    const image = copyOf(vfs);
    image.damage(segmentPath(1), (bytes) => bytes.fill(0, FIRST_FRAME_AT + 1024, FIRST_FRAME_AT + 2048));
    const error = await expectRefused(image, 'WAL_CORRUPT', FRAMES_OF_ONE);
    expect(error.detail).toMatchObject({ segment: 1, offset: FIRST_FRAME_AT + 1024, index: 2, term: 1 });
  });

  it('W42: unclean opens in a row keep what each one showed, and do not pile up large files', async () => {
    let vfs = disk();
    for (let life = 1; life <= 6; life++) {
      const log = await open(vfs, { segmentBytes: 1024 * 1024 });
      expect(shown(log)).toEqual(shownAs(entries(1, life - 1)));
      log.append([entry(life)]);
      log.sync();
      vfs = vfs.reopen({ type: 'powerLoss', survival: 'any', seed: life });
    }
    // One for each life; the first one's only entry was carried over, so that segment is gone.
    expect(segmentNames(vfs)).toEqual([2, 3, 4, 5, 6].map(segmentName));
    for (const name of segmentNames(vfs)) expect(vfs.size(`/data/log/${name}`)).toBe(256 * 1024);
  });

  it('W27: a frame written to the wrong place is not taken for the one that belongs there', async () => {
    const vfs = disk();
    const log = await open(vfs, FRAMES_OF_ONE);
    for (let index = 1; index <= 3; index++) {
      log.append([entry(index, 1, commandFor(1024))]);
      log.sync();
    }
    const image = copyOf(vfs);
    image.damage(segmentPath(1), (bytes) => {
      bytes.copyWithin(FIRST_FRAME_AT, FIRST_FRAME_AT + 1024, FIRST_FRAME_AT + 2048);
      return bytes;
    });
    const error = await expectRefused(image, 'WAL_CORRUPT', FRAMES_OF_ONE);
    expect(error.detail).toMatchObject({ segment: 1, offset: FIRST_FRAME_AT, index: 1 });
  });
});

function frameOf(count: number, bytes = 10): number {
  const header = bytes > 255 ? 7 : 6;
  return 64 + Math.ceil(((header + bytes) * count) / 8) * 8;
}
