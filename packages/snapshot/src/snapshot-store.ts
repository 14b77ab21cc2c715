// The snapshots of one server: written whole or not at all, read in checked chunks, removed when newer ones have taken
// their place. Implements docs/snapshot-format.md. It must never show a snapshot that a loss of power could still take,
// never remove one before a newer one is durable, and never remove one that is being read.

import { join } from 'node:path';
import { type Configuration, type Index, RaftError, type Term } from '@waldb/core';
import type { VfsLock } from '@waldb/io';
import { Catalogue, type Stored } from './catalogue.js';
import { discard, perform } from './disk.js';
import { snapshotFile } from './format/file-name.js';
import { CONFIGURATION_BYTES_MAX, encodeFileConfiguration, type FileConfiguration } from './format/header.js';
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
import { closed, invalid, SnapshotError, type SnapshotErrorDetail } from './snapshot-error.js';
import type { RefusedSnapshot, SnapshotInfo, SnapshotPosition } from './snapshot-info.js';
import { SnapshotStream } from './snapshot-stream.js';
import { piecesOf } from './source.js';

export interface WriteOptions {
  /** Ends the write with `SNAPSHOT_ABORTED`, until the moment at which the snapshot gets its name. */
  readonly signal?: AbortSignal;
  /** The {@link SnapshotInfo.checksum} that the sender named: another image is not published. */
  readonly checksum?: string;
}

interface WriteJob {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: FileConfiguration;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Its reason is the error to fail with. */
  readonly stop: AbortSignal;
  readonly expectedChecksum: string | undefined;
}

/** A write that is under way. */
interface Writing {
  readonly stop: AbortController;
  readonly done: Promise<unknown>;
}

export class SnapshotStore implements AsyncDisposable {
  readonly directory: string;
  readonly #options: ResolvedOptions;
  readonly #lock: VfsLock;
  readonly #catalogue: Catalogue;
  readonly #writings = new Map<Index, Writing>();
  readonly #streams = new Set<SnapshotStream>();
  /** Publishing and removing take turns, so that what one has checked still holds when it acts. */
  #lastTurn: Promise<unknown> = Promise.resolve();
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
   * The image, to be iterated. It stays until the stream has ended, whatever is written or pruned meanwhile.
   * Errors, at once: `SNAPSHOT_NOT_FOUND`, `SNAPSHOT_BUSY`, and why a refused snapshot is refused. While reading:
   * `SNAPSHOT_CORRUPT` (the snapshot is then refused), `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  read(index: Index): SnapshotStream {
    this.#checkOpen();
    const stored = this.#find(index);
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
    const stream = new SnapshotStream(info, readImage(source, info), async (error) => {
      this.#streams.delete(stream);
      await this.#release(stored, error);
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
    this.#checkNewer(index);
    this.#checkWriters(index);
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(aborted(position, options.signal?.reason));
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const expectedChecksum = options.checksum;
    const done = this.#write({ index, term, configuration, stream, stop: stop.signal, expectedChecksum });
    this.#writings.set(index, { stop, done });
    try {
      return await done;
    } finally {
      this.#writings.delete(index);
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Removes all but the `keep` newest snapshots (at least one stays). One that is being read is listed no more, and
   * goes with the last of its readers. Errors: `SNAPSHOT_INVALID`, `SNAPSHOT_IO`, `SNAPSHOT_CLOSED`.
   */
  async prune(keep: number): Promise<void> {
    this.#checkOpen();
    checkRange('keep', keep, 1, Number.MAX_SAFE_INTEGER);
    await this.#inTurn(() => this.#removeBeyond(keep));
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
    const writings = [...this.#writings.values()];
    for (const { stop } of writings) stop.abort(closed());
    await Promise.allSettled(writings.map(({ done }) => done));
    await Promise.all([...this.#streams].map((stream) => stream.cut(closed())));
    await this.#lastTurn;
    this.#lock.release();
  }

  // ---- writing ----

  async #write(job: WriteJob): Promise<SnapshotInfo> {
    const { index, term, configuration, stop } = job;
    const { vfs, chunkBytes, snapshotBytesMax } = this.#options;
    const path = join(this.directory, snapshotFile(index, term));
    stop.throwIfAborted();
    const writer = await ImageWriter.create({
      vfs,
      path,
      index,
      term,
      configuration: configuration.bytes,
      chunkBytes,
      snapshotBytesMax,
    });
    try {
      for await (const piece of piecesOf(job.stream, stop)) {
        await writer.append(piece);
        stop.throwIfAborted();
      }
      const trailer = await writer.finish();
      const info: SnapshotInfo = { index, term, configuration: configuration.value, ...trailer };
      checkExpected(info, job.expectedChecksum);
      return await this.#inTurn(async () => {
        stop.throwIfAborted();
        this.#checkNewer(index); // another one may have been published meanwhile
        await this.#publish(writer.path, path, info);
        return info;
      });
    } catch (error) {
      await writer.discard();
      throw error;
    }
  }

  /** The file is synced; it gets its name, and only once that is durable may older snapshots go. */
  async #publish(from: string, to: string, info: SnapshotInfo): Promise<void> {
    const { vfs, retain } = this.#options;
    const facts = { index: info.index, term: info.term };
    await perform(vfs, { type: 'rename', from, to }, facts);
    try {
      await perform(vfs, { type: 'syncDirectory', path: this.directory }, facts);
    } catch (error) {
      await discard(vfs, to); // nobody was told of it, and nobody knows whether it would survive
      throw error;
    }
    this.#catalogue.admit(info);
    try {
      await this.#removeBeyond(retain);
    } catch {
      // The new snapshot is safe. What could not be removed is still listed, and is tried again after the next one.
    }
  }

  #checkNewer(index: Index): void {
    const newest = this.#catalogue.newest();
    if (newest === undefined || index > newest.index) return;
    throw new SnapshotError(
      'SNAPSHOT_STALE',
      `A snapshot at index ${index} is not newer than the one at index ${newest.index} that is there.`,
      { index, newest: newest.index },
    );
  }

  #checkWriters(index: Index): void {
    if (this.#writings.has(index))
      throw busy(`The snapshot at index ${index} is being written already.`, { index });
    if (this.#writings.size >= WRITERS_MAX)
      throw busy(`${WRITERS_MAX} snapshots are being written, which is as many as may be.`, {
        writers: WRITERS_MAX,
      });
  }

  // ---- removing ----

  /** Tries them all; throws what went wrong first. */
  async #removeBeyond(keep: number): Promise<void> {
    const failures: unknown[] = [];
    const superfluous = this.#catalogue.takeBeyond(keep);
    for (const stored of superfluous) await this.#remove(stored).catch((error) => failures.push(error));
    const obsolete = this.#catalogue.obsoleteRefused(keep);
    for (const { file } of obsolete) {
      await this.#unlink(file).then(
        () => this.#catalogue.forgetRefused(file),
        (error) => failures.push(error),
      );
    }
    if (failures.length > 0) throw failures[0];
    if (superfluous.length + obsolete.length === 0) return;
    await perform(this.#options.vfs, { type: 'syncDirectory', path: this.directory }, {});
  }

  async #remove(stored: Stored): Promise<void> {
    if (stored.readers > 0) {
      this.#catalogue.doom(stored);
      return;
    }
    this.#catalogue.forgetDoomed(stored);
    try {
      await this.#unlink(stored.file);
    } catch (error) {
      this.#catalogue.putBack(stored);
      throw error;
    }
  }

  #unlink(file: string): Promise<void> {
    return perform(this.#options.vfs, { type: 'unlink', path: join(this.directory, file) }, { file });
  }

  /** A reader has ended. */
  async #release(stored: Stored, error: unknown): Promise<void> {
    stored.readers -= 1;
    if (error instanceof SnapshotError && error.code === 'SNAPSHOT_CORRUPT') {
      this.#catalogue.setAside(stored, error);
    }
    if (!this.#catalogue.isDue(stored)) return;
    try {
      // Asked again when it is its turn: a snapshot of the same name may have been published meanwhile.
      await this.#inTurn(async () => {
        if (this.#catalogue.isDue(stored)) await this.#remove(stored);
      });
    } catch {
      // The reader is not to blame. The snapshot is listed again, and goes when the next one is published.
    }
  }

  // ---- both ----

  #find(index: Index): Stored {
    const stored = this.#catalogue.find(index);
    if (stored !== undefined) return stored;
    const refused = this.#catalogue.refused().find((one) => one.index === index);
    if (refused !== undefined) throw refused.error;
    throw new SnapshotError('SNAPSHOT_NOT_FOUND', `There is no snapshot at index ${index}.`, { index });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastTurn.then(work);
    this.#lastTurn = result.catch(() => {}); // its own caller hears of it; the next turn is not concerned
    return result;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }
}

/** Errors: `SNAPSHOT_INVALID`, `SNAPSHOT_TOO_LARGE`. */
function checkPosition({ index, term, configuration }: SnapshotPosition): FileConfiguration {
  checkRange('index', index, 1, Number.MAX_SAFE_INTEGER);
  checkRange('term', term, 1, Number.MAX_SAFE_INTEGER);
  const encoded = encodeValid(configuration);
  if (encoded.bytes.length <= CONFIGURATION_BYTES_MAX) return encoded;
  throw new SnapshotError(
    'SNAPSHOT_TOO_LARGE',
    `The configuration takes ${encoded.bytes.length} bytes; at most ${CONFIGURATION_BYTES_MAX} are allowed.`,
    { index, term, bytes: encoded.bytes.length, bytesMax: CONFIGURATION_BYTES_MAX },
  );
}

function encodeValid(configuration: Configuration): FileConfiguration {
  try {
    return encodeFileConfiguration(configuration);
  } catch (cause) {
    if (!(cause instanceof RaftError)) throw cause;
    throw invalid(`The configuration could never be in force: ${cause.message}.`, {}, { cause });
  }
}

function checkExpected({ index, term, checksum }: SnapshotInfo, expected: string | undefined): void {
  if (expected === undefined || expected === checksum) return;
  throw new SnapshotError(
    'SNAPSHOT_MISMATCH',
    `The image at index ${index} has the checksum ${checksum}; ${expected} was expected.`,
    { index, term, checksum, expected },
  );
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
