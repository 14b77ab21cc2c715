// What the dialling side of a snapshot's connection asks for (docs/transport-format.md, "Snapshots"): one image, from
// one byte on.
//
//   request    array: index, term (uints), checksum (32 bytes), offset (uint); what follows is ignored

import { type Index, MsgpackReader, MsgpackWriter, type NodeId, type Term } from '@waldb/core';
import { decodePayload } from './hello.js';

export interface SnapshotRequest {
  readonly index: Index;
  readonly term: Term;
  /** Of the whole image, 64 hex digits: another image at the same index is another one. */
  readonly checksum: string;
  /** Bytes of the image that are there already. */
  readonly offset: number;
}

/** Gives the image's bytes from the request's offset on; throws a `TransportError` to refuse. */
export type OpenSnapshot = (peer: NodeId, request: SnapshotRequest) => AsyncIterable<Uint8Array>;

/** Largest payload of a chunk frame: what either side holds of an image, beside the machine's socket buffers. */
export const SNAPSHOT_CHUNK_BYTES_MAX: number = 256 * 1024;

const CHECKSUM_BYTES = 32;

export function encodeSnapshotRequest(request: SnapshotRequest): Uint8Array {
  const writer = new MsgpackWriter();
  writer.arrayHeader(4).uint(request.index).uint(request.term);
  return writer.binary(Buffer.from(request.checksum, 'hex')).uint(request.offset).finish();
}

/** Errors: `MESSAGE_INVALID`. */
export function decodeSnapshotRequest(payload: Uint8Array): SnapshotRequest {
  return decodePayload('snapshot request', () => {
    const reader = new MsgpackReader(payload);
    if (reader.arrayHeader('request') < 4) throw reader.invalid('request', 'shorter than four elements');
    const index = reader.uint('request.index');
    const term = reader.uint('request.term');
    const checksum = reader.binary('request.checksum');
    if (checksum.length !== CHECKSUM_BYTES) throw reader.invalid('request.checksum', 'not 32 bytes');
    return {
      index,
      term,
      checksum: Buffer.from(checksum).toString('hex'),
      offset: reader.uint('request.offset'),
    };
  });
}
