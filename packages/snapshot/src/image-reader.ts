// Reads snapshot files. No byte is handed out, and no length believed, before its checksum was right; one chunk is in
// memory at a time, whatever the size of the image. A file is called damaged when two readings of the same part say so.

import type { Configuration } from '@waldb/core';
import type { Vfs, VfsFile } from '@waldb/io';
import { readAt } from './disk.js';
import { openChunk } from './format/chunk.js';
import type { StoreFile } from './format/file-name.js';
import {
  type Damaged,
  decodeFileConfiguration,
  decodeHeader,
  FORMAT_VERSION,
  fileSeed,
  HEADER_BYTES,
  type Header,
} from './format/header.js';
import { chunkCount, chunkLength, chunkOffset, fileBytes, type Layout } from './format/layout.js';
import { beginHash, decodeTrailer, hashText, TRAILER_BYTES, type Trailer } from './format/trailer.js';
import { corrupt, SnapshotError, systemFailure } from './snapshot-error.js';
import type { SnapshotInfo } from './snapshot-info.js';

export type SnapshotFile = Extract<StoreFile, { type: 'snapshot' }>;

export interface ImageSource {
  readonly vfs: Vfs;
  readonly path: string;
  readonly file: SnapshotFile;
  readonly snapshotBytesMax: number;
}

/** What header, configuration, trailer and size say of a file, when they agree. */
interface Outline {
  readonly info: SnapshotInfo;
  readonly layout: Layout;
  /** The configuration's bytes in the file. */
  readonly configuration: Uint8Array;
}

/** Everything but the chunks is checked. Errors: `SNAPSHOT_CORRUPT`, `_VERSION`, `_TOO_LARGE`, `_IO`. */
export async function readInfo(source: ImageSource): Promise<SnapshotInfo> {
  const file = openImage(source);
  try {
    return (await believedTwice(() => readOutline(file, source))).info;
  } finally {
    file.close();
  }
}

/**
 * The image from `from` on, chunk by chunk; each is the receiver's. It is whole only once the generator has ended without
 * an error: the checksum of it all comes last, and only to who reads from the beginning.
 * Errors: `SNAPSHOT_CORRUPT`, `SNAPSHOT_IO`, and those of `readInfo`.
 */
export async function* readImage(
  source: ImageSource,
  published: SnapshotInfo,
  from: number,
): AsyncGenerator<Uint8Array, void, void> {
  const file = openImage(source);
  try {
    const { info, layout, configuration } = await believedTwice(() => readOutline(file, source));
    if (info.checksum !== published.checksum || info.bytes !== published.bytes)
      throw damage(source, { type: 'damaged', why: 'is not the one that was published under its name' });
    const first = Math.floor(from / layout.chunkBytes);
    const hash = beginHash(info.index, info.term, configuration);
    for (let sequence = first; sequence < info.chunks; sequence++) {
      const payload = await believedTwice(() => readChunk(file, source, layout, sequence));
      hash.update(payload);
      const skip = Math.max(from - sequence * layout.chunkBytes, 0);
      if (skip < payload.length) yield payload.subarray(skip);
    }
    if (from === 0 && hashText(hash.digest()) !== info.checksum)
      throw damage(source, { type: 'damaged', why: 'does not match the checksum of the whole' });
  } finally {
    file.close();
  }
}

/**
 * What a disk has given wrong once it may give right the next time: fewer bytes than there are, a bit that flipped on its way
 * here. Who believed it would set a sound file aside, and have nothing to give to a peer that can be helped by it alone.
 */
async function believedTwice<Part>(read: () => Promise<Part>): Promise<Part> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SnapshotError) || error.code !== 'SNAPSHOT_CORRUPT') throw error;
    return await read();
  }
}

function openImage({ vfs, path, file }: ImageSource): VfsFile {
  try {
    return vfs.open(path, 'read');
  } catch (error) {
    throw systemFailure(`Opening the snapshot ${path}`, { file: file.name, index: file.index }, error);
  }
}

async function readOutline(file: VfsFile, source: ImageSource): Promise<Outline> {
  const header = checkHeader(await readPart(file, source, 0, HEADER_BYTES), source);
  const configurationBytes = await readPart(file, source, HEADER_BYTES, header.configurationBytes);
  const found = decodeFileConfiguration(configurationBytes, header);
  if (found.type === 'damaged') throw damage(source, found, HEADER_BYTES);
  const size = sizeOf(file, source);
  const trailerAt = size - TRAILER_BYTES;
  if (trailerAt < HEADER_BYTES + header.configurationBytes)
    throw damage(source, { type: 'damaged', why: 'ends before its trailer' }, size);
  const ending = decodeTrailer(
    await readPart(file, source, trailerAt, TRAILER_BYTES),
    fileSeed(header.index, header.term),
  );
  if (ending.type === 'damaged') throw damage(source, ending, trailerAt);
  const layout: Layout = { ...header, bytes: ending.trailer.bytes };
  checkExtent(source, layout, ending.trailer, size);
  return {
    info: infoOf(header, found.configuration, ending.trailer),
    layout,
    configuration: configurationBytes,
  };
}

function checkHeader(bytes: Uint8Array, source: ImageSource): Header {
  const { name, index, term } = source.file;
  const found = decodeHeader(bytes);
  if (found.type === 'damaged') throw damage(source, found, 0);
  if (found.type === 'newer') {
    throw new SnapshotError(
      'SNAPSHOT_VERSION',
      `The snapshot ${name} has format version ${found.version}; this program reads versions up to ${FORMAT_VERSION}.`,
      { file: name, index, term, version: found.version },
    );
  }
  const { header } = found;
  if (header.index !== index || header.term !== term)
    throw damage(source, { type: 'damaged', why: 'is not the one that its name says' }, 0);
  return header;
}

/** Errors: `SNAPSHOT_TOO_LARGE` for an image that this store would not write either. */
function checkExtent(source: ImageSource, layout: Layout, trailer: Trailer, size: number): void {
  const { name, index, term } = source.file;
  if (trailer.chunks !== chunkCount(layout) || size !== fileBytes(layout))
    throw damage(source, { type: 'damaged', why: 'does not have the size that its trailer says' }, size);
  if (trailer.bytes <= source.snapshotBytesMax) return;
  throw new SnapshotError(
    'SNAPSHOT_TOO_LARGE',
    `The snapshot ${name} holds ${trailer.bytes} bytes; at most ${source.snapshotBytesMax} are allowed.`,
    { file: name, index, term, bytes: trailer.bytes, bytesMax: source.snapshotBytesMax },
  );
}

function infoOf(header: Header, configuration: Configuration, trailer: Trailer): SnapshotInfo {
  const { index, term } = header;
  const { bytes, chunks, checksum } = trailer;
  return { index, term, configuration, bytes, chunks, checksum };
}

async function readChunk(
  file: VfsFile,
  source: ImageSource,
  layout: Layout,
  sequence: number,
): Promise<Uint8Array> {
  const offset = chunkOffset(layout, sequence);
  const bytes = await readPart(file, source, offset, chunkLength(layout, sequence));
  const found = openChunk(bytes, sequence, fileSeed(source.file.index, source.file.term));
  if (found.type === 'damaged') throw damage(source, found, offset, { chunk: sequence });
  return found.payload;
}

/** Errors: `SNAPSHOT_CORRUPT` when the file ends before the part does. */
async function readPart(
  file: VfsFile,
  source: ImageSource,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const { name, index, term } = source.file;
  const bytes = new Uint8Array(length);
  const count = await readAt(file, bytes, offset, { file: name, index, term });
  if (count < length) throw damage(source, { type: 'damaged', why: 'ends early' }, offset + count);
  return bytes;
}

function sizeOf(file: VfsFile, source: ImageSource): number {
  try {
    return file.size();
  } catch (error) {
    throw systemFailure(`Asking for the size of ${source.path}`, { file: source.file.name }, error);
  }
}

function damage(source: ImageSource, { why }: Damaged, offset?: number, facts: object = {}): SnapshotError {
  const { name, index, term } = source.file;
  return corrupt(name, why, { index, term, ...(offset !== undefined && { offset }), ...facts });
}
