// The bytes on disk, field by field, as docs/wal-format.md has them.

import { encodeEntry, MsgpackReader } from '@waldb/core';
import { checksum } from '@waldb/io';
import fc from 'fast-check';
import { Unpackr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { parseFileName, segmentFile, snapshotFile, spareFile } from '../src/format/file-name.js';
import {
  decodeFooterBody,
  decodeFooterTrailer,
  encodeFooter,
  FOOTER_TRAILER_BYTES,
  footerBytesMax,
} from '../src/format/footer.js';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  readFrameHeader,
  writeFrameHeader,
} from '../src/format/frame.js';
import { decodeMetadata, encodeMetadata, type Metadata } from '../src/format/metadata.js';
import { encodeStateRecord, readRecords, type StateRecord } from '../src/format/record.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
} from '../src/format/segment-header.js';
import { type Batch, Staging, sealFrame } from '../src/segment/staging.js';
import { FrameEffects } from '../src/state/frame-effects.js';
import { SegmentSummary } from '../src/state/segment-summary.js';
import { disk, entries, entry, open, segmentPath } from './support/log-fixture.js';

const uint = fc.oneof(fc.nat(300), fc.nat(70_000), fc.maxSafeNat());
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });

describe('records', () => {
  it('are MessagePack: msgpackr decodes a payload to the same values', () => {
    const staging = new Staging(1 << 20);
    staging.addState({ type: 'truncate', from: 70_000 });
    for (const one of [
      entry(1, 1, 0, 'noop'),
      entry(2, 2 ** 40, 300),
      entry(2 ** 33, 2 ** 41, 70_000, 'config'),
    ]) {
      staging.addEntry(one);
    }
    staging.addState({ type: 'hardState', state: { term: 2 ** 50, votedFor: undefined } });
    staging.addState({ type: 'hardState', state: { term: 3, votedFor: 200 } });
    staging.addState({
      type: 'snapshot',
      snapshot: { index: 9, term: 2, fileBytes: 2 ** 33, payloadCrc: 0xffff_ffff },
      resets: false,
    });
    staging.addState({ type: 'compact', index: 5, term: 1 });
    const { bytes, frames } = onlyBatch(staging);
    expect(frames).toHaveLength(1);
    const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + (frames[0]?.payloadBytes ?? 0));
    const command = (index: number, term: number, length: number): Uint8Array =>
      new Uint8Array(length).fill(index * 7 + term);
    expect(unpackr.unpackMultiple(payload)).toEqual([
      [4, 70_000],
      [1, 1, 1, command(1, 1, 0)],
      [0, 2 ** 40, 2, command(2, 2 ** 40, 300)],
      [2, 2 ** 41, 2 ** 33, command(2 ** 33, 2 ** 41, 70_000)],
      [3, 2 ** 50, null],
      [3, 3, 200],
      [5, 9, 2, false, 2 ** 33, 0xffff_ffff],
      [6, 5, 1],
    ]);
  });

  it('read back as they were written, for any numbers', () => {
    const record: fc.Arbitrary<StateRecord> = fc.oneof(
      fc.record({
        type: fc.constant('hardState' as const),
        state: fc.record({ term: uint, votedFor: fc.option(uint, { nil: undefined }) }),
      }),
      fc.record({ type: fc.constant('truncate' as const), from: uint }),
      fc.record({ type: fc.constant('compact' as const), index: uint, term: uint }),
      fc.record({
        type: fc.constant('snapshot' as const),
        resets: fc.boolean(),
        snapshot: fc.record({ index: uint, term: uint, fileBytes: uint, payloadCrc: uint }),
      }),
    );
    fc.assert(
      fc.property(record, (value) => {
        expect([...readRecords(encodeStateRecord(value))]).toEqual([value]);
      }),
    );
  });

  it('an entry’s record is its one encoding', () => {
    const one = encodeEntry({ term: 3, index: 4, kind: 'normal', command: new Uint8Array([1, 2]) });
    const [record] = readRecords(one.encoded ?? new Uint8Array(0));
    expect(record).toEqual({ type: 'entry', entry: one });
  });

  it('of an unknown tag, or with trailing or missing fields, are refused', () => {
    for (const bytes of [[0x92, 7, 1], [0x93, 3, 1], [0x91, 4], [0x93, 4, 1, 2], [0x80], [0x92, 4]]) {
      expect(() => [...readRecords(Uint8Array.from(bytes))]).toThrow(
        expect.objectContaining({ code: 'ENCODING' }),
      );
    }
    expect(new MsgpackReader(new Uint8Array(0)).offset).toBe(0);
  });
});

describe('a frame header', () => {
  const header: FrameHeader = {
    payloadCrc: 0x1234_5678,
    payloadBytes: 1000,
    kind: 'batch',
    recordCount: 3,
    entryCount: 2,
    frameSeq: 2 ** 40,
    durableSeq: 2 ** 40 - 1,
    firstIndex: 2 ** 35,
    lastTerm: 9,
  };
  const place = { seed: 0xdead_beef, offset: 8192 };

  it('has every field at its place, little-endian', () => {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    writeFrameHeader(bytes, 0, header, place);
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(0, true)).toBe(checksum(bytes.subarray(4), place.seed));
    expect([4, 8, 12, 16, 20].map((at) => view.getUint32(at, true))).toEqual([0x1234_5678, 1000, 1, 3, 2]);
    expect([24, 32, 40, 48, 56].map((at) => Number(view.getBigUint64(at, true)))).toEqual([
      8192,
      2 ** 40,
      2 ** 40 - 1,
      2 ** 35,
      9,
    ]);
    expect(readFrameHeader(bytes, 0, place)).toEqual(header);
  });

  it('counts only at its offset, in its segment, in this use of the file, and with every bit right', () => {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    writeFrameHeader(bytes, 0, header, place);
    expect(readFrameHeader(bytes, 0, { ...place, offset: 8200 })).toBeUndefined();
    expect(readFrameHeader(bytes, 0, { ...place, seed: 1 })).toBeUndefined();
    for (let bit = 0; bit < FRAME_HEADER_BYTES * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readFrameHeader(changed, 0, place), `bit ${bit}`).toBeUndefined();
    }
    expect(readFrameHeader(bytes.subarray(0, 63), 0, place)).toBeUndefined();
  });
});

function onlyBatch(staging: Staging): Batch {
  const [batch, ...others] = staging.take();
  expect(others).toEqual([]);
  return batch as Batch; // something was staged
}

describe('a batch of frames', () => {
  it('is full at two megabytes: what goes on is the next one, an entry of any size has room, and calls are counted where they end', () => {
    const staging = new Staging(8192);
    const big = entry(1, 1, 3 * 1024 * 1024);
    const small = Array.from({ length: 40 }, (_, i) => entry(i + 2, 1, 60_000));
    for (const one of [big, ...small]) {
      staging.addEntry(one);
      staging.endCall();
    }
    const size = staging.bytes;
    const batches = staging.take();
    expect(batches.map(({ seq }) => seq)).toEqual([1, 35, 41]);
    expect(batches.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(Math.ceil(size / 8) * 8);
    const held = batches.flatMap(({ frames }) => frames.map(({ effects }) => effects.firstIndex));
    expect(held).toEqual([big, ...small].map(({ index }) => index));
    expect(Math.max(...batches.slice(1).map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(
      2 * 1024 * 1024,
    );
    expect(staging.isEmpty).toBe(true);
    expect(staging.bytes).toBe(0);
    for (const batch of batches) staging.release(batch);
    staging.addEntry(entry(42));
    expect(onlyBatch(staging).frames).toHaveLength(1);
  });

  it('keeps small records together, splits at the limit, and gives a large entry its own frame', () => {
    const staging = new Staging(200);
    for (const one of [...entries(1, 3, 1, 50), entry(4, 1, 1000), entry(5)]) {
      staging.addEntry(one);
    }
    const { frames } = onlyBatch(staging);
    expect(frames.map(({ effects }) => [effects.firstIndex, effects.entryCount])).toEqual([
      [1, 3],
      [4, 1],
      [5, 1],
    ]);
  });

  it('a truncation opens a frame and shares it with its first replacement, however large', () => {
    const staging = new Staging(200);
    const add = (index: number, bytes: number): void => {
      const one = entry(index, 2, bytes);
      staging.addEntry(one);
    };
    add(1, 10);
    staging.addState({ type: 'truncate', from: 1 });
    add(1, 5000);
    staging.addState({ type: 'truncate', from: 1 });
    staging.addState({ type: 'truncate', from: 1 });
    const { frames } = onlyBatch(staging);
    expect(frames.map(({ effects }) => [effects.truncateFrom, effects.entryCount])).toEqual([
      [undefined, 1],
      [1, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  it('state records alone do not make a frame without end', () => {
    const staging = new Staging(100);
    for (let term = 1; term <= 1000; term++)
      staging.addState({ type: 'hardState', state: { term, votedFor: 1 } });
    const { frames } = onlyBatch(staging);
    expect(Math.max(...frames.map((frame) => frame.payloadBytes))).toBeLessThanOrEqual(100);
  });

  it('padding is zeros under the checksum, also in a buffer that was used before', () => {
    const staging = new Staging(8192);
    const one = entry(1, 1, 3);
    for (let round = 0; round < 3; round++) {
      staging.addEntry(one);
      const batch = onlyBatch(staging);
      const [frame] = batch.frames;
      if (frame === undefined) throw new Error('no frame');
      sealFrame(batch.bytes, frame, { seed: 1, offset: 0, frameSeq: 1, durableSeq: 0 });
      expect(batch.bytes.length % 8).toBe(0);
      expect(
        [...batch.bytes.subarray(FRAME_HEADER_BYTES + frame.payloadBytes)].every((byte) => byte === 0),
      ).toBe(true);
      expect(readFrameHeader(batch.bytes, 0, { seed: 1, offset: 0 })?.payloadCrc).toBe(
        checksum(batch.bytes.subarray(FRAME_HEADER_BYTES)),
      );
      batch.bytes.fill(0xee);
      staging.release(batch);
    }
  });
});

describe('pages', () => {
  const header: SegmentHeader = {
    logId: '0123456789abcdef',
    kind: 'raft',
    segmentId: 7,
    segmentBytes: 2 ** 26,
    baseIndex: 100,
    firstSeq: 200,
    publishedSeq: 203,
    salt: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    wasUsed: false,
  };
  const metadata: Metadata = {
    logId: '0123456789abcdef',
    kind: 'raft',
    generation: 5,
    firstSegmentId: 2,
    lastSegmentId: 4,
    compacted: { index: 10, term: 3 },
    snapshot: { index: 12, term: 3, fileBytes: 999, payloadCrc: 0xffff_fff0 },
    durableSeq: 2 ** 45,
  };

  it('read back as they were written', () => {
    for (const one of [header, { ...header, wasUsed: true }]) {
      expect(decodeSegmentHeader(encodeSegmentHeader(one))).toEqual({ type: 'valid', header: one });
    }
    expect(decodeMetadata(encodeMetadata(metadata))).toEqual({ type: 'valid', metadata });
    const without = { ...metadata, snapshot: undefined };
    expect(decodeMetadata(encodeMetadata(without))).toEqual({ type: 'valid', metadata: without });
  });

  it('one is not taken for the other, and every bit counts', () => {
    expect(decodeSegmentHeader(encodeMetadata(metadata)).type).toBe('damaged');
    expect(decodeMetadata(encodeSegmentHeader(header)).type).toBe('damaged');
    const bytes = encodeSegmentHeader(header);
    for (let bit = 0; bit < 4096 * 8; bit += 7) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeSegmentHeader(changed).type).toBe('damaged');
    }
  });
});

describe('file names', () => {
  it('name what they are; every other name is not ours', () => {
    expect(parseFileName(segmentFile(255))).toEqual({
      type: 'segment',
      name: '00000000000000ff.wal',
      segmentId: 255,
    });
    expect(parseFileName(snapshotFile(16, 2))?.type).toBe('snapshot');
    expect(parseFileName(`${segmentFile(1)}.tmp`)?.type).toBe('unpublished');
    expect(parseFileName(spareFile(16))).toEqual({
      type: 'spare',
      name: '0000000000000010.free',
      spareNumber: 16,
    });
    expect(parseFileName(`${spareFile(1)}.tmp`)?.type).toBe('unpublished');
    expect(parseFileName('METADATA')?.type).toBe('metadata');
    expect(parseFileName('LOCK')?.type).toBe('lock');
    for (const name of [
      'ff.free',
      'ff.wal',
      '00000000000000FF.wal',
      'METADATA2',
      'x.tmp',
      'ffffffffffffffff.wal',
      '',
    ]) {
      expect(parseFileName(name)).toBeUndefined();
    }
  });
});

describe('a footer', () => {
  const effects = fc.record({
    entries: fc.nat(5),
    term: fc.nat(3),
    truncate: fc.nat(9),
    vote: fc.option(uint, { nil: undefined }),
  });

  /** Frames as a log would write them, from arbitrary choices. */
  function summaryOf(
    choices: readonly { entries: number; term: number; truncate: number; vote: number | undefined }[],
  ): SegmentSummary {
    const summary = new SegmentSummary({ baseIndex: 40, offset: 4096, firstSeq: 9 });
    let term = 1;
    for (const { entries: count, term: rise, truncate, vote } of choices) {
      const frame = new FrameEffects();
      term += rise;
      let last = summary.lastIndex;
      if (truncate > 5) {
        const from = Math.max(30, last - truncate);
        frame.addState({ type: 'truncate', from });
        last = Math.min(last, from - 1);
      }
      for (let i = 1; i <= count; i++) frame.addEntry(term, last + i, i === 3 ? 'config' : 'normal');
      if (vote !== undefined) frame.addState({ type: 'hardState', state: { term, votedFor: vote } });
      expect(summary.accepts(frame)).toBe(true);
      summary.addFrame(frame, 64 + count * 40);
    }
    return summary;
  }

  it('gives back the summary of its segment, and fits into the space that was kept for it', () => {
    fc.assert(
      fc.property(fc.array(effects, { maxLength: 40 }), (choices) => {
        const summary = summaryOf(choices);
        const bytes = encodeFooter(summary, 77);
        const counts = {
          stretches: summary.stretches.length,
          termRuns: summary.termRuns.length,
          configs: summary.configIndexes.length,
        };
        expect(bytes.length).toBeLessThanOrEqual(footerBytesMax(counts));
        const trailer = decodeFooterTrailer(bytes.subarray(-FOOTER_TRAILER_BYTES), 77);
        expect(trailer).toMatchObject({ lastSeq: summary.lastSeq, endOffset: summary.endOffset });
        if (trailer === undefined) return;
        expect(decodeFooterBody(bytes.subarray(0, -FOOTER_TRAILER_BYTES), trailer)).toEqual(summary);
      }),
    );
  });

  it('with any byte changed, or from another use of the file, is no footer', () => {
    const bytes = encodeFooter(summaryOf([{ entries: 4, term: 1, truncate: 0, vote: 3 }]), 77);
    const read = (from: Uint8Array, seed: number): unknown => {
      const trailer = decodeFooterTrailer(from.subarray(-FOOTER_TRAILER_BYTES), seed);
      return trailer && decodeFooterBody(from.subarray(0, -FOOTER_TRAILER_BYTES), trailer);
    };
    expect(read(bytes, 77)).toBeDefined();
    expect(read(bytes, 78)).toBeUndefined();
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(read(changed, 77), `byte ${at}`).toBeUndefined();
    }
  });
});

describe('a new log', () => {
  it('is the same bytes for the same randomness: nothing else is left to chance', async () => {
    const first = disk();
    const second = disk();
    for (const vfs of [first, second]) {
      const log = await open(vfs);
      log.append(entries(1, 3));
      await log.close();
    }
    expect(first.contents('/data/log')).toEqual(second.contents('/data/log'));
    expect(first.size(segmentPath(1))).toBe(8192);
  });
});
