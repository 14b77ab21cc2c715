// Which snapshots there are, who reads them, and which are to go. Bookkeeping only: it never touches the disk.

import type { Index } from '@waldb/core';
import { snapshotFile } from './format/file-name.js';
import type { SnapshotError } from './snapshot-error.js';
import type { RefusedSnapshot, SnapshotInfo } from './snapshot-info.js';

/** A snapshot's file, from its publication until it is gone. */
export interface Stored {
  readonly file: string;
  readonly info: SnapshotInfo;
  /** Streams that have it open. While there are any, the file stays. */
  readers: number;
}

interface Refused extends RefusedSnapshot {
  /** Damage may be found while others read the same file. */
  readonly stored: Stored | undefined;
}

export class Catalogue {
  /** Newest first. */
  #listed: Stored[] = [];
  #refused: Refused[] = [];
  /** Listed no more; the last of its readers removes the file. */
  readonly #doomed = new Set<Stored>();

  constructor(infos: readonly SnapshotInfo[], refused: readonly RefusedSnapshot[]) {
    for (const info of infos) this.admit(info);
    for (const one of refused) this.#refused.push({ ...one, stored: undefined });
  }

  list(): SnapshotInfo[] {
    return this.#listed.map(({ info }) => info);
  }

  newest(): SnapshotInfo | undefined {
    return this.#listed[0]?.info;
  }

  find(index: Index): Stored | undefined {
    return this.#listed.find(({ info }) => info.index === index);
  }

  /** Newest first. */
  refused(): RefusedSnapshot[] {
    return this.#refused
      .map(({ file, index, term, error }) => ({ file, index, term, error }))
      .sort(newestFirst);
  }

  /** Takes a snapshot up, in place of a refused or doomed one with the same name: that file is this one's now. */
  admit(info: SnapshotInfo): void {
    const file = snapshotFile(info.index, info.term);
    this.#refused = this.#refused.filter((one) => one.file !== file);
    for (const stored of this.#doomed) if (stored.file === file) this.#doomed.delete(stored);
    this.#list({ file, info, readers: 0 });
  }

  /** A listed snapshot turned out to be damaged: it is listed no more, so that the one before it is the newest. */
  setAside(stored: Stored, error: SnapshotError): void {
    if (!this.#listed.includes(stored)) return;
    this.#unlist(stored);
    const { file, info } = stored;
    this.#refused.push({ file, index: info.index, term: info.term, error, stored });
  }

  /** Unlists all but the `keep` newest, and returns them, oldest first. */
  takeBeyond(keep: number): Stored[] {
    return this.#listed.splice(keep).reverse();
  }

  /** Unlists all above `index`, and returns them, newest first. */
  takeAbove(index: Index): Stored[] {
    return this.#listed.splice(0, this.#listed.filter(({ info }) => info.index > index).length);
  }

  /** Unlists the one at `index`, if it is there. */
  takeOne(index: Index): Stored[] {
    const found = this.#listed.filter(({ info }) => info.index === index);
    for (const stored of found) this.#unlist(stored);
    return found;
  }

  /** How many snapshots are at `index` or above. */
  countFrom(index: Index): number {
    return this.#listed.filter(({ info }) => info.index >= index).length;
  }

  /** A snapshot that was to go and could not be removed. */
  putBack(stored: Stored): void {
    this.#list(stored);
  }

  doom(stored: Stored): void {
    this.#doomed.add(stored);
  }

  /** Whether its file is now to be removed: it was to go, nobody reads it any more, and its name is still its own. */
  isDue(stored: Stored): boolean {
    return this.#doomed.has(stored) && stored.readers === 0;
  }

  /** It is being removed. */
  forgetDoomed(stored: Stored): void {
    this.#doomed.delete(stored);
  }

  /** Refused files that are older than the `keep` newest snapshots, and read by nobody: not even worth a repair. */
  obsoleteRefused(keep: number): RefusedSnapshot[] {
    const oldest = this.#listed[keep - 1]?.info.index ?? 0;
    return this.#refused.filter(({ index, stored }) => index < oldest && (stored?.readers ?? 0) === 0);
  }

  forgetRefused(file: string): void {
    this.#refused = this.#refused.filter((one) => one.file !== file);
  }

  #list(stored: Stored): void {
    this.#listed.push(stored);
    this.#listed.sort((a, b) => newestFirst(a.info, b.info));
  }

  #unlist(stored: Stored): void {
    this.#listed = this.#listed.filter((one) => one !== stored);
  }
}

interface Position {
  readonly index: Index;
  readonly term: number;
}

function newestFirst(a: Position, b: Position): number {
  return b.index - a.index || b.term - a.term;
}
