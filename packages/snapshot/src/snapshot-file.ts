// A snapshot as one file under any name, outside of every store: a backup. The bytes are those of a file in a store
// (docs/snapshot-format.md). Must never show a file under its name before all of it is on stable storage.

import { basename, dirname } from 'node:path';
import type { Index, Term } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import { checkExpected, checkPosition } from './check-position.js';
import { discard, perform, readAt } from './disk.js';
import { decodeHeader, HEADER_BYTES } from './format/header.js';
import { type ImageSource, readImage, readInfo } from './image-reader.js';
import { ImageWriter } from './image-writer.js';
import { resolveOptions, type SnapshotStoreOptions } from './options.js';
import { corrupt, type SnapshotErrorDetail, systemFailure } from './snapshot-error.js';
import type { SnapshotInfo, SnapshotPosition } from './snapshot-info.js';
import type { WriteOptions } from './snapshot-store.js';
import { piecesOf } from './source.js';

export type SnapshotFileOptions = Pick<SnapshotStoreOptions, 'vfs' | 'chunkBytes' | 'snapshotBytesMax'>;

/** A snapshot file whose header, configuration, trailer and size were right when it was opened. */
export interface OpenedSnapshotFile {
  readonly info: SnapshotInfo;
  /**
   * The image, chunk by chunk, each checked; whole only when the iteration ends without an error. May be called again.
   * Errors: `SNAPSHOT_CORRUPT`, `SNAPSHOT_IO`.
   */
  readonly read: () => AsyncGenerator<Uint8Array, void, void>;
}

/** Errors: `SNAPSHOT_CORRUPT`, `SNAPSHOT_VERSION`, `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_IO`. */
export async function openSnapshotFile(
  path: string,
  options: SnapshotFileOptions = {},
): Promise<OpenedSnapshotFile> {
  const { vfs, snapshotBytesMax } = resolveOptions(options);
  const file = { type: 'snapshot', name: basename(path), ...(await readPlace(vfs, path)) } as const;
  const source: ImageSource = { vfs, path, file, snapshotBytesMax };
  const info = await readInfo(source);
  return { info, read: () => readImage(source, info, 0) };
}

/**
 * Writes an image under `path`, over an older file of that name. Once this resolves it survives a loss of power; until
 * all of it is on stable storage, `path` is as it was.
 * Errors: `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_MISMATCH`, `SNAPSHOT_ABORTED`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`, `SNAPSHOT_INVALID`,
 * and what the stream throws.
 */
export async function writeSnapshotFile(
  path: string,
  position: SnapshotPosition,
  stream: AsyncIterable<Uint8Array>,
  options: SnapshotFileOptions & WriteOptions = {},
): Promise<SnapshotInfo> {
  const { vfs, chunkBytes, snapshotBytesMax } = resolveOptions(options);
  const { index, term } = position;
  const { signal = new AbortController().signal, checksum } = options;
  const encoded = checkPosition(position);
  const writing = { vfs, path, index, term, configuration: encoded.bytes, chunkBytes, snapshotBytesMax };
  const writer = await ImageWriter.create(writing);
  try {
    for await (const piece of piecesOf(stream, signal)) await writer.append(piece);
    const info: SnapshotInfo = { index, term, configuration: encoded.value, ...(await writer.finish()) };
    checkExpected(info, checksum);
    await perform(vfs, { type: 'rename', from: writer.path, to: path }, { index, term });
    await syncName(vfs, path, { index, term });
    return info;
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** A name that may not survive is taken back: nobody was told of it. */
async function syncName(vfs: Vfs, path: string, facts: SnapshotErrorDetail): Promise<void> {
  try {
    await perform(vfs, { type: 'syncDirectory', path: dirname(path) }, facts);
  } catch (error) {
    await discard(vfs, path);
    throw error;
  }
}

/** Where the header says that the snapshot stands: a name that is not the store's does not say it. */
async function readPlace(vfs: Vfs, path: string): Promise<{ readonly index: Index; readonly term: Term }> {
  const name = basename(path);
  let file: ReturnType<Vfs['open']>;
  try {
    file = vfs.open(path, 'read');
  } catch (error) {
    throw systemFailure(`Opening the snapshot ${path}`, { file: name }, error);
  }
  try {
    const header = new Uint8Array(HEADER_BYTES);
    const count = await readAt(file, header, 0, { file: name });
    const found = decodeHeader(header.subarray(0, count));
    if (found.type === 'valid') return { index: found.header.index, term: found.header.term };
    // A newer version has its position where nobody knows: the outline, which is read next, says so by its version.
    if (found.type === 'newer') return { index: 1, term: 1 };
    throw corrupt(name, found.why, { offset: 0 });
  } finally {
    file.close();
  }
}
