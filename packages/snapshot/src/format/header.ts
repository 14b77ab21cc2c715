// How a snapshot file begins (docs/snapshot-format.md, "Header"). The places of magic, version and checksum are the
// same in every version of the format, past and to come, so that any reader can name a newer file instead of calling
// it damaged.
//
//    0  magic                     "WALDBIMG"
//    8  version                   u32
//   12  checksum kind             u32     1 = CRC-32 for each part, SHA-256 for the whole
//   16  index                     u64     also in the file's name
//   24  term                      u64     also in the file's name
//   32  chunk bytes               u32     of every chunk but the last
//   36  configuration bytes       u32
//   40  configuration checksum    u32     starting from the file's seed
//   44  0
//   60  header checksum           u32     of bytes 0 to 59
//   64  configuration             as docs/protocol.md says
//       chunks follow

import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  type Index,
  RaftError,
  type Term,
} from '@waldb/core';
import { checksum } from '@waldb/io';
import { getUint64, hasAscii, setAscii, setUint64, viewOf } from './fields.js';

export const FORMAT_VERSION = 1;
export const HEADER_BYTES = 64;
export const CHUNK_BYTES_MIN = 64;
export const CHUNK_BYTES_MAX: number = 16 * 1024 * 1024;
/** A thousand servers with long addresses, many times over. */
export const CONFIGURATION_BYTES_MAX: number = 1024 * 1024;

const MAGIC = 'WALDBIMG';
const CHECKSUM_AT = HEADER_BYTES - 4;
const CHECKSUM_CRC32_SHA256 = 1;

/** The fixed part: what must be known to read the rest. */
export interface Header {
  readonly index: Index;
  readonly term: Term;
  readonly chunkBytes: number;
  readonly configurationBytes: number;
  readonly configurationChecksum: number;
}

/** `damaged` says why in words that complete "the snapshot …". */
export type Damaged = { readonly type: 'damaged'; readonly why: string };

export type HeaderFinding =
  | { readonly type: 'valid'; readonly header: Header }
  | { readonly type: 'newer'; readonly version: number }
  | Damaged;

export interface NewHeader {
  readonly index: Index;
  readonly term: Term;
  readonly chunkBytes: number;
  readonly configuration: Uint8Array;
}

/** Header and configuration, ready to be written. */
export function encodeHeader({ index, term, chunkBytes, configuration }: NewHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + configuration.length);
  const view = viewOf(bytes);
  setAscii(bytes, 0, MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, CHECKSUM_CRC32_SHA256, true);
  setUint64(view, 16, index);
  setUint64(view, 24, term);
  view.setUint32(32, chunkBytes, true);
  view.setUint32(36, configuration.length, true);
  view.setUint32(40, checksum(configuration, fileSeed(index, term)), true);
  view.setUint32(CHECKSUM_AT, checksum(bytes.subarray(0, CHECKSUM_AT)), true);
  bytes.set(configuration, HEADER_BYTES);
  return bytes;
}

/** Checksum first, then magic and version, then the rest: a flipped bit in the version is damage, not a newer version. */
export function decodeHeader(bytes: Uint8Array): HeaderFinding {
  if (bytes.length !== HEADER_BYTES) return damaged('is shorter than its header');
  const view = viewOf(bytes);
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(bytes.subarray(0, CHECKSUM_AT)))
    return damaged('has a header that does not match its checksum');
  if (!hasAscii(bytes, 0, MAGIC)) return damaged(`does not begin with ${MAGIC}`);
  const version = view.getUint32(8, true);
  if (version > FORMAT_VERSION) return { type: 'newer', version };
  if (version === 0) return damaged('has version 0');
  if (view.getUint32(12, true) !== CHECKSUM_CRC32_SHA256) return damaged('has an unknown checksum kind');
  const header: Header = {
    index: getUint64(view, 16),
    term: getUint64(view, 24),
    chunkBytes: view.getUint32(32, true),
    configurationBytes: view.getUint32(36, true),
    configurationChecksum: view.getUint32(40, true),
  };
  return isPossible(header) ? { type: 'valid', header } : damaged('has a header with impossible fields');
}

function isPossible({ index, term, chunkBytes, configurationBytes }: Header): boolean {
  if (!Number.isSafeInteger(index) || index < 1 || !Number.isSafeInteger(term) || term < 1) return false;
  if (chunkBytes < CHUNK_BYTES_MIN || chunkBytes > CHUNK_BYTES_MAX) return false;
  return configurationBytes <= CONFIGURATION_BYTES_MAX;
}

/** Reads the bytes behind a valid header. */
export function decodeFileConfiguration(
  bytes: Uint8Array,
  header: Header,
): { readonly type: 'valid'; readonly configuration: Configuration } | Damaged {
  if (checksum(bytes, fileSeed(header.index, header.term)) !== header.configurationChecksum)
    return damaged('has a configuration that does not match its checksum');
  try {
    return { type: 'valid', configuration: decodeConfiguration(bytes) };
  } catch (error) {
    if (error instanceof RaftError)
      return damaged(`has a configuration that does not decode: ${error.message}`);
    throw error;
  }
}

/** A configuration with its bytes in the file. */
export interface FileConfiguration {
  readonly value: Configuration;
  readonly bytes: Uint8Array;
}

/** Errors: `RaftError` for one that can never be in force: what could not be read back must not be written. */
export function encodeFileConfiguration(configuration: Configuration): FileConfiguration {
  const bytes = encodeConfiguration(configuration);
  return { value: decodeConfiguration(bytes), bytes };
}

/**
 * What the checksums of everything behind the header start from: the checksum of index and term. A part that strayed in
 * from a snapshot at another position does not match it.
 */
export function fileSeed(index: Index, term: Term): number {
  const bytes = new Uint8Array(16);
  setUint64(viewOf(bytes), 0, index);
  setUint64(viewOf(bytes), 8, term);
  return checksum(bytes);
}

export function damaged(why: string): Damaged {
  return { type: 'damaged', why };
}
