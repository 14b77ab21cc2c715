// Looks at a log's snapshot files: the one that counts is read and checked, others are leftovers.

import { join } from 'node:path';
import type { Snapshot } from '@waldb/core';
import { readFile, type Vfs } from '@waldb/io';
import { snapshotFile } from '../format/file-name.js';
import type { SnapshotRef } from '../format/record.js';
import { decodeSnapshotFile, readSnapshotRef, SNAPSHOT_HEADER_BYTES } from '../format/snapshot-file.js';
import type { DamageList } from './damage-list.js';
import type { SnapshotReport } from './inspection.js';
import { LenientFile } from './lenient-file.js';

/** The snapshot that the log refers to, or in words why it cannot be used. Never throws. */
export function readSnapshotLeniently(
  vfs: Vfs,
  directory: string,
  ref: SnapshotRef,
  logId: string,
): Snapshot | { readonly state: 'missing' | 'damaged'; readonly why: string } {
  const path = join(directory, snapshotFile(ref.index, ref.term));
  try {
    const size = vfs.size(path);
    if (size === undefined) return { state: 'missing', why: 'is missing' };
    if (size !== ref.fileBytes)
      return { state: 'damaged', why: `has ${size} bytes instead of ${ref.fileBytes}` };
    const result = decodeSnapshotFile(readFile(vfs, path, ref.fileBytes), ref, logId);
    switch (result.type) {
      case 'valid':
        return result.snapshot;
      case 'newer':
        return { state: 'damaged', why: `was written by version ${result.version} of the format` };
      case 'foreign':
        return { state: 'damaged', why: `belongs to log ${result.logId}` };
      case 'damaged':
        return { state: 'damaged', why: result.why };
    }
  } catch (error) {
    return {
      state: 'damaged',
      why: `cannot be read (${error instanceof Error ? error.message : String(error)})`,
    };
  }
}

export function surveySnapshots(
  vfs: Vfs,
  directory: string,
  known: {
    readonly files: readonly string[];
    readonly ref: SnapshotRef | undefined;
    readonly logId: string | undefined;
  },
  damages: DamageList,
): SnapshotReport[] {
  const { files, ref, logId } = known;
  const current = ref && snapshotFile(ref.index, ref.term);
  const reports = files.filter((file) => file !== current).map((file) => leftover(vfs, directory, file));
  if (ref === undefined || current === undefined || logId === undefined) return reports;
  const { index, term, fileBytes: bytes } = ref;
  const read = readSnapshotLeniently(vfs, directory, ref, logId);
  if (!('state' in read)) {
    return [...reports, { file: current, index, term, bytes, state: 'sound', why: undefined }];
  }
  const why = `it ${read.why}`;
  damages.add({ type: 'snapshot', file: current, segment: undefined, offset: 0, bytes, why });
  return [...reports, { file: current, index, term, bytes, state: read.state, why: read.why }];
}

function leftover(vfs: Vfs, directory: string, file: string): SnapshotReport {
  const [index = 0, term = 0] = file.split(/[-.]/).map((digits) => Number.parseInt(digits, 16));
  const bytes = vfs.size(join(directory, file)) ?? 0;
  return { file, index, term, bytes, state: 'leftover', why: undefined };
}

/** What a snapshot file says of itself; `undefined` where that cannot be read. */
export function describeSnapshotFile(vfs: Vfs, directory: string, file: string): SnapshotRef | undefined {
  try {
    const source = new LenientFile(vfs, join(directory, file));
    try {
      const ref = readSnapshotRef(source.atMost(0, SNAPSHOT_HEADER_BYTES), source.size);
      return ref !== undefined && snapshotFile(ref.index, ref.term) === file ? ref : undefined;
    } finally {
      source.close();
    }
  } catch {
    return undefined; // it has gone, or may not be opened: then it cannot stand in for another one
  }
}
