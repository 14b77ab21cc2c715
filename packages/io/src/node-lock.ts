// flock(2) through fs-ext, in its blocking form only: the asynchronous one takes a thread of the pool for as long as
// it waits, and aborts in worker threads. The lock belongs to the open file, so a second opener in the same process
// is refused like any other, and the kernel frees it however the process ends.

import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { VfsError, type VfsLock } from './vfs.js';

interface FlockModule {
  flockSync(fd: number, flags: 'exnb' | 'un'): void;
}

let flock: FlockModule | undefined;

/** Takes the lock on `path`, which is created if need be, or throws `LOCKED` at once. */
export function lockFile(path: string): VfsLock {
  const { flockSync } = loadFlock();
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    flockSync(fd, 'exnb');
  } catch (error) {
    fs.closeSync(fd);
    if (!isContention(error)) throw error;
    throw new VfsError('LOCKED', `${path} is locked by another process or by another opener in this one.`, {
      path,
    });
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

/** Loaded on first use: who never locks needs no native module. */
function loadFlock(): FlockModule {
  try {
    flock ??= createRequire(import.meta.url)('fs-ext') as FlockModule;
    return flock;
  } catch (error) {
    throw new VfsError(
      'LOCK_UNAVAILABLE',
      'The file lock (fs-ext) is not there, and without it two processes could use one directory. It is compiled when it is installed: ' +
        '`npm rebuild fs-ext` does it again and says why it cannot be; it takes python3, make and a C++ compiler. pnpm builds only what `pnpm approve-builds` allows.',
      {},
      { cause: error },
    );
  }
}

function isContention(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code; // whatever was thrown, reading a property of it is safe
  return code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EACCES';
}
