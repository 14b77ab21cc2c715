import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readIntoSharedBuffer } from '../src/server/shared-reads.js';

const LARGE = 3_000_000;

describe('a socket that is read into the shared buffer', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** A listener whose sockets are handed to `use`. */
  async function listen(use: (accepted: Socket) => void): Promise<{ server: Server; client: Socket }> {
    const server = createServer({ allowHalfOpen: true }, use).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    return { server, client };
  }

  it('hands on every byte in order, of several connections at a time, and answers after the other side has ended', async () => {
    const { server, client } = await listen((accepted) => {
      const socket = readIntoSharedBuffer(accepted, (bytes) => socket.write(Buffer.from(bytes)));
      socket.on('end', () => socket.end());
    });
    const second = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const echoes = await Promise.all(
      [client, second].map(async (each, nth) => {
        const sent = Buffer.alloc(LARGE, Buffer.from(Uint8Array.from({ length: 251 }, (_, i) => i + nth)));
        each.end(sent);
        const chunks: Buffer[] = [];
        for await (const chunk of each) chunks.push(chunk as Buffer);
        return Buffer.concat(chunks).equals(sent);
      }),
    );
    expect(echoes).toEqual([true, true]);
  });

  it('allocates nothing for what it reads: all reads are the same memory', async () => {
    const memories = new Set<ArrayBufferLike>();
    const { client } = await listen((accepted) => {
      const socket = readIntoSharedBuffer(accepted, (bytes) => {
        memories.add(bytes.buffer);
        socket.write('.');
      });
    });
    for (let nth = 0; nth < 5; nth++) {
      client.write('x');
      await once(client, 'data');
    }
    expect(memories.size).toBe(1);
    client.destroy();
  });

  it('reads nothing while it is paused, and all of it afterwards', async () => {
    let received = 0;
    const { promise: accepted, resolve } = deferred<Socket>();
    const { client } = await listen((one) => {
      const socket = readIntoSharedBuffer(one, (bytes) => {
        received += bytes.length;
        if (received === 1) socket.pause();
        if (received > LARGE) socket.end();
      });
      resolve(socket);
    });
    client.resume();
    client.write('1');
    const socket = await accepted;
    while (received === 0) await new Promise((later) => setImmediate(later));
    client.write(Buffer.alloc(LARGE));
    // More than the system holds for a reader who does not read: the rest waits with the sender.
    while (client.writableLength === LARGE) await new Promise((later) => setTimeout(later, 5));
    for (let turn = 0; turn < 20; turn++) await new Promise((later) => setTimeout(later, 1));
    expect(received).toBe(1);
    socket.resume();
    await once(client, 'end');
    expect(received).toBe(LARGE + 1);
  });

  it('counts as the connection of its listener, which closes when it does', async () => {
    const { promise: accepted, resolve } = deferred<Socket>();
    const { server, client } = await listen((one) => resolve(readIntoSharedBuffer(one, () => {})));
    const socket = await accepted;
    let isClosed = false;
    server.close(() => {
      isClosed = true;
    });
    client.write('still here');
    for (let turn = 0; turn < 20; turn++) await new Promise((later) => setImmediate(later));
    expect(isClosed).toBe(false);
    const closed = once(server, 'close');
    socket.destroy();
    await closed;
    expect(isClosed).toBe(true);
  });

  it('is read in the ordinary way where Node has made it otherwise', () => {
    const socket = new Socket(); // has no handle yet
    const texts: string[] = [];
    expect(readIntoSharedBuffer(socket, (bytes) => texts.push(bytes.toString()))).toBe(socket);
    socket.emit('data', Buffer.from('as ever'));
    expect(texts).toEqual(['as ever']);
  });
});

function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
