// Reads entries back that are no longer in memory. Every byte that comes from disk is checked against its checksum,
// each time: a disk that lies must not reach the state machine.
//
// One entry costs one read of at most a stretch (8 KiB, or the frame of a larger entry), the checksums of one frame,
// and a walk to the entry within it; entries in order are decoded a stretch at a time.

import { type Index, type LogEntry, MsgpackReader, RaftError } from '@waldb/core';
import { checksum, type Vfs, type VfsFile } from '@waldb/io';
import { EntryCursor } from '../format/entry-cursor.js';
import { segmentFile } from '../format/file-name.js';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  frameBytes,
  paddedBytes,
  readFrameHeader,
} from '../format/frame.js';
import { readRecord } from '../format/record.js';
import { STRETCH_BYTES, type Stretch } from '../state/stretch-table.js';
import { WalError } from '../wal-error.js';
import type { LiveSegment } from './live-segment.js';

/** How much one read without blocking brings, at most, unless a single stretch is larger. */
const READ_AHEAD_BYTES = 256 * 1024;

interface Place {
  readonly segment: LiveSegment;
  readonly stretch: Stretch;
  /** Which of the segment's stretches it is. */
  readonly at: number;
}

export class ColdReader {
  readonly #vfs: Vfs;
  readonly #segments: readonly LiveSegment[];
  readonly #isGivenUp: (segmentId: number) => boolean;
  readonly #cursor = new EntryCursor();
  /** Where a stretch is read for the sake of one entry; what is handed out is copied from it. */
  readonly #scratch = new Uint8Array(STRETCH_BYTES);
  #open: { readonly segment: LiveSegment; readonly file: VfsFile } | undefined;
  /** The stretch decoded last: entries are usually asked for in order. */
  #decoded: (Place & { readonly entries: readonly LogEntry[] }) | undefined;
  /** The entry that was asked for last. */
  #previous: Index = 0;

  /**
   * `segments` is the log's own list, oldest first; it changes under the reader. `isGivenUp` says of a segment in it
   * whether another process has removed it, or uses its file for another: asked only when it cannot be read.
   */
  constructor(vfs: Vfs, segments: readonly LiveSegment[], isGivenUp: (segmentId: number) => boolean) {
    this.#vfs = vfs;
    this.#segments = segments;
    this.#isGivenUp = isGivenUp;
  }

  /** One entry. Errors: `WAL_CORRUPT`, `WAL_IO`, `WAL_STALE`. */
  entry(index: Index): LogEntry {
    const place = this.#find(index);
    const isNext = index === this.#previous + 1;
    this.#previous = index;
    try {
      if (!isNext && !this.#isDecoded(place)) return this.#readOne(place, index);
      const [entry] = this.#entriesFrom(place, index);
      return entry ?? fail(damaged(place, place.stretch.offset, index));
    } catch (error) {
      throw this.#explained(error, place);
    }
  }

  /** The entries of the stretch that holds `index`, from `index` on; at least one. Errors: as `entry`. */
  entriesFrom(index: Index): readonly LogEntry[] {
    const place = this.#find(index);
    try {
      return this.#entriesFrom(place, index);
    } catch (error) {
      throw this.#explained(error, place);
    }
  }

  /** A longer run, without blocking. Errors: as `entry`. */
  async entriesFromLater(index: Index): Promise<readonly LogEntry[]> {
    const place = this.#find(index);
    try {
      return await this.#entriesFromLater(place, index);
    } catch (error) {
      throw this.#explained(error, place);
    }
  }

  async #entriesFromLater(place: Place, index: Index): Promise<readonly LogEntry[]> {
    const stretches = neighbours(place);
    const end = stretches[stretches.length - 1] ?? place.stretch;
    const bytes = new Uint8Array(end.offset + end.bytes - place.stretch.offset);
    await this.#readLater(place, bytes);
    const entries = stretches.flatMap((stretch) => {
      const at = stretch.offset - place.stretch.offset;
      const held = this.#decode({ ...place, stretch }, bytes.subarray(at, at + stretch.bytes));
      return held.slice(0, stretch.last - stretch.first + 1);
    });
    return entries.slice(index - place.stretch.first);
  }

  /** Lets go of what belongs to a segment that is no longer part of the log: an open file keeps its space taken. */
  forgetRemoved(): void {
    if (this.#open !== undefined && !this.#segments.includes(this.#open.segment)) this.close();
  }

  close(): void {
    this.#open?.file.close();
    this.#open = undefined;
    this.#decoded = undefined;
  }

  /** A file that is no longer this segment's is no damage: both slots of the metadata say so before it is touched. */
  #explained(error: unknown, { segment }: Place): unknown {
    const { segmentId } = segment.header;
    if (this.#segments.includes(segment) && !this.#isGivenUp(segmentId)) return error;
    return new WalError(
      'WAL_STALE',
      `Segment ${segmentId} was given up by whoever writes to the log; open it again to read what there is now.`,
      { segment: segmentId },
      { cause: error },
    );
  }

  #find(index: Index): Place {
    const segment = this.#segments.findLast(
      (one) => (one.summary.stretches.at(0)?.first ?? Number.POSITIVE_INFINITY) <= index,
    );
    const at = segment === undefined ? -1 : segment.summary.stretches.find(index);
    const stretch = segment?.summary.stretches.at(at);
    if (segment !== undefined && stretch !== undefined) return { segment, stretch, at };
    throw new WalError('WAL_CORRUPT', `No segment of the log holds index ${index}.`, { index });
  }

  #isDecoded({ segment, stretch }: Place): boolean {
    const known = this.#decoded;
    return (
      known?.segment === segment &&
      known.stretch.offset === stretch.offset &&
      known.stretch.bytes === stretch.bytes
    );
  }

  #entriesFrom(place: Place, index: Index): readonly LogEntry[] {
    if (!this.#isDecoded(place)) {
      const bytes = new Uint8Array(place.stretch.bytes);
      this.#read(place, bytes);
      this.#decoded = { ...place, entries: this.#decode(place, bytes) };
    }
    const entries = this.#decoded?.entries ?? []; // decoded just now
    const first = entries[0]?.index ?? index;
    return entries.slice(index - first, place.stretch.last - first + 1);
  }

  #readOne(place: Place, index: Index): LogEntry {
    const { bytes: length } = place.stretch;
    const bytes = length <= STRETCH_BYTES ? this.#scratch.subarray(0, length) : new Uint8Array(length);
    this.#read(place, bytes);
    for (let at = 0; at < length; ) {
      const header = this.#header(place, bytes, at);
      const isHere = index < header.firstIndex + header.entryCount && index >= header.firstIndex;
      if (isHere) return this.#pick(place, bytes, { at, header, index });
      at += frameBytes(header.payloadBytes);
    }
    throw damaged(place, place.stretch.offset, index);
  }

  #pick(
    place: Place,
    bytes: Uint8Array,
    { at, header, index }: { readonly at: number; readonly header: FrameHeader; readonly index: Index },
  ): LogEntry {
    const payload = this.#payload(place, bytes, at, header);
    const cursor = this.#cursor;
    for (let next = 0; next < payload.length; ) {
      if (!cursor.read(payload, next)) {
        next = this.#skipState(place, payload, next, index);
      } else if (cursor.index === index) {
        const owned = payload.slice(cursor.start, cursor.end);
        cursor.read(owned, 0);
        return cursor.entry(owned);
      } else next = cursor.end;
    }
    throw damaged(place, place.stretch.offset + at, index);
  }

  #decode(place: Place, bytes: Uint8Array): LogEntry[] {
    const { first } = place.stretch;
    const entries: LogEntry[] = [];
    for (let at = 0; at < bytes.length; ) {
      const header = this.#header(place, bytes, at);
      const payload = this.#payload(place, bytes, at, header);
      for (let next = 0; next < payload.length; ) {
        if (this.#cursor.read(payload, next)) {
          next = this.#cursor.end;
          if (this.#cursor.index !== first + entries.length)
            throw damaged(place, place.stretch.offset + at, first + entries.length);
          entries.push(this.#cursor.entry(payload));
        } else next = this.#skipState(place, payload, next, first + entries.length);
      }
      at += frameBytes(header.payloadBytes);
    }
    if (entries.length === 0) throw damaged(place, place.stretch.offset, first);
    return entries;
  }

  /** The header of the frame at `at`, and the frame is whole. */
  #header(place: Place, bytes: Uint8Array, at: number): FrameHeader {
    const offset = place.stretch.offset + at;
    const header = readFrameHeader(bytes, at, { seed: place.segment.seed, offset });
    if (header !== undefined && at + frameBytes(header.payloadBytes) <= bytes.length) return header;
    throw damaged(place, offset, place.stretch.first);
  }

  /** The payload of that frame, which matches its checksum. */
  #payload(place: Place, bytes: Uint8Array, at: number, header: FrameHeader): Uint8Array {
    const start = at + FRAME_HEADER_BYTES;
    if (checksum(bytes.subarray(start, start + paddedBytes(header.payloadBytes))) !== header.payloadCrc)
      throw damaged(place, place.stretch.offset + at, header.firstIndex);
    return bytes.subarray(start, start + header.payloadBytes);
  }

  /** Passes over a record that is not an entry. */
  #skipState(place: Place, payload: Uint8Array, at: number, index: Index): number {
    try {
      const reader = new MsgpackReader(payload, at);
      readRecord(reader);
      return reader.offset;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      throw damaged(place, place.stretch.offset, index);
    }
  }

  #read(place: Place, bytes: Uint8Array): void {
    let count: number;
    try {
      count = this.#file(place.segment).read(bytes, place.stretch.offset);
    } catch (error) {
      throw unreadable(place, error);
    }
    if (count < bytes.length) throw damaged(place, place.stretch.offset, place.stretch.first);
  }

  /** With a descriptor of its own: the shared one may be closed before the read is done. */
  async #readLater(place: Place, bytes: Uint8Array): Promise<void> {
    let file: VfsFile | undefined;
    try {
      const opened = this.#vfs.open(place.segment.path, 'read');
      file = opened;
      const count = await new Promise<number>((resolve, reject) => {
        opened.readWithCallback(bytes, place.stretch.offset, (error, bytesRead) => {
          if (error === undefined) resolve(bytesRead);
          else reject(error);
        });
      });
      if (count < bytes.length) throw damaged(place, place.stretch.offset, place.stretch.first);
    } catch (error) {
      throw error instanceof WalError ? error : unreadable(place, error);
    } finally {
      file?.close();
    }
  }

  #file(segment: LiveSegment): VfsFile {
    if (this.#open?.segment !== segment) {
      this.close();
      this.#open = { segment, file: this.#vfs.open(segment.path, 'read') };
    }
    return this.#open.file;
  }
}

/** The stretch and those directly behind it, up to what is read at once. */
function neighbours({ segment, stretch, at }: Place): Stretch[] {
  const { stretches } = segment.summary;
  const run = [stretch];
  let end = stretch.offset + stretch.bytes;
  for (let i = at + 1; i < stretches.length; i++) {
    const next = stretches.at(i) as Stretch; // in bounds
    if (next.offset !== end || end + next.bytes - stretch.offset > READ_AHEAD_BYTES) break;
    run.push(next);
    end += next.bytes;
  }
  return run;
}

function damaged({ segment, stretch }: Place, offset: number, index: Index): WalError {
  const { segmentId } = segment.header;
  return new WalError(
    'WAL_CORRUPT',
    `Segment ${segmentId} is damaged at offset ${offset}: index ${index} was durable there and cannot be read.`,
    { file: segmentFile(segmentId), segment: segmentId, offset, index, last: stretch.last },
  );
}

function unreadable({ segment, stretch }: Place, cause: unknown): WalError {
  return new WalError(
    'WAL_IO',
    `Index ${stretch.first} could not be read from ${segment.path}.`,
    { segment: segment.header.segmentId, offset: stretch.offset, index: stretch.first },
    { cause },
  );
}

function fail(error: WalError): never {
  throw error;
}
