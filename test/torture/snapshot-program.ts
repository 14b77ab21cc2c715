// A process that writes, receives and reads snapshots as hard as it can until it is killed, and says what it did:
//
//   ready                      the store is about to be opened
//   open <index>,<index>,…     it is open; these are there, each read to its end and found to be what was written there
//   begin <index>              this one is about to be written
//   durable <index>            it is acknowledged
//   failed <code>              a write failed; the process goes on
//   refused <code>             the store did not open, or what is in it could not be read, and the process ends with status 3
//   wrong <what>               something is there that must not be
//   closed                     the answer to SIGTERM
//
// Arguments: directory, seed.

import * as fs from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { SeededRandom } from '@waldb/testkit';
import { SnapshotError, SnapshotStore } from '../../packages/snapshot/src/index.js';

const STDOUT = 1;
const STATUS_REFUSED = 3;
const OPTIONS = { chunkBytes: 4096 };
const BYTES_MAX = 100_000;
const PIECE_BYTES_MAX = 9000;

const [directory = '', seedText = ''] = process.argv.slice(2);
const random = new SeededRandom(Number(seedText));
const configuration = {
  voters: [1],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: {},
};
let isEnding = false;
process.on('SIGINT', () => {}); // Ctrl-C goes to everybody in the terminal's group; who started this process ends it
process.on('SIGTERM', () => {
  isEnding = true;
});

say('ready');
try {
  await run();
} catch (error) {
  say(`refused ${codeOf(error)}`);
  process.exit(STATUS_REFUSED);
}

async function run(): Promise<void> {
  const store = await SnapshotStore.open(join(directory, 'snapshots'), OPTIONS);
  const source = await SnapshotStore.open(join(directory, 'source'), OPTIONS);
  for (const { file, error } of store.refused()) {
    // Not damaged: it could not be read.
    if (error.code === 'SNAPSHOT_IO' || error.code === 'SNAPSHOT_FULL') throw error;
    say(`wrong ${file} is refused: ${error.message}`);
  }
  for (const { index } of store.list()) await check(store, index);
  say(`open ${store.list().map(({ index }) => index)}`);
  let last = Math.max(store.latest()?.index ?? 0, source.latest()?.index ?? 0);
  while (!isEnding) {
    last += random.between(1, 5);
    await attempt(store, source, last);
    await turn(); // or a signal would never be heard
  }
  await store.close();
  await source.close();
  say('closed');
}

/** A write that failed leaves the store as it was: the next one is as good as any. */
async function attempt(store: SnapshotStore, source: SnapshotStore, index: number): Promise<void> {
  try {
    say(`begin ${index}`);
    if (random.chance(0.3)) await receive(store, source, index);
    else await store.write(positionOf(index), piecesOf(index));
    say(`durable ${index}`);
    if (random.chance(0.3)) await check(store, index);
  } catch (error) {
    say(`failed ${codeOf(error)}`);
  }
}

/** As from another server: announced, and then piece by piece. */
async function receive(store: SnapshotStore, source: SnapshotStore, index: number): Promise<void> {
  const { bytes, checksum } = await source.write(positionOf(index), piecesOf(index));
  const reception = await store.receive(positionOf(index), { bytes, checksum });
  for await (const piece of source.read(index)) await reception.append(piece);
  await reception.publish();
}

async function check(store: SnapshotStore, index: number): Promise<void> {
  const found: Uint8Array[] = [];
  for await (const piece of store.read(index)) found.push(piece);
  if (Buffer.concat(found).equals(imageOf(index))) return;
  say(`wrong the image at ${index} is not the one that was written`);
}

function positionOf(index: number): { index: number; term: number; configuration: typeof configuration } {
  return { index, term: 1 + Math.floor(index / 100), configuration };
}

/** The same for the same index, in every process. */
function imageOf(index: number): Buffer {
  const own = new SeededRandom(index);
  const bytes = Math.floor(BYTES_MAX ** own.real(0, 1));
  return Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 7 + index * 13 + (at >> 8)) % 256));
}

async function* piecesOf(index: number): AsyncIterable<Uint8Array> {
  const image = imageOf(index);
  for (let from = 0; from < image.length; ) {
    const to = Math.min(from + random.between(1, PIECE_BYTES_MAX), image.length);
    yield image.subarray(from, to);
    from = to;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof SnapshotError) return error.code;
  throw error;
}

function say(line: string): void {
  fs.writeSync(STDOUT, `${line}\n`);
}
