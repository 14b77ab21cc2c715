// Which frames at the end of a log are proven to be durable, and by what: a small reader of docs/wal-format.md that shares
// no code with the log it looks at. The simulator damages nothing there but such frames, so what it says has to stay true
// whatever happens next, a torn write included:
//
//   later frame    A durable frame of records behind it says so. Such a frame is never written over: frames go where nothing
//                  was, or over a last one that carries no records. That last one, idle or close, is no evidence here: the
//                  next frame may go to its place, and be torn there.
//   next segment   The header of the next segment, under a durable name. Compaction takes the older segment first.
//   own header     This segment's published seq. The header goes only with the frame.
//   metadata       The newest slot. The next one goes to the other place and says as much or more; if it is torn, this one
//                  stays. A slot that only memory shows could be followed by one over its older brother: then neither counts.
//
// A disk holds what is looked at only where programs and a loss of power agree about it; everything else may still change.

import { checksum } from '@waldb/io';

/** The bytes of every file in a log's directory, by name. */
export type DirectoryImage = ReadonlyMap<string, Uint8Array>;

export type Proof = 'later frame' | 'next segment' | 'own header' | 'metadata';

export interface ProvenFrame {
  /** Of its segment. */
  readonly file: string;
  readonly offset: number;
  /** With its header and padding. */
  readonly bytes: number;
  readonly seq: number;
  /** How many of its records are entries. */
  readonly entries: number;
  /** At least one. */
  readonly proofs: readonly Proof[];
}

const PAGE_BYTES = 4096;
export const FRAME_HEADER_BYTES = 64;
const FRAME_ALIGNMENT = 8;
const BATCH = 1;
const SEGMENT_NAME = /^[0-9a-f]{16}\.wal$/;

/** Of the newest `segments` segments. `seen` is what programs see, `durable` what is left if nothing unsynced survives. */
export function provenFrames(seen: DirectoryImage, durable: DirectoryImage, segments: number): ProvenFrame[] {
  const metadata = readMetadata(settled('METADATA', seen, durable));
  if (metadata === undefined) return [];
  const names = [...seen.keys()]
    .filter((name) => SEGMENT_NAME.test(name) && idOf(name) >= metadata.first)
    .sort();
  return names.slice(-segments).flatMap((name) => {
    const segment = readSegment(settled(name, seen, durable));
    const next = names[names.indexOf(name) + 1];
    if (segment === undefined) return [];
    const file = next === undefined ? undefined : settled(next, seen, durable);
    // A next segment that is not sure to stay proves nothing; and what of this one it supersedes is not known.
    const nextSegment = file && readSegment(file);
    if (next !== undefined && nextSegment === undefined) return [];
    return provenIn(name, segment, { nextFirstSeq: nextSegment?.firstSeq, metadataSeq: metadata.durableSeq });
  });
}

function provenIn(
  file: string,
  segment: Segment,
  others: { readonly nextFirstSeq: number | undefined; readonly metadataSeq: number },
): ProvenFrame[] {
  const { nextFirstSeq = Number.POSITIVE_INFINITY, metadataSeq } = others;
  const found: ProvenFrame[] = [];
  let saidLater = 0;
  for (const { offset, bytes, seq, kind, durableSeq, entries } of segment.frames.toReversed()) {
    const proofs: Proof[] = [];
    if (seq <= saidLater) proofs.push('later frame');
    if (others.nextFirstSeq !== undefined) proofs.push('next segment');
    if (seq <= segment.publishedSeq) proofs.push('own header');
    if (seq <= metadataSeq) proofs.push('metadata');
    if (seq < nextFirstSeq && proofs.length > 0) found.push({ file, offset, bytes, seq, entries, proofs });
    if (kind === BATCH) saidLater = Math.max(saidLater, durableSeq);
  }
  return found.reverse();
}

// ---- bytes that stay ----

/** Reads a piece of a file; undefined where it does not exist, or is not durable, or is not what is durable. */
type Settled = (offset: number, bytes: number) => Uint8Array | undefined;

function settled(name: string, seen: DirectoryImage, durable: DirectoryImage): Settled {
  const shown = seen.get(name);
  const kept = durable.get(name);
  return (offset, bytes) => {
    if (shown === undefined || kept === undefined) return undefined;
    const end = offset + bytes;
    if (end > Math.min(shown.length, kept.length)) return undefined;
    const piece = shown.subarray(offset, end);
    return Buffer.compare(piece, kept.subarray(offset, end)) === 0 ? piece : undefined;
  };
}

// ---- the format ----

interface Segment {
  readonly firstSeq: number;
  readonly publishedSeq: number;
  /** Whole ones, in order, up to the first place where there is none. */
  readonly frames: readonly Frame[];
}

interface Frame {
  readonly offset: number;
  readonly bytes: number;
  readonly kind: number;
  readonly seq: number;
  readonly durableSeq: number;
  readonly entries: number;
}

/** Undefined while a slot is being written, and where the two images differ for good: a sync was lost. */
function readMetadata(file: Settled): { readonly first: number; readonly durableSeq: number } | undefined {
  const pages = [file(0, PAGE_BYTES), file(PAGE_BYTES, PAGE_BYTES)];
  if (pages.includes(undefined)) return undefined;
  const slots = pages.flatMap((page) => {
    const view = readPage(page, 'WALDBMET');
    if (view === undefined) return [];
    return [{ generation: uint64(view, 32), first: uint64(view, 40), durableSeq: uint64(view, 104) }];
  });
  return slots.sort((a, b) => b.generation - a.generation)[0];
}

function readSegment(file: Settled): Segment | undefined {
  const view = readPage(file(0, PAGE_BYTES), 'WALDBSEG');
  if (view === undefined) return undefined;
  const firstSeq = uint64(view, 56);
  const seedOf = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    seedOf[i] = view.getUint8(72 + i);
    seedOf[8 + i] = view.getUint8(32 + i);
  }
  const seed = checksum(seedOf);
  const frames: Frame[] = [];
  let offset = PAGE_BYTES;
  for (let seq = firstSeq; ; seq++) {
    const frame = readFrame(file, offset, seed);
    if (frame?.seq !== seq) break;
    frames.push(frame);
    offset += frame.bytes;
  }
  return { firstSeq, publishedSeq: uint64(view, 64), frames };
}

function readFrame(file: Settled, offset: number, seed: number): Frame | undefined {
  const header = file(offset, FRAME_HEADER_BYTES);
  if (header === undefined) return undefined;
  const view = viewOf(header);
  if (view.getUint32(0, true) !== checksum(header.subarray(4), seed) || uint64(view, 24) !== offset)
    return undefined;
  const padded = Math.ceil(view.getUint32(8, true) / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
  const payload = file(offset + FRAME_HEADER_BYTES, padded);
  if (payload === undefined || checksum(payload) !== view.getUint32(4, true)) return undefined;
  const [kind, seq, durableSeq] = [view.getUint8(12), uint64(view, 32), uint64(view, 40)];
  return {
    offset,
    bytes: FRAME_HEADER_BYTES + padded,
    kind,
    seq,
    durableSeq,
    entries: view.getUint32(20, true),
  };
}

function readPage(page: Uint8Array | undefined, magic: string): DataView | undefined {
  if (page === undefined) return undefined;
  const view = viewOf(page);
  if (view.getUint32(PAGE_BYTES - 4, true) !== checksum(page.subarray(0, PAGE_BYTES - 4))) return undefined;
  return new TextDecoder().decode(page.subarray(0, magic.length)) === magic ? view : undefined;
}

function idOf(name: string): number {
  return Number.parseInt(name, 16);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
