// What a segment's first page and a metadata slot have in common (docs/wal-format.md, "Pages"): 4096 bytes that say
// what they are, in which version, of which log, and end in their own checksum. In every version of the format, past
// and to come, these places stay where they are, so that any reader can name a newer file instead of calling it
// damaged.
//
//    0  magic            8 bytes of ASCII
//    8  version          u32
//   12  checksum kind    u32     1 = CRC-32 (IEEE)
//   16  log id           8 bytes
//   24  log kind         u32     1 = Raft log · 2 = plain log
//   28  0                u32
//   32  fields of the page
// 4092  checksum         u32     of bytes 0 to 4091

import { checksum } from '@waldb/io';
import { hexToId, idToHex, viewOf } from './little-endian.js';

export const PAGE_BYTES = 4096;
export const FORMAT_VERSION = 1;
/** Where a page's own fields begin. */
export const PAGE_FIELDS_AT = 32;

const CHECKSUM_AT = PAGE_BYTES - 4;
const CHECKSUM_CRC32 = 1;

/** What the records of a log are: entries of a replicated log, or bytes of which the log knows nothing. */
export type LogKind = 'raft' | 'plain';

const KINDS: readonly (LogKind | undefined)[] = [undefined, 'raft', 'plain'];
const KIND_CODES: Readonly<Record<LogKind, number>> = { raft: 1, plain: 2 };

/** Which log a page belongs to. */
export interface LogIdentity {
  readonly logId: string;
  readonly kind: LogKind;
}

/** What a page turned out to be. `damaged` says why in words that complete "the page …". */
export type Page =
  | ({ readonly type: 'valid'; readonly fields: DataView } & LogIdentity)
  | { readonly type: 'newer'; readonly version: number }
  | { readonly type: 'damaged'; readonly why: string };

/** A page with everything but its own fields filled in; `sealPage` comes last. */
export function beginPage(magic: string, { logId, kind }: LogIdentity): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = viewOf(bytes);
  for (let i = 0; i < 8; i++) bytes[i] = magic.charCodeAt(i);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, CHECKSUM_CRC32, true);
  bytes.set(hexToId(logId), 16);
  view.setUint32(24, KIND_CODES[kind], true);
  return bytes;
}

export function sealPage(bytes: Uint8Array): void {
  viewOf(bytes).setUint32(CHECKSUM_AT, checksum(bytes.subarray(0, CHECKSUM_AT)), true);
}

/** Checksum first, then version, then the rest: a flipped bit in the version is damage, not a newer version. */
export function readPage(bytes: Uint8Array, magic: string): Page {
  if (bytes.length !== PAGE_BYTES) return { type: 'damaged', why: `has ${bytes.length} bytes` };
  const view = viewOf(bytes);
  if (view.getUint32(CHECKSUM_AT, true) !== checksum(bytes.subarray(0, CHECKSUM_AT))) {
    return { type: 'damaged', why: 'does not match its checksum' };
  }
  for (let i = 0; i < 8; i++) {
    if (bytes[i] !== magic.charCodeAt(i)) return { type: 'damaged', why: `does not begin with ${magic}` };
  }
  const version = view.getUint32(8, true);
  if (version > FORMAT_VERSION) return { type: 'newer', version };
  if (version === 0) return { type: 'damaged', why: 'has version 0' };
  if (view.getUint32(12, true) !== CHECKSUM_CRC32)
    return { type: 'damaged', why: 'has an unknown checksum kind' };
  const kind = KINDS[view.getUint32(24, true)];
  if (kind === undefined) return { type: 'damaged', why: 'belongs to an unknown kind of log' };
  return { type: 'valid', logId: idToHex(bytes.subarray(16, 24)), kind, fields: view };
}
