// A snapshot's own file (docs/wal-format.md, "Snapshot files"): published whole under its final name before any
// record speaks of it.
//
//    0  magic            "WALDBSNP"
//    8  version          u32
//   12  checksum kind    u32
//   16  log id           8 bytes
//   24  index            u64
//   32  term             u64
//   40  payload bytes    u64
//   48  payload crc      u32
//   52  header checksum  u32     of bytes 0 to 51
//   56  payload          MessagePack [configuration as binary, data as binary]

import {
  decodeConfiguration,
  encodeConfiguration,
  MsgpackReader,
  MsgpackWriter,
  RaftError,
  type Snapshot,
} from '@waldb/core';
import { checksum } from '@waldb/io';
import { hexToId, idToHex, readUint64, viewOf, writeUint64 } from './little-endian.js';
import { FORMAT_VERSION } from './page.js';
import type { SnapshotRef } from './record.js';

const MAGIC = 'WALDBSNP';
export const SNAPSHOT_HEADER_BYTES = 56;
const HEADER_BYTES: number = SNAPSHOT_HEADER_BYTES;
const HEADER_CHECKSUM_AT = 52;
const CHECKSUM_CRC32 = 1;

export type SnapshotFile =
  | { readonly type: 'valid'; readonly snapshot: Snapshot }
  | { readonly type: 'newer'; readonly version: number }
  | { readonly type: 'foreign'; readonly logId: string }
  | { readonly type: 'damaged'; readonly why: string };

/** Errors: `RaftError` `ENCODING` for a configuration that can never be in force. */
export function encodeSnapshotFile(
  snapshot: Snapshot,
  logId: string,
): { readonly bytes: Uint8Array; readonly ref: SnapshotRef } {
  const configuration = encodeConfiguration(snapshot.configuration);
  decodeConfiguration(configuration); // what could not be read back must not be written
  const writer = new MsgpackWriter(HEADER_BYTES + configuration.length + snapshot.data.length + 16);
  writer.raw(new Uint8Array(HEADER_BYTES)).arrayHeader(2).binary(configuration).binary(snapshot.data);
  const bytes = writer.finish();
  const payload = bytes.subarray(HEADER_BYTES);
  const payloadCrc = checksum(payload);
  const view = viewOf(bytes);
  for (let i = 0; i < 8; i++) bytes[i] = MAGIC.charCodeAt(i);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, CHECKSUM_CRC32, true);
  bytes.set(hexToId(logId), 16);
  writeUint64(view, 24, snapshot.index);
  writeUint64(view, 32, snapshot.term);
  writeUint64(view, 40, payload.length);
  view.setUint32(48, payloadCrc, true);
  view.setUint32(HEADER_CHECKSUM_AT, checksum(bytes.subarray(0, HEADER_CHECKSUM_AT)), true);
  return {
    bytes,
    ref: { index: snapshot.index, term: snapshot.term, fileBytes: bytes.length, payloadCrc },
  };
}

/** What the header of a file of `fileBytes` bytes says of itself; `undefined` when it does not match its checksum. */
export function readSnapshotRef(header: Uint8Array, fileBytes: number): SnapshotRef | undefined {
  if (header.length < HEADER_BYTES) return undefined;
  const view = viewOf(header);
  if (view.getUint32(HEADER_CHECKSUM_AT, true) !== checksum(header.subarray(0, HEADER_CHECKSUM_AT)))
    return undefined;
  const payloadCrc = view.getUint32(48, true);
  return { index: readUint64(view, 24), term: readUint64(view, 32), fileBytes, payloadCrc };
}

/** Reads a whole file and compares it with what the log says about it. */
export function decodeSnapshotFile(bytes: Uint8Array, ref: SnapshotRef, logId: string): SnapshotFile {
  if (bytes.length < HEADER_BYTES) return { type: 'damaged', why: 'is shorter than its header' };
  const view = viewOf(bytes);
  for (let i = 0; i < 8; i++) {
    if (bytes[i] !== MAGIC.charCodeAt(i)) return { type: 'damaged', why: `does not begin with ${MAGIC}` };
  }
  if (view.getUint32(HEADER_CHECKSUM_AT, true) !== checksum(bytes.subarray(0, HEADER_CHECKSUM_AT))) {
    return { type: 'damaged', why: 'has a header that does not match its checksum' };
  }
  const version = view.getUint32(8, true);
  if (version > FORMAT_VERSION) return { type: 'newer', version };
  if (version === 0) return { type: 'damaged', why: 'has version 0' };
  if (view.getUint32(12, true) !== CHECKSUM_CRC32)
    return { type: 'damaged', why: 'has an unknown checksum kind' };
  const fileLogId = idToHex(bytes.subarray(16, 24));
  if (fileLogId !== logId) return { type: 'foreign', logId: fileLogId };
  const payload = bytes.subarray(HEADER_BYTES);
  const isTheOne =
    readUint64(view, 24) === ref.index &&
    readUint64(view, 32) === ref.term &&
    readUint64(view, 40) === payload.length &&
    bytes.length === ref.fileBytes &&
    view.getUint32(48, true) === ref.payloadCrc;
  if (!isTheOne) return { type: 'damaged', why: 'is not the one that the log refers to' };
  if (checksum(payload) !== ref.payloadCrc)
    return { type: 'damaged', why: 'has a payload that does not match its checksum' };
  return decodePayload(payload, ref);
}

function decodePayload(payload: Uint8Array, ref: SnapshotRef): SnapshotFile {
  try {
    const reader = new MsgpackReader(payload);
    reader.tuple(2, 'snapshot');
    const configuration = decodeConfiguration(reader.binary('snapshot.configuration'));
    const data = reader.binary('snapshot.data');
    reader.end('snapshot');
    return { type: 'valid', snapshot: { index: ref.index, term: ref.term, configuration, data } };
  } catch (error) {
    if (error instanceof RaftError) return { type: 'damaged', why: `does not decode: ${error.message}` };
    throw error;
  }
}
