// Frame headers, records and footers that their checksums approve of and that are wrong all the same: a checksum proves
// what was written, not that it makes sense.

import { MsgpackWriter, RaftError } from '@waldb/core';
import { checksum } from '@waldb/io';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  decodeFooterBody,
  decodeFooterTrailer,
  encodeFooter,
  FOOTER_TRAILER_BYTES,
  type FooterTrailer,
  footerBytesMax,
} from '../../src/format/footer.js';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameBytes,
  paddedBytes,
  readFrameHeader,
  writeFrameHeader,
} from '../../src/format/frame.js';
import { viewOf } from '../../src/format/little-endian.js';
import {
  encodeStateRecord,
  plainRecordBytes,
  readRecords,
  writePlainRecord,
} from '../../src/format/record.js';
import { decodeSegmentHeader, segmentSeed } from '../../src/format/segment-header.js';
import { SegmentSummary } from '../../src/state/segment-summary.js';
import { DIRECTORY, newDisk, runWorkload } from '../support/workload.js';

const MAX = Number.MAX_SAFE_INTEGER;

const PLACE = { seed: 0xdead_beef, offset: 8192 };
const HEADER: FrameHeader = {
  payloadCrc: 0xf234_5678,
  payloadBytes: 1000,
  kind: 'batch',
  recordCount: 3,
  entryCount: 2,
  frameSeq: 20,
  durableSeq: 10,
  firstIndex: 30,
  lastTerm: 9,
};

function written(header: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  writeFrameHeader(bytes, 0, header, PLACE);
  return bytes;
}

/** A header that was changed and given a right checksum again. */
function resealed(change: (view: DataView) => void, header = HEADER): Uint8Array {
  const bytes = written(header);
  const view = viewOf(bytes);
  change(view);
  view.setUint32(0, checksum(bytes.subarray(4), PLACE.seed), true);
  return bytes;
}

describe('a frame header', () => {
  it('has a kind of three', () => {
    for (const kind of ['batch', 'idle', 'close'] as const) {
      expect(readFrameHeader(written({ ...HEADER, kind }), 0, PLACE)).toEqual({ ...HEADER, kind });
    }
    for (const code of [0, 4, 5, 255, 256, 2 ** 31]) {
      expect(
        readFrameHeader(
          resealed((view) => view.setUint32(12, code, true)),
          0,
          PLACE,
        ),
      ).toBeUndefined();
    }
  });

  it('may claim every number up to 2^53 - 1, and none above', () => {
    const largest = { ...HEADER, frameSeq: MAX, durableSeq: MAX - 1, firstIndex: MAX - 2, lastTerm: MAX };
    expect(readFrameHeader(written(largest), 0, PLACE)).toEqual(largest);
    for (const at of [32, 40, 48, 56]) {
      const bytes = resealed((view) => view.setBigUint64(at, 2n ** 53n, true), largest);
      expect(readFrameHeader(bytes, 0, PLACE), `at ${at}`).toBeUndefined();
    }
    // Its last index would be above.
    expect(readFrameHeader(written({ ...largest, firstIndex: MAX - 1 }), 0, PLACE)).toBeUndefined();
  });

  it('proves frames before it, never itself', () => {
    expect(readFrameHeader(written({ ...HEADER, durableSeq: 19 }), 0, PLACE)?.durableSeq).toBe(19);
    expect(readFrameHeader(written({ ...HEADER, durableSeq: 20 }), 0, PLACE)).toBeUndefined();
    expect(readFrameHeader(written({ ...HEADER, durableSeq: 21 }), 0, PLACE)).toBeUndefined();
  });

  it('has no more entries than records', () => {
    const read = (entryCount: number): unknown =>
      readFrameHeader(written({ ...HEADER, entryCount }), 0, PLACE)?.entryCount;
    expect([read(0), read(3), read(4)]).toEqual([0, 3, undefined]);
  });

  it('is written and read in the middle of a buffer, and touches nothing beside it', () => {
    const bytes = new Uint8Array(200).fill(0xee);
    writeFrameHeader(bytes, 72, HEADER, PLACE);
    expect(readFrameHeader(bytes, 72, PLACE)).toEqual(HEADER);
    expect(readFrameHeader(bytes, 71, PLACE)).toBeUndefined();
    expect([...bytes.subarray(0, 72), ...bytes.subarray(136)].every((byte) => byte === 0xee)).toBe(true);
    expect(readFrameHeader(bytes.subarray(0, 135), 72, PLACE)).toBeUndefined();
    expect(readFrameHeader(bytes.subarray(0, 136), 72, PLACE)).toEqual(HEADER);
    expect(readFrameHeader(bytes, 200, PLACE)).toBeUndefined();
  });

  it('takes 64 bytes; payloads are filled up to whole words of 8', () => {
    expect([0, 1, 7, 8, 9, 16, 17].map(paddedBytes)).toEqual([0, 8, 8, 8, 16, 16, 24]);
    expect([0, 1, 8, 2 ** 32 - 1].map(frameBytes)).toEqual([64, 72, 72, 2 ** 32 + 64]);
  });
});

describe('a record', () => {
  const packr = new Packr({ useRecords: false });
  const read = (value: unknown): unknown => [...readRecords(packr.pack(value))];

  it('has its tag and as many fields as its tag says', () => {
    const good: readonly (readonly [unknown[], unknown])[] = [
      [[3, 5, 2], { type: 'hardState', state: { term: 5, votedFor: 2 } }],
      [[3, 5, null], { type: 'hardState', state: { term: 5, votedFor: undefined } }],
      [[4, 9], { type: 'truncate', from: 9 }],
      [
        [5, 8, 2, true, 100, 7],
        { type: 'snapshot', snapshot: { index: 8, term: 2, fileBytes: 100, payloadCrc: 7 }, resets: true },
      ],
      [[6, 8, 2], { type: 'compact', index: 8, term: 2 }],
    ];
    for (const [value, record] of good) {
      expect(read(value)).toEqual([record]);
      expect(() => read([...value, 1]), `one field more than ${value}`).toThrow(RaftError);
      expect(() => read(value.slice(0, -1)), `one field less than ${value}`).toThrow(RaftError);
      for (let field = 1; field < value.length; field++) {
        const wrong = value.with(field, 'text');
        expect(() => read(wrong), `field ${field} of ${value}`).toThrow(RaftError);
      }
    }
  });

  it('of a plain log has a number from 1 and bytes, and is an entry of no term', () => {
    for (const length of [0, 1, 255, 256, 65_535, 65_536]) {
      for (const lsn of [1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, MAX]) {
        const data = new Uint8Array(length).fill(7);
        const target = new Uint8Array(plainRecordBytes(lsn, length) + 10).fill(0xee);
        const end = writePlainRecord(target, 5, lsn, data);
        expect(end).toBe(target.length - 5);
        expect([...target.subarray(0, 5), ...target.subarray(end)].every((byte) => byte === 0xee)).toBe(true);
        const bytes = target.subarray(5, end);
        const expected = new MsgpackWriter().arrayHeader(3).uint(7).uint(lsn).binary(data).finish();
        expect(Buffer.compare(bytes, expected)).toBe(0);
        const [record, ...more] = readRecords(bytes);
        expect(record).toMatchObject({ type: 'entry', entry: { term: 0, index: lsn, kind: 'normal' } });
        expect(record?.type === 'entry' && Buffer.compare(record.entry.command, data)).toBe(0);
        expect(more).toEqual([]);
      }
    }
    for (const wrong of [
      [7, 0, Buffer.from([1])],
      [7, 1],
      [7, 1, Buffer.from([1]), 2],
      [7, 1, 'text'],
      [7, null, Buffer.from([1])],
    ])
      expect(() => read(wrong)).toThrow(RaftError);
  });

  it('of a tag that this version does not know is refused', () => {
    for (const tag of [8, 100, 2 ** 40]) expect(() => read([tag, 1, 1])).toThrow(RaftError);
    expect(() => read([])).toThrow(RaftError);
    // What is one field too many is no record of its own either, though it may look like one.
    for (const value of [
      [4, 9],
      [6, 9, 1],
      [3, 9, 1],
      [7, 9, Buffer.from([1])],
    ])
      expect(() => read([...value, [4, 9]])).toThrow(RaftError);
    expect(() => read('text')).toThrow(RaftError);
  });

  it('is as long as its fields: no byte is left over', () => {
    const bytes = encodeStateRecord({ type: 'truncate', from: 300 });
    expect(bytes).toEqual(Uint8Array.from([0x92, 4, 0xcd, 0x01, 0x2c]));
    for (let length = 1; length < bytes.length; length++) {
      expect(() => [...readRecords(bytes.subarray(0, length))], `cut at ${length}`).toThrow(RaftError);
    }
    expect([...readRecords(bytes.subarray(0, 0))]).toEqual([]);
  });
});

describe('a footer', () => {
  const SEED = 4711;

  it('is an array of eight before a trailer of 64 bytes', () => {
    const summary = fullSummary();
    const bytes = encodeFooter(summary, SEED);
    const body = bytes.subarray(0, -64);
    const trailer = bytes.subarray(-64);
    expect(new Unpackr({ useRecords: false, int64AsType: 'number' }).unpack(body)).toEqual([
      38,
      44,
      [7, 3],
      [30, 2, 999, 0xffff_fff0],
      [20, 1],
      [4096, 200, 39, 41, 5000, 300, 42, 44],
      [39, 5, 43, 7],
      [40],
    ]);
    const view = viewOf(trailer);
    expect(view.getUint32(0, true)).toBe(checksum(trailer.subarray(4), SEED));
    expect(view.getUint32(4, true)).toBe(checksum(body));
    expect(view.getUint32(8, true)).toBe(body.length);
    expect(view.getUint32(12, true)).toBe(0);
    expect(new TextDecoder().decode(trailer.subarray(16, 24))).toBe('WALDBFTR');
    expect([view.getBigUint64(24, true), view.getBigUint64(32, true)]).toEqual([6000n, 77n]);
    expect(trailer.subarray(40).every((byte) => byte === 0)).toBe(true);
    expect(read(bytes)).toEqual(summary);
  });

  it('says nil for what a segment does not have', () => {
    const empty = new SegmentSummary({ baseIndex: 3, offset: 4096, firstSeq: 9 });
    const bytes = encodeFooter(empty, SEED);
    expect(new Unpackr().unpack(bytes.subarray(0, -64))).toEqual([3, 3, null, null, null, [], [], []]);
    expect(read(bytes)).toEqual(empty);
    const novote = Object.assign(fullSummary(), { hardState: { term: 7, votedFor: undefined } });
    expect(read(encodeFooter(novote, SEED))).toEqual(novote);
  });

  it('needs a right trailer: its length, its magic, its numbers', () => {
    const trailer = encodeFooter(fullSummary(), SEED).slice(-64);
    const changed = (change: (view: DataView) => void): Uint8Array => {
      const bytes = trailer.slice();
      change(viewOf(bytes));
      viewOf(bytes).setUint32(0, checksum(bytes.subarray(4), SEED), true);
      return bytes;
    };
    expect(decodeFooterTrailer(trailer, SEED)).toMatchObject({ endOffset: 6000, lastSeq: 77 });
    expect(decodeFooterTrailer(trailer.subarray(0, 63), SEED)).toBeUndefined();
    expect(decodeFooterTrailer(new Uint8Array(65), SEED)).toBeUndefined();
    for (let at = 16; at < 24; at++) {
      expect(
        decodeFooterTrailer(
          changed((view) => view.setUint8(at, view.getUint8(at) ^ 1)),
          SEED,
        ),
      ).toBeUndefined();
    }
    for (const at of [24, 32]) {
      expect(
        decodeFooterTrailer(
          changed((view) => view.setBigUint64(at, 2n ** 53n, true)),
          SEED,
        ),
      ).toBeUndefined();
      expect(
        decodeFooterTrailer(
          changed((view) => view.setBigUint64(at, BigInt(MAX), true)),
          SEED,
        ),
      ).toBeDefined();
    }
  });

  it('with a body that is well-formed and not a footer counts for nothing', () => {
    const good: readonly unknown[] = [
      38,
      41,
      [7, 3],
      [30, 2, 999, 1],
      [20, 1],
      [4096, 200, 39, 41],
      [39, 5],
      [40],
    ];
    expect(readBody(good)).toBeDefined();
    const bad: readonly unknown[] = [
      good.slice(0, 7),
      [...good, 1],
      good.with(0, null),
      good.with(1, 'x'),
      good.with(2, [7]),
      good.with(2, [7, 3, 1]),
      good.with(2, 7),
      good.with(3, [30, 2, 999]),
      good.with(3, [30, 2, 999, 1, 1]),
      good.with(4, [20]),
      good.with(4, [20, 1, 1]),
      good.with(5, [4096, 200, 39]),
      good.with(5, [4096, 200, 39, 41, 5000]),
      good.with(5, 'stretches'),
      good.with(6, [39]),
      good.with(6, null),
      good.with(7, [null]),
      good.with(7, 40),
      'text',
    ];
    for (const body of bad) expect(readBody(body), JSON.stringify(body)).toBeUndefined();
  });

  it('with bytes behind its body, or another length than its trailer says, counts for nothing', () => {
    const body = new Packr().pack([0, 0, null, null, null, [], [], []]);
    const longer = new Uint8Array([...body, 0xc0]);
    expect(decodeFooterBody(body, trailerOf(body))).toBeDefined();
    expect(decodeFooterBody(longer, trailerOf(longer))).toBeUndefined();
    expect(decodeFooterBody(body, { ...trailerOf(body), bodyBytes: body.length + 1 })).toBeUndefined();
    expect(decodeFooterBody(body, { ...trailerOf(body), bodyCrc: 1 })).toBeUndefined();
  });

  it('whose parts do not agree counts for nothing: the frames are read instead', () => {
    const two = [4096, 200, 39, 41, 4400, 1600, 42, 44];
    const good = {
      kept: 38,
      last: 44,
      compacted: null,
      stretches: two,
      runs: [39, 5, 43, 7],
      configs: [39, 44],
    };
    const isRead = (change: Partial<Record<keyof typeof good, unknown>>): boolean => {
      const { kept, last, compacted, stretches, runs, configs } = { ...good, ...change };
      return readBody([kept, last, null, null, compacted, stretches, runs, configs]) !== undefined;
    };
    expect(isRead({})).toBe(true);
    const right: readonly Partial<Record<keyof typeof good, unknown>>[] = [
      { kept: 0, compacted: [38, 4] }, // a snapshot has dropped what was before
      { kept: 0, compacted: [40, 4] }, // and more was given up since
      { compacted: [38, 4] },
      { kept: 44, stretches: [], runs: [], configs: [] },
      { kept: 0, compacted: [44, 4], stretches: [], runs: [], configs: [] },
      { stretches: two.with(5, 1536) },
      { stretches: [4096, 64, 39, 41, 4160, 64, 42, 44] },
      { runs: [39, 5] },
      { runs: [39, 5, 44, 6] },
      { configs: [] },
    ];
    for (const change of right) expect(isRead(change), JSON.stringify(change)).toBe(true);
    const wrong: readonly Partial<Record<keyof typeof good, unknown>>[] = [
      { kept: 37 },
      { kept: 39 },
      { kept: 0 },
      { kept: 0, compacted: [37, 4] },
      { kept: 1, compacted: [38, 4] },
      { last: 43 },
      { last: 45 },
      { stretches: [], runs: [], configs: [] },
      { stretches: two.with(2, 38) },
      { stretches: two.with(2, 42) },
      { stretches: two.with(3, 40) },
      { stretches: [4096, 64, 39, 38, 4160, 64, 39, 44] },
      { stretches: two.with(6, 43) },
      { stretches: two.with(0, 4095) },
      { stretches: two.with(1, 305) },
      { stretches: two.with(1, 63) },
      { stretches: two.with(5, 1601) },
      { stretches: two.with(5, 2 ** 50) },
      { runs: [] },
      { runs: [38, 5, 43, 7] },
      { runs: [40, 5, 43, 7] },
      { runs: [39, 5, 45, 7] },
      { runs: [39, 5, 43, 5] },
      { runs: [39, 5, 43, 4] },
      { runs: [39, 5, 39, 7] },
      { configs: [38] },
      { configs: [45] },
      { configs: [40, 40] },
      { configs: [41, 40] },
      { kept: 44, stretches: [], runs: [], configs: [44] },
      { kept: 44, stretches: [], runs: [45, 1], configs: [] },
    ];
    for (const change of wrong) expect(isRead(change), JSON.stringify(change)).toBe(false);
  });

  it('that a log has written is believed, whatever the log went through', async () => {
    let believed = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const options = { seed: 9000 + seed, steps: 60 };
      const vfs = newDisk(options);
      await runWorkload(vfs, options);
      for (const [name, bytes] of vfs.contents(DIRECTORY)) {
        if (!name.endsWith('.wal')) continue;
        const page = decodeSegmentHeader(bytes.subarray(0, 4096));
        const trailer =
          page.type === 'valid' && decodeFooterTrailer(bytes.subarray(-64), segmentSeed(page.header));
        if (!trailer) continue; // the tail
        const body = bytes.subarray(bytes.length - 64 - trailer.bodyBytes, bytes.length - 64);
        expect(decodeFooterBody(body, trailer), `seed ${seed}, ${name}`).toBeDefined();
        believed += 1;
      }
    }
    expect(believed).toBeGreaterThan(60);
  });

  it('W21: with a count far beyond its bytes counts for nothing, and costs nothing', () => {
    const bytes = new MsgpackWriter().arrayHeader(8).uint(0).uint(0).nil().nil().nil().finish();
    const absurd = new Uint8Array([...bytes, 0xdd, 0xff, 0xff, 0xff, 0xfc]);
    expect(decodeFooterBody(absurd, trailerOf(absurd))).toBeUndefined();
  });

  it('fits into the space that is kept for it, however large its numbers', () => {
    const summary = fullSummary();
    summary.hardState = { term: MAX, votedFor: MAX };
    summary.snapshot = { index: MAX, term: MAX, fileBytes: MAX, payloadCrc: MAX };
    summary.compacted = { index: MAX, term: MAX };
    Object.assign(summary, { keptThrough: MAX, lastIndex: MAX });
    for (let i = 0; i < 70_000; i++) {
      summary.stretches.push({ offset: MAX, bytes: MAX, first: MAX, last: MAX });
      summary.termRuns.push({ first: MAX, term: MAX });
      summary.configIndexes.push(MAX);
    }
    const counts = {
      stretches: summary.stretches.length,
      termRuns: summary.termRuns.length,
      configs: summary.configIndexes.length,
    };
    const bytes = encodeFooter(summary, SEED).length;
    expect(bytes).toBeLessThanOrEqual(footerBytesMax(counts));
    // Nor is much more kept than is needed.
    expect(footerBytesMax(counts) - bytes).toBeLessThan(256);
    expect(footerBytesMax({ stretches: 0, termRuns: 0, configs: 0 })).toBe(64 + 192);
    expect(footerBytesMax({ stretches: 1, termRuns: 10, configs: 100 })).toBe(64 + 192 + 36 + 180 + 900);
  });

  function read(bytes: Uint8Array): SegmentSummary | undefined {
    const trailer = decodeFooterTrailer(bytes.subarray(-FOOTER_TRAILER_BYTES), SEED);
    return trailer && decodeFooterBody(bytes.subarray(0, -FOOTER_TRAILER_BYTES), trailer);
  }

  function readBody(value: unknown): SegmentSummary | undefined {
    const body = new Packr({ useRecords: false }).pack(value);
    return decodeFooterBody(body, trailerOf(body));
  }

  function trailerOf(body: Uint8Array): FooterTrailer {
    return { bodyCrc: checksum(body), bodyBytes: body.length, endOffset: 6000, lastSeq: 1 };
  }

  function fullSummary(): SegmentSummary {
    const summary = new SegmentSummary({ baseIndex: 38, offset: 6000, firstSeq: 78 });
    summary.lastIndex = 44;
    summary.hardState = { term: 7, votedFor: 3 };
    summary.snapshot = { index: 30, term: 2, fileBytes: 999, payloadCrc: 0xffff_fff0 };
    summary.compacted = { index: 20, term: 1 };
    summary.stretches.push({ offset: 4096, bytes: 200, first: 39, last: 41 });
    summary.stretches.push({ offset: 5000, bytes: 300, first: 42, last: 44 });
    summary.termRuns.push({ first: 39, term: 5 }, { first: 43, term: 7 });
    summary.configIndexes.push(40);
    return summary;
  }
});
