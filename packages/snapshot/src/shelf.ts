// Gives files their names and takes them away again, one after another, so that what one step has checked still holds
// when it acts. The order in here is the store's promise (docs/snapshot-format.md, "Writing"): a snapshot is durable
// before it is listed, and listed before anything older goes.

import { join } from 'node:path';
import type { Index } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import type { Catalogue, Stored } from './catalogue.js';
import { discard, perform } from './disk.js';
import { SnapshotError, type SnapshotErrorDetail } from './snapshot-error.js';
import type { RefusedSnapshot, SnapshotInfo } from './snapshot-info.js';

export interface ShelfOptions {
  readonly directory: string;
  readonly vfs: Vfs;
  readonly retain: number;
  readonly catalogue: Catalogue;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #catalogue: Catalogue;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: ShelfOptions) {
    this.#options = options;
    this.#catalogue = options.catalogue;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#lastTurn;
  }

  /** Errors: `SNAPSHOT_STALE`. */
  checkNewer(index: Index): void {
    const newest = this.#catalogue.newest();
    if (newest === undefined || index > newest.index) return;
    throw new SnapshotError(
      'SNAPSHOT_STALE',
      `A snapshot at index ${index} is not newer than the one at index ${newest.index} that is there.`,
      { index, newest: newest.index },
    );
  }

  /**
   * The file `from` is synced: it gets the name `to`. `mayGoOn` is asked when it is its turn, and throws if not.
   * Errors: `SNAPSHOT_STALE`, `SNAPSHOT_FULL`, `SNAPSHOT_IO`, and those of `mayGoOn`.
   */
  publish(from: string, to: string, info: SnapshotInfo, mayGoOn: () => void): Promise<SnapshotInfo> {
    return this.#inTurn(async () => {
      mayGoOn();
      this.checkNewer(info.index); // another one may have been published meanwhile
      await this.#publish(from, to, info);
      return info;
    });
  }

  /** Errors: `SNAPSHOT_IO`. */
  prune(keep: number): Promise<void> {
    return this.#inTurn(() => this.#removeBeyond(keep));
  }

  /** Errors: `SNAPSHOT_IO`. */
  pruneBelow(index: Index, keep: number): Promise<void> {
    return this.#inTurn(() => this.#removeBeyond(this.#catalogue.countFrom(index) + keep));
  }

  /** Errors: `SNAPSHOT_IO`. */
  dropAbove(index: Index): Promise<void> {
    return this.#inTurn(async () => {
      const refused = this.#catalogue.refused().filter((one) => one.index > index);
      await this.#removeAll(this.#catalogue.takeAbove(index), refused);
    });
  }

  /** Errors: `SNAPSHOT_IO`. */
  remove(index: Index): Promise<void> {
    return this.#inTurn(() => this.#removeAll(this.#catalogue.takeOne(index), []));
  }

  /** A reader has ended. */
  async release(stored: Stored, error: unknown): Promise<void> {
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

  /** The file is synced; it gets its name, and only once that is durable may older snapshots go. */
  async #publish(from: string, to: string, info: SnapshotInfo): Promise<void> {
    const { vfs, retain } = this.#options;
    const facts = { index: info.index, term: info.term };
    await perform(vfs, { type: 'rename', from, to }, facts);
    try {
      await this.#syncDirectory(facts);
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

  async #removeBeyond(keep: number): Promise<void> {
    await this.#removeAll(this.#catalogue.takeBeyond(keep), this.#catalogue.obsoleteRefused(keep));
  }

  /** Tries them all; throws what went wrong first. */
  async #removeAll(unlisted: readonly Stored[], refused: readonly RefusedSnapshot[]): Promise<void> {
    const failures: unknown[] = [];
    for (const stored of unlisted) await this.#remove(stored).catch((error) => failures.push(error));
    for (const { file } of refused) await this.#removeRefused(file).catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
    if (unlisted.length + refused.length > 0) await this.#syncDirectory({});
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

  async #removeRefused(file: string): Promise<void> {
    await this.#unlink(file);
    this.#catalogue.forgetRefused(file);
  }

  #unlink(file: string): Promise<void> {
    const { vfs, directory } = this.#options;
    return perform(vfs, { type: 'unlink', path: join(directory, file) }, { file });
  }

  #syncDirectory(facts: SnapshotErrorDetail): Promise<void> {
    const { vfs, directory } = this.#options;
    return perform(vfs, { type: 'syncDirectory', path: directory }, facts);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#lastTurn.then(work);
    this.#lastTurn = result.catch(() => {}); // its own caller hears of it; the next turn is not concerned
    return result;
  }
}
