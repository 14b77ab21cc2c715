// Writes one snapshot file under a name that counts for nothing. It never publishes: that is the store's, once
// `finish` has returned. One chunk is in memory, whatever the size of the image.

import type { Index, Term } from '@waldb/core';
import { UNPUBLISHED_SUFFIX, type Vfs, type VfsFile } from '@waldb/io';
import { discard, perform } from './disk.js';
import { CHUNK_HEADER_BYTES, CHUNKS_MAX, sealChunk } from './format/chunk.js';
import { encodeHeader, fileSeed } from './format/header.js';
import { beginHash, encodeTrailer, hashText, type Trailer } from './format/trailer.js';
import { SnapshotError, type SnapshotErrorDetail, systemFailure } from './snapshot-error.js';

/**
 * How much may be written before a sync. The log shares the disk: a sync of its few bytes waits for what is queued
 * before it, and gigabytes of image in one go would stall every commit.
 */
const UNSYNCED_BYTES_MAX = 4 * 1024 * 1024;

export interface ImageWriterOptions {
  readonly vfs: Vfs;
  /** Where the file will be published. It is written beside, with `UNPUBLISHED_SUFFIX`. */
  readonly path: string;
  readonly index: Index;
  readonly term: Term;
  /** Encoded. */
  readonly configuration: Uint8Array;
  readonly chunkBytes: number;
  readonly snapshotBytesMax: number;
}

export class ImageWriter {
  /** Where the file is until it is published. */
  readonly path: string;
  readonly #vfs: Vfs;
  readonly #file: VfsFile;
  readonly #facts: SnapshotErrorDetail;
  readonly #seed: number;
  readonly #hash: ReturnType<typeof beginHash>;
  readonly #bytesMax: number;
  /** Header and payload of the chunk that is being filled. Belongs to the disk while a write of it is under way. */
  readonly #chunk: Uint8Array;
  #filled = CHUNK_HEADER_BYTES;
  #chunks = 0;
  #bytes = 0;
  #offset = 0;
  #unsyncedBytes = 0;

  /** Errors: `SNAPSHOT_FULL`, `SNAPSHOT_IO`; the file is gone then. */
  static async create(options: ImageWriterOptions): Promise<ImageWriter> {
    const writer = new ImageWriter(options);
    try {
      await writer.#write(encodeHeader(options));
      return writer;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  private constructor(options: ImageWriterOptions) {
    const { vfs, path, index, term, configuration, chunkBytes, snapshotBytesMax } = options;
    this.path = path + UNPUBLISHED_SUFFIX;
    this.#vfs = vfs;
    this.#facts = { index, term };
    this.#seed = fileSeed(index, term);
    this.#hash = beginHash(index, term, configuration);
    this.#bytesMax = Math.min(snapshotBytesMax, chunkBytes * CHUNKS_MAX);
    this.#chunk = new Uint8Array(CHUNK_HEADER_BYTES + chunkBytes);
    try {
      this.#file = vfs.open(this.path, 'create');
    } catch (error) {
      throw systemFailure(`Creating ${this.path}`, this.#facts, error);
    }
  }

  /** Takes a piece of any size; it is copied. Errors: `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`. */
  async append(piece: Uint8Array): Promise<void> {
    if (this.#bytes + piece.length > this.#bytesMax) throw this.#tooLarge();
    this.#bytes += piece.length;
    for (let taken = 0; taken < piece.length; ) {
      const count = Math.min(piece.length - taken, this.#chunk.length - this.#filled);
      this.#chunk.set(piece.subarray(taken, taken + count), this.#filled);
      this.#filled += count;
      taken += count;
      if (this.#filled === this.#chunk.length) await this.#writeChunk();
    }
  }

  /** Once this resolves, every byte of the file is on stable storage. Errors: `SNAPSHOT_FULL`, `SNAPSHOT_IO`. */
  async finish(): Promise<Trailer> {
    if (this.#filled > CHUNK_HEADER_BYTES) await this.#writeChunk();
    const trailer: Trailer = {
      bytes: this.#bytes,
      chunks: this.#chunks,
      checksum: hashText(this.#hash.digest()),
    };
    await this.#write(encodeTrailer(trailer, this.#seed));
    await this.#sync();
    this.#file.close();
    return trailer;
  }

  /** Gives the file up. After it was published this does nothing, since its name is another by then. */
  async discard(): Promise<void> {
    this.#file.close();
    await discard(this.#vfs, this.path);
  }

  async #writeChunk(): Promise<void> {
    const chunk = this.#chunk.subarray(0, this.#filled);
    sealChunk(chunk, this.#chunks, this.#seed);
    this.#hash.update(chunk.subarray(CHUNK_HEADER_BYTES));
    await this.#write(chunk);
    this.#chunks += 1;
    this.#filled = CHUNK_HEADER_BYTES;
    if (this.#unsyncedBytes >= UNSYNCED_BYTES_MAX) await this.#sync();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const step = { type: 'write', file: this.#file, bytes, position: this.#offset } as const;
    await perform(this.#vfs, step, { ...this.#facts, offset: this.#offset });
    this.#offset += bytes.length;
    this.#unsyncedBytes += bytes.length;
  }

  /** A sync that fails is not tried again: the file is given up, since nobody knows which of its bytes are on disk. */
  async #sync(): Promise<void> {
    await perform(this.#vfs, { type: 'sync', file: this.#file }, this.#facts);
    this.#unsyncedBytes = 0;
  }

  #tooLarge(): SnapshotError {
    return new SnapshotError(
      'SNAPSHOT_TOO_LARGE',
      `The image is larger than the ${this.#bytesMax} bytes that are allowed.`,
      { ...this.#facts, bytesMax: this.#bytesMax },
    );
  }
}
