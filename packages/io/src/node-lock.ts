// The lock on a file: one opener at a time, in this process or any other on this machine. The kernel frees it however the
// process ends.

import * as fs from 'node:fs';
import { presentLock, type TakeLock } from './flock.js';
import { VfsError, type VfsLock } from './vfs.js';

/** Takes the lock on `path`, which is created if need be, or throws `LOCKED` at once. Errors: `LOCK_UNAVAILABLE`. */
export function lockFile(path: string, take: TakeLock = presentLock()): VfsLock {
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (!take(fd)) {
      throw new VfsError('LOCKED', `${path} is locked by another process or by another opener in this one.`, {
        path,
      });
    }
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  let isHeld = true;
  return {
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      fs.closeSync(fd); // the last descriptor of an open file takes its lock with it
    },
  };
}
