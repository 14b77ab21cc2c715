// `waldb status` and `waldb cluster` as an operator meets them: real processes, found through any one of them.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ClusterProcess,
  freePorts,
  makeDirectory,
  type Ready,
  runWaldb,
  stopAll,
} from './support/cluster-process.js';

const GENEROUS_MS = 120_000;
const WAIT = { timeout: 45_000, interval: 250 };
const ADMIN_OFFSET = 200;
const PEER_OFFSET = 100;

afterEach(stopAll, GENEROUS_MS);

async function startCluster(
  args: readonly string[] = [],
): Promise<{ cluster: ClusterProcess; ready: Ready }> {
  const port = await freePorts(3);
  const cluster = new ClusterProcess({ directory: join(makeDirectory(), 'data'), port, args });
  return { cluster, ready: await cluster.allReady() };
}

function adminOf({ port }: ClusterProcess, id: number): string {
  return `127.0.0.1:${port + ADMIN_OFFSET + id - 1}`;
}

interface Shown {
  readonly isServing: boolean;
  readonly leader: number;
  readonly servers: readonly { id: number; role: string; state: string; isReached: boolean }[];
}

async function statusThrough(admin: string): Promise<{ exitCode: number | null; status: Shown }> {
  const { exitCode, stdout } = await runWaldb(['status', '--server', admin, '--json']);
  return { exitCode, status: JSON.parse(stdout) };
}

/** Whom the certificate names that a stranger is shown at a port. */
function certificateAt(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('waldb status', () => {
  it(
    'H2.1 shows every server through any one of them, and who is not reached',
    async () => {
      const { cluster, ready } = await startCluster();
      const { leader } = ready;
      const [away = 0, other = 0] = [1, 2, 3].filter((id) => id !== leader);
      for (const id of [1, 2, 3]) {
        await expect
          .poll(() => statusThrough(adminOf(cluster, id)), WAIT)
          .toMatchObject({ exitCode: 0, status: { isServing: true, leader } });
      }
      const table = await runWaldb(['status', '--server', adminOf(cluster, other)]);
      expect(table.stdout).toMatch(
        /^ID +ROLE +STATE +TERM +COMMIT +APPLIED .*\n( +\d +(leader|voter ) +ok .*\n){3}\n/,
      );
      expect(table.stdout).toMatch(
        new RegExp(`\\nserving: server ${leader} leads; .*, 3 of 3 voters reached\\n$`),
      );

      process.kill(ready.pids.get(away) ?? 0, 'SIGSTOP');
      try {
        const { exitCode, status } = await statusThrough(adminOf(cluster, other));
        expect([exitCode, status.isServing]).toEqual([0, true]);
        expect(status.servers.find(({ id }) => id === away)).toMatchObject({
          role: 'voter',
          state: 'not reached',
          isReached: false,
        });
      } finally {
        process.kill(ready.pids.get(away) ?? 0, 'SIGCONT');
      }
    },
    GENEROUS_MS,
  );

  it(
    'says where nobody answers, and what may be missing',
    async () => {
      const port = await freePorts(1);
      expect(await runWaldb(['status', '--server', `127.0.0.1:${port}`])).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: `waldb: No answer from 127.0.0.1:${port}: nothing listens there (waldb serve --admin).\n`,
      });
    },
    GENEROUS_MS,
  );
});

describe('waldb cluster', () => {
  it(
    'speaks TLS between its servers with the certificates that waldb certs made',
    async () => {
      const certs = join(makeDirectory(), 'certs');
      const port = await freePorts(3);
      const directory = join(makeDirectory(), 'data');
      const args = ['cluster', '--directory', directory, '--port', String(port), '--tls-directory', certs];
      expect(await runWaldb(args)).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: `waldb: --tls-ca ${join(certs, 'ca.crt')}: there is no such file.\n`,
      });
      expect(readdirSync(join(directory, '..'))).toEqual([]);
      expect(await runWaldb(['certs', 'create', '--directory', certs, '--ids', '1,2,3'])).toMatchObject({
        exitCode: 0,
      });
      const cluster = new ClusterProcess({ directory, port, args: ['--tls-directory', certs] });
      await cluster.allReady();
      await expect
        .poll(() => statusThrough(adminOf(cluster, 1)), WAIT)
        .toMatchObject({ exitCode: 0, status: { isServing: true } });
      expect(await certificateAt(port + PEER_OFFSET)).toBe('URI:waldb://waldb/1');
    },
    GENEROUS_MS,
  );
});
