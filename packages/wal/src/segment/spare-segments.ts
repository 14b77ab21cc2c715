// Files that wait to become segments (docs/durability.md, "Spare segments"): prepared in the background, or segments
// that compaction has emptied. It knows how many are wanted and which are there. What is in a spare counts for nothing,
// and so does its absence: nothing here may ever fail a commit.

import { join } from 'node:path';
import type { Clock, IoPlan, Vfs } from '@waldb/io';
import { spareFile } from '../format/file-name.js';
import { Preparer } from './preparer.js';

export interface SpareSegment {
  readonly path: string;
  readonly bytes: number;
  /** Whether it may hold frames of an earlier use, rather than zeros. */
  readonly wasUsed: boolean;
}

export interface SparesStart {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly directory: string;
  /** How many are to be ready as a rule; 0: none is ever made or kept. */
  readonly count: number;
  /** Numbers of those that an earlier process has left. */
  readonly found: readonly number[];
}

/** Compaction need not give segments back one by one, as they are used: now and then none comes, and then two. */
const USED_SINCE_GIVEN_MAX = 2;

export class SpareSegments {
  readonly #vfs: Vfs;
  readonly #directory: string;
  readonly #count: number;
  readonly #preparer: Preparer;
  readonly #ready: SpareSegment[];
  #nextNumber: number;
  #wanted: number;
  #wantedBytes = 0;
  /** Segments that came into use since compaction last emptied one of the wanted size. */
  #usedSinceGiven = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(start: SparesStart) {
    this.#vfs = start.vfs;
    this.#directory = start.directory;
    this.#count = start.count;
    this.#wanted = start.count;
    this.#preparer = new Preparer(start.vfs, start.clock);
    this.#nextNumber = Math.max(0, ...start.found) + 1;
    this.#ready = start.found.map((number) => {
      const path = this.#path(number);
      return { path, bytes: start.vfs.size(path) ?? 0, wasUsed: true };
    });
  }

  /** Whether somebody prepares segments, so that a rotation need only bridge the time until one is there. */
  get isKept(): boolean {
    return this.#count > 0;
  }

  /** A spare with room for so much, which is the caller's from now on. */
  take(bytesMin: number): SpareSegment | undefined {
    // One that somebody has removed or cut is as good as none.
    const at = this.#ready.findIndex(
      ({ path, bytes }) => bytes >= bytesMin && this.#vfs.size(path) === bytes,
    );
    if (at === -1) return undefined;
    const [spare] = this.#ready.splice(at, 1);
    // With one more still there, filling keeps up again. Emptied segments come when they come: for those it stays.
    if (this.#ready.length > 0 && spare?.wasUsed === false) {
      this.#wanted = this.#count;
      this.#preparer.relax();
    }
    return spare;
  }

  /** A rotation has found none: until there is one too many, one more is kept, and filling hurries. */
  ranDry(): void {
    if (!this.isKept) return;
    this.#wanted = this.#count + 1;
    this.#preparer.hurry();
  }

  /**
   * From now on spares of this size are wanted; makes one if there are not enough. Not while compaction gives segments
   * back as fast as they come into use: filling a file that is then not needed takes half of the disk from the commits
   * (bench/wal, "stream").
   */
  want(bytes: number): void {
    if (bytes !== this.#wantedBytes) this.#usedSinceGiven = Number.POSITIVE_INFINITY;
    const isGivenEnough = this.#usedSinceGiven < USED_SINCE_GIVEN_MAX;
    this.#usedSinceGiven += 1;
    this.#wantedBytes = bytes;
    if (!isGivenEnough) this.#prepare();
  }

  /** Makes a segment that nothing needs any more a spare, if one of its size is wanted. The caller syncs the directory. */
  *recycle(segment: { readonly path: string; readonly bytes: number }): IoPlan<boolean> {
    if (segment.bytes !== this.#wantedBytes) return false;
    this.#usedSinceGiven = 0;
    if (this.#ready.length >= this.#wanted) return false;
    const path = this.#path(this.#nextNumber++);
    yield { type: 'rename', from: segment.path, to: path };
    this.#ready.push({ path, bytes: segment.bytes, wasUsed: true });
    if (this.#ready.length >= this.#wanted) this.#preparer.abandon();
    return true;
  }

  /** Removes what is not of this size, or too much. */
  *keepOnly(bytes: number): IoPlan {
    this.#wantedBytes = bytes;
    const kept = this.#ready.filter((spare) => spare.bytes === bytes).slice(0, this.#wanted);
    for (const spare of this.#ready.filter((one) => !kept.includes(one))) yield* this.#remove(spare);
  }

  /** Gives all space back, for whoever needs it more. Says whether there was any. */
  *giveUp(): IoPlan<boolean> {
    const wasPreparing = this.#preparer.isBusy;
    this.#preparer.abandon();
    const spares = [...this.#ready];
    for (const spare of spares) yield* this.#remove(spare);
    return wasPreparing || spares.length > 0;
  }

  /** Resolves when nothing is under way in the background, for good. */
  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#preparer.stop();
  }

  *#remove(spare: SpareSegment): IoPlan {
    this.#ready.splice(this.#ready.indexOf(spare), 1);
    yield { type: 'unlink', path: spare.path };
  }

  #prepare(): void {
    if (this.#isStopped || this.#preparer.isBusy || this.#ready.length >= this.#wanted) return;
    const path = this.#path(this.#nextNumber++);
    const bytes = this.#wantedBytes;
    this.#preparer.start(path, bytes, (isReady) => {
      if (isReady) this.#ready.push({ path, bytes, wasUsed: false });
      // After a failure nothing is tried until the next segment comes into use.
      if (isReady) this.#prepare();
    });
  }

  #path(number: number): string {
    return join(this.#directory, spareFile(number));
  }
}
