// `waldb members` and the admin port as an operator meets them: real processes, from one server to two and back.

import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, type Finished, makeDirectory, runWaldb, spawnWaldb } from './support/run-waldb.js';

const WAIT = { timeout: 45_000, interval: 100 };

afterEach(cleanUp);

async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const probe of probes) {
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const address = probe.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

interface Server {
  readonly args: readonly string[];
  readonly admin: string;
}

async function serverOf(root: string, id: number): Promise<Server> {
  const [client = 0, peer = 0, adminPort = 0] = await freePorts(3);
  const admin = `127.0.0.1:${adminPort}`;
  const directory = ['--id', String(id), '--directory', join(root, String(id))];
  const ports = ['--port', String(client), '--peer-listen', `127.0.0.1:${peer}`, '--admin', admin];
  return { args: ['serve', ...directory, ...ports, '--log-level', 'silent'], admin };
}

interface Answer {
  readonly status: number | undefined;
  readonly body: Record<string, unknown>;
}

function ask(
  admin: string,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`http://${admin}${path}`, { method, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text || '{}') }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function healthy(admin: string): Promise<number | undefined> {
  return await ask(admin, '/health').then(
    ({ status }) => status,
    () => undefined,
  );
}

function members(...args: string[]): Promise<Finished> {
  return runWaldb(['members', ...args]);
}

describe('waldb members', () => {
  it('H1.1 H2.1 P70 one server becomes two and one again, typed as the runbook says', async () => {
    const root = makeDirectory();
    const [one, two] = [await serverOf(root, 1), await serverOf(root, 2)];
    spawnWaldb(one.args);
    await expect.poll(() => healthy(one.admin), WAIT).toBe(200);
    spawnWaldb([...two.args, '--join', one.admin]);
    await expect.poll(() => healthy(two.admin), WAIT).toBe(503);
    const toOne = ['--server', one.admin];
    await expect
      .poll(async () => (await members('add', '2', ...toOne)).stdout, { ...WAIT, interval: 500 })
      .toMatch(/Server 2 is a voter now\.\n$/);
    await expect.poll(() => healthy(two.admin), WAIT).toBe(200);
    const listed = await members('list', '--server', two.admin);
    expect(listed.stdout).toMatch(
      /^ID +ROLE +STATE +BEHIND +PEERS +CLIENTS +ADMIN\n 1 +leader .*\n 2 +voter +caught up /,
    );
    // An empty directory does not come back under an id that is a voter's.
    const wiped = await runWaldb([...(await serverOf(makeDirectory(), 2)).args, '--join', one.admin]);
    expect(wiped).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^waldb: Server 2 is a voter of that/),
    });
    // Asked of a follower, done by the leader.
    expect(await members('transfer', '2', '--server', two.admin)).toMatchObject({ exitCode: 0 });
    expect(await members('remove', '1', '--server', one.admin)).toMatchObject({ exitCode: 0 });
    expect((await ask(two.admin, '/members')).body).toMatchObject({
      leader: 2,
      members: [{ id: 2, role: 'voter', isLeader: true }],
    });
    await expect.poll(async () => (await ask(one.admin, '/health')).body.reason, WAIT).toMatch(/removed/);
    expect(await members('remove', '2', '--server', two.admin)).toMatchObject({ exitCode: 2 });
  }, 120_000);

  it('a learner stays one until it is promoted, a member moves, and what cannot be is refused', async () => {
    const root = makeDirectory();
    const [one, two] = [await serverOf(root, 1), await serverOf(root, 2)];
    spawnWaldb(one.args);
    await expect.poll(() => healthy(one.admin), WAIT).toBe(200);
    const toOne = ['--server', one.admin];
    const unknown = await members('add', '2', ...toOne);
    expect(unknown).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(
        /^waldb: Server 2 is not known here: start it first \(waldb serve --join\)/,
      ),
    });
    const joining = spawnWaldb([...two.args, '--join', one.admin]);
    await expect.poll(() => healthy(two.admin), WAIT).toBe(503);
    await expect
      .poll(async () => (await members('add', '2', '--learner', ...toOne)).stdout, { ...WAIT, interval: 500 })
      .toMatch(/^Server 2 is a learner now/);
    const listed = async () => JSON.parse((await members('list', ...toOne, '--json')).stdout);
    expect(await listed()).toMatchObject({ leader: 1, members: [{ id: 1 }, { id: 2, role: 'learner' }] });
    // A learner cannot lead, and a server that nobody knows can be nothing at all.
    for (const call of [
      ['transfer', '2'],
      ['transfer', '7'],
      ['remove', '7'],
    ])
      expect(await members(...call, ...toOne)).toMatchObject({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(/^waldb: [^\n]+\.\n$/),
      });
    expect(await members('promote', '2', ...toOne, '--json')).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await members('add', '2', ...toOne)).stderr).toBe('waldb: Server 2 is a voter already.\n');
    // And back: it keeps its copy, and the cluster goes on without its vote.
    expect(await members('demote', '2', ...toOne)).toMatchObject({
      exitCode: 0,
      stdout: 'Server 2 is a learner now: it receives the log, and counts for no majority.\n',
    });
    expect(await listed()).toMatchObject({ leader: 1, members: [{ id: 1 }, { id: 2, role: 'learner' }] });
    expect(await members('demote', '1', ...toOne)).toMatchObject({ exitCode: 2 });
    expect(await runWaldb(['snapshot', 'take', '--server', two.admin])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/has saved its state at index \d+\.\n$/),
    });
    expect(await members('promote', '2', ...toOne)).toMatchObject({ exitCode: 0 });
    // One of two voters is needed for what is told to be committed: until it has moved it is found where it still runs.
    const [elsewhere] = await freePorts(1);
    const to = `127.0.0.1:${elsewhere}`;
    const { admin, client } = (await listed()).members[1];
    expect(await members('move', '2', `${to}/${client}/${admin}`, ...toOne)).toMatchObject({ exitCode: 0 });
    expect((await listed()).members[1]).toMatchObject({ peer: to });
    const ended = new Promise((resolve) => joining.once('close', resolve));
    joining.kill('SIGTERM');
    await ended;
    spawnWaldb(two.args.map((word, i) => (two.args[i - 1] === '--peer-listen' ? to : word)));
    await expect
      .poll(async () => (await listed()).members[1], WAIT)
      .toMatchObject({ peer: to, isCaughtUp: true });
  }, 120_000);

  it('says where it found nobody', async () => {
    const [port = 0] = await freePorts(1);
    const { exitCode, stderr } = await members('list', '--server', `127.0.0.1:${port}`);
    expect([exitCode, stderr]).toEqual([
      1,
      `waldb: No answer from 127.0.0.1:${port}: nothing listens there (waldb serve --admin).\n`,
    ]);
  });
});

describe('the admin port', () => {
  it('answers operators, and nothing that a web page could send', async () => {
    const { args, admin } = await serverOf(makeDirectory(), 1);
    spawnWaldb(args);
    await expect.poll(() => healthy(admin), WAIT).toBe(200);
    const json = { 'content-type': 'application/json' };
    const post = (headers: Record<string, string>, body = '{}') =>
      ask(admin, '/members/remove', { method: 'POST', headers, body });
    expect((await ask(admin, '/status')).body).toMatchObject({ id: 1, role: 'leader', membership: 'member' });
    const page = await fetch(`http://${admin}/metrics`);
    expect(page.headers.get('content-type')).toBe(Registry.PROMETHEUS_CONTENT_TYPE);
    const told = (await page.text()).split('\n');
    expect(told).toContain('waldb_is_leader 1');
    expect(told).toContain('# TYPE process_cpu_user_seconds_total counter');
    expect((await ask(admin, '/nothing')).status).toBe(404);
    expect((await ask(admin, '/members', { method: 'DELETE' })).status).toBe(405);
    expect((await ask(admin, '/members/remove')).status).toBe(405);
    expect((await ask(admin, '/members', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await ask(admin, '/members', { headers: { host: 'localhost:1' } })).status).toBe(200);
    expect((await post({})).status).toBe(415);
    expect((await post({ 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post({ ...json, origin: 'http://evil.example' })).status).toBe(403);
    expect((await post(json, '{"id":')).body).toMatchObject({ error: { code: 'BODY_INVALID' } });
    expect((await post(json, '[1]')).status).toBe(400);
    expect((await post(json, '{"id":"1"}')).body).toMatchObject({ error: { code: 'OPTIONS_INVALID' } });
    expect((await post(json, '{"id":1}')).body).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect((await post(json, ' '.repeat(20_000))).status).toBe(413);
    expect((await ask(admin, '/health')).status).toBe(200);
  }, 60_000);
});
