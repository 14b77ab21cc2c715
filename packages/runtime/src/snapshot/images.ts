// The images of a server's snapshots, in `<directory>/snapshots`, and what must be true between them and the log
// (docs/durability.md, "Snapshots and the log"): a file is durable before the log names it; what the durable log names
// is never removed; and a log that names what is not there is not opened.

import type { Index, Snapshot } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import {
  type Reception,
  SnapshotError,
  type SnapshotInfo,
  type SnapshotPosition,
  SnapshotStore,
  type SnapshotStream,
} from '@waldb/snapshot';
import { newerDirectory } from '../directory/sealed-text.js';
import { RuntimeError } from '../runtime-error.js';
import { type ImageParts, restoreImage } from './snapshot-image.js';
import { decodeReference, isSameImage, type SnapshotReference } from './snapshot-reference.js';
import { fromSnapshotError } from './snapshots.js';

export interface ImagesOptions {
  readonly vfs: Vfs;
  readonly directory: string;
  readonly snapshotBytesMax: number;
  /** The snapshot that the durable log names. */
  readonly named: Snapshot | undefined;
}

/**
 * Images kept below the one that the log names: a server that fetches one may go on with it although a newer one was
 * taken meanwhile.
 */
const OLDER_IMAGES_KEPT = 1;

export class Images {
  readonly #store: SnapshotStore;

  /**
   * Errors: `SNAPSHOT_MISSING`, `SNAPSHOT_DAMAGED`, `SNAPSHOT_UNREADABLE`, `DIRECTORY_NEWER`, `STORAGE` where the file system refuses to read
   * it, and then nothing was changed; `SnapshotError` where it refuses anything else.
   */
  static async open({ vfs, directory, snapshotBytesMax, named }: ImagesOptions): Promise<Images> {
    const store = await SnapshotStore.open(directory, {
      vfs,
      snapshotBytesMax,
      retain: Number.MAX_SAFE_INTEGER, // what goes is decided by what the log names
    });
    try {
      if (named !== undefined) checkNamed(store, decodeReference(named));
      // 1. an image is published  2. crash  3. the log does not name it, and will name another one at or above its index.
      await store.dropAbove(named?.index ?? 0);
      return new Images(store);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(store: SnapshotStore) {
    this.#store = store;
  }

  /**
   * Writes an image of our own; resolves once it survives a loss of power.
   * Errors: `SnapshotError`, and what the image itself throws.
   */
  async write(
    position: SnapshotPosition,
    image: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<SnapshotReference> {
    return referenceOf(await this.#store.write(position, image, { signal }));
  }

  /** Errors: `SnapshotError`. */
  receive(position: SnapshotPosition, { bytes, checksum }: SnapshotReference): Promise<Reception> {
    return this.#store.receive(position, { bytes, checksum });
  }

  /** The image from `offset` on; undefined where this one is not here. Errors: `SnapshotError`. */
  read(reference: Omit<SnapshotReference, 'bytes'>, offset: number): AsyncIterable<Uint8Array> | undefined {
    const info = this.#store.list().find(({ index }) => index === reference.index);
    if (info === undefined || info.term !== reference.term || info.checksum !== reference.checksum)
      return undefined;
    return offset <= info.bytes ? this.#store.read(info.index, offset) : undefined;
  }

  /**
   * Brings the parts to the state that the snapshot holds.
   * Errors: `SNAPSHOT_DAMAGED`, `SNAPSHOT_UNREADABLE`, `STORAGE` where the file system refuses, and what the parts throw.
   */
  async restore(
    snapshot: Snapshot,
    parts: Pick<ImageParts, 'replicatedState'> & Partial<ImageParts>,
  ): Promise<void> {
    const reference = decodeReference(snapshot);
    try {
      const image = this.read(reference, 0);
      if (image === undefined) throw missing(this.#store, reference);
      await restoreImage(image, parts);
    } catch (error) {
      throw error instanceof SnapshotError ? unusable(this.#store, reference, error) : error;
    }
  }

  /** The newest image; all its entries are committed. Errors: `SNAPSHOT_FAILED`. */
  readNewest(): SnapshotStream {
    const info = this.#store.latest();
    if (info === undefined)
      throw new RuntimeError('SNAPSHOT_FAILED', 'Nothing was applied here yet: there is nothing to save.');
    try {
      return this.#store.read(info.index);
    } catch (error) {
      throw error instanceof SnapshotError ? fromSnapshotError(error) : error;
    }
  }

  /** The durable log names the snapshot at `index`: what is older may go. Errors: `SnapshotError`. */
  named(index: Index): Promise<void> {
    return this.#store.pruneBelow(index, OLDER_IMAGES_KEPT);
  }

  /** Nothing refers to the image at `index`, and nothing will. Errors: `SnapshotError`. */
  drop(index: Index): Promise<void> {
    return this.#store.remove(index);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function referenceOf({ index, term, checksum, bytes }: SnapshotInfo): SnapshotReference {
  return { index, term, checksum, bytes };
}

function checkNamed(store: SnapshotStore, reference: SnapshotReference): void {
  const info = store.list().find(({ index }) => index === reference.index);
  if (info !== undefined && isSameImage(referenceOf(info), reference)) return;
  const refused = store.refused().find(({ index }) => index === reference.index);
  if (refused !== undefined) throw unusable(store, reference, refused.error);
  if (info === undefined) throw missing(store, reference);
  throw damaged(store, reference, new Error('it is another one than the log names'));
}

const WHAT_TO_DO =
  'Put the file back from a copy of the directory, or remove this server from the cluster and add it again under a new id, with an empty directory';

function missing({ directory }: SnapshotStore, { index, term }: SnapshotReference): RuntimeError {
  return new RuntimeError(
    'SNAPSHOT_MISSING',
    `The log names a snapshot at index ${index} of term ${term}, and it is not in ${directory}. ${WHAT_TO_DO}.`,
    { detail: { directory, index, term } },
  );
}

/** Neither a disk that does not answer nor a newer version says that the file is damaged: whoever thought so would give up a sound server. */
function unusable(store: SnapshotStore, reference: SnapshotReference, cause: SnapshotError): RuntimeError {
  if (cause.code === 'SNAPSHOT_VERSION') return newerDirectory(store.directory, cause.message, cause);
  if (cause.code !== 'SNAPSHOT_IO' && cause.code !== 'SNAPSHOT_FULL') return damaged(store, reference, cause);
  const { directory } = store;
  const { index, term } = reference;
  return new RuntimeError(
    'STORAGE',
    `The snapshot at index ${index} in ${directory}, which the log names, could not be read, and may be sound: ${cause.message} ` +
      'Start the server again once the disk answers.',
    { detail: { directory, ...cause.detail, index, term }, cause },
  );
}

function damaged(
  { directory }: SnapshotStore,
  { index, term }: SnapshotReference,
  cause: Error,
): RuntimeError {
  const facts = cause instanceof SnapshotError ? cause.detail : {};
  return new RuntimeError(
    'SNAPSHOT_DAMAGED',
    `The snapshot at index ${index} in ${directory}, which the log names, cannot be used: ${cause.message} ${WHAT_TO_DO}.`,
    { detail: { directory, ...facts, index, term }, cause },
  );
}
