// Backups as an operator makes them: of real processes under load, checked, and made into a new cluster that has all
// that was acknowledged before, and of what came later a beginning.

import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, runWaldb, stopAll } from './support/cluster-process.js';

const GENEROUS_MS = 180_000;
const WAIT = { timeout: 60_000, interval: 50 };
const KEYS = 300;
/** So that the image takes many chunks. */
const VALUE = 'v'.repeat(8_000);

const clients: Cluster[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await stopAll();
}, GENEROUS_MS);

function connect(port: number): Cluster {
  const client = new Cluster([{ host: '127.0.0.1', port }], { clusterRetryStrategy: () => 100 });
  client.on('error', () => undefined); // a command says so itself
  clients.push(client);
  return client;
}

describe('waldb snapshot', () => {
  it(
    'saves a cluster under load; restored, it has what was acknowledged before, and a beginning of the rest',
    async () => {
      const root = makeDirectory();
      const port = await freePorts(3);
      const first = new ClusterProcess({ directory: join(root, 'data'), port });
      await first.allReady();
      const client = connect(port);
      await Promise.all(
        Array.from({ length: KEYS }, (_, nth) => client.set(`before:${nth}`, `${nth}${VALUE}`)),
      );
      let written = 0;
      let isEnough = false;
      const writing = (async () => {
        for (; !isEnough; written++) await client.set(`during:${written}`, String(written));
      })();
      await expect.poll(() => written, WAIT).toBeGreaterThan(20);
      const before = written;
      const file = join(root, 'store.backup');
      const server = `127.0.0.1:${port + 201}`;
      const saved = await runWaldb(['snapshot', 'save', file, '--server', server, '--json']);
      expect(saved).toMatchObject({ exitCode: 0, stderr: '' });
      const after = written;
      await expect.poll(() => written, WAIT).toBeGreaterThan(after + 20);
      isEnough = true;
      await writing;
      expect(readdirSync(root).sort()).toEqual(['data', 'store.backup']);
      expect(await runWaldb(['snapshot', 'verify', file])).toMatchObject({ exitCode: 0 });
      client.disconnect();
      first.signal('SIGTERM');
      expect(await first.ended()).toBe(0);

      const directory = join(root, 'restored');
      const layout = ['--directory', directory, '--nodes', '3', '--port', String(port)];
      const restored = await runWaldb(['snapshot', 'restore', file, ...layout, '--json']);
      expect(restored).toMatchObject({ exitCode: 0, stderr: '' });
      const [old, now] = [JSON.parse(saved.stdout).cluster, JSON.parse(restored.stdout).cluster];
      expect(now).not.toBe(old);
      const second = new ClusterProcess({ directory, port });
      await second.allReady();
      const reader = connect(port);
      for (let nth = 0; nth < KEYS; nth++) expect(await reader.get(`before:${nth}`)).toBe(`${nth}${VALUE}`);
      const keys = await reader.dbsize();
      const during = keys - KEYS;
      // What was acknowledged before the backup was asked for is there; what came after it ended is not.
      expect(during).toBeGreaterThanOrEqual(before);
      expect(during).toBeLessThanOrEqual(after + 1);
      for (let nth = 0; nth < during; nth++) expect(await reader.get(`during:${nth}`)).toBe(String(nth));
      expect(await reader.set('new', '1')).toBe('OK');
    },
    GENEROUS_MS,
  );

  it(
    'refuses to replace a file or a directory, and tells a damaged backup by its exit code',
    async () => {
      const root = makeDirectory();
      const port = await freePorts(1);
      const cluster = new ClusterProcess({ directory: join(root, 'data'), port, nodes: 1 });
      await cluster.ready();
      const file = join(root, 'store.backup');
      const save = (...more: string[]) =>
        runWaldb(['snapshot', 'save', file, '--server', `127.0.0.1:${port + 200}`, ...more]);
      expect(await save()).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/^Saved .*, from server 1 /),
      });
      const bytes = readFileSync(file);
      expect(await save()).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: `waldb: ${file} is there already; --force replaces it.\n`,
      });
      expect(readFileSync(file)).toEqual(bytes);
      expect(await save('--force', '--stale')).toMatchObject({ exitCode: 0 });
      const damaged = join(root, 'damaged');
      copyFileSync(file, damaged);
      bytes[bytes.length - 70] = (bytes[bytes.length - 70] ?? 0) ^ 1;
      writeFileSync(damaged, bytes);
      expect(await runWaldb(['snapshot', 'verify', damaged])).toMatchObject({
        exitCode: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /^waldb: The snapshot damaged .* It is damaged: use another backup\.\n$/,
        ),
      });
      expect(await runWaldb(['snapshot', 'verify', join(root, 'none')])).toMatchObject({
        exitCode: 2,
        stderr: `waldb: ${join(root, 'none')}: there is no such file.\n`,
      });
      const listed = await runWaldb(['snapshot', 'list', root, '--json']);
      expect(JSON.parse(listed.stdout)).toMatchObject([
        { file: 'damaged', state: 'complete' }, // a chunk is damaged, and `list` reads none
        { file: 'store.backup', state: 'complete', index: expect.any(Number) },
      ]);
      const elsewhere = join(root, 'elsewhere');
      expect(await runWaldb(['snapshot', 'restore', damaged, '--directory', elsewhere])).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/^waldb: The snapshot damaged /),
      });
      expect(await runWaldb(['serve', '--directory', elsewhere, '--port', String(port)])).toMatchObject({
        exitCode: 2,
      });
      expect(await runWaldb(['snapshot', 'restore', file, '--directory', join(root, 'data')])).toMatchObject({
        exitCode: 2,
        stderr: expect.stringMatching(/ is not empty: /),
      });
      expect(existsSync(join(root, 'data', 'identity'))).toBe(false);
    },
    GENEROUS_MS,
  );
});
