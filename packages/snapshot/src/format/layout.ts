// Where the parts of a snapshot file lie. Everything follows from four numbers, so nothing needs to be searched for.
//
//   +--------+---------------+---------+---------+-- ... --+------------+---------+
//   | header | configuration | chunk 0 | chunk 1 |         | last chunk | trailer |
//   | 64     |               | 16 + n  | 16 + n  |         | 16 + 1..n  | 64      |      n = chunk bytes
//   +--------+---------------+---------+---------+-- ... --+------------+---------+

import { CHUNK_HEADER_BYTES } from './chunk.js';
import { HEADER_BYTES } from './header.js';
import { TRAILER_BYTES } from './trailer.js';

export interface Layout {
  readonly configurationBytes: number;
  readonly chunkBytes: number;
  /** Bytes of the image. */
  readonly bytes: number;
}

/** An empty image has no chunks. */
export function chunkCount({ bytes, chunkBytes }: Layout): number {
  return Math.ceil(bytes / chunkBytes);
}

/** Offset of a chunk's header. */
export function chunkOffset(layout: Layout, sequence: number): number {
  return HEADER_BYTES + layout.configurationBytes + sequence * (CHUNK_HEADER_BYTES + layout.chunkBytes);
}

/** Bytes of a chunk with its header. */
export function chunkLength(layout: Layout, sequence: number): number {
  const left = layout.bytes - sequence * layout.chunkBytes;
  return CHUNK_HEADER_BYTES + Math.min(layout.chunkBytes, left);
}

export function trailerOffset(layout: Layout): number {
  return HEADER_BYTES + layout.configurationBytes + chunkCount(layout) * CHUNK_HEADER_BYTES + layout.bytes;
}

export function fileBytes(layout: Layout): number {
  return trailerOffset(layout) + TRAILER_BYTES;
}
