// How a snapshot file ends (docs/snapshot-format.md, "Trailer"): how much there must be, and the checksum of it all.
// Together with the file's size it shows that nothing is missing, without a look at the chunks.
//
//    0  magic               "WALDBEND"
//    8  image bytes         u64
//   16  chunks              u32
//   20  0                   u32
//   24  snapshot checksum   32 bytes    SHA-256 of index u64, term u64, configuration bytes u64, configuration, image
//   56  0                   u32
//   60  trailer checksum    u32         of bytes 0 to 59, starting from the file's seed

import type { Index, Term } from '@waldb/core';
import { checksum, Sha256 } from '@waldb/io';
import { getUint64, hasAscii, setAscii, setUint64, viewOf } from './fields.js';
import { type Damaged, damaged } from './header.js';

export const TRAILER_BYTES = 64;

const MAGIC = 'WALDBEND';
const HASH_AT = 24;
const HASH_BYTES = 32;
const CHECKSUM_AT = TRAILER_BYTES - 4;

export interface Trailer {
  readonly bytes: number;
  readonly chunks: number;
  /** 64 hex digits. */
  readonly checksum: string;
}

export function encodeTrailer(trailer: Trailer, seed: number): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES);
  const view = viewOf(bytes);
  setAscii(bytes, 0, MAGIC);
  setUint64(view, 8, trailer.bytes);
  view.setUint32(16, trailer.chunks, true);
  bytes.set(Buffer.from(trailer.checksum, 'hex'), HASH_AT);
  view.setUint32(CHECKSUM_AT, checksum(bytes.subarray(0, CHECKSUM_AT), seed), true);
  return bytes;
}

export function decodeTrailer(
  bytes: Uint8Array,
  seed: number,
): { readonly type: 'valid'; readonly trailer: Trailer } | Damaged {
  const view = viewOf(bytes);
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(bytes.subarray(0, CHECKSUM_AT), seed))
    return damaged('has a trailer that is missing or does not match its checksum');
  if (!hasAscii(bytes, 0, MAGIC)) return damaged(`does not end with a trailer that begins with ${MAGIC}`);
  const trailer: Trailer = {
    bytes: getUint64(view, 8),
    chunks: view.getUint32(16, true),
    checksum: hashText(bytes.subarray(HASH_AT, HASH_AT + HASH_BYTES)),
  };
  if (!Number.isSafeInteger(trailer.bytes)) return damaged('has a trailer with impossible fields');
  return { type: 'valid', trailer };
}

/** The hash of a snapshot, with everything fed in but the image. */
export function beginHash(index: Index, term: Term, configuration: Uint8Array): Sha256 {
  const fields = new Uint8Array(24);
  const view = viewOf(fields);
  setUint64(view, 0, index);
  setUint64(view, 8, term);
  setUint64(view, 16, configuration.length);
  return new Sha256().update(fields).update(configuration);
}

export function hashText(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex');
}
