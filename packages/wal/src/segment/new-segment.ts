// Makes a segment (docs/wal-format.md, "Making a segment"), out of nothing or out of a spare file. Until header and first
// frames are on stable storage it has a name that counts for nothing; only then it gets its own. So a named segment is
// never torn at its beginning, and its header can say which frames are proven by the name alone.

import { dirname } from 'node:path';
import { checksum, type IoPlan, UNPUBLISHED_SUFFIX, type Vfs, type VfsFile } from '@waldb/io';
import { footerBytesMax } from '../format/footer.js';
import { FRAME_HEADER_BYTES, frameBytes, writeFrameHeader } from '../format/frame.js';
import { PAGE_BYTES } from '../format/page.js';
import { encodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import { roundUpToPage } from '../options.js';
import type { FrameEffects } from '../state/frame-effects.js';
import { isOutOfSpace, WalError } from '../wal-error.js';
import type { SpareSegment } from './spare-segments.js';
import { type StagedFrame, stagedFrameBytes } from './staging.js';

/** Zeros go to disk in pieces of this size. */
export const ZEROS: Uint8Array = new Uint8Array(256 * 1024);

/** A frame's records, encoded, and what they do. */
export interface FrameContent {
  readonly payload: Uint8Array;
  readonly effects: FrameEffects;
}

/** The least size of a segment that is to hold `frames` and have room for one more. */
export function segmentBytesMin(frames: readonly FrameContent[], room: StagedFrame | undefined): number {
  const effects = [...frames.map((frame) => frame.effects), ...(room === undefined ? [] : [room.effects])];
  const footer = footerBytesMax({
    stretches: effects.length,
    termRuns: effects.reduce((sum, one) => sum + one.termRuns.length, 0),
    configs: effects.reduce((sum, one) => sum + one.configIndexes.length, 0),
  });
  const content = frames.reduce((sum, frame) => sum + frameBytes(frame.payload.length), 0);
  // Room for the mark of a clean close comes on top.
  const roomBytes = room === undefined ? 0 : stagedFrameBytes(room);
  return roundUpToPage(PAGE_BYTES + content + roomBytes + FRAME_HEADER_BYTES + footer);
}

/**
 * Writes a segment with its first frames and gives it its name. A spare has its space already and is used up, whatever
 * happens. Errors: `WAL_FULL`, with nothing changed; any other means that what the disk holds is uncertain.
 */
export function* newSegmentPlan(
  vfs: Vfs,
  path: string,
  header: SegmentHeader,
  frames: readonly FrameContent[],
  spare: SpareSegment | undefined,
): IoPlan {
  const unnamed = spare?.path ?? path + UNPUBLISHED_SUFFIX;
  try {
    const file = vfs.open(unnamed, spare === undefined ? 'create' : 'update');
    try {
      if (spare === undefined) yield* fillPlan(file, header.segmentBytes);
      yield { type: 'write', file, bytes: encodeContent(header, frames), position: 0 };
      yield { type: 'sync', file };
    } finally {
      file.close();
    }
    yield { type: 'rename', from: unnamed, to: path };
  } catch (error) {
    yield* discardPlan(unnamed);
    if (isOutOfSpace(error)) throw outOfSpace(error, header.segmentBytes);
    throw error;
  }
  yield { type: 'syncDirectory', path: dirname(path) };
}

/**
 * Overwriting zeros costs a sync nothing but the data: a file that grows, or whose blocks were only reserved, makes
 * each sync write the file system's own books too. It also means that a segment in use never runs out of space.
 */
function* fillPlan(file: VfsFile, bytes: number): IoPlan {
  for (let position = 0; position < bytes; position += ZEROS.length) {
    yield {
      type: 'write',
      file,
      bytes: ZEROS.subarray(0, Math.min(ZEROS.length, bytes - position)),
      position,
    };
  }
}

function encodeContent(header: SegmentHeader, frames: readonly FrameContent[]): Uint8Array {
  const length = frames.reduce((sum, frame) => sum + frameBytes(frame.payload.length), PAGE_BYTES);
  const bytes = new Uint8Array(length);
  bytes.set(encodeSegmentHeader(header), 0);
  const seed = segmentSeed(header);
  let offset = PAGE_BYTES;
  let frameSeq = header.firstSeq;
  for (const { payload, effects } of frames) {
    const end = offset + frameBytes(payload.length);
    bytes.set(payload, offset + FRAME_HEADER_BYTES);
    writeFrameHeader(
      bytes,
      offset,
      {
        payloadCrc: checksum(bytes.subarray(offset + FRAME_HEADER_BYTES, end)),
        payloadBytes: payload.length,
        kind: 'batch',
        recordCount: effects.recordCount,
        entryCount: effects.entryCount,
        frameSeq,
        durableSeq: header.firstSeq - 1,
        firstIndex: effects.firstIndex,
        lastTerm: effects.lastTerm,
      },
      { seed, offset },
    );
    offset = end;
    frameSeq += 1;
  }
  return bytes;
}

function* discardPlan(path: string): IoPlan {
  try {
    yield { type: 'unlink', path };
  } catch {
    // It never had a name of the log: the next open removes it. The first failure is the one to report.
  }
}

export function outOfSpace(cause: unknown, bytes: number): WalError {
  return new WalError(
    'WAL_FULL',
    `There is no space for ${bytes} bytes more; nothing is lost, and the log goes on once there is space.`,
    { bytes },
    { cause },
  );
}
