// Reads entries back that are no longer in memory. Every byte that comes from disk is checked against its checksum,
// each time: a disk that lies must not reach the state machine.

import { type Index, type LogEntry, RaftError } from '@waldb/core';
import { checksum, type Vfs, type VfsFile } from '@waldb/io';
import { segmentFile } from '../format/file-name.js';
import { FRAME_HEADER_BYTES, frameBytes, paddedBytes, readFrameHeader } from '../format/frame.js';
import { readRecords } from '../format/record.js';
import type { Stretch } from '../state/segment-summary.js';
import { WalError } from '../wal-error.js';
import type { LiveSegment } from './live-segment.js';

interface DecodedStretch {
  readonly segment: LiveSegment;
  readonly stretch: Stretch;
  readonly entries: readonly LogEntry[];
}

export class ColdReader {
  readonly #vfs: Vfs;
  readonly #segments: readonly LiveSegment[];
  #open: { readonly segment: LiveSegment; readonly file: VfsFile } | undefined;
  /** The last one read: entries are usually asked for in order. */
  #decoded: DecodedStretch | undefined;

  /** `segments` is the log's own list, oldest first; it changes under the reader. */
  constructor(vfs: Vfs, segments: readonly LiveSegment[]) {
    this.#vfs = vfs;
    this.#segments = segments;
  }

  /** The entries of the stretch that holds `index`, from `index` on. Errors: `WAL_CORRUPT`, `WAL_IO`. */
  entriesFrom(index: Index): readonly LogEntry[] {
    const segment = this.#segments.findLast(
      (one) => (one.summary.stretches[0]?.first ?? Number.POSITIVE_INFINITY) <= index,
    );
    const stretch = segment === undefined ? undefined : findStretch(segment.summary.stretches, index);
    if (segment === undefined || stretch === undefined) {
      throw new WalError('WAL_CORRUPT', `No segment of the log holds index ${index}.`, { index });
    }
    const known = this.#decoded;
    const isKnown =
      known?.segment === segment &&
      known.stretch.offset === stretch.offset &&
      known.stretch.bytes === stretch.bytes;
    const entries = isKnown ? known.entries : this.#decode(segment, stretch);
    if (!isKnown) this.#decoded = { segment, stretch, entries };
    const first = entries[0]?.index ?? index;
    return entries.slice(index - first, stretch.last - first + 1);
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

  #decode(segment: LiveSegment, stretch: Stretch): LogEntry[] {
    const bytes = this.#read(segment, stretch);
    const entries: LogEntry[] = [];
    for (let at = 0; at < bytes.length; ) {
      const offset = stretch.offset + at;
      const header = readFrameHeader(bytes, at, { seed: segment.seed, offset });
      const end = at + frameBytes(header?.payloadBytes ?? 0);
      if (header === undefined || end > bytes.length)
        throw this.#damaged(segment, offset, stretch.first, entries);
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + header.payloadBytes);
      const padded = bytes.subarray(
        at + FRAME_HEADER_BYTES,
        at + FRAME_HEADER_BYTES + paddedBytes(header.payloadBytes),
      );
      if (checksum(padded) !== header.payloadCrc)
        throw this.#damaged(segment, offset, stretch.first, entries);
      try {
        for (const record of readRecords(payload)) if (record.type === 'entry') entries.push(record.entry);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        throw this.#damaged(segment, offset, stretch.first, entries);
      }
      at = end;
    }
    if (entries[0]?.index !== stretch.first) throw this.#damaged(segment, stretch.offset, stretch.first, []);
    return entries;
  }

  #read(segment: LiveSegment, stretch: Stretch): Uint8Array {
    const bytes = new Uint8Array(stretch.bytes);
    try {
      if (this.#open?.segment !== segment) {
        this.close();
        this.#open = { segment, file: this.#vfs.open(segment.path, 'read') };
      }
      const count = this.#open.file.read(bytes, stretch.offset);
      if (count === bytes.length) return bytes;
    } catch (error) {
      throw new WalError(
        'WAL_IO',
        `Index ${stretch.first} could not be read from ${segment.path}.`,
        { segment: segment.header.segmentId, offset: stretch.offset, index: stretch.first },
        { cause: error },
      );
    }
    throw this.#damaged(segment, stretch.offset, stretch.first, []);
  }

  #damaged(segment: LiveSegment, offset: number, first: Index, good: readonly LogEntry[]): WalError {
    const { segmentId } = segment.header;
    const index = first + good.length;
    return new WalError(
      'WAL_CORRUPT',
      `Segment ${segmentId} is damaged at offset ${offset}: index ${index} was durable there and cannot be read.`,
      { file: segmentFile(segmentId), segment: segmentId, offset, index, term: good.at(-1)?.term ?? 0 },
    );
  }
}

function findStretch(stretches: readonly Stretch[], index: Index): Stretch | undefined {
  let low = 0;
  let high = stretches.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((stretches[middle] as Stretch).first <= index)
      low = middle; // in bounds: low < middle <= high
    else high = middle - 1;
  }
  const found = stretches[low];
  return found !== undefined && index >= found.first && index <= found.last ? found : undefined;
}
