// The snapshots of one server: written whole or not at all, read in checked chunks, removed when newer ones have taken
// their place. Implements docs/snapshot-format.md. It must never show a snapshot that a loss of power could still take,
// never remove one before a newer one is durable, and never remove one that is being read.

import { join } from 'node:path';
import type { Index } from '@waldb/core';
import type { VfsLock } from '@waldb/io';
import { Catalogue, type Stored } from './catalogue.js';
import { checkExpected, checkPosition } from './check-position.js';
import { snapshotFile } from './format/file-name.js';
import type { FileConfiguration } from './format/header.js';
import { readImage } from './image-reader.js';
import { ImageWriter } from './image-writer.js';
import { openDirectory } from './open-directory.js';
import {
  checkRange,
  READERS_MAX,
  type ResolvedOptions,
  resolveOptions,
  type SnapshotStoreOptions,
  WRITERS_MAX,
} from './options.js';
import { type ExpectedImage, Reception } from './reception.js';
import { Shelf } from './shelf.js';
import { closed, SnapshotError, type SnapshotErrorDetail } from './snapshot-error.js';
import type { RefusedSnapshot, SnapshotInfo, SnapshotPosition } from './snapshot-info.js';
import { SnapshotStream } from './snapshot-stream.js';
import { piecesOf } from './source.js';

export interface WriteOptions {
  /** Ends the write with `SNAPSHOT_ABORTED`, until the moment at which the snapshot gets its name. */
  readonly signal?: AbortSignal;
  /** The {@link SnapshotInfo.checksum} that the sender named: another image is not published. */
  readonly checksum?: string;
}

type Position = Pick<SnapshotPosition, 'index' | 'term'>;

interface WriteJob extends Position {
  readonly configuration: FileConfiguration;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Its reason is the error to fail with. */
  readonly stop: AbortSignal;
  readonly expectedChecksum: string | undefined;
}

/** A write or a reception that is under way. */
interface Writing {
  /** Ends it; resolves when nothing of it is left. */
  readonly stop: (reason: SnapshotError) => Promise<void>;
}

export class SnapshotStore implements AsyncDisposable {
  readonly directory: string;
  readonly #options: ResolvedOptions;
  readonly #lock: VfsLock;
  readonly #catalogue: Catalogue;
  readonly #shelf: Shelf;
  readonly #writings = new Map<Index, Writing>();
  readonly #streams = new Set<SnapshotStream>();
  #closing: Promise<void> | undefined;

  /**
   * Opens a directory, and makes it if need be. Unfinished files are removed, files with other names are left alone;
   * damaged snapshots are {@link refused}, not fatal.
   * Errors: `SNAPSHOT_LOCKED`, `SNAPSHOT_INVALID`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`.
   */
  static async open(directory: string, options: SnapshotStoreOptions = {}): Promise<SnapshotStore> {
    const resolved = resolveOptions(options);
    const { lock, infos, refused } = await openDirectory(directory, resolved);
    return new SnapshotStore(directory, resolved, lock, new Catalogue(infos, refused));
  }

  private constructor(directory: string, options: ResolvedOptions, lock: VfsLock, catalogue: Catalogue) {
    this.directory = directory;
    this.#options = options;
    this.#lock = lock;
    this.#catalogue = catalogue;
    const { vfs, retain } = options;
    this.#shelf = new Shelf({ directory, vfs, retain, catalogue });
  }

  /** Newest first. Header, configuration, trailer and size of each were right; `verify` looks at the chunks as well. */
  list(): SnapshotInfo[] {
    this.#checkOpen();
    return this.#catalogue.list();
  }

  latest(): SnapshotInfo | undefined {
    this.#checkOpen();
    return this.#catalogue.newest();
  }

  /**
   * Snapshots that are there and cannot be used, newest first: damaged, too large, unreadable, or of a newer version.
   * Each is kept as it is until a snapshot is written in its place, or as many newer ones are there as are kept.
   */
  refused(): RefusedSnapshot[] {
    this.#checkOpen();
    return this.#catalogue.refused();
  }

  /**
   * The image from byte `from` on, to be iterated. It stays until the stream has ended, whatever is written or pruned meanwhile.
   * The checksum of the whole is compared only where the whole is read, from 0; those of the chunks always.
   * Errors, at once: `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_BUSY`, `SNAPSHOT_INVALID`, and why a refused snapshot is refused. While reading:
   * `SNAPSHOT_CORRUPT` (the snapshot is then refused), `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  read(index: Index, from = 0): SnapshotStream {
    this.#checkOpen();
    const stored = this.#find(index);
    checkRange('from', from, 0, stored.info.bytes);
    if (this.#streams.size >= READERS_MAX)
      throw busy(`${READERS_MAX} snapshots are being read, which is as many as may be.`, {
        readers: READERS_MAX,
      });
    const { vfs, snapshotBytesMax } = this.#options;
    const { file, info } = stored;
    const source = {
      vfs,
      path: join(this.directory, file),
      file: { type: 'snapshot', name: file, index: info.index, term: info.term },
      snapshotBytesMax,
    } as const;
    const stream = new SnapshotStream(info, readImage(source, info, from), async (error) => {
      this.#streams.delete(stream);
      await this.#shelf.release(stored, error);
    });
    stored.readers += 1;
    this.#streams.add(stream);
    return stream;
  }

  /** Reads all of a snapshot and compares every checksum. Errors: those of {@link read}. */
  async verify(index: Index): Promise<SnapshotInfo> {
    const stream = this.read(index);
    while ((await stream.next()).done !== true);
    return stream.info;
  }

  /**
   * Writes an image in pieces of any size. Once this resolves the snapshot survives a loss of power, and older ones
   * beyond `retain` are gone. If it does not, nothing was published and nothing older was removed; what the stream
   * itself threw is thrown on. Several indexes may be written at a time. A piece may be used again by the stream
   * once its next one is asked for.
   * Errors: `SNAPSHOT_STALE`, `SNAPSHOT_BUSY`, `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_MISMATCH`, `SNAPSHOT_ABORTED`,
   * `SNAPSHOT_FULL`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`, `SNAPSHOT_INVALID`.
   */
  async write(
    position: SnapshotPosition,
    stream: AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<SnapshotInfo> {
    this.#checkOpen();
    const configuration = checkPosition(position);
    const { index, term } = position;
    this.#shelf.checkNewer(index);
    this.#checkWriters(index);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(aborted(position, options.signal?.reason));
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const expectedChecksum = options.checksum;
    const done = this.#write({ index, term, configuration, stream, stop: stop.signal, expectedChecksum });
    this.#writings.set(index, {
      stop: async (reason) => {
        stop.abort(reason);
        await done.catch(() => {}); // its own caller hears of it
      },
    });
    try {
      return await done;
    } finally {
      this.#writings.delete(index);
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Begins to receive an image from another server, to be published when all of it is there. What was taken stays until
   * it is discarded or the store is closed; it does not survive a restart.
   * Errors: `SNAPSHOT_STALE`, `SNAPSHOT_BUSY`, `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`,
   * `SNAPSHOT_INVALID`.
   */
  async receive(position: SnapshotPosition, expected: ExpectedImage): Promise<Reception> {
    this.#checkOpen();
    const configuration = checkPosition(position);
    const { index, term } = position;
    const { snapshotBytesMax } = this.#options;
    if (expected.bytes > snapshotBytesMax)
      throw new SnapshotError(
        'SNAPSHOT_TOO_LARGE',
        `An image of ${expected.bytes} bytes is larger than the ${snapshotBytesMax} bytes that are allowed.`,
        { index, term, bytes: expected.bytes, bytesMax: snapshotBytesMax },
      );
    this.#shelf.checkNewer(index);
    this.#checkWriters(index);
    let isStopped = false;
    const opening = this.#openWriter(position, configuration);
    this.#writings.set(index, {
      stop: async () => {
        isStopped = true;
        await opening.then((writer) => writer.discard()).catch(() => {}); // told below
      },
    });
    let writer: ImageWriter;
    try {
      writer = await opening;
      if (isStopped) throw closed();
    } catch (error) {
      this.#writings.delete(index);
      throw error;
    }
    const reception = new Reception({
      position: { index, term, configuration: configuration.value },
      expected,
      writer,
      publish: (info, mayGoOn) => this.#shelf.publish(writer.path, this.#pathOf(position), info, mayGoOn),
      onEnd: () => this.#writings.delete(index),
    });
    this.#writings.set(index, { stop: (reason) => reception.discard(reason) });
    return reception;
  }

  /**
   * Removes all but the `keep` newest snapshots (at least one stays). One that is being read is listed no more, and
   * goes with the last of its readers. Errors: `SNAPSHOT_INVALID`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  async prune(keep: number): Promise<void> {
    this.#checkOpen();
    checkRange('keep', keep, 1, Number.MAX_SAFE_INTEGER);
    await this.#shelf.prune(keep);
  }

  /**
   * Removes what is older than the snapshot at `index`, but for the `keep` newest of that. For an owner that knows which
   * snapshot must stay, whatever is newer. Errors: as in `prune`.
   */
  async pruneBelow(index: Index, keep: number): Promise<void> {
    this.#checkOpen();
    checkRange('keep', keep, 0, Number.MAX_SAFE_INTEGER);
    await this.#shelf.pruneBelow(index, keep);
  }

  /** Removes one snapshot, if it is there: for an owner that knows that nothing refers to it. Errors: as in `prune`. */
  async remove(index: Index): Promise<void> {
    this.#checkOpen();
    await this.#shelf.remove(index);
  }

  /**
   * Removes every snapshot above `index`, refused ones too: for an owner that knows that nothing refers to them. Once
   * this resolves, none of them comes back. Errors: `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  async dropAbove(index: Index): Promise<void> {
    this.#checkOpen();
    await this.#shelf.dropAbove(index);
  }

  /**
   * Ends what is under way: writes fail with `SNAPSHOT_CLOSED` and leave nothing behind, and so do streams at their
   * next chunk. Then the directory is free. Idempotent; never rejects.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#writings.values()].map(({ stop }) => stop(closed())));
    await Promise.all([...this.#streams].map((stream) => stream.cut(closed())));
    await this.#shelf.idle();
    this.#lock.release();
  }

  // ---- writing ----

  async #write(job: WriteJob): Promise<SnapshotInfo> {
    const { index, term, configuration, stop } = job;
    stop.throwIfAborted();
    const writer = await this.#openWriter(job, configuration);
    try {
      for await (const piece of piecesOf(job.stream, stop)) {
        await writer.append(piece);
        stop.throwIfAborted();
      }
      const trailer = await writer.finish();
      const info: SnapshotInfo = { index, term, configuration: configuration.value, ...trailer };
      checkExpected(info, job.expectedChecksum);
      return await this.#shelf.publish(writer.path, this.#pathOf(job), info, () => stop.throwIfAborted());
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  #openWriter({ index, term }: Position, configuration: FileConfiguration): Promise<ImageWriter> {
    const { vfs, chunkBytes, snapshotBytesMax } = this.#options;
    const path = this.#pathOf({ index, term });
    return ImageWriter.create({
      vfs,
      path,
      index,
      term,
      configuration: configuration.bytes,
      chunkBytes,
      snapshotBytesMax,
    });
  }

  #pathOf({ index, term }: Position): string {
    return join(this.directory, snapshotFile(index, term));
  }

  #checkWriters(index: Index): void {
    if (this.#writings.has(index))
      throw busy(`The snapshot at index ${index} is being written already.`, { index });
    if (this.#writings.size >= WRITERS_MAX)
      throw busy(`${WRITERS_MAX} snapshots are being written, which is as many as may be.`, {
        writers: WRITERS_MAX,
      });
  }

  // ---- both ----

  #find(index: Index): Stored {
    const stored = this.#catalogue.find(index);
    if (stored !== undefined) return stored;
    const refused = this.#catalogue.refused().find((one) => one.index === index);
    if (refused !== undefined) throw refused.error;
    throw new SnapshotError('SNAPSHOT_NOT_FOUND', `There is no snapshot at index ${index}.`, { index });
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }
}

function aborted({ index, term }: SnapshotPosition, reason: unknown): SnapshotError {
  return new SnapshotError(
    'SNAPSHOT_ABORTED',
    `Writing the snapshot at index ${index} was aborted.`,
    { index, term },
    { cause: reason },
  );
}

function busy(why: string, facts: SnapshotErrorDetail): SnapshotError {
  return new SnapshotError('SNAPSHOT_BUSY', why, facts);
}
