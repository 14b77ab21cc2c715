// Who may use a store's port for clients: TLS and users from the command line, as an operator sets them up, and tools that
// get in or are kept out.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { freeAddresses } from './support/free-addresses.js';
import { cleanUp, makeDirectory, runWaldb, spawnWaldb } from './support/run-waldb.js';

const GENEROUS_MS = 120_000;
const MAIN = join(import.meta.dirname, '../dist/main.js');

afterEach(cleanUp, GENEROUS_MS);

async function hashOf(password: string): Promise<string> {
  const child = spawn(process.execPath, [MAIN, 'users', 'hash'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(`${password}\n`);
  return (await text(child.stdout)).trim();
}

interface Store {
  readonly address: string;
  readonly ca: string;
  readonly passwordFile: string;
}

/** One server that speaks TLS, for a user `app` who may use keys that begin with `waldb-bench:`, and for nobody else. */
async function startStore(): Promise<Store> {
  const directory = makeDirectory();
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  await runWaldb([
    'certs',
    'create',
    '--directory',
    directory,
    '--ids',
    '1',
    '--hosts',
    'localhost,127.0.0.1',
  ]);
  const hash = await hashOf('open sesame');
  const rules = 'on +@all -flushdb ~waldb-bench:*';
  const users = file('users.yaml', `app:\n  rules: ${rules}\n  passwords:\n    - ${hash}\n`);
  const [address = '', peer = ''] = await freeAddresses(2);
  const server = spawnWaldb([
    ...['serve', '--directory', join(directory, 'data'), '--port', address.split(':')[1] ?? ''],
    ...['--peer-listen', peer, '--users-file', users],
    ...[
      '--client-tls-cert',
      join(directory, 'node-1.crt'),
      '--client-tls-key',
      join(directory, 'node-1.key'),
    ],
  ]);
  await new Promise((resolve, reject) => {
    server.stdout?.once('data', resolve);
    server.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
  return { address, ca: join(directory, 'ca.crt'), passwordFile: file('app.password', 'open sesame\n') };
}

describe('a store with TLS and users', () => {
  it(
    'lets the user in and nobody else, and waldb bench with the right flags',
    async () => {
      const { address, ca, passwordFile } = await startStore();
      const [host = '', port = ''] = address.split(':');
      const tls = { ca: readFileSync(ca, 'latin1') };
      const client = new Redis({ host, port: Number(port), tls, username: 'app', password: 'open sesame' });
      await expect
        .poll(() => client.set('waldb-bench:mine', '1').catch(String), { timeout: 60_000 })
        .toBe('OK');
      await expect(client.set('other', '1')).rejects.toThrow(/NOPERM/);
      await expect(client.flushdb()).rejects.toThrow(/NOPERM/);
      client.disconnect();

      const bench = ['bench', '--server', address, '--seconds', '1', '--clients', '2', '--keys', '5'];
      const known = [...bench, '--tls-ca', ca, '--user', 'app', '--password-file', passwordFile, '--json'];
      const measured = await runWaldb(known);
      expect(measured).toMatchObject({ exitCode: 0, stderr: '' });
      expect(JSON.parse(measured.stdout)).toMatchObject({ errors: {}, interruptions: [], unanswered: 0 });

      const wrong = `${passwordFile}.wrong`;
      writeFileSync(wrong, 'close sesame\n');
      expect(
        await runWaldb([...bench, '--tls-ca', ca, '--user', 'app', '--password-file', wrong]),
      ).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/^waldb: The store does not let app in: WRONGPASS .*\n$/),
      });
      expect(await runWaldb([...bench, '--tls-ca', ca])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/^waldb: The store wants to know who asks: .*--user.*\n$/),
      });
      expect(await runWaldb([...bench, '--tls'])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^waldb: No store answers at .*certificate.*--tls-ca.*\n$/),
      });
      expect((await runWaldb(bench)).exitCode).toBe(1);
    },
    GENEROUS_MS,
  );
});

describe('what cannot work is told before anything starts', () => {
  it.each([
    [
      ['--client-tls-cert', 'a.crt'],
      'TLS for clients takes --client-tls-cert and --client-tls-key together; --client-tls-key is missing.',
    ],
    [['--users-file', '/nowhere/users.yaml'], '--users-file /nowhere/users.yaml: there is no such file.'],
  ])('%s', async (flags, message) => {
    for (const command of ['serve', 'cluster'])
      expect(await runWaldb([command, '--directory', join(makeDirectory(), 'data'), ...flags])).toMatchObject(
        {
          exitCode: 2,
          stderr: `waldb: ${message}\n`,
        },
      );
  });

  it.each([
    ['', 'there are no users in it.'],
    ['app: yes', 'line 1: user "app": it needs `rules`, like `on +@all ~*`.'],
    ['app: { rules: on +@all, password: x }', 'line 1: user "app": "password" is none of rules, passwords.'],
    [
      'app: { rules: on, passwords: secret }',
      'line 1: user "app": `passwords` has to be a list of hashes, as `waldb users hash` makes them.',
    ],
    [
      'app: { rules: on nonsense nopass }',
      'line 1: user "app": it has a rule that is not known here: nonsense.',
    ],
  ])('a file of users: %s', async (content, message) => {
    const directory = makeDirectory();
    const path = join(directory, 'users.yaml');
    writeFileSync(path, content);
    const [address = '', peer = ''] = await freeAddresses(2);
    const where = [
      '--directory',
      join(directory, 'data'),
      '--port',
      address.split(':')[1] ?? '',
      '--peer-listen',
      peer,
    ];
    const { exitCode, stderr } = await runWaldb(['serve', ...where, '--users-file', path]);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(`waldb: --users-file ${path}: ${message}\n`);
  });
});
