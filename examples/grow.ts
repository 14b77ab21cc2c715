// From one server to three without a pause, and on without the first.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { RaftServer } from '@waldb/runtime';

const addresses = { 1: '127.0.0.1:7331', 2: '127.0.0.1:7332', 3: '127.0.0.1:7333' };
const root = await mkdtemp(`${tmpdir()}/grow-`);

const first = await start(1, { bootstrap: { members: { 1: addresses[1] } } });
while (!first.isLeader) await new Promise((resolve) => setTimeout(resolve, 10));
console.log('with 1 server:', await first.propose(Buffer.from('a')));

const second = await join(2);
const third = await join(3);
console.log('with 3 servers:', await first.propose(Buffer.from('b')));

await first.transferLeadership(2);
await second.read('linearizable'); // it leads, and has committed: it is ready for changes
await second.removeServer(1);
await first.close();
console.log('with 2 servers:', await second.propose(Buffer.from('c')));
await third.close();
await second.close();

/** The new server starts empty; it counts once the first one has brought it all that there is. */
async function join(id: 2 | 3): Promise<RaftServer<string>> {
  const joined = await start(id, {
    join: { members: first.status().addresses, cluster: first.clusterId },
    listen: addresses[id],
  });
  await first.addServer(id, addresses[id]);
  return joined;
}

function start(id: number, options: object): Promise<RaftServer<string>> {
  let letters = '';
  return RaftServer.start<string>({
    id,
    directory: `${root}/${id}`,
    ...options,
    stateMachine: {
      apply: (entries) => entries.map(({ command }) => (letters += Buffer.from(command).toString())),
      snapshot: () => Readable.from([Buffer.from(letters)]),
      restore: async (stream) => {
        letters = await text(stream);
      },
    },
  });
}
