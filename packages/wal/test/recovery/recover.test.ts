// What opening makes of a whole directory: the log that its parts add up to, what has to be written again, which
// snapshot counts, and what it says when the parts do not add up.

import type { LogEntry } from '@waldb/core';
import type { FaultVfs } from '@waldb/testkit';
import { WalError } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { encodeMetadata, type Metadata, metadataSlotOffset } from '../../src/format/metadata.js';
import type { SnapshotRef } from '../../src/format/record.js';
import { encodeSnapshotFile } from '../../src/format/snapshot-file.js';
import { type Recovered, recover } from '../../src/recovery/recover.js';
import { type CraftedFrame, craft, frame, LOG_ID, proof } from '../support/crafted-segment.js';
import { DIRECTORY, disk, METADATA_PATH, segmentPath, snapshot } from '../support/log-fixture.js';

const METADATA: Metadata = {
  logId: LOG_ID,
  kind: 'raft',
  generation: 2,
  firstSegmentId: 1,
  lastSegmentId: 0,
  compacted: { index: 0, term: 0 },
  snapshot: undefined,
  durableSeq: 0,
};

interface CraftedSegment {
  readonly frames: readonly CraftedFrame[];
  readonly baseIndex?: number;
  readonly firstSeq?: number;
}

/** A directory with these segments, from 1 on, and these files. */
function make(
  segments: readonly CraftedSegment[],
  metadata: Partial<Metadata> = {},
  files: Readonly<Record<string, Uint8Array>> = {},
): FaultVfs {
  const vfs = disk();
  vfs.mkdir(DIRECTORY);
  const page = vfs.open(METADATA_PATH, 'create');
  page.write(new Uint8Array(8192), 0);
  for (const generation of [1, 2])
    page.write(encodeMetadata({ ...METADATA, ...metadata, generation }), metadataSlotOffset(generation));
  for (const [i, { frames, baseIndex = 0, firstSeq = 1 }] of segments.entries()) {
    const { bytes } = craft(frames, { segmentId: i + 1, baseIndex, firstSeq, publishedSeq: firstSeq });
    vfs.open(segmentPath(i + 1), 'create').write(bytes, 0);
  }
  for (const [name, bytes] of Object.entries(files))
    vfs.open(`${DIRECTORY}/${name}`, 'create').write(bytes, 0);
  return vfs;
}

function opened(vfs: FaultVfs, readOnly = false): Recovered {
  const found = recover(vfs, DIRECTORY, { readOnly });
  if (found === undefined) throw new Error('There is no log.');
  return found;
}

function refusal(vfs: FaultVfs, readOnly = false): WalError {
  try {
    opened(vfs, readOnly);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
  throw new Error('It was read.');
}

function entry(index: number, term = 3): LogEntry {
  return { index, term, kind: 'normal', command: new Uint8Array(20).fill(index) };
}

const CHECKPOINT = frame(1, [{ type: 'hardState', state: { term: 3, votedFor: 2 } }]);
const TWO = [CHECKPOINT, frame(2, [entry(1), entry(2)])];

describe('a directory', () => {
  it('without a log gives none', () => {
    const vfs = disk();
    vfs.mkdir(DIRECTORY);
    expect(recover(vfs, DIRECTORY, { readOnly: false })).toBeUndefined();
  });

  it('with metadata and no segment is a log that was being made', () => {
    const found = opened(make([], {}, { '0000000000000001.wal.tmp': new Uint8Array(3) }));
    expect(found).toMatchObject({ needsNewSegment: true, segments: [], carried: [], snapshot: undefined });
    expect(found.report).toEqual({
      outcome: 'created',
      rewrittenFrames: 0,
      dropped: undefined,
      removedFiles: ['0000000000000001.wal.tmp'],
    });
  });
});

describe('the end of the log', () => {
  it('that is proven is clean: appends go on right behind', () => {
    const found = opened(make([{ frames: [...TWO, proof(3, 2)] }]));
    expect(found).toMatchObject({ needsNewSegment: false, carried: [], provenSeq: 2 });
    expect(found.proven).toMatchObject({ lastIndex: 2, hardState: { term: 3, votedFor: 2 } });
    expect(found.report).toEqual({
      outcome: 'clean',
      rewrittenFrames: 0,
      dropped: undefined,
      removedFiles: [],
    });
  });

  it('that is whole and not proven is carried over, and not shown to who only reads', () => {
    const vfs = make([{ frames: [...TWO, frame(3, [entry(3)]), frame(4, [entry(4)])] }]);
    const found = opened(vfs);
    expect(found).toMatchObject({ needsNewSegment: true, provenSeq: 3 });
    expect(found.carried).toHaveLength(1);
    expect(found.report).toEqual({
      outcome: 'repaired',
      rewrittenFrames: 1,
      dropped: undefined,
      removedFiles: [],
    });
    const reader = opened(vfs, true);
    expect(reader.carried).toEqual([]);
    expect(reader.proven.lastIndex).toBe(3);
  });

  it('that is torn is dropped, and where and how much of it is told', () => {
    const torn = make([{ frames: [...TWO, proof(3, 2), frame(7, [entry(3)], { gap: 64, durableSeq: 2 })] }]);
    const end = 4096 + 72 + 120 + 64;
    expect(opened(torn).report).toEqual({
      outcome: 'repaired',
      rewrittenFrames: 0,
      dropped: { segment: 1, offset: end, frames: 1 },
      removedFiles: [],
    });
    const rubbish = make([{ frames: [...TWO, proof(3, 2)] }]);
    rubbish.damage(segmentPath(1), (bytes) => bytes.fill(7, end, end + 10));
    expect(opened(rubbish).report).toMatchObject({ dropped: { segment: 1, offset: end, frames: 0 } });
  });

  it('does not carry over what does not follow what is proven', () => {
    const vfs = make([{ frames: [...TWO, frame(3, [entry(9)], { durableSeq: 2 })] }]);
    const error = refusal(vfs);
    expect(error).toMatchObject({
      code: 'WAL_CORRUPT',
      detail: { segment: 1, offset: 4096 + 72 + 120, index: 3 },
    });
    expect(error.message).toContain('Index 3 is in none');
    expect(opened(vfs, true).proven.lastIndex).toBe(2);
  });
});

describe('segments that do not add up', () => {
  const SECOND = { frames: [frame(3, [entry(3)]), frame(4, [entry(4)])], baseIndex: 2, firstSeq: 3 };

  it('are refused where one goes on elsewhere than the one before has ended', () => {
    expect(opened(make([{ frames: TWO }, SECOND])).proven.lastIndex).toBe(3);
    const error = refusal(
      make([{ frames: TWO }, { ...SECOND, frames: [frame(3, [entry(4)])], baseIndex: 3 }]),
    );
    expect(error).toMatchObject({
      code: 'WAL_CORRUPT',
      detail: { segment: 2, offset: 0, index: 3, term: 3 },
    });
    expect(error.message).toBe('Segment 2 goes on from index 3, but the log before it ends at 2.');
  });

  it('the first one may begin anywhere, as long as everything before is given up', () => {
    const late = [{ frames: [frame(9, [entry(41)]), proof(10, 9)], baseIndex: 40, firstSeq: 9 }];
    const found = opened(make(late, { compacted: { index: 40, term: 2 } }));
    expect([found.proven.firstIndex, found.proven.lastIndex, found.proven.termAt(40)]).toEqual([41, 41, 2]);
    const error = refusal(make(late, { compacted: { index: 39, term: 2 } }));
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 1, offset: 4096, index: 40 } });
    expect(error.message).toBe("Index 40 is in none of the log's segments.");
    expect(opened(make(late, { compacted: { index: 41, term: 3 } })).proven.firstIndex).toBe(42);
  });

  it('an end that no segment holds is missed too', () => {
    const empty = [{ frames: [frame(9, []), proof(10, 9)], baseIndex: 40, firstSeq: 9 }];
    expect(refusal(make(empty))).toMatchObject({ code: 'WAL_CORRUPT', detail: { segment: 1, index: 1 } });
    expect(opened(make(empty, { compacted: { index: 40, term: 2 } })).proven.lastIndex).toBe(40);
  });
});

describe('the snapshot that counts', () => {
  const [older, newer] = [snapshot(1, 3, [1]), snapshot(2, 3, [2, 2])].map((one) =>
    encodeSnapshotFile(one, LOG_ID),
  );
  if (older === undefined || newer === undefined) throw new Error('there are two');
  const NAMES = [
    '0000000000000001-0000000000000003.snapshot',
    '0000000000000002-0000000000000003.snapshot',
  ] as const;
  const FILES = { [NAMES[0]]: older.bytes, [NAMES[1]]: newer.bytes };

  function record(ref: SnapshotRef): { type: 'snapshot'; snapshot: SnapshotRef; resets: boolean } {
    return { type: 'snapshot', snapshot: ref, resets: false };
  }

  it('is the newest that metadata, a proven frame or a carried one speaks of', () => {
    const proven = [...TWO, frame(3, [record(older.ref)]), proof(4, 3)];
    expect(opened(make([{ frames: proven }], {}, FILES))).toMatchObject({
      snapshot: snapshot(1, 3, [1]),
      provenSnapshot: older.ref,
      snapshotFiles: [...NAMES],
    });
    const named = { snapshot: newer.ref };
    expect(opened(make([{ frames: proven }], named, FILES)).snapshot).toEqual(snapshot(2, 3, [2, 2]));
    const behind = { snapshot: older.ref };
    const carried = [...TWO, frame(3, [record(newer.ref)])];
    const vfs = make([{ frames: carried }], behind, FILES);
    expect(opened(vfs)).toMatchObject({ snapshot: snapshot(2, 3, [2, 2]), provenSnapshot: older.ref });
    expect(opened(vfs, true).snapshot).toEqual(snapshot(1, 3, [1]));
    // Of one index the later word counts: a snapshot that was replaced.
    const again = encodeSnapshotFile(snapshot(2, 4, [9]), LOG_ID);
    const replaced = [...TWO, frame(3, [record(newer.ref)]), frame(4, [record(again.ref)]), proof(5, 4)];
    const files = { ...FILES, '0000000000000002-0000000000000004.snapshot': again.bytes };
    expect(opened(make([{ frames: replaced }], named, files)).snapshot?.term).toBe(4);
  });

  it('W20: is refused by its file when that is missing, of another size, damaged or foreign', () => {
    const at = (bytes: Uint8Array | undefined): WalError =>
      refusal(
        make(
          [{ frames: [...TWO, proof(3, 2)] }],
          { snapshot: newer.ref },
          bytes ? { [NAMES[1]]: bytes } : {},
        ),
      );
    const rotten = newer.bytes.slice();
    rotten[60] = (rotten[60] ?? 0) ^ 1;
    const cases: readonly (readonly [Uint8Array | undefined, string])[] = [
      [undefined, 'is missing'],
      [newer.bytes.subarray(1), `has ${newer.bytes.length - 1} bytes instead of ${newer.bytes.length}`],
      [rotten, 'has a payload that does not match its checksum'],
    ];
    for (const [bytes, why] of cases) {
      const error = at(bytes);
      expect(error).toMatchObject({
        code: 'WAL_CORRUPT',
        detail: { file: NAMES[1], offset: 0, index: 2, term: 3 },
      });
      expect(error.message).toBe(`The snapshot of index 2 cannot be used: ${NAMES[1]} ${why}.`);
    }
    const foreign = at(encodeSnapshotFile(snapshot(2, 3, [2, 2]), 'ffffffffffffffff').bytes);
    expect(foreign).toMatchObject({ code: 'WAL_FOREIGN', detail: { file: NAMES[1] } });
  });

  it('W26: that cannot be read is no damage', () => {
    const vfs = make([{ frames: [...TWO, proof(3, 2)] }], { snapshot: newer.ref }, FILES);
    vfs.faults = ({ type, path }) =>
      type === 'read' && path.endsWith('.snapshot') ? { type: 'error', code: 'EIO' } : undefined;
    expect(refusal(vfs)).toMatchObject({
      code: 'WAL_IO',
      detail: { file: NAMES[1], index: 2 },
      cause: { code: 'EIO' },
    });
  });
});
