// Puts a repaired log in the place of the damaged one. The damaged one is never changed, it only gets another name:
//
//   1. <log> is renamed to <log>.damaged-<time>
//   2. <log>.repairing-<time> is renamed to <log>
//   3. the directory above is synced
//
// Whatever cuts this off, both logs are there whole:
// - before 1: the damaged log is in its place, and what lies beside it can be deleted;
// - between 1 and 2: nothing is in its place. A server refuses to start without its log, and the next repair sees both
//   names and does step 2. (There is no call that exchanges two directories at once.)
// - after 2: the repaired log is in its place, and the damaged one beside it.

import { basename, dirname, join } from 'node:path';
import type { Vfs } from '@waldb/io';

export interface RepairPaths {
  readonly directory: string;
  /** Where the repaired log is made. */
  readonly repaired: string;
  /** Where the damaged log goes. */
  readonly aside: string;
}

const REPAIRING = '.repairing-';
const DAMAGED = '.damaged-';

/** `stamp` tells one repair from another. */
export function repairPaths(directory: string, stamp: string): RepairPaths {
  return { directory, repaired: `${directory}${REPAIRING}${stamp}`, aside: `${directory}${DAMAGED}${stamp}` };
}

/** The repaired log must be whole and durable. On failure the damaged one is in its place, if the system allows. */
export function swapDirectories(vfs: Vfs, { directory, repaired, aside }: RepairPaths): void {
  vfs.rename(directory, aside);
  try {
    vfs.rename(repaired, directory);
  } catch (error) {
    vfs.rename(aside, directory);
    throw error;
  }
  vfs.syncDirectory(dirname(directory));
}

/** Ends a repair that was cut off between its two renames. Returns where the damaged log is, if there was one. */
export function finishInterruptedSwap(vfs: Vfs, directory: string): RepairPaths | undefined {
  const parent = dirname(directory);
  if (vfs.isDirectory(directory) || !vfs.isDirectory(parent)) return undefined;
  const names = vfs.list(parent);
  const prefix = basename(directory) + REPAIRING;
  // The damaged log gets its other name only when the repaired one is whole, so the pair of names is the proof.
  const stamps = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const stamp = stamps.find((one) => names.includes(basename(directory) + DAMAGED + one));
  if (stamp === undefined) return undefined;
  const paths = repairPaths(join(parent, basename(directory)), stamp);
  vfs.rename(paths.repaired, directory);
  vfs.syncDirectory(parent);
  return paths;
}
