// Logs of a given size, made as fast as possible and closed cleanly.

import { closeSync, fstatSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { WalLog, type WalOptions } from '@waldb/wal';

const GROUP_BYTES = 4 * 1024 * 1024;
/** The last bytes of a sealed segment hold the trailer of its footer (docs/wal-format.md, "Footers"). */
const TRAILER_BYTES = 64;

export interface LogSize {
  readonly entries: number;
  readonly entryBytes: number;
}

export async function fillLog(directory: string, size: LogSize, options: WalOptions = {}): Promise<void> {
  const log = await WalLog.open(directory, { cacheBytes: 0, ...options });
  const command = new Uint8Array(size.entryBytes).fill(0x61);
  const group = Math.max(1, Math.floor(GROUP_BYTES / size.entryBytes));
  for (let index = log.lastIndex() + 1; index <= size.entries; ) {
    const count = Math.min(group, size.entries - index + 1);
    const first = index;
    log.append(
      Array.from({ length: count }, (_, i) => ({ term: 1, index: first + i, kind: 'normal', command })),
    );
    log.sync();
    index += count;
  }
  await log.close();
}

/** Takes the footers away, so that the next open has to read every frame. */
export function removeFooters(directory: string): void {
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.wal'))) {
    const fd = openSync(join(directory, name), 'r+');
    writeSync(fd, new Uint8Array(TRAILER_BYTES), 0, TRAILER_BYTES, fstatSync(fd).size - TRAILER_BYTES);
    closeSync(fd);
  }
}
