// What can be known of one segment file before its frames are read. A header page that is lost is replaced, where its
// frames allow it, by what they themselves say.

import { join } from 'node:path';
import { checksum, type Vfs } from '@waldb/io';
import { segmentFile } from '../format/file-name.js';
import { FRAME_HEADER_BYTES, type FrameHeader, frameBytes, readFrameHeader } from '../format/frame.js';
import { type LogKind, PAGE_BYTES } from '../format/page.js';
import { decodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment-header.js';
import { LenientFile } from './lenient-file.js';
import { recoverSeed } from './recover-seed.js';

/** What it takes to read a segment's frames. */
export interface SegmentKey {
  readonly seed: number;
  readonly firstSeq: number;
  /** From the header page alone. */
  readonly baseIndex: number | undefined;
  readonly publishedSeq: number | undefined;
}

/** A segment that cannot be used at all has no key. */
export interface SegmentFacts {
  readonly id: number;
  readonly file: string;
  readonly path: string;
  readonly bytes: number;
  readonly header: SegmentHeader | undefined;
  readonly key: SegmentKey | undefined;
  readonly problems: readonly SegmentProblem[];
}

export interface SegmentProblem {
  readonly type: 'missing' | 'unreadable' | 'newer' | 'foreign' | 'header' | 'size';
  readonly offset: number;
  readonly bytes: number;
  /** Completes the sentence "… : it …". */
  readonly why: string;
  /** Of `newer`. */
  readonly version?: number;
}

export interface KnownLog {
  readonly logId: string;
  readonly kind: LogKind;
}

/** Never throws. `log` is `undefined` while nobody knows which log this is. */
export function readSegmentFacts(
  vfs: Vfs,
  directory: string,
  id: number,
  log: KnownLog | undefined,
): SegmentFacts {
  const file = segmentFile(id);
  const path = join(directory, file);
  const nothing = { id, file, path, bytes: 0, header: undefined, key: undefined };
  let source: LenientFile;
  try {
    if (vfs.size(path) === undefined) {
      return { ...nothing, problems: [{ type: 'missing', offset: 0, bytes: 0, why: 'is missing' }] };
    }
    source = new LenientFile(vfs, path);
  } catch (error) {
    const why = `cannot be opened (${error instanceof Error ? error.message : String(error)})`;
    return { ...nothing, problems: [{ type: 'unreadable', offset: 0, bytes: 0, why }] };
  }
  try {
    return { id, file, path, bytes: source.size, ...readPageFacts(source, id, log) };
  } finally {
    source.close();
  }
}

type PageFacts = Pick<SegmentFacts, 'header' | 'key' | 'problems'>;

function readPageFacts(source: LenientFile, id: number, log: KnownLog | undefined): PageFacts {
  const page = decodeSegmentHeader(source.atMost(0, PAGE_BYTES).slice());
  const whole = { offset: 0, bytes: source.size };
  switch (page.type) {
    case 'newer': {
      const { version } = page;
      const why = `was written by version ${version} of the format`;
      return { header: undefined, key: undefined, problems: [{ type: 'newer', ...whole, why, version }] };
    }
    case 'damaged':
      return rescue(source, `has a header page that ${page.why}`);
    case 'valid':
      return checkHeader(source, id, page.header, log);
  }
}

function checkHeader(
  source: LenientFile,
  id: number,
  header: SegmentHeader,
  log: KnownLog | undefined,
): PageFacts {
  const unusable = (why: string): PageFacts => ({
    header,
    key: undefined,
    problems: [{ type: 'foreign', offset: 0, bytes: source.size, why }],
  });
  if (log !== undefined && header.logId !== log.logId) return unusable(`belongs to log ${header.logId}`);
  if (log !== undefined && header.kind !== log.kind) return unusable('belongs to another kind of log');
  if (header.segmentId !== id) return unusable(`holds segment ${header.segmentId}: it was renamed or copied`);
  const { firstSeq, baseIndex, publishedSeq, segmentBytes } = header;
  const key = { seed: segmentSeed(header), firstSeq, baseIndex, publishedSeq };
  if (segmentBytes === source.size) return { header, key, problems: [] };
  const offset = Math.min(segmentBytes, source.size);
  const why = `has ${source.size} bytes instead of ${segmentBytes}`;
  const bytes = Math.abs(segmentBytes - source.size);
  return { header, key, problems: [{ type: 'size', offset, bytes, why }] };
}

/** The page is lost: the first frame, where it is whole, replaces what is needed of it. */
function rescue(source: LenientFile, why: string): PageFacts {
  const problem = { type: 'header', offset: 0, bytes: PAGE_BYTES, why } as const;
  const bytes = source.at(PAGE_BYTES, FRAME_HEADER_BYTES)?.slice() ?? new Uint8Array(0);
  const seed = recoverSeed(bytes, PAGE_BYTES);
  const frame = seed === undefined ? undefined : readFrameHeader(bytes, 0, { seed, offset: PAGE_BYTES });
  const isBelievable = frame !== undefined && hasWholePayload(source, frame);
  if (seed === undefined || !isBelievable) return { header: undefined, key: undefined, problems: [problem] };
  const key = { seed, firstSeq: frame.frameSeq, baseIndex: undefined, publishedSeq: undefined };
  return { header: undefined, key, problems: [problem] };
}

/** The payload's checksum does not depend on the seed. */
function hasWholePayload(source: LenientFile, frame: FrameHeader): boolean {
  const payload = source.at(
    PAGE_BYTES + FRAME_HEADER_BYTES,
    frameBytes(frame.payloadBytes) - FRAME_HEADER_BYTES,
  );
  return payload !== undefined && payload.length > 0 && checksum(payload) === frame.payloadCrc;
}
