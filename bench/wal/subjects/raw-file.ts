// The floor that the log is measured against: what C would do with the same disk, as near as Node comes to it (blocking
// calls measure 0.98 of C). One write and one fdatasync per commit, into a file that was filled with zeros and synced
// before, so that no commit pays for allocation.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Subject } from '../../harness/rounds.js';

const FILE_BYTES = 64 * 1024 * 1024;
const FILL_BYTES = 1024 * 1024;

export interface RawFile {
  /** Writes the next `bytes` of the file and syncs; starts over at the end. */
  commit(): void;
  close(): void;
}

export function openRawFile(directory: string, bytesPerCommit: number): RawFile {
  const fd = openSync(join(directory, `raw-${bytesPerCommit}`), 'w+');
  const zeros = new Uint8Array(FILL_BYTES);
  for (let at = 0; at < FILE_BYTES; at += FILL_BYTES) writeSync(fd, zeros, 0, FILL_BYTES, at);
  fdatasyncSync(fd);
  const bytes = new Uint8Array(bytesPerCommit).fill(0x61);
  let position = 0;
  return {
    commit() {
      writeSync(fd, bytes, 0, bytesPerCommit, position);
      fdatasyncSync(fd);
      position = (position + bytesPerCommit) % FILE_BYTES;
    },
    close: () => closeSync(fd),
  };
}

export function rawSubject(name: string, file: RawFile, unitsPerCall: number): Subject {
  return {
    name,
    unitsPerCall,
    isAsync: false,
    body() {
      file.commit();
      return undefined;
    },
  };
}
