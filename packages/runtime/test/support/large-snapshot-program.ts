// A process that takes, sends, receives and restores an image of so many MiB, and prints how much more memory it took
// for that than for a small one: `large-snapshot-program.ts <directory> <MiB>`.

import { createServer } from 'node:net';
import { join } from 'node:path';
import type { LogEntry } from '@waldb/core';
import { RaftServer } from '../../src/index.js';

const PIECE_BYTES = 100_000;
const SMALL_MIB = 32;
const MIB = 1024 * 1024;

/** Its state is how long its image is; the image is made up as it is read, and compared as it is restored. */
class VastMachine {
  bytes = 0;
  restored = 0;

  apply(entries: readonly LogEntry[]): readonly number[] {
    return entries.map(({ command }) => {
      this.bytes = Number(new TextDecoder().decode(command));
      return this.bytes;
    });
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    const { bytes } = this;
    for (let offset = 0; offset < bytes; offset += PIECE_BYTES)
      yield new Uint8Array(Math.min(PIECE_BYTES, bytes - offset)).fill(offset / PIECE_BYTES);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    let offset = 0;
    for await (const piece of stream) {
      const last = piece.length - 1;
      for (const at of [0, last >> 1, last]) {
        if (piece[at] !== (Math.floor((offset + at) / PIECE_BYTES) & 0xff))
          throw new Error(`byte ${offset + at} is another one`);
      }
      offset += piece.length;
    }
    this.bytes = offset;
    this.restored = offset;
  }
}

async function freeAddress(): Promise<string> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has an address');
  return `127.0.0.1:${address.port}`;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const [directory = '', mib = ''] = process.argv.slice(2);
const address = await freeAddress();
const leader = await RaftServer.start({
  id: 1,
  directory: join(directory, '1'),
  stateMachine: new VastMachine(),
  bootstrap: { members: { 1: address } },
  snapshotKeepEntries: 0,
});
await until(() => leader.status().leadership?.isReady === true);

/** Takes an image of so many bytes and has another server join by it. Returns the most memory taken so far. */
async function bring(id: number, bytes: number): Promise<number> {
  await leader.propose(new TextEncoder().encode(String(bytes)), { timeoutMs: 600_000 });
  await leader.snapshot();
  const machine = new VastMachine();
  const listen = await freeAddress();
  const joining = await RaftServer.start({
    id,
    directory: join(directory, String(id)),
    stateMachine: machine,
    listen,
    join: { members: { 1: address }, cluster: leader.clusterId },
  });
  await leader.addLearner(id, listen, { timeoutMs: 600_000 });
  await until(() => machine.restored === bytes);
  await joining.close();
  await leader.removeServer(id, { timeoutMs: 600_000 });
  return process.resourceUsage().maxRSS * 1024;
}

const before = await bring(8, SMALL_MIB * MIB);
const after = await bring(9, Number(mib) * MIB + 1);
await leader.close();
process.stdout.write(`grew ${after - before}\n`);
