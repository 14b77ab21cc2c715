// Clients that are gone without a word, as real processes and real sockets: what a server holds for them is given back, and
// whoever gets on, however slowly, is left alone. (The rules, second by second: vanished-clients.test.ts.)

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RespServer, type ServerLimits } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { RawClient } from './raw-client.js';

const WAIT = { timeout: 45_000, interval: 50 };

describe('a server', () => {
  let server: RespServer;
  const children: ReturnType<typeof spawn>[] = [];

  async function start(limits: Partial<ServerLimits>): Promise<void> {
    const replica = new LocalReplica();
    const listen = { host: '127.0.0.1', port: 0 };
    server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine, limits });
  }

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await server.close();
  });

  it('gives back what it holds for a process that stands still with its buffers full', async () => {
    await start({ stalledMsMax: 1500 });
    const other = await RawClient.connect(server.port);
    expect(await other.ask('SET', 'large', 'x'.repeat(1_000_000))).toBe('+OK\r\n');
    // Asks for far more than any buffer on the way holds, and takes the first of it.
    const child = spawn(process.execPath, [
      '-e',
      `const socket = require('node:net').connect(${server.port}, '127.0.0.1');
       socket.write('GET large\\r\\n'.repeat(1000));
       socket.once('data', () => { socket.pause(); console.log('full'); });
       setInterval(() => undefined, 1000);`,
    ]);
    children.push(child);
    await once(child.stdout ?? child, 'data');
    child.kill('SIGSTOP');
    await expect.poll(() => server.statistics().connections, WAIT).toBe(1);
    expect(await other.ask('GET', 'missing')).toBe('$-1\r\n');
    other.destroy();
  });

  it('leaves who takes its replies slowly alone', async () => {
    await start({ stalledMsMax: 2500 });
    const other = await RawClient.connect(server.port);
    await other.ask('SET', 'large', 'x'.repeat(1_000_000));
    const slow = await RawClient.connect(server.port);
    const startedAt = performance.now();
    slow.socket.pause();
    const replies = 100;
    slow.send('GET large\r\n'.repeat(replies));
    // Some of it at a time, for longer than it may stand still. (The system on the client's side takes a few megabytes
    // by itself, and asks for more once half of them are taken out.)
    while (performance.now() - startedAt < 6000) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const wanted = slow.received.length + 6_000_000;
      slow.socket.resume();
      while (slow.received.length < wanted && !slow.isClosed) await once(slow.socket, 'data');
      slow.socket.pause();
    }
    expect(slow.isClosed).toBe(false);
    slow.socket.resume();
    await expect.poll(() => slow.received.length, WAIT).toBe(replies * 1_000_012);
    slow.destroy();
    other.destroy();
  });

  it('closes who says nothing for idleMsMax, says so in CONFIG GET timeout, and lets subscribers be silent', async () => {
    await start({ idleMsMax: 1500 });
    const subscriber = await RawClient.connect(server.port);
    subscriber.send('SUBSCRIBE news\r\n');
    const silent = await RawClient.connect(server.port);
    expect(await silent.ask('CONFIG', 'GET', 'timeout')).toContain('$1\r\n2\r\n');
    await silent.closed();
    await expect.poll(() => server.statistics().connections, WAIT).toBe(1);
    expect(subscriber.isClosed).toBe(false);
    subscriber.destroy();
  });

  it.runIf(process.platform === 'linux')(
    'has the system ask clients that are silent whether they are there',
    async () => {
      await start({});
      const client = await RawClient.connect(server.port);
      expect(await client.ask('PING')).toBe('+PONG\r\n');
      const own = server.port.toString(16).toUpperCase().padStart(4, '0');
      // Its connections: local address, remote address, state 01 (established), queues, and the kind of the next timer. 02
      // is keepalive.
      const timers = (): string[] =>
        readFileSync('/proc/net/tcp', 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, , state]) => local?.endsWith(`:${own}`) && state === '01')
          .map(([, , , , , timer = '']) => timer.slice(0, 2));
      await expect.poll(timers, WAIT).toEqual(['02']);
      client.destroy();
    },
  );
});
