// flock(2), which Node does not have, by whatever there is: fs-ext, where it could be compiled for this Node; else a program
// that every Linux or macOS brings along and that locks a descriptor it inherits. The lock belongs to the open file, not to
// who asked for it: it outlives the program, and is gone when the last descriptor of the open file is, however that comes.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { VfsError } from './vfs.js';

/** Takes the exclusive lock of the open file, or returns false at once where another open file has it. */
export type TakeLock = (fd: number) => boolean;

interface FlockModule {
  flockSync(fd: number, flags: 'exnb'): void;
}

/**
 * fs-ext in its blocking form only: the asynchronous one takes a thread of the pool for as long as it waits, and aborts in
 * worker threads. Throws where it is missing, or compiled for another Node.
 */
export function byModule(): TakeLock {
  const { flockSync } = createRequire(import.meta.url)('fs-ext') as FlockModule; // its only shape: @types/fs-ext
  return (fd) => {
    try {
      flockSync(fd, 'exnb');
      return true;
    } catch (error) {
      if (isContention(error)) return false;
      throw error;
    }
  };
}

/** The descriptor that the program finds the file at. */
const INHERITED_FD = 3;
/** How each program says that another one has the lock. */
const HELD_STATUS = 1;

/** LOCK_EX | LOCK_NB is 6 on Linux and macOS alike. */
const PERL = `open(my $f, "+<&=", ${INHERITED_FD}) or exit 2; exit(flock($f, 6) ? 0 : $!{EWOULDBLOCK} ? ${HELD_STATUS} : 2)`;

/** Of util-linux or busybox, and what macOS has in its place. */
export const LOCK_PROGRAMS: readonly (readonly [program: string, ...args: string[]])[] = [
  ['flock', '-n', String(INHERITED_FD)],
  ['perl', '-MErrno', '-e', PERL],
];

/** Some milliseconds for each call. Throws what kept each program from it, where none can. */
export function byProgram(programs: typeof LOCK_PROGRAMS = LOCK_PROGRAMS): TakeLock {
  return (fd) => {
    const failures: unknown[] = [];
    for (const [program, ...args] of programs) {
      const { status, error, signal } = spawnSync(program, args, {
        stdio: ['ignore', 'ignore', 'ignore', fd],
      });
      if (status === 0) return true;
      if (status === HELD_STATUS) return false;
      failures.push(error ?? new Error(`${program} ended with ${status ?? signal}`));
    }
    throw new AggregateError(failures, 'No program could take the lock.');
  };
}

let present: TakeLock | undefined;

/** Found on first use: who never locks needs none. Errors of the result: `LOCK_UNAVAILABLE`. */
export function presentLock(): TakeLock {
  present ??= find();
  return present;
}

function find(): TakeLock {
  try {
    return byModule();
  } catch (moduleError) {
    return orUnavailable(byProgram(), moduleError);
  }
}

/** Exported for its test. */
export function orUnavailable(take: TakeLock, moduleError: unknown): TakeLock {
  return (fd) => {
    try {
      return take(fd);
    } catch (programError) {
      throw new VfsError(
        'LOCK_UNAVAILABLE',
        'There is no file lock here, and without one two processes could use one directory. It takes fs-ext, compiled for this Node ' +
          '(`npm rebuild fs-ext` says why it cannot be: it needs python3, make and a C++ compiler; pnpm builds only what `pnpm approve-builds` allows), ' +
          'or one of the programs flock and perl.',
        {},
        {
          cause: new AggregateError(
            [moduleError, programError],
            'Neither fs-ext nor a program could be used.',
          ),
        },
      );
    }
  };
}

function isContention(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code; // whatever was thrown, reading a property of it is safe
  return code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EACCES';
}
