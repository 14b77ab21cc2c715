// As many clients at once as a server takes, each of them a socket: all are served, one more is told so, what they took is given
// back, and where the system allows fewer open files the server takes fewer clients and can still write its log.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RawClient } from '../packages/kv/test/raw-client.js';
import { freePorts, makeDirectory, stopAll } from './support/cluster-process.js';

const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'packages/cli/dist/main.js');
const CLIENTS = join(ROOT, 'bench/sizing/many-clients.ts');
const GENEROUS_MS = 300_000;
const WAIT = { timeout: 120_000, interval: 100 };
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stopAll();
}, GENEROUS_MS);

/** A process that may open so many files. Where the system does not allow it, it ends at once and says why. */
function spawnWithFiles(files: number, args: readonly string[]): ChildProcess {
  const shell = `ulimit -n ${files} && exec "$0" "$@"`;
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, ...args], { cwd: ROOT });
  children.push(child);
  return child;
}

interface Store {
  readonly port: number;
  readonly log: () => string;
}

async function serve(files: number, maxClients: number): Promise<Store> {
  const port = await freePorts(1);
  const args = ['--directory', join(makeDirectory(), 'data'), '--port', String(port)];
  const child = spawnWithFiles(files, [MAIN, 'serve', ...args, '--max-clients', String(maxClients)]);
  let log = '';
  child.stderr?.on('data', (text) => {
    log += text;
  });
  await vi.waitFor(async () => {
    expect([child.exitCode, log]).toEqual([null, expect.any(String)]);
    const client = await RawClient.connect(port);
    const reply = await client.ask('SET', 'first', '1');
    client.destroy();
    expect(reply).toBe('+OK\r\n');
  }, WAIT);
  return { port, log: () => log };
}

interface Clients {
  readonly process: ChildProcess;
  /** Has each send a SET; how many had an answer. */
  readonly set: (round: string) => Promise<string>;
}

async function connectMany(port: number, count: number, files: number): Promise<Clients> {
  const process = spawnWithFiles(files, ['--import', 'tsx', CLIENTS, String(port), String(count)]);
  process.stderr?.on('data', (text) => console.error(String(text)));
  const lines = createInterface({ input: process.stdout as NodeJS.ReadableStream });
  const said = async (): Promise<string> => (await once(lines, 'line'))[0];
  expect(await said()).toBe(`connected ${count}`);
  return {
    process,
    set: (round) => {
      process.stdin?.write(`${round}\n`);
      return said();
    },
  };
}

async function clientsOf(client: RawClient): Promise<number> {
  return Number(/connected_clients:(\d+)/.exec(await client.ask('INFO', 'clients'))?.[1]);
}

describe('a server', () => {
  it(
    'serves ten thousand clients at once, tells one more so, and gives back what they took',
    async () => {
      const count = 10_000;
      const { port } = await serve(count + 1000, count + 1);
      const own = await RawClient.connect(port);
      const { process, set } = await connectMany(port, count, count + 1000);
      // The system may have more of them than the server has come to accept.
      await expect.poll(() => clientsOf(own), WAIT).toBe(count + 1);
      const more = await RawClient.connect(port);
      await more.closed();
      expect(more.received).toBe('-ERR max number of clients reached\r\n');
      // All at once, twice; and whoever comes with one command meanwhile has an answer as well.
      expect(await set('one')).toBe(`answered ${count}`);
      const [second, reply] = await Promise.all([set('two'), own.ask('GET', 'one:9999')]);
      expect([second, reply]).toEqual([`answered ${count}`, '$1\r\nx\r\n']);
      expect(await own.ask('DBSIZE')).toBe(`:${2 * count + 1}\r\n`);
      process.kill('SIGKILL');
      await expect.poll(() => clientsOf(own), WAIT).toBe(1);
      own.destroy();
    },
    GENEROUS_MS,
  );

  it(
    'that may open few files takes fewer clients, says so, and goes on writing',
    async () => {
      const { port, log } = await serve(900, 10_000);
      expect(log()).toContain('Only 900 files may be open here: at most 388 clients at a time (ulimit -n).');
      const own = await RawClient.connect(port);
      const { set } = await connectMany(port, 387, 2000);
      const more = await RawClient.connect(port);
      await more.closed();
      expect(more.received).toBe('-ERR max number of clients reached\r\n');
      expect(await set('one')).toBe('answered 387');
      expect(await own.ask('SET', 'other', '1')).toBe('+OK\r\n');
      own.destroy();
    },
    GENEROUS_MS,
  );
});
