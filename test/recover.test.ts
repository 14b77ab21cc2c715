// `waldb recover` as an operator meets it, on the worst day: two of three servers are gone for good.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import {
  ClusterProcess,
  freePorts,
  makeDirectory,
  runWaldb,
  spawnWaldb,
  stopAll,
} from './support/cluster-process.js';

const GENEROUS_MS = 180_000;
const WAIT = { timeout: 60_000, interval: 200 };
const PROGRAM = join(import.meta.dirname, '../packages/cli/dist/main.js');

const servers: ChildProcess[] = [];
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(servers.splice(0).map(end));
  await stopAll();
}, GENEROUS_MS);

function serve(args: readonly string[]): ChildProcess {
  const child = spawnWaldb(['serve', ...args, '--log-level', 'silent']);
  servers.push(child);
  return child;
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('close', () => resolve());
    child.kill('SIGTERM');
  });
}

function redis(port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 200, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** On a terminal of its own (util-linux's `script`), with what is typed once it asks. */
function runOnTerminal(
  args: readonly string[],
  typed: string,
): Promise<{ code: number | null; text: string }> {
  const line = [process.execPath, PROGRAM, ...args].join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    stdio: 'pipe',
    env: { ...process.env, NO_COLOR: '1' },
  });
  let text = '';
  child.stdout.on('data', (chunk) => {
    const hadAsked = text.includes('to go on: ');
    text += chunk;
    if (!hadAsked && text.includes('to go on: ')) child.stdin.write(`${typed}\r`);
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, text: text.replaceAll('\r\n', '\n') }));
  });
}

async function statusOf(admin: string): Promise<Record<string, unknown> | undefined> {
  return await fetch(`http://${admin}/status`).then(
    async (response) => (await response.json()) as Record<string, unknown>, // of the program's own making
    () => undefined,
  );
}

it(
  'a survivor becomes a cluster of its own, after everybody has read what that means, and grows again',
  async () => {
    const data = join(makeDirectory(), 'data');
    const port = await freePorts(4);
    const cluster = new ClusterProcess({ directory: data, port });
    await cluster.allReady();
    const leader = redis(port + (await cluster.allReady()).leader - 1);
    for (let nth = 0; nth < 20; nth++) expect(await leader.set(`key:${nth}`, `${nth}`)).toBe('OK');
    const survivor = join(data, 'node-1');
    const { clusterId: old } = (await statusOf(`127.0.0.1:${port + 200}`)) ?? {};

    // Refused, and nothing is changed: it runs; there is nobody to ask; there is no server; the answer is no.
    expect(await runWaldb(['recover', survivor, '--yes'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^waldb: [^\n]*open[^\n]*\n$/),
    });
    cluster.signal('SIGTERM');
    expect(await cluster.ended()).toBe(0);
    expect(await runWaldb(['recover', survivor])).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('This gives up the old cluster.'),
      stderr: 'waldb: Nothing was changed: without a terminal to ask on, a recovery needs --yes.\n',
    });
    expect(await runWaldb(['recover', makeDirectory()])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/ holds no server\.\n$/),
    });
    // Servers with empty directories cannot vote it into office: it would never lead.
    const three = [1, 2, 3].map((id) => `${id}=127.0.0.1:${port + 99 + id}`).join();
    expect(await runWaldb(['recover', survivor, '--members', three, '--yes'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^waldb: Nothing was changed: a survivor begins alone\./),
    });
    const refused = await runOnTerminal(['recover', survivor], 'yes');
    expect([refused.code, refused.text]).toEqual([2, expect.stringContaining('Nothing was changed.')]);

    const { code, text } = await runOnTerminal(['recover', survivor], 'recover');
    expect([code, text]).toEqual([
      0,
      expect.stringContaining('Done. Server 1 is a voter of the new cluster '),
    ]);
    expect(text).toContain(`cluster             ${String(old)}`);

    // What it says to do, done.
    const admin = `127.0.0.1:${port + 200}`;
    serve(['--id', '1', '--directory', survivor, '--port', String(port), '--admin', admin]);
    await expect
      .poll(() => statusOf(admin), WAIT)
      .toMatchObject({ role: 'leader', recovery: { from: old, state: 'done' } });
    expect(String((await statusOf(admin))?.clusterId)).not.toBe(old);
    const alone = redis(port);
    for (let nth = 0; nth < 20; nth++) expect(await alone.get(`key:${nth}`)).toBe(`${nth}`);
    const fresh = join(data, 'node-2-new');
    const second = ['--id', '2', '--directory', fresh, '--port', String(port + 1)];
    serve([...second, '--admin', `127.0.0.1:${port + 201}`, '--join', admin]);
    await expect
      .poll(async () => (await runWaldb(['members', 'add', '2', '--server', admin])).stdout, {
        ...WAIT,
        interval: 500,
      })
      .toMatch(/Server 2 is a voter now\.\n$/);
    expect(await alone.set('after', 'it')).toBe('OK');

    // The log says what happened; and with the old peers it does not start.
    const dump = await runWaldb(['wal', 'dump', survivor, '--json']);
    const notes = dump.stdout
      .split('\n')
      .filter((line) => line.includes('"noop"') && line.includes(String(old)));
    expect(notes).toHaveLength(1);
    await Promise.all(servers.splice(0).map(end));
    const peers = [1, 2, 3].map((id) => `${id}=127.0.0.1:${port + 99 + id}`).join();
    expect(
      await runWaldb(['serve', '--directory', survivor, '--port', String(port), '--peers', peers]),
    ).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/was recovered from cluster/) });
  },
  GENEROUS_MS,
);
