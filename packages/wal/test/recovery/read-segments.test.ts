// Segments in a row, read as a log: which are believed, which are refused, in which words, and that no file stays open.

import type { LogEntry } from '@waldb/core';
import { checksum, type OpenMode, type OpenOptions, type VfsFile } from '@waldb/io';
import { FaultVfs } from '@waldb/testkit';
import { WalError } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { encodeFooter } from '../../src/format/footer.js';
import type { Metadata } from '../../src/format/metadata.js';
import { sealPage } from '../../src/format/page.js';
import { type SegmentHeader, segmentSeed } from '../../src/format/segment-header.js';
import { readSegments, type SegmentsState } from '../../src/recovery/read-segments.js';
import { SegmentSummary } from '../../src/state/segment-summary.js';
import { type CraftedFrame, craft, frame, LOG_ID } from '../support/crafted-segment.js';
import { DIRECTORY, segmentName, segmentPath } from '../support/log-fixture.js';

const METADATA: Metadata = {
  logId: LOG_ID,
  kind: 'raft',
  generation: 2,
  firstSegmentId: 1,
  lastSegmentId: 2,
  compacted: { index: 0, term: 0 },
  snapshot: undefined,
  durableSeq: 0,
};

/** Counts the files that are open. */
class CountingVfs extends FaultVfs {
  openFiles = 0;

  override open(path: string, mode: OpenMode, options?: OpenOptions): VfsFile {
    const file = super.open(path, mode, options);
    this.openFiles += 1;
    let isOpen = true;
    return {
      ...file,
      close: () => {
        if (isOpen) this.openFiles -= 1;
        isOpen = false;
        file.close();
      },
    };
  }
}

function entry(index: number, term = 3): LogEntry {
  return { index, term, kind: 'normal', command: new Uint8Array(20).fill(index) };
}

const FIRST = [frame(1, [entry(1)]), frame(2, [entry(2)]), frame(3, [entry(3), entry(4)])];
const SECOND = [frame(4, [entry(5)]), frame(5, [entry(6)])];
const SECOND_HEADER = { segmentId: 2, baseIndex: 4, firstSeq: 4, publishedSeq: 4 };

interface Changes {
  readonly first?: readonly CraftedFrame[];
  readonly firstHeader?: Partial<SegmentHeader>;
  readonly secondHeader?: Partial<SegmentHeader>;
  readonly metadata?: Partial<Metadata>;
  /** On the bytes of the first segment. */
  readonly damage?: (bytes: Uint8Array) => Uint8Array;
}

function make({ first = FIRST, firstHeader, secondHeader, damage = (bytes) => bytes }: Changes): CountingVfs {
  const vfs = new CountingVfs();
  vfs.mkdir('/data');
  vfs.mkdir(DIRECTORY);
  const one = craft(first, { publishedSeq: 1, ...firstHeader });
  const two = craft(SECOND, { ...SECOND_HEADER, salt: new Uint8Array(8).fill(9), ...secondHeader });
  for (const [id, bytes] of [
    [1, damage(one.bytes)],
    [2, two.bytes],
  ] as const) {
    const file = vfs.open(segmentPath(id), 'create');
    file.write(bytes, 0);
    file.close();
  }
  return vfs;
}

function read(changes: Changes = {}, vfs = make(changes)): SegmentsState {
  try {
    return readSegments(vfs, DIRECTORY, { ...METADATA, ...changes.metadata }, [1, 2]);
  } finally {
    expect(vfs.openFiles).toBe(0);
  }
}

function refusal(changes: Changes, vfs = make(changes)): WalError {
  try {
    read(changes, vfs);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
  throw new Error('It was read.');
}

function summaryOf(state: SegmentsState): SegmentSummary {
  const [first] = state.segments;
  if (first === undefined) throw new Error('There is no segment.');
  return first.summary;
}

describe('segments in a row', () => {
  it('are read, each to where the next one goes on', () => {
    const state = read();
    expect(state.segments.map(({ summary }) => [summary.lastSeq, summary.lastIndex])).toEqual([
      [3, 4],
      [4, 5],
    ]);
    expect(state).toMatchObject({ provenSeq: 4, strayFrames: 0, tailGap: { seq: 6, isBlank: true } });
    expect(state.unproven.map(({ seq }) => seq)).toEqual([5]);
    expect(read({ metadata: { durableSeq: 5 } }).unproven).toEqual([]);
  });

  it('none, or one: there is no other to wait for', () => {
    const vfs = make({});
    expect(readSegments(vfs, DIRECTORY, { ...METADATA, durableSeq: 7 }, [])).toEqual({
      segments: [],
      unproven: [],
      provenSeq: 7,
      tailGap: undefined,
      strayFrames: 0,
    });
    expect(readSegments(vfs, DIRECTORY, METADATA, [1]).segments).toHaveLength(1);
    expect(vfs.openFiles).toBe(0);
  });

  it('whose numbers overlap are refused', () => {
    const error = refusal({ firstHeader: { publishedSeq: 4 } });
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 1, offset: 0 } });
    expect(error.message).toContain('the next segment goes on from frame 4, before its own');
    expect(error.message).not.toContain('Index');
    expect(read({ firstHeader: { publishedSeq: 3 } }).segments).toHaveLength(2);
  });

  it('with a frame missing in a sealed one are refused with its place, index and term', () => {
    const error = refusal({ first: FIRST.slice(0, 2) });
    const offset = 4096 + 2 * (64 + 32);
    expect(error).toMatchObject({
      code: 'WAL_CORRUPT',
      detail: { file: segmentName(1), segment: 1, offset, index: 3, term: 3, frameSeq: 3, provenSeq: 3 },
    });
    expect(error.message).toBe(
      `${segmentName(1)} is damaged at offset ${offset}: no frame header matches its checksum there. Index 3 was durable there and cannot be read.`,
    );
  });

  it('frames of a sealed one that the next has superseded are ignored', () => {
    const state = read({ first: [...FIRST, frame(4, [entry(5, 1)]), frame(5, [entry(6, 1)])] });
    expect(summaryOf(state)).toMatchObject({ lastSeq: 3, lastIndex: 4 });
  });
});

describe('the tail in a file that was used before', () => {
  const END = 4096 + (64 + 32) * 2 + 64 + 56;

  function isBlank(wasUsed: boolean, damage: (bytes: Uint8Array) => Uint8Array): boolean | undefined {
    const vfs = make({ firstHeader: { wasUsed }, damage });
    return readSegments(vfs, DIRECTORY, METADATA, [1]).tailGap?.isBlank;
  }

  it('W13: ends in leftovers of that use, which say nothing; in a new file the same bytes are a torn frame', () => {
    const rubbish = (bytes: Uint8Array): Uint8Array => bytes.fill(7, END, END + 64);
    expect([isBlank(true, rubbish), isBlank(false, rubbish)]).toEqual([true, false]);
    expect([isBlank(true, (bytes) => bytes), isBlank(false, (bytes) => bytes)]).toEqual([true, true]);
  });

  it('W13: ends in a torn frame where the header of one is right: that is of this use', () => {
    // The header of a fourth frame whose payload never came.
    const torn = craft([...FIRST, frame(4, [entry(5)])], { wasUsed: true }).bytes.fill(0, END + 64, END + 96);
    expect(isBlank(true, () => torn)).toBe(false);
  });

  it('W13: ends with the file, when no header fits in any more', () => {
    for (const room of [0, 8, 56, 64]) {
      const { bytes } = craft(FIRST, { wasUsed: true, segmentBytes: END + room });
      expect(
        isBlank(true, () => bytes.fill(7, END)),
        `${room} bytes of room`,
      ).toBe(true);
    }
  });
});

describe('the header of a segment', () => {
  it('W22: and the size of its file are compared, both ways', () => {
    const cases: readonly (readonly [number, number, string])[] = [
      [100, 0, 'it has 100 bytes, less than its header'],
      [4095, 0, 'it has 4095 bytes, less than its header'],
      [4096, 4096, 'it has 4096 bytes instead of 8192'],
      [8191, 8191, 'it has 8191 bytes instead of 8192'],
      [9000, 8192, 'it has 9000 bytes instead of 8192'],
    ];
    for (const [size, offset, why] of cases) {
      const damage = (bytes: Uint8Array): Uint8Array => {
        const cut = new Uint8Array(size);
        cut.set(bytes.subarray(0, size));
        return cut;
      };
      const error = refusal({ damage });
      expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 1, offset } });
      expect(error.message).toBe(`${segmentName(1)} is damaged at offset ${offset}: ${why}.`);
    }
  });

  it('W22 X17: of another log, or of another kind of log, is foreign; of another segment, a copy', () => {
    for (const other of [{ logId: 'ffffffffffffffff' }, { kind: 'plain' as const }]) {
      const error = refusal({ firstHeader: other });
      expect(error).toMatchObject({ code: 'WAL_FOREIGN', detail: { file: segmentName(1), segment: 1 } });
    }
    expect(refusal({ secondHeader: { segmentId: 3 } }).message).toContain(
      'it holds segment 3: it was renamed or copied',
    );
  });

  it('W29: of a newer version is named; a damaged one is damaged', () => {
    const newer = (bytes: Uint8Array): Uint8Array => {
      bytes[8] = 2;
      sealPage(bytes.subarray(0, 4096));
      return bytes;
    };
    expect(refusal({ damage: newer })).toMatchObject({
      code: 'WAL_VERSION',
      detail: { file: segmentName(1), version: 2 },
    });
    const damage = (bytes: Uint8Array): Uint8Array => bytes.fill(0xff, 0, 4096);
    expect(refusal({ damage }).message).toContain('its header does not match its checksum');
  });
});

describe('the footer of a sealed segment', () => {
  const truth = (): SegmentSummary => summaryOf(read());

  /** A footer made from the true summary, with other facts in it. */
  function withFooter(
    change: Partial<SegmentSummary>,
    patch: (trailer: DataView) => void = () => {},
  ): Changes {
    return {
      damage: (bytes) => {
        const { header } = craft(FIRST);
        const summary = Object.assign(
          Object.create(SegmentSummary.prototype),
          truth(),
          change,
        ) as SegmentSummary; // the same shape
        const footer = encodeFooter(summary, segmentSeed(header));
        patch(new DataView(footer.buffer, footer.length - 64));
        bytes.set(footer, bytes.length - footer.length);
        return bytes;
      },
    };
  }

  const mark = { hardState: { term: 77, votedFor: 7 } };

  it('is taken instead of the frames', () => {
    expect(summaryOf(read(withFooter(mark)))).toMatchObject(mark);
    const damaged = withFooter(mark);
    const damage = (bytes: Uint8Array): Uint8Array => (damaged.damage?.(bytes) ?? bytes).fill(0, 4096, 4200);
    expect(summaryOf(read({ damage }))).toMatchObject(mark);
  });

  it('that ends elsewhere than where the next segment goes on is not', () => {
    for (const lastSeq of [2, 4]) {
      expect(summaryOf(read(withFooter({ ...mark, lastSeq })))).toMatchObject({
        hardState: undefined,
        lastSeq: 3,
      });
    }
  });

  it('W21: that speaks of places where it is itself, or that are not in the file, is not', () => {
    const body = encodeFooter(truth(), 0).length - 64;
    for (const endOffset of [8192 - 64 - body + 1, 8192, 2 ** 40]) {
      expect(summaryOf(read(withFooter({ ...mark, endOffset })))).toMatchObject({ hardState: undefined });
    }
    for (const bytes of [4096 - 64 + 1, 8192, 2 ** 31, 2 ** 32 - 1]) {
      const changes = withFooter(mark, (trailer) => {
        trailer.setUint32(8, bytes, true);
      });
      const damage = (segment: Uint8Array): Uint8Array => {
        const made = changes.damage?.(segment) ?? segment;
        resealTrailer(made);
        return made;
      };
      expect(summaryOf(read({ damage }))).toMatchObject({ hardState: undefined, lastSeq: 3 });
    }
  });

  it('proves its frames where the segment is the tail', () => {
    const vfs = make(withFooter(mark));
    expect(readSegments(vfs, DIRECTORY, METADATA, [1])).toMatchObject({ provenSeq: 3, unproven: [] });
  });
});

describe('what cannot be read', () => {
  it('W26: is an error of its own with its file and its cause, at every operation, and leaves no file open', () => {
    for (const fault of [
      { type: 'error', code: 'EIO' },
      { type: 'shortRead', bytes: 3 },
    ] as const) {
      let failures = 0;
      for (let number = 1; ; number++) {
        const vfs = make({});
        let isReached = false;
        vfs.faults = (operation) => {
          if (operation.type !== 'read' || operation.number !== number) return undefined;
          isReached = true;
          return fault;
        };
        const error = attempt(() => read({}, vfs));
        if (!isReached) break;
        failures += 1;
        expect(error).toMatchObject({ code: 'WAL_IO' });
        const [, file] =
          /^(\S+) (?:could not be read|ended while it was being read)\.$/.exec(error?.message ?? '') ?? [];
        expect(error?.detail).toEqual({ file, segment: file === segmentName(1) ? 1 : 2 });
        const isShort = fault.type === 'shortRead';
        expect(error?.message).toContain(isShort ? 'ended while' : 'could not');
        expect(error?.cause).toMatchObject({ code: isShort ? 'SHORT_READ' : 'EIO' });
      }
      expect(failures).toBeGreaterThan(4);
    }
  });

  it('a segment that is gone when it is opened is named', () => {
    const vfs = make({});
    vfs.unlink(segmentPath(2));
    const error = attempt(() => read({}, vfs));
    expect(error).toMatchObject({ code: 'WAL_IO', detail: { file: segmentName(2), segment: 2 } });
  });

  function attempt(run: () => unknown): WalError | undefined {
    try {
      run();
    } catch (error) {
      if (error instanceof WalError) return error;
      throw error;
    }
    return undefined;
  }
});

/** Gives the trailer of the first segment a right checksum. */
function resealTrailer(bytes: Uint8Array): void {
  const trailer = bytes.subarray(bytes.length - 64);
  const seed = segmentSeed(craft(FIRST).header);
  new DataView(trailer.buffer, trailer.byteOffset).setUint32(0, checksum(trailer.subarray(4), seed), true);
}
