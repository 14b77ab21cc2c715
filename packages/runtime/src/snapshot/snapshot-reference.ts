// What the log holds of a snapshot, and what travels in `installSnapshot`: not the image, but which image it is. The
// image itself is in the server's snapshot store, and is fetched over a connection of its own.
//
//   array: version (1), index, term (uints), checksum (32 bytes), bytes (uint)

import { type Index, MsgpackReader, MsgpackWriter, RaftError, type Snapshot, type Term } from '@waldb/core';
import { RuntimeError } from '../runtime-error.js';

export interface SnapshotReference {
  readonly index: Index;
  readonly term: Term;
  /** The snapshot checksum of docs/snapshot-format.md, 64 hex digits. */
  readonly checksum: string;
  /** Bytes of the image. */
  readonly bytes: number;
}

const VERSION = 1;
const CHECKSUM_BYTES = 32;

export function encodeReference(reference: SnapshotReference): Uint8Array {
  const { index, term, checksum, bytes } = reference;
  const writer = new MsgpackWriter().arrayHeader(5).uint(VERSION).uint(index).uint(term);
  return writer.binary(Buffer.from(checksum, 'hex')).uint(bytes).finish();
}

/** Reads the reference of a snapshot, which must be of that snapshot. Errors: `SNAPSHOT_UNREADABLE`. */
export function decodeReference(snapshot: Pick<Snapshot, 'index' | 'term' | 'data'>): SnapshotReference {
  const reference = read(snapshot);
  if (reference.index === snapshot.index && reference.term === snapshot.term) return reference;
  throw unreadable(snapshot, `it refers to the one at index ${reference.index} of term ${reference.term}`);
}

export function isSameImage(a: SnapshotReference, b: SnapshotReference): boolean {
  return a.index === b.index && a.term === b.term && a.checksum === b.checksum && a.bytes === b.bytes;
}

function read(snapshot: Pick<Snapshot, 'index' | 'term' | 'data'>): SnapshotReference {
  try {
    const reader = new MsgpackReader(snapshot.data);
    reader.tuple(5, 'reference');
    const version = reader.uint('reference.version');
    if (version !== VERSION) throw reader.invalid('reference.version', `${version}, and ${VERSION} is known`);
    const index = reader.uint('reference.index');
    const term = reader.uint('reference.term');
    const checksum = reader.binary('reference.checksum');
    if (checksum.length !== CHECKSUM_BYTES) throw reader.invalid('reference.checksum', 'not 32 bytes');
    const bytes = reader.uint('reference.bytes');
    reader.end('reference');
    return { index, term, checksum: Buffer.from(checksum).toString('hex'), bytes };
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw unreadable(snapshot, error.message);
  }
}

function unreadable({ index }: Pick<Snapshot, 'index'>, why: string): RuntimeError {
  return new RuntimeError(
    'SNAPSHOT_UNREADABLE',
    `The snapshot at index ${index} has no reference to an image: ${why}.`,
    { detail: { index } },
  );
}
