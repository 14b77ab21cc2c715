// Makes a directory and its missing parents so that they survive a crash: a new name is durable once the directory
// that holds it is synced, and that goes for directories too.

import { dirname } from 'node:path';
import type { Vfs } from './vfs.js';

/** Blocks until the directory is there durably. An existing one is left as it is. */
export function createDirectory(vfs: Vfs, path: string): void {
  if (vfs.isDirectory(path)) return;
  const parent = dirname(path);
  if (parent !== path) createDirectory(vfs, parent);
  try {
    vfs.mkdir(path);
  } catch (error) {
    // Another process may have made it in between; a file of that name is still an error.
    if (!vfs.isDirectory(path)) throw error;
  }
  vfs.syncDirectory(parent);
}
