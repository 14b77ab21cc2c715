// WAIT: whom it counts, and whom it holds up.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { RespServer } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { RawClient, request } from './raw-client.js';

let replica: LocalReplica;
let server: RespServer;
const clients: RawClient[] = [];

beforeEach(async () => {
  replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.close();
});

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

it('counts the servers that have everything the connection has written, those of its pipeline too', async () => {
  replica.matchIndexes = { 2: 3, 3: 1 };
  const client = await connect();
  // The writes of one turn share an entry: three turns make three entries.
  for (const value of ['1', '2']) expect(await client.ask('SET', 'a', value)).toBe('+OK\r\n');
  client.send(request('SET', 'a', '3') + request('WAIT', '1', '0') + request('WAIT', '2', '5'));
  await client.expect('+OK\r\n:1\r\n:1\r\n');
});

it('waits until a server that was behind has come, and holds up nobody else', async () => {
  replica.matchIndexes = { 2: 0, 3: 0 };
  const [waiting, other] = [await connect(), await connect()];
  waiting.send(request('SET', 'a', '1') + request('WAIT', '2', '0') + request('GET', 'a'));
  await waiting.expect('+OK\r\n');
  await until(() => server.statistics().blockedClients === 1);
  expect(await other.ask('SET', 'b', '1')).toBe('+OK\r\n');
  expect(await other.ask('GET', 'b')).toBe('$1\r\n1\r\n');
  replica.matchIndexes = { 2: 1, 3: 0 };
  await other.ask('PING');
  expect(waiting.received).toBe('');
  replica.matchIndexes = { 2: 1, 3: 1 };
  await waiting.expect(':2\r\n$1\r\n1\r\n');
  expect(server.statistics().blockedClients).toBe(0);
});

it('a write that is not committed yet is waited for', async () => {
  replica.hold();
  const client = await connect();
  client.send(request('SET', 'a', '1') + request('WAIT', '0', '0'));
  await until(() => server.statistics().blockedClients === 1);
  expect(client.received).toBe('');
  replica.release();
  await client.expect('+OK\r\n:2\r\n');
});

it('answers with what there is when the time is over, and an error when this server leads no more', async () => {
  replica.matchIndexes = { 2: 1, 3: 0 };
  const client = await connect();
  await client.ask('SET', 'a', '1');
  expect(await client.ask('WAIT', '2', '1')).toBe(':1\r\n');
  client.send(request('WAIT', '2', '0'));
  await until(() => server.statistics().blockedClients === 1);
  replica.state = { ...replica.state, role: 'follower', term: 8, leader: 2 };
  await client.expect(
    '-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n',
  );
  expect(await client.ask('WAIT', '1', '0')).toBe('-ERR WAIT cannot be used with replica instances.\r\n');
});

it('inside of a transaction it answers at once', async () => {
  replica.matchIndexes = { 2: 0, 3: 0 };
  const client = await connect();
  await client.ask('SET', 'a', '1');
  client.send(request('MULTI') + request('WAIT', '2', '0') + request('EXEC'));
  await client.expect('+OK\r\n+QUEUED\r\n*1\r\n:0\r\n');
});

it('CLIENT UNBLOCK ends it, and a client that goes leaves nothing behind', async () => {
  replica.matchIndexes = { 2: 0, 3: 0 };
  const [client, other] = [await connect(), await connect()];
  const id = Number((await client.ask('CLIENT', 'ID')).slice(1));
  await client.ask('SET', 'a', '1');
  client.send(request('WAIT', '1', '0'));
  await until(() => server.statistics().blockedClients === 1);
  expect(await other.ask('CLIENT', 'UNBLOCK', String(id), 'ERROR')).toBe(':1\r\n');
  await client.expect('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
  client.send(request('WAIT', '1', '0'));
  await until(() => server.statistics().blockedClients === 1);
  expect(await other.ask('CLIENT', 'UNBLOCK', String(id))).toBe(':1\r\n');
  await client.expect(':0\r\n');
  client.send(request('WAIT', '1', '0'));
  await until(() => server.statistics().blockedClients === 1);
  client.socket.resetAndDestroy();
  await until(() => server.statistics().blockedClients === 0);
});
