// Clients that mean harm or are broken: many connections that never end a request, requests that come a byte at a time, and replies
// that nobody takes. The server stays within its limits, and serves everybody else.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { RespServer, type ServerLimits } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { RawClient, request } from './raw-client.js';

let server: RespServer;
const sockets: Socket[] = [];

async function start(limits: Partial<ServerLimits> = {}): Promise<void> {
  const replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine, limits });
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function open(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** What the server holds of requests that are not complete. */
function keptBytes(): number {
  return [...server.clients()].reduce((sum, { keptBytes: bytes }) => sum + bytes, 0);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

it('connections that announce much and send little take little, up to connectionsMax, and the rest is told so', async () => {
  const connectionsMax = 300;
  await start({ connectionsMax });
  const announced = '*65536\r\n$1048576\r\n';
  const opened = await Promise.all(Array.from({ length: connectionsMax - 1 }, open));
  for (const socket of opened) socket.write(`${announced}x`);
  await until(() => keptBytes() === (connectionsMax - 1) * (announced.length + 1));
  const last = await RawClient.connect(server.port);
  sockets.push(last.socket);
  expect(await last.ask('SET', 'a', '1')).toBe('+OK\r\n');
  const refused = await RawClient.connect(server.port);
  await refused.closed();
  expect(refused.received).toBe('-ERR max number of clients reached\r\n');
  for (const socket of opened) socket.resetAndDestroy();
  await until(() => server.statistics().connections === 1);
  expect(await last.ask('GET', 'a')).toBe('$1\r\n1\r\n');
});

it('a conversation that comes a byte at a time is answered as one that comes at once', async () => {
  await start();
  const conversation =
    request('HELLO', '3') +
    request('SET', 'a', '\r\n*1\r\n') +
    'GET a\r\n' +
    request('MULTI') +
    request('INCR', 'n') +
    request('EXEC') +
    request('SUBSCRIBE', 'c') +
    '*-1\r\n*0\r\n\r\n' +
    request('QUIT');
  const hear = async (pieces: readonly string[]): Promise<string> => {
    const client = await RawClient.connect(server.port);
    await client.ask('FLUSHALL');
    for (const piece of pieces) {
      client.send(piece);
      // Each piece is a packet of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.closed();
    return client.received.replace(/\$2\r\nid\r\n:\d+/, 'id');
  };
  const atOnce = await hear([conversation]);
  expect(atOnce).toContain('$6\r\n\r\n*1\r\n\r\n');
  expect(await hear([...conversation])).toBe(atOnce);
});

it('megabytes of requests whose replies nobody takes are not read on, and cost what the limits say', async () => {
  const limits = { pipelineRequestsMax: 64, pipelineBytesMax: 256 * 1024, outputBytesMax: 64 * 1024 };
  await start(limits);
  const other = await RawClient.connect(server.port);
  sockets.push(other.socket);
  const value = 'x'.repeat(100_000);
  await other.ask('SET', 'a', value);
  const lazy = await open();
  lazy.pause();
  const input = Buffer.from(request('GET', 'a').repeat(20_000));
  lazy.write(input);
  await until(() => [...server.clients()].some(({ outputBytes }) => outputBytes > 0));
  for (let nth = 0; nth < 20; nth++) expect(await other.ask('GET', 'a')).toHaveLength(value.length + 11);
  // 2 GB of replies: what is held of them is one more than fits.
  const held = [...server.clients()].map(({ outputBytes }) => outputBytes);
  expect(Math.max(...held)).toBeLessThan(limits.outputBytesMax + 400_000);
  expect(server.statistics().commandsProcessed).toBeLessThan(10_000);
  lazy.resetAndDestroy();
  await until(() => server.statistics().connections === 1);
});
