// What a directory and its metadata say together.

import type { FaultVfs } from '@waldb/testkit';
import { WalError } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { encodeMetadata, type Metadata, metadataSlotOffset } from '../../src/format/metadata.js';
import { sealPage } from '../../src/format/page.js';
import { readDirectory } from '../../src/recovery/read-directory.js';
import { LOG_ID } from '../support/crafted-segment.js';
import { DIRECTORY, disk, flip, METADATA_PATH, segmentName } from '../support/log-fixture.js';

const METADATA: Metadata = {
  logId: LOG_ID,
  kind: 'raft',
  generation: 6,
  firstSegmentId: 3,
  lastSegmentId: 4,
  compacted: { index: 0, term: 0 },
  snapshot: undefined,
  durableSeq: 0,
};

/** A directory with these slots, each where it belongs, and empty files of these names. */
function directoryWith(slots: readonly Metadata[], names: readonly string[]): FaultVfs {
  const vfs = disk();
  vfs.mkdir(DIRECTORY);
  const file = vfs.open(METADATA_PATH, 'create');
  file.write(new Uint8Array(8192), 0);
  for (const slot of slots) file.write(encodeMetadata(slot), metadataSlotOffset(slot.generation));
  for (const name of names) vfs.open(`${DIRECTORY}/${name}`, 'create');
  return vfs;
}

function refusal(vfs: FaultVfs): WalError {
  try {
    readDirectory(vfs, DIRECTORY);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
  throw new Error('It was read.');
}

const OLDER = { ...METADATA, generation: 5 };
const LIVE = [3, 4, 5, 0x10, 0x11].map(segmentName);

describe('a directory', () => {
  it('without a log has none, whatever else is in it', () => {
    const vfs = disk();
    vfs.mkdir(DIRECTORY);
    for (const name of ['LOCK', 'notes.txt', `${segmentName(1)}.tmp`])
      vfs.open(`${DIRECTORY}/${name}`, 'create');
    expect(readDirectory(vfs, DIRECTORY)).toBeUndefined();
  });

  it('with segments and no metadata is refused, with their number', () => {
    const vfs = directoryWith([], [segmentName(1), segmentName(2)]);
    vfs.unlink(METADATA_PATH);
    const error = refusal(vfs);
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { file: 'METADATA' } });
    expect(error.message).toContain('METADATA is missing in /data/log, which holds 2 segments');
  });

  it('is listed by what each file is for', () => {
    const names = [
      ...[1, 2, 3, 4, 5].map(segmentName),
      '0000000000000007.free',
      '0000000000000009.free',
      '0000000000000005-0000000000000001.snapshot',
      '0000000000000006-0000000000000001.snapshot',
      '0000000000000006.wal.tmp',
      'METADATA.tmp',
      'LOCK',
      'notes.txt',
    ];
    expect(readDirectory(directoryWith([OLDER, METADATA], names), DIRECTORY)).toEqual({
      metadata: METADATA,
      hasBadSlot: false,
      segmentIds: [3, 4, 5],
      obsolete: [1, 2].map(segmentName),
      spareNumbers: [7, 9],
      snapshotFiles: [
        '0000000000000005-0000000000000001.snapshot',
        '0000000000000006-0000000000000001.snapshot',
      ],
      unpublished: ['0000000000000006.wal.tmp', 'METADATA.tmp'],
    });
  });

  it('may name no segment yet: the log is being made', () => {
    const made = { ...METADATA, firstSegmentId: 1, lastSegmentId: 0 };
    expect(readDirectory(directoryWith([made], []), DIRECTORY)).toMatchObject({ segmentIds: [] });
    const found = readDirectory(directoryWith([made], [segmentName(1), segmentName(2)]), DIRECTORY);
    expect(found).toMatchObject({ segmentIds: [1, 2], obsolete: [] });
  });

  it('W22: with a segment missing is refused by that segment’s name, wherever it is', () => {
    for (const [names, missing] of [
      [[], 3],
      [[segmentName(4)], 3],
      [[segmentName(3)], 4],
      [[segmentName(3), segmentName(4), segmentName(6)], 5],
      [LIVE, 6],
    ] as const) {
      const error = refusal(directoryWith([METADATA], names));
      expect(error).toMatchObject({
        code: 'WAL_CORRUPT',
        detail: { file: segmentName(missing), segment: missing, offset: 0 },
      });
      expect(error.message).toContain(
        `Segment ${segmentName(missing)} is missing; the log goes from segment 3 to `,
      );
    }
  });
});

describe('the metadata', () => {
  const NAMES = [3, 4].map(segmentName);

  it('that counts is the newer slot, on whichever side it is', () => {
    for (const newest of [6, 7, 8]) {
      const slots = [newest - 1, newest].map((generation) => ({
        ...METADATA,
        generation,
        durableSeq: generation,
      }));
      const found = readDirectory(directoryWith(slots, NAMES), DIRECTORY);
      expect(found).toMatchObject({
        metadata: { generation: newest, durableSeq: newest },
        hasBadSlot: false,
      });
    }
  });

  it('W8: is the other slot where one is bad', () => {
    for (const bad of [0, 4096]) {
      const vfs = directoryWith([OLDER, METADATA], NAMES);
      flip(vfs, METADATA_PATH, bad + 77);
      const found = readDirectory(vfs, DIRECTORY);
      expect(found).toMatchObject({ metadata: bad === 0 ? OLDER : METADATA, hasBadSlot: true });
    }
  });

  it('W9: is refused where both are bad, with what is wrong with each', () => {
    const vfs = directoryWith([OLDER, METADATA], NAMES);
    flip(vfs, METADATA_PATH, 77);
    flip(vfs, METADATA_PATH, 4096 + 77);
    const error = refusal(vfs);
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', detail: { file: 'METADATA', offset: 0 } });
    expect(error.message).toBe(
      'Both slots of METADATA are bad: slot 0 does not match its checksum, slot 1 does not match its checksum.',
    );
  });

  it('W29: of a newer version in either slot is named; the older slot does not stand in for it', () => {
    for (const generation of [5, 6]) {
      const vfs = directoryWith([OLDER, METADATA], NAMES);
      vfs.damage(METADATA_PATH, (bytes) => {
        const start = metadataSlotOffset(generation);
        const page = bytes.subarray(start, start + 4096);
        page[8] = 9;
        sealPage(page);
        return bytes;
      });
      expect(refusal(vfs)).toMatchObject({
        code: 'WAL_VERSION',
        detail: { file: 'METADATA', version: 9, versionMax: 1 },
      });
    }
  });

  it('X17: of two logs in one file is refused', () => {
    for (const other of [{ logId: 'ffffffffffffffff' }, { kind: 'plain' as const }]) {
      const error = refusal(directoryWith([{ ...OLDER, ...other }, METADATA], NAMES));
      expect(error).toMatchObject({ code: 'WAL_FOREIGN', detail: { file: 'METADATA' } });
    }
  });

  it('longer than it can be is not read; one that cannot be read is no damage', () => {
    const long = directoryWith([OLDER, METADATA], NAMES);
    long.damage(METADATA_PATH, (bytes) => Uint8Array.from([...bytes, 0]));
    expect(refusal(long)).toMatchObject({ code: 'WAL_CORRUPT', detail: { file: 'METADATA' } });
    expect(refusal(long).message).toContain('8193 bytes');
    const broken = directoryWith([OLDER, METADATA], NAMES);
    broken.faults = ({ type }) => (type === 'read' ? { type: 'error', code: 'EIO' } : undefined);
    expect(refusal(broken)).toMatchObject({
      code: 'WAL_IO',
      detail: { file: 'METADATA' },
      cause: { code: 'EIO' },
    });
  });
});
