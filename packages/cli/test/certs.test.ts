// TLS from the command line, as an operator sets it up: files that are made, given to servers, renewed and wrong.

import { X509Certificate } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freeAddresses } from './support/free-addresses.js';
import { cleanUp, makeDirectory, runWaldb, spawnWaldb } from './support/run-waldb.js';

const GENEROUS_MS = 120_000;
const WAIT = { timeout: GENEROUS_MS };

afterEach(cleanUp, GENEROUS_MS);

function create(directory: string, ...more: string[]) {
  return runWaldb(['certs', 'create', '--directory', directory, ...more]);
}

function tlsArgs(directory: string, id: number, certificateOf: number = id): string[] {
  return [
    ...['--tls-ca', join(directory, 'ca.crt')],
    ...['--tls-cert', join(directory, `node-${certificateOf}.crt`)],
    ...['--tls-key', join(directory, `node-${id}.key`)],
  ];
}

function mode(path: string): string {
  return (fs.statSync(path).mode & 0o777).toString(8);
}

describe('waldb certs create', () => {
  it('makes an authority and a certificate for each server, with keys that only the owner reads', async () => {
    const directory = join(makeDirectory(), 'certs');
    const made = await create(directory, '--cluster', 'prod', '--ids', '1,2', '--days', '30');
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    expect(made.stdout).toContain('ca.key signs more of them and belongs on none of the servers');
    expect(fs.readdirSync(directory).sort()).toEqual(
      ['ca.crt', 'ca.key', 'node-1.crt', 'node-1.key', 'node-2.crt', 'node-2.key'].sort(),
    );
    for (const name of ['ca', 'node-1', 'node-2']) expect(mode(join(directory, `${name}.key`))).toBe('600');
    expect(mode(directory)).toBe('700');
    const authority = new X509Certificate(fs.readFileSync(join(directory, 'ca.crt')));
    const two = new X509Certificate(fs.readFileSync(join(directory, 'node-2.crt')));
    expect(two.verify(authority.publicKey)).toBe(true);
    expect(two.subjectAltName).toBe('URI:waldb://prod/2');
    const days = (new Date(two.validTo).getTime() - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThan(31);
  });

  it('never replaces a key unasked; --renew makes a new one by the same authority', async () => {
    const directory = makeDirectory();
    await create(directory, '--ids', '1');
    const files = () =>
      ['ca.crt', 'ca.key', 'node-1.crt', 'node-1.key'].map((name) =>
        fs.readFileSync(join(directory, name), 'utf8'),
      );
    const before = files();
    const again = await create(directory, '--ids', '1');
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain('--renew');
    expect(files()).toEqual(before);
    expect((await create(directory, '--ids', '1', '--renew')).exitCode).toBe(0);
    const after = files();
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[3]).not.toBe(before[3]);
    fs.rmSync(join(directory, 'ca.key'));
    const half = await create(directory, '--ids', '2');
    expect(half.exitCode).toBe(2);
    expect(half.stderr).toContain('ca.key is not');
    expect(fs.existsSync(join(directory, 'node-2.key'))).toBe(false);
  });

  it.each([
    [['--ids', '0'], 'An id is a whole number from 1'],
    [['--ids', '1', '--days', '0'], 'A number of days'],
    [['--ids', '1', '--cluster', 'a/b'], 'cannot stand in a certificate'],
    [[], '--ids'],
  ])('%j is refused in one line', async (args, words) => {
    const refused = await create(join(makeDirectory(), 'certs'), ...args);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain(words);
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('waldb serve with TLS', () => {
  it(
    'refuses files that cannot be right, naming the flag, the file and what is wrong',
    async () => {
      const certs = makeDirectory();
      await create(certs, '--ids', '1,2');
      const serve = (...args: string[]) =>
        runWaldb(['serve', '--directory', join(makeDirectory(), 'data'), ...args]);
      const [ca, cert, key] = ['ca.crt', 'node-1.crt', 'node-1.key'].map((name) => join(certs, name));
      const cases: [string[], string][] = [
        [['--tls-ca', `${ca}`], '--tls-cert and --tls-key are missing'],
        [
          ['--tls-ca', '/nowhere', '--tls-cert', `${cert}`, '--tls-key', `${key}`],
          '--tls-ca /nowhere: there is no such file',
        ],
        [
          ['--tls-ca', `${ca}`, '--tls-cert', `${key}`, '--tls-key', `${key}`],
          `--tls-cert ${key} is no PEM file with a certificate in it.`,
        ],
        [tlsArgs(certs, 1, 2), `--tls-key ${key} does not belong to the certificate.`],
        [tlsArgs(certs, 2), 'is not one of server 1'],
      ];
      for (const [args, words] of cases) {
        const refused = await serve(...args);
        expect(refused.stderr).toContain(words);
        expect(refused.stderr.trim().split('\n')).toHaveLength(1);
        expect(refused.stderr).not.toContain('BEGIN');
        expect(refused.exitCode).toBe(2);
      }
    },
    GENEROUS_MS,
  );

  it(
    'serves, and takes renewed files without a restart',
    async () => {
      const certs = makeDirectory();
      await create(certs, '--ids', '1');
      const [clients = ''] = await freeAddresses(1);
      const child = spawnWaldb([
        ...['serve', '--directory', join(makeDirectory(), 'data'), '--port', clients.split(':')[1] ?? ''],
        ...['--log-level', 'info', ...tlsArgs(certs, 1)],
      ]);
      let log = '';
      child.stderr?.on('data', (text) => {
        log += text;
      });
      await expect.poll(() => log, WAIT).toContain('started');
      await create(certs, '--ids', '1', '--renew');
      await expect.poll(() => log, WAIT).toContain('the TLS files have changed: new connections use them');
      fs.writeFileSync(join(certs, 'node-1.crt'), 'no certificate');
      await expect.poll(() => log, WAIT).toContain('cannot be used; the old ones stay: --tls-cert');
      expect(child.exitCode).toBeNull();
    },
    GENEROUS_MS,
  );
});
