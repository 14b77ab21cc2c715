// Segment headers and metadata slots: every field at its place, every check at its boundary, in the order of
// docs/wal-format.md, "Pages".

import { checksum } from '@waldb/io';
import { describe, expect, it } from 'vitest';
import { hexToId, idToHex, readUint64, viewOf, writeUint64 } from '../../src/format/little-endian.js';
import {
  decodeMetadata,
  encodeMetadata,
  METADATA_BYTES,
  type Metadata,
  metadataSlotOffset,
} from '../../src/format/metadata.js';
import { PAGE_BYTES, sealPage } from '../../src/format/page.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
  segmentSeed,
} from '../../src/format/segment-header.js';

const MAX = Number.MAX_SAFE_INTEGER;

const HEADER: SegmentHeader = {
  logId: '0123456789abcdef',
  kind: 'raft',
  segmentId: 0x0102_0304_0506,
  segmentBytes: 2 ** 26,
  baseIndex: 100,
  firstSeq: 200,
  publishedSeq: 203,
  salt: Uint8Array.from([11, 12, 13, 14, 15, 16, 17, 18]),
  wasUsed: false,
};

const METADATA: Metadata = {
  logId: 'fedcba9876543210',
  kind: 'raft',
  generation: 5,
  firstSegmentId: 2,
  lastSegmentId: 4,
  compacted: { index: 10, term: 3 },
  snapshot: { index: 12, term: 6, fileBytes: 2 ** 40, payloadCrc: 0xffff_fff0 },
  durableSeq: 2 ** 45,
};

/** A page written field by field, without the code under test. */
function pageOf(
  magic: string,
  fields: Readonly<Record<number, readonly [bits: 32 | 64, value: number]>>,
  bytesAt: Readonly<Record<number, readonly number[]>>,
): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  page.set(new TextEncoder().encode(magic), 0);
  for (const [at, [bits, value]] of Object.entries(fields)) {
    if (bits === 32) view.setUint32(Number(at), value, true);
    else view.setBigUint64(Number(at), BigInt(value), true);
  }
  for (const [at, bytes] of Object.entries(bytesAt)) page.set(bytes, Number(at));
  view.setUint32(4092, checksum(page.subarray(0, 4092)), true);
  return page;
}

/** The page with a change that its checksum covers: what a program with other ideas might have written. */
function resealed(page: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const changed = page.slice();
  change(viewOf(changed));
  sealPage(changed);
  return changed;
}

function setUint64(at: number, value: number | bigint): (view: DataView) => void {
  return (view) => view.setBigUint64(at, BigInt(value), true);
}

function setUint32(at: number, value: number): (view: DataView) => void {
  return (view) => view.setUint32(at, value, true);
}

describe('a page on disk', () => {
  it('of a segment has each field at its place', () => {
    const expected = pageOf(
      'WALDBSEG',
      {
        8: [32, 1],
        12: [32, 1],
        24: [32, 1],
        32: [64, HEADER.segmentId],
        40: [64, 2 ** 26],
        48: [64, 100],
        56: [64, 200],
        64: [64, 203],
      },
      { 16: [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef], 72: [...HEADER.salt] },
    );
    expect(encodeSegmentHeader(HEADER)).toEqual(expected);
    expect(decodeSegmentHeader(expected)).toEqual({ type: 'valid', header: HEADER });
    const used = { ...HEADER, wasUsed: true };
    expect(decodeSegmentHeader(encodeSegmentHeader(used))).toEqual({ type: 'valid', header: used });
    expect([...encodeSegmentHeader(used).subarray(80, 84)]).toEqual([1, 0, 0, 0]);
    expect(viewOf(encodeSegmentHeader({ ...HEADER, kind: 'plain' })).getUint32(24, true)).toBe(2);
  });

  it('of the metadata has each field at its place, with and without a snapshot', () => {
    const fields = {
      8: [32, 1],
      12: [32, 1],
      24: [32, 1],
      32: [64, 5],
      40: [64, 2],
      48: [64, 4],
      56: [64, 10],
      64: [64, 3],
      104: [64, 2 ** 45],
    } as const;
    const snapshot = { 72: [64, 12], 80: [64, 6], 88: [64, 2 ** 40], 96: [32, 0xffff_fff0] } as const;
    const logId = { 16: [0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10] };
    const expected = pageOf('WALDBMET', { ...fields, ...snapshot }, logId);
    expect(encodeMetadata(METADATA)).toEqual(expected);
    expect(decodeMetadata(expected)).toEqual({ type: 'valid', metadata: METADATA });
    const without = { ...METADATA, snapshot: undefined };
    expect(encodeMetadata(without)).toEqual(pageOf('WALDBMET', fields, logId));
    expect(decodeMetadata(encodeMetadata(without))).toEqual({ type: 'valid', metadata: without });
  });

  it('generations take turns: the odd ones have the second slot', () => {
    expect([1, 2, 3, 4].map(metadataSlotOffset)).toEqual([4096, 0, 4096, 0]);
    expect([PAGE_BYTES, METADATA_BYTES]).toEqual([4096, 8192]);
  });
});

const PAGES = [
  ['WALDBSEG', encodeSegmentHeader(HEADER), decodeSegmentHeader],
  ['WALDBMET', encodeMetadata(METADATA), decodeMetadata],
] as const;

describe.each(PAGES)('a page that begins with %s', (magic, page, decode) => {
  it('counts only in its whole length', () => {
    for (const bytes of [0, 1, 4091, 4092, 4095]) {
      expect(decode(page.subarray(0, bytes))).toEqual({ type: 'damaged', why: `has ${bytes} bytes` });
    }
    expect(decode(new Uint8Array(4097))).toEqual({ type: 'damaged', why: 'has 4097 bytes' });
  });

  it('with any byte changed does not match its checksum, whatever else that byte says', () => {
    const why = 'does not match its checksum';
    for (let at = 0; at < 4096; at++) {
      const changed = page.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect(decode(changed), `byte ${at}`).toEqual({ type: 'damaged', why });
    }
  });

  it('is told from other files by each byte of its magic', () => {
    for (let at = 0; at < 8; at++) {
      const changed = resealed(page, (view) => view.setUint8(at, view.getUint8(at) ^ 1));
      expect(decode(changed)).toEqual({ type: 'damaged', why: `does not begin with ${magic}` });
    }
  });

  it('W29: of a newer version is named before anything else in it is looked at', () => {
    for (const version of [2, 3, 0xffff_ffff]) {
      const newer = resealed(page, (view) => {
        view.setUint32(8, version, true);
        view.setUint32(12, 77, true);
        view.setUint32(24, 77, true);
        for (let at = 32; at < 128; at += 8) view.setBigUint64(at, 2n ** 63n, true);
      });
      expect(decode(newer)).toEqual({ type: 'newer', version });
    }
    expect(decode(resealed(page, setUint32(8, 0)))).toEqual({ type: 'damaged', why: 'has version 0' });
  });

  it('of an unknown checksum or an unknown kind of log is damaged', () => {
    for (const kind of [0, 2, 0xffff_ffff]) {
      expect(decode(resealed(page, setUint32(12, kind)))).toEqual({
        type: 'damaged',
        why: 'has an unknown checksum kind',
      });
    }
    for (const kind of [0, 3, 0xffff_ffff]) {
      expect(decode(resealed(page, setUint32(24, kind)))).toEqual({
        type: 'damaged',
        why: 'belongs to an unknown kind of log',
      });
    }
    expect(decode(resealed(page, setUint32(24, 2))).type).toBe('valid');
  });
});

describe('numbers in a page', () => {
  const unsafe = { type: 'damaged', why: 'has a field that is no safe integer' };

  it('of a segment are at most 2^53 - 1, each', () => {
    const page = encodeSegmentHeader(HEADER);
    for (const at of [32, 40, 48, 56, 64]) {
      for (const value of [2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
        expect(decodeSegmentHeader(resealed(page, setUint64(at, value))), `at ${at}`).toEqual(unsafe);
      }
    }
    const header = {
      ...HEADER,
      segmentId: MAX,
      segmentBytes: MAX,
      baseIndex: MAX,
      firstSeq: MAX,
      publishedSeq: MAX,
    };
    expect(decodeSegmentHeader(encodeSegmentHeader(header))).toEqual({ type: 'valid', header });
  });

  it('of the metadata are at most 2^53 - 1, each', () => {
    const page = encodeMetadata(METADATA);
    for (const at of [32, 40, 48, 56, 64, 72, 80, 88, 104]) {
      for (const value of [2n ** 53n, 2n ** 64n - 1n]) {
        expect(decodeMetadata(resealed(page, setUint64(at, value))), `at ${at}`).toEqual(unsafe);
      }
    }
    const metadata: Metadata = {
      ...METADATA,
      generation: MAX,
      firstSegmentId: MAX,
      lastSegmentId: MAX,
      compacted: { index: MAX, term: MAX },
      snapshot: { index: MAX, term: MAX, fileBytes: MAX, payloadCrc: 0xffff_ffff },
      durableSeq: MAX,
    };
    expect(decodeMetadata(encodeMetadata(metadata))).toEqual({ type: 'valid', metadata });
  });

  it('of a segment begin at 1 where 0 would mean nothing', () => {
    const impossible = { type: 'damaged', why: 'has impossible fields' };
    const read = (change: Partial<SegmentHeader>): unknown =>
      decodeSegmentHeader(encodeSegmentHeader({ ...HEADER, ...change }));
    expect(read({ segmentId: 0 })).toEqual(impossible);
    expect(read({ firstSeq: 0 })).toEqual(impossible);
    expect(read({ firstSeq: 0, publishedSeq: 0 })).toEqual(impossible);
    expect(read({ firstSeq: 200, publishedSeq: 199 })).toEqual(impossible);
    expect(read({ firstSeq: 200, publishedSeq: 200 })).toMatchObject({ type: 'valid' });
    expect(read({ segmentId: 1, firstSeq: 1, publishedSeq: 1 })).toMatchObject({ type: 'valid' });
    expect(read({ baseIndex: 0 })).toMatchObject({ type: 'valid' });
  });

  it('of the metadata name a first segment, and everything else may be 0', () => {
    const read = (change: Partial<Metadata>): unknown =>
      decodeMetadata(encodeMetadata({ ...METADATA, ...change }));
    expect(read({ firstSegmentId: 0 })).toEqual({ type: 'damaged', why: 'names no first segment' });
    // It would give up every segment there is.
    const behind = { type: 'damaged', why: 'names a first segment behind the last one' };
    expect(read({ firstSegmentId: 5, lastSegmentId: 4 })).toEqual(behind);
    expect(read({ firstSegmentId: 2, lastSegmentId: 0 })).toEqual(behind);
    expect(read({ firstSegmentId: 4, lastSegmentId: 4 })).toMatchObject({ type: 'valid' });
    const empty = { generation: 0, firstSegmentId: 1, lastSegmentId: 0, durableSeq: 0, snapshot: undefined };
    expect(read({ ...empty, compacted: { index: 0, term: 0 } })).toMatchObject({ type: 'valid' });
  });
});

describe('the seed of a segment', () => {
  it('is the checksum of salt and id, so that no two uses of a file share it', () => {
    const bytes = new Uint8Array(16);
    bytes.set(HEADER.salt, 0);
    new DataView(bytes.buffer).setBigUint64(8, BigInt(HEADER.segmentId), true);
    expect(segmentSeed(HEADER)).toBe(checksum(bytes));
    expect(segmentSeed({ ...HEADER, segmentId: HEADER.segmentId + 1 })).not.toBe(segmentSeed(HEADER));
    expect(segmentSeed({ ...HEADER, salt: new Uint8Array(8) })).not.toBe(segmentSeed(HEADER));
  });
});

describe('numbers of 64 bits', () => {
  it('are little-endian, and exact up to 2^53 - 1', () => {
    const view = new DataView(new ArrayBuffer(24));
    for (const value of [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 12_345, MAX]) {
      writeUint64(view, 8, value);
      expect(view.getBigUint64(8, true)).toBe(BigInt(value));
      expect(readUint64(view, 8)).toBe(value);
      expect([view.getBigUint64(0), view.getBigUint64(16)]).toEqual([0n, 0n]);
    }
  });

  it('are never mistaken for a small one: what is too large reads as too large', () => {
    const view = new DataView(new ArrayBuffer(8));
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      view.setBigUint64(0, value, true);
      expect(Number.isSafeInteger(readUint64(view, 0))).toBe(false);
    }
  });

  it('ids are 16 hex digits, first byte first', () => {
    const bytes = Uint8Array.from([0, 1, 15, 16, 127, 128, 254, 255]);
    expect(idToHex(bytes)).toBe('00010f107f80feff');
    expect(hexToId('00010f107f80feff')).toEqual(bytes);
  });
});
