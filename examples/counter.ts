import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { RaftServer } from '@waldb/runtime';

let total = 0;
const server = await RaftServer.start({
  id: 1,
  directory: './data/counter',
  bootstrap: { members: { 1: '127.0.0.1:7401' } }, // for more servers: name them all, the same on each
  stateMachine: {
    apply: (entries) => entries.map(({ command }) => (total += Number(Buffer.from(command).toString()))),
    snapshot: () => Readable.from([Buffer.from(String(total))]),
    restore: async (image) => {
      total = Number(await text(image));
    },
  },
});
while (!server.isLeader) await new Promise((resolve) => setTimeout(resolve, 10));
console.log('total', await server.propose(Buffer.from('5'))); // on disk at a majority, applied, answered
await server.close();
