// Finds what a segment's checksums start from when its header page is lost (docs/wal-format.md, "Frames"). A CRC can be
// run backwards: from the checksum that a frame's header carries, over the bytes that it covers, to where it started.
// So the loss of one page does not take the segment with it.

import { FRAME_HEADER_BYTES, readFrameHeader } from '../format/frame.js';
import { viewOf } from '../format/little-endian.js';

const POLYNOMIAL = 0xedb88320;
const TABLE: Uint32Array = makeTable();
/** The table's entry with a given highest byte: each of the 256 occurs once. */
const INDEX_BY_HIGH_BYTE: Uint8Array = Uint8Array.from(invert(TABLE));

/**
 * The seed of the segment in whose file these are the bytes of the frame at `offset`; `undefined` when no frame is
 * there. Any 64 bytes give some seed: it is only as good as the fields that are compared, so more than one frame has
 * to agree before it is believed.
 */
export function recoverSeed(headerBytes: Uint8Array, offset: number): number | undefined {
  if (headerBytes.length < FRAME_HEADER_BYTES) return undefined;
  const bytes = headerBytes.subarray(0, FRAME_HEADER_BYTES);
  const seed = checksumBefore(viewOf(bytes).getUint32(0, true), bytes.subarray(4));
  return readFrameHeader(bytes, 0, { seed, offset }) === undefined ? undefined : seed;
}

/** The inverse of `checksum(bytes, seed)`: the seed, from the result. */
export function checksumBefore(after: number, bytes: Uint8Array): number {
  let crc = ~after >>> 0;
  for (let i = bytes.length - 1; i >= 0; i--) {
    const index = INDEX_BY_HIGH_BYTE[crc >>> 24] ?? 0;
    const low = index ^ (bytes[i] ?? 0);
    crc = (((crc ^ (TABLE[index] ?? 0)) << 8) | low) >>> 0;
  }
  return ~crc >>> 0;
}

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
    return crc;
  });
}

function invert(table: Uint32Array): number[] {
  const inverse: number[] = [];
  for (const [index, entry] of table.entries()) inverse[entry >>> 24] = index;
  return inverse;
}
