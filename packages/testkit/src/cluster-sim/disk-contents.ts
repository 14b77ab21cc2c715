// All that is on a disk, as one number: for whoever must not have changed any of it.

import { foldBytes } from '../cluster-checks/entry-digest.js';
import type { SimulatedDisk } from '../fault-vfs/simulated-disk.js';

/** Of every file's name and bytes, as programs see them. */
export function contentsOf(disk: SimulatedDisk): number {
  const text = new TextEncoder();
  let digest = 0;
  for (const path of disk.files())
    digest = foldBytes(foldBytes(digest, text.encode(path)), disk.file(path).bytes());
  return digest;
}
