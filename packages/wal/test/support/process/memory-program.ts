// Writes a log of a given size, opens it again and reads all of it, and prints by how many bytes the process grew at
// most beyond what it had once its modules were loaded, collectable garbage not counted.
//
// Arguments: directory, bytes of the log. Needs --expose-gc.

import { encodeEntry } from '@waldb/core';
import { WalLog } from '@waldb/wal';

const [directory = '', bytesText = ''] = process.argv.slice(2);
const ENTRY_BYTES = 16 * 1024;
const ENTRIES_PER_FLUSH = 64;
const READ_BYTES_MAX = 1024 * 1024;
const OPTIONS = { segmentBytes: 8 * 1024 * 1024, cacheBytes: 1024 * 1024 };
const entryCount = Math.ceil(Number(bytesText) / ENTRY_BYTES);

const before = used();
let growth = 0;
let steps = 0;

{
  await using log = await WalLog.open(directory, OPTIONS);
  for (let index = 1; index <= entryCount; index++) {
    const command = new Uint8Array(ENTRY_BYTES).fill(index % 251);
    log.append([encodeEntry({ index, term: 1, kind: 'normal', command })]);
    if (index % ENTRIES_PER_FLUSH !== 0) continue;
    await log.flush();
    watch();
  }
}
{
  await using log = await WalLog.open(directory, OPTIONS);
  let next = 1;
  while (next <= entryCount) {
    for (const { index, command } of log.entries(next, entryCount, READ_BYTES_MAX)) {
      if (index !== next || command.some((byte) => byte !== index % 251))
        throw new Error(`entry ${next} is wrong`);
      next += 1;
    }
    watch();
  }
}
console.log(`read ${entryCount} grew ${growth}`);

/** Not at each step: collecting takes longer than the step. */
function watch(): void {
  steps += 1;
  if (steps % 10 === 0) growth = Math.max(growth, used() - before);
}

function used(): number {
  // Twice: buffers that the first collection finds dead are given back by the next.
  for (let i = 0; i < 2; i++) (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return heapUsed + Math.max(arrayBuffers, external);
}
