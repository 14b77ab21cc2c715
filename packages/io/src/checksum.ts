// CRC-32 (IEEE 802.3, as in gzip and zip), in whichever of two implementations is faster for the size. Both give the
// same number; a test compares them.

import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';

interface Crc32Module {
  buf(data: Uint8Array, seed?: number): number;
}

// crc-32 is CommonJS without named exports that Node can see.
const { buf } = createRequire(import.meta.url)('crc-32') as Crc32Module;

/** Below this many bytes the loop in JavaScript wins against the call into zlib. */
const NATIVE_BYTES_MIN = 256;

const zlibCrc32: ((data: Uint8Array, value?: number) => number) | undefined =
  'crc32' in zlib ? zlib.crc32 : undefined;

/** The CRC-32 of `bytes` as an unsigned number. `seed` is the checksum of the bytes before them: a checksum can go on. */
export function checksum(bytes: Uint8Array, seed = 0): number {
  if (zlibCrc32 !== undefined && bytes.length >= NATIVE_BYTES_MIN) return zlibCrc32(bytes, seed);
  return buf(bytes, seed) >>> 0;
}
