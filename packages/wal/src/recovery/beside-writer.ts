// Reading a log that somebody else is writing to. Nothing is locked, so one look may show a file from before a change and
// another from after it. The metadata tells: as long as it moves on, what looks like damage is looked at again. What stays
// as it is while nothing moves is damage.

import type { Vfs } from '@waldb/io';
import { WalError } from '../wal-error.js';
import { readMetadata } from './read-directory.js';
import { type Recovered, recover } from './recover.js';

/** As often in a row the same damage has to be found in the same place. */
const SAME_LOOKS_MAX = 3;
/** As often a log that never stands still is looked at in all. */
const LOOKS_MAX = 100;

/** As `recover`. Errors besides: `WAL_STALE` when the log changes faster than it can be read. */
export function recoverBesideWriter(vfs: Vfs, directory: string): Recovered | undefined {
  let before = '';
  let sameLooks = 0;
  for (let look = 1; look <= LOOKS_MAX; look++) {
    try {
      return recover(vfs, directory, { readOnly: true });
    } catch (error) {
      if (!(error instanceof WalError) || !MAY_PASS.has(error.code)) throw error;
      // Read after the look: if anything was given up or begun during it, this is another generation than before it.
      const found = `${generation(vfs, directory)} ${error.message}`;
      sameLooks = found === before ? sameLooks + 1 : 1;
      if (sameLooks === SAME_LOOKS_MAX) throw error;
      before = found;
    }
  }
  throw new WalError(
    'WAL_STALE',
    `The log in ${directory} changes faster than it can be read; try again when less is written to it.`,
    { directory },
  );
}

/** Whether a live writer has given up a segment that a reader still knows: its file is gone, or holds something else. */
export function isGivenUp(vfs: Vfs, directory: string, segmentId: number): boolean {
  try {
    return readMetadata(vfs, directory).metadata.firstSegmentId > segmentId;
  } catch {
    return false; // then the error that raised the question says more
  }
}

/** What a writer's change in the middle of a look can look like. */
const MAY_PASS: ReadonlySet<string> = new Set(['WAL_CORRUPT', 'WAL_IO']);

function generation(vfs: Vfs, directory: string): number {
  try {
    return readMetadata(vfs, directory).metadata.generation;
  } catch {
    return 0; // both slots unreadable: the same each time, if it stays so
  }
}
