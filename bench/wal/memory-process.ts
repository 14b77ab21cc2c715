// One process, one log, one number: the most memory it held. Started by cases/memory.ts, because a process that has done
// anything else before says nothing about this.
//   memory-process.mjs DIRECTORY write|open ENTRIES ENTRY_BYTES CACHE_BYTES

import { WalLog } from '@waldb/wal';

const GROUP_BYTES = 1024 * 1024;
const READS = 20_000;

const [directory = '', task = '', ...numbers] = process.argv.slice(2);
const [entries = 0, entryBytes = 0, cacheBytes = 0] = numbers.map(Number);
let highest = 0;

function look(): void {
  highest = Math.max(highest, process.memoryUsage.rss());
}

await (task === 'write' ? write() : openAndRead());
process.stdout.write(`${JSON.stringify({ rssBytes: highest })}\n`);

async function write(): Promise<void> {
  const log = await WalLog.open(directory, { cacheBytes });
  const command = new Uint8Array(entryBytes).fill(0x61);
  const group = Math.max(1, Math.floor(GROUP_BYTES / entryBytes));
  for (let index = 1; index <= entries; ) {
    for (let i = 0; i < group && index <= entries; i++) {
      // A copy, as what comes from a socket is: entries that shared their bytes would weigh nothing.
      log.append([{ term: 1, index, kind: 'normal', command: command.slice() }]);
      index += 1;
    }
    await log.flush();
    look();
  }
  await log.close();
}

async function openAndRead(): Promise<void> {
  const log = await WalLog.open(directory, { cacheBytes });
  look();
  const step = Math.max(1, Math.floor(entries / READS));
  for (let index = 1; index <= entries; index += step) {
    if (log.entry(index)?.index !== index) throw new Error(`entry(${index}) gave something else.`);
    look();
  }
  await log.close();
}
