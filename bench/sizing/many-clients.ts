// Many clients in one process of its own: `many-clients.ts PORT COUNT [CA]`, with a file of the authority by TLS. Says `connected COUNT` once all are there; then each
// line of stdin has every one of them send one command and says how many had an answer: `answered COUNT`.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectByTls } from 'node:tls';

const [port = 0, count = 0] = process.argv.slice(2, 4).map(Number);
const [, , , , caFile] = process.argv;
const ca = caFile === undefined ? undefined : readFileSync(caFile);
/** A listener takes so many at once, and a little more. */
const AT_ONCE = 250;
const OK = '+OK\r\n';

const sockets: Socket[] = [];
while (sockets.length < count) {
  const wanted = Math.min(AT_ONCE, count - sockets.length);
  sockets.push(...(await Promise.all(Array.from({ length: wanted }, open))));
}
console.log(`connected ${sockets.length}`);
for await (const line of createInterface({ input: process.stdin })) {
  const answers = await Promise.all(sockets.map((socket, nth) => set(socket, `${line}:${nth}`)));
  console.log(`answered ${answers.filter((answer) => answer === OK).length}`);
}

async function open(): Promise<Socket> {
  const to = { host: '127.0.0.1', port, noDelay: true };
  const socket = ca === undefined ? connect(to) : connectByTls({ ...to, ca });
  await once(socket, ca === undefined ? 'connect' : 'secureConnect');
  return socket;
}

async function set(socket: Socket, key: string): Promise<string> {
  socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$1\r\nx\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return String(answer);
}
