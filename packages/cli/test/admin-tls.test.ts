// Admin ports with a certificate, as an operator sets them up: every command that asks them, servers that ask each other, and
// whom nobody believes.

import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freeAddresses } from './support/free-addresses.js';
import { cleanUp, type Finished, makeDirectory, runWaldb, spawnWaldb } from './support/run-waldb.js';

const GENEROUS_MS = 180_000;
const WAIT = { timeout: 60_000, interval: 200 };

const place = { root: '', one: '', two: '', banner: '', log: '' };
const at = (name: string): string => join(place.root, name);

function certs(...more: string[]): Promise<Finished> {
  const hosts = ['--hosts', '127.0.0.1,localhost'];
  return runWaldb(['certs', 'create', '--directory', at('certs'), '--ids', '1', ...hosts, ...more]);
}

/** What a server shows, and what it says. */
function look(address: string, path: string, ca: string): Promise<{ serial: string; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(`https://${address}${path}`, { ca, agent: false }, async (response) => {
      const { socket } = response as unknown as { socket: TLSSocket }; // of HTTPS
      const serial = socket.getPeerCertificate().serialNumber;
      let text = '';
      for await (const chunk of response) {
        text += chunk;
        if (path.endsWith('events') && text.includes('\n\n')) break;
      }
      resolve({ serial, text });
    });
    asked.on('error', reject);
    asked.end();
  });
}

function pem(): string {
  return readFileSync(at('certs/ca.crt'), 'latin1');
}

beforeAll(async () => {
  place.root = makeDirectory();
  await certs();
  await runWaldb(['certs', 'create', '--directory', at('others'), '--ids', '1', '--hosts', '127.0.0.1']);
  writeFileSync(at('token'), 'a-token-for-the-tests\n', { mode: 0o600 });
  const [client1 = '', peer1 = '', admin1 = '', client2 = '', peer2 = '', admin2 = ''] =
    await freeAddresses(6);
  place.one = admin1;
  place.two = admin2;
  const server = (id: number, [client, peer, admin]: readonly [string, string, string]): string[] => [
    ...['serve', '--id', String(id), '--directory', at(String(id)), '--port', client.split(':')[1] ?? ''],
    ...['--peer-listen', peer, '--admin', admin, '--admin-token-file', at('token')],
    ...['--admin-tls-cert', at('certs/node-1.crt'), '--admin-tls-key', at('certs/node-1.key')],
    ...['--admin-tls-ca', at('certs/ca.crt'), '--log-level', 'error'],
  ];
  const first = spawnWaldb(server(1, [client1, peer1, admin1]));
  first.stdout?.on('data', (text) => {
    place.banner += text;
  });
  first.stderr?.on('data', (text) => {
    place.log += text;
  });
  await vi.waitFor(async () => expect(await known('status', admin1)).toMatchObject({ exitCode: 0 }), WAIT);
  spawnWaldb([...server(2, [client2, peer2, admin2]), '--join', admin1]);
  await vi.waitFor(
    async () => expect(await known('members add 2', admin1)).toMatchObject({ exitCode: 0 }),
    WAIT,
  );
}, GENEROUS_MS);
afterAll(cleanUp, GENEROUS_MS);

/** As somebody who has the token and knows the authority. */
function known(command: string, server: string): Promise<Finished> {
  const token = command === 'status' ? [] : ['--admin-token-file', at('token')];
  return runWaldb([...command.split(' '), '--server', server, '--ca', at('certs/ca.crt'), ...token]);
}

describe('admin ports with a certificate', () => {
  it(
    'are asked by every command, and by each other',
    async () => {
      expect(place.banner).toContain(`Dashboard: https://${place.one}/\n`);
      const both = await known('status', place.two);
      expect([both.exitCode, both.stdout]).toEqual([0, expect.stringMatching(/2 of 2 voters reached/)]);
      // Of a follower, handed on to the leader.
      expect(await known('members transfer 2', `https://${place.one}`)).toMatchObject({ exitCode: 0 });
      expect(await known('members transfer 1', place.one)).toMatchObject({ exitCode: 0 });
      expect(await known(`snapshot save ${at('a.backup')}`, place.two)).toMatchObject({ exitCode: 0 });
      expect(await known('snapshot take', place.two)).toMatchObject({ exitCode: 0 });
      const events = await look(place.two, '/dashboard/events', pem());
      const [, state = ''] = /^data: (.*)$/m.exec(events.text) ?? [];
      expect(JSON.parse(state).servers).toMatchObject([
        { id: 1, reach: 'answers', report: { role: 'leader' } },
        { id: 2, reach: 'self' },
      ]);
    },
    GENEROUS_MS,
  );

  it(
    'are not believed without their authority, and say so to who speaks plainly',
    async () => {
      const failure = async (...args: string[]): Promise<string> => {
        const { exitCode, stderr } = await runWaldb(['members', 'list', ...args]);
        expect(exitCode).toBe(1);
        return stderr;
      };
      expect(await failure('--server', place.one)).toMatch(/if it has a certificate, say --ca\.\n$/);
      expect(await failure('--server', `https://${place.one}`)).toMatch(
        /not trusted .*--ca names its authority\.\n$/,
      );
      expect(await failure('--server', place.one, '--ca', at('others/ca.crt'))).toMatch(/not trusted/);
      expect((await runWaldb(['status', '--ca', at('nothing')])).stderr).toBe(
        `waldb: --ca ${at('nothing')}: there is no such file.\n`,
      );
    },
    GENEROUS_MS,
  );

  it('of a file that cannot be used are refused, with its name', async () => {
    const serve = async (...flags: string[]) =>
      await runWaldb(['serve', '--directory', at('never'), '--admin', '127.0.0.1:1', ...flags]);
    const [cert, key] = [at('certs/node-1.crt'), at('certs/node-1.key')];
    for (const [flags, why] of [
      [['--admin-tls-cert', cert], /--admin-tls-key is missing\.$/],
      [['--admin-tls-cert', at('token'), '--admin-tls-key', key], /--admin-tls-cert .*token: it is no PEM/],
      [
        ['--admin-tls-cert', cert, '--admin-tls-key', at('others/node-1.key')],
        /does not belong to the certificate/,
      ],
      [
        ['--admin-tls-cert', cert, '--admin-tls-key', key, '--admin-tls-ca', at('token')],
        /--admin-tls-ca .*no PEM/,
      ],
    ] as const) {
      const { exitCode, stderr } = await serve(...flags);
      expect([exitCode, stderr.trim()]).toEqual([2, expect.stringMatching(why)]);
    }
  }, 60_000);

  it(
    'show a renewed certificate without a restart, and keep the old one while the new one cannot be used',
    async () => {
      const ca = pem();
      const { serial } = await look(place.one, '/health', ca);
      await certs('--renew');
      await vi.waitFor(
        async () => expect((await look(place.one, '/health', ca)).serial).not.toBe(serial),
        WAIT,
      );
      const renewed = await look(place.one, '/health', ca);
      writeFileSync(at('certs/node-1.crt'), 'nothing of use');
      await vi.waitFor(
        () => expect(place.log).toContain('cannot be used; the old ones stay: --admin-tls-cert'),
        WAIT,
      );
      expect((await look(place.one, '/health', ca)).serial).toBe(renewed.serial);
    },
    GENEROUS_MS,
  );
});
