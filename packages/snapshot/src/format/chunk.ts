// The unit of an image on disk (docs/snapshot-format.md, "Chunks"). Every chunk but the last is full, so that the place
// of each follows from its number.
//
//    0  chunk checksum      u32     of bytes 4 to 15, starting from the file's seed
//    4  payload checksum    u32
//    8  payload bytes       u32
//   12  sequence            u32     from 0
//   16  payload

import { checksum } from '@waldb/io';
import { viewOf } from './fields.js';
import { type Damaged, damaged } from './header.js';

export const CHUNK_HEADER_BYTES = 16;
/** The sequence is 32 bits wide. */
export const CHUNKS_MAX = 0xffff_ffff;

/** Fills in the first 16 bytes of a chunk whose payload stands behind them. */
export function sealChunk(chunk: Uint8Array, sequence: number, seed: number): void {
  const payload = chunk.subarray(CHUNK_HEADER_BYTES);
  const view = viewOf(chunk);
  view.setUint32(4, checksum(payload), true);
  view.setUint32(8, payload.length, true);
  view.setUint32(12, sequence, true);
  view.setUint32(0, checksum(chunk.subarray(4, CHUNK_HEADER_BYTES), seed), true);
}

/** A chunk as it was read, of the length that its place in the file gives it. The payload is a view of it. */
export function openChunk(
  chunk: Uint8Array,
  sequence: number,
  seed: number,
): { readonly type: 'valid'; readonly payload: Uint8Array } | Damaged {
  const view = viewOf(chunk);
  if (view.getUint32(0, true) !== checksum(chunk.subarray(4, CHUNK_HEADER_BYTES), seed))
    return damaged('has a chunk whose header does not match its checksum');
  const payload = chunk.subarray(CHUNK_HEADER_BYTES);
  if (view.getUint32(12, true) !== sequence || view.getUint32(8, true) !== payload.length)
    return damaged('has a chunk that belongs in another place');
  if (view.getUint32(4, true) !== checksum(payload))
    return damaged('has a chunk that does not match its checksum');
  return { type: 'valid', payload };
}
