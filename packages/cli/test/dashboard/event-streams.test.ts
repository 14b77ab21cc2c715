// Streams over real connections: what a page is told, and what becomes of one that does not read.

import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { NodeClock } from '@waldb/io';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { EventStreams, STREAM_BYTES_MAX, STREAMS_MAX } from '../../src/dashboard/event-streams.js';

const servers: Server[] = [];
const sockets: Socket[] = [];
const silent = pino({ level: 'silent' });

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(streams: EventStreams, first: unknown): Promise<number> {
  const server = createServer((_, response) => void streams.begin(response, () => first));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function open(port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get({ host: '127.0.0.1', port }, resolve).on('error', reject));
}

/** Asks, and never reads. */
function openAndSleep(port: number): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
  socket.pause();
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

describe('EventStreams', () => {
  it('begins with everything, goes on with news, and says when to come back', async () => {
    const streams = new EventStreams(new NodeClock(), silent);
    const response = await open(await serve(streams, { all: 'there is' }));
    let text = '';
    response.on('data', (chunk) => {
      text += chunk;
    });
    await expect.poll(() => streams.open).toBe(1);
    streams.tell({ text: 'two\nlines' });
    await expect
      .poll(() => text)
      .toBe(
        'retry: 1000\n\nevent: all\ndata: {"all":"there is"}\n\nevent: news\ndata: {"text":"two\\nlines"}\n\n',
      );
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    response.destroy();
    await expect.poll(() => streams.open).toBe(0);
    expect(streams.cut).toBe(0);
  });

  it('a page that does not read is cut off at the limit, and the others go on', async () => {
    const streams = new EventStreams(new NodeClock(), silent);
    const port = await serve(streams, {});
    const reader = await open(port);
    let told = 0;
    reader.on('data', (chunk: Buffer) => {
      told += chunk.length;
    });
    openAndSleep(port);
    await expect.poll(() => streams.open).toBe(2);
    const news = 'x'.repeat(STREAM_BYTES_MAX / 8);
    let sent = 0;
    // As slowly as the reader reads: only the sleeper falls behind.
    while (streams.cut === 0 && sent < 64) {
      streams.tell(news);
      sent += 1;
      await expect.poll(() => told, { timeout: 30_000 }).toBeGreaterThanOrEqual(sent * news.length);
    }
    expect([streams.cut, streams.open]).toEqual([1, 1]);
    expect(sent).toBeGreaterThan(7);
  });

  it('knows when there is no room', async () => {
    const streams = new EventStreams(new NodeClock(), silent);
    const port = await serve(streams, {});
    for (let nth = 0; nth < STREAMS_MAX; nth++) {
      expect(streams.isFull).toBe(false);
      openAndSleep(port);
      await expect.poll(() => streams.open).toBe(nth + 1);
    }
    expect(streams.isFull).toBe(true);
    streams.close();
    await expect.poll(() => streams.open).toBe(0);
  });
});
