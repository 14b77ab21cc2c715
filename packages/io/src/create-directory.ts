// Makes a directory and its missing parents so that they survive a crash: a new name is durable once the directory
// that holds it is synced, and that goes for directories too.

import { dirname } from 'node:path';
import type { Vfs } from './vfs.js';

/** Blocks until the directory is there durably. An existing one is left as it is. */
export function createDirectory(vfs: Vfs, path: string): void {
  const parent = dirname(path);
  if (vfs.isDirectory(path)) {
    // 1. mkdir  2. kill  3. the next process finds the directory and fills it  4. power loss.
    // Without a sync here, step 4 would take the directory and all that was acknowledged in it.
    if (parent !== path) syncIfAllowed(vfs, parent);
    return;
  }
  if (parent !== path) createDirectory(vfs, parent);
  try {
    vfs.mkdir(path);
  } catch (error) {
    // Another process may have made it in between; a file of that name is still an error.
    if (!vfs.isDirectory(path)) throw error;
  }
  vfs.syncDirectory(parent);
}

/** A parent that this user may not open was not made by this user, so neither was the name in it a moment ago. */
function syncIfAllowed(vfs: Vfs, directory: string): void {
  try {
    vfs.syncDirectory(directory);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code; // reading a property of whatever was thrown
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}
