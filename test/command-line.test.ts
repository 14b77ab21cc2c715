// What the command line says when it is called wrongly: one line that a stranger understands, and an exit code.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  ClusterProcess,
  freePorts,
  makeDirectory,
  runWaldb,
  spawnWaldb,
  stopAll,
} from './support/cluster-process.js';

const GENEROUS_MS = 120_000;

afterEach(stopAll, GENEROUS_MS);

describe('a wrong call ends with exit code 2 and one line', () => {
  it.each<[string[], string]>([
    [['cluster', '--nodes', '0'], '--nodes cannot be "0". A cluster has 1 to 9 nodes.'],
    [['cluster', '--nodes', 'three'], '--nodes cannot be "three". A cluster has 1 to 9 nodes.'],
    [['cluster', '--port', '70000'], '--port cannot be "70000". A port is a whole number from 1 to 65535.'],
    [['cluster', '--port', '65534'], '3 nodes need ports up to 65736, but ports end at 65535.'],
    [
      ['cluster', '--port', '7101', '--peer-port', '7102'],
      'Ports for clients (from 7101) and for peers (from 7102) overlap with 3 nodes.',
    ],
    [['cluster', '--directory', ''], '--directory cannot be "". A path is wanted.'],
    [
      ['cluster', '--log-level', 'loud'],
      '--log-level cannot be "loud". Allowed choices are silent, error, warn, info, debug.',
    ],
    [['cluster', '--fast'], "unknown option '--fast' (Did you mean --host?)"],
    [['clutser'], "unknown command 'clutser' (Did you mean cluster?)"],
    [
      ['serve'],
      'A server needs a directory: --directory <path>, WALDB_DIRECTORY, or `directory` in a configuration file.',
    ],
    [['serve', '--directory', 'x', '--id', '0'], '--id cannot be "0". An id is a whole number from 1.'],
    [
      ['serve', '--directory', 'x', '--peers', '1:7201'],
      '--peers cannot be "1:7201". "1:7201" is not one of the form 1=127.0.0.1:7201 or 1=127.0.0.1:7201/127.0.0.1:7101.',
    ],
    [
      ['serve', '--directory', 'x', '--peers', '1=127.0.0.1:1,1=127.0.0.1:2'],
      '--peers cannot be "1=127.0.0.1:1,1=127.0.0.1:2". Id 1 is there twice.',
    ],
    [
      ['serve', '--directory', 'x', '--id', '4', '--peers', '1=127.0.0.1:7201,2=127.0.0.1:7202'],
      "The peers (1, 2) do not include this server's own id, 4.",
    ],
    [
      ['serve', '--directory', 'x', '--join', '127.0.0.1:7301', '--peers', '1=127.0.0.1:7201'],
      'A server founds a cluster with its peers or joins one: say peers or join, not both.',
    ],
    [['serve', '--config', 'nowhere.yaml'], 'The configuration file nowhere.yaml: there is no such file.'],
  ])(
    '%j',
    async (args, line) => {
      expect(await runWaldb(args)).toEqual({ exitCode: 2, stdout: '', stderr: `waldb: ${line}\n` });
    },
    GENEROUS_MS,
  );

  it(
    'a port in use is named, and nothing is written',
    async () => {
      const port = await freePorts(3);
      const occupier = await listen(port + 1);
      const directory = join(makeDirectory(), 'data');
      const inUse = {
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(oneLine(`127\\.0\\.0\\.1:${port + 1}`)),
      };
      expect(await runWaldb(['cluster', '--directory', directory, '--port', String(port)])).toEqual(inUse);
      expect(await runWaldb(['serve', '--directory', directory, '--port', String(port + 1)])).toEqual(inUse);
      await new Promise((resolve) => occupier.close(resolve));
      // The failed starts have left nothing that belongs to that port.
      const other = new ClusterProcess({ directory, port: await freePorts(1), nodes: 1 });
      await other.ready();
    },
    GENEROUS_MS,
  );

  it(
    'a directory that cannot be made is named',
    async () => {
      const file = join(makeDirectory(), 'file');
      writeFileSync(file, '');
      const port = String(await freePorts(1));
      const finished = await runWaldb(['serve', '--directory', join(file, 'data'), '--port', port]);
      expect(finished).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(oneLine(`${file}/data`)),
      });
    },
    GENEROUS_MS,
  );

  it(
    'a directory that is not writable is named',
    async () => {
      const parent = makeDirectory();
      const data = join(parent, 'data');
      mkdirSync(data);
      chmodSync(parent, 0o755);
      chmodSync(data, 0o555);
      const port = String(await freePorts(1));
      // The superuser may write anywhere, so the server runs as nobody then.
      const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
      const finished = await runWaldb(['serve', '--directory', data, '--port', port], user);
      expect(finished).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringMatching(oneLine(data)) });
    },
    GENEROUS_MS,
  );
});

describe('a directory that belongs to another server', () => {
  it(
    'is refused while that server runs, and where it does not fit',
    async () => {
      const directory = makeDirectory();
      const port = await freePorts(2);
      const peers = `1=127.0.0.1:${port + 100}`;
      const first = ['serve', '--directory', directory, '--port', String(port), '--peers', peers];
      const server = spawnWaldb(first);
      const ended = new Promise((resolve) => server.on('close', resolve));
      try {
        await new Promise((resolve) => server.stdout?.once('data', resolve));
        const elsewhere = ['--port', String(port + 1), '--peer-listen', `127.0.0.1:${port + 101}`];
        const locked = await runWaldb(['serve', '--directory', directory, '--peers', peers, ...elsewhere]);
        expect(locked).toEqual({ exitCode: 2, stdout: '', stderr: expect.stringMatching(oneLine('open')) });
      } finally {
        server.kill('SIGTERM');
        expect(await ended).toBe(0);
      }
      const mismatch = (pattern: string) => ({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(
          oneLine(`${directory} belongs to ${pattern}.* or another directory\\.`),
        ),
      });
      expect(await runWaldb([...first, '--cluster-name', 'x'])).toEqual(mismatch('cluster [0-9a-f]+;'));
      const otherId = ['serve', '--directory', directory, '--port', String(port), '--id', '2'];
      expect(await runWaldb(otherId)).toEqual(mismatch('server 1, not to server 2'));
    },
    GENEROUS_MS,
  );

  it(
    'a server alone may take another port for clients the next time',
    async () => {
      const directory = makeDirectory();
      const port = await freePorts(2);
      for (const nth of [0, 1]) {
        const server = spawnWaldb(['serve', '--directory', directory, '--port', String(port + nth)]);
        const ended = new Promise((resolve) => server.on('close', resolve));
        const banner = await new Promise((resolve) => server.stdout?.once('data', resolve));
        expect(String(banner)).toMatch(`server 1 takes clients at 127.0.0.1:${port + nth} `);
        server.kill('SIGTERM');
        expect(await ended).toBe(0);
      }
    },
    GENEROUS_MS,
  );

  it(
    'a cluster that was founded with another number of servers says so in one line',
    async () => {
      const data = makeDirectory();
      const base = await freePorts(3);
      const first = new ClusterProcess({ directory: data, port: base, nodes: 1 });
      await first.ready();
      first.signal('SIGINT');
      expect(await first.ended()).toBe(0);
      const finished = await runWaldb([
        'cluster',
        '--directory',
        data,
        '--port',
        String(base),
        '--nodes',
        '3',
      ]);
      expect(finished).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: expect.stringMatching(oneLine('server 1: .*cluster')),
      });
    },
    GENEROUS_MS,
  );
});

describe('help', () => {
  it.each([[[]], [['--help']], [['cluster', '--help']], [['serve', '--help']]])(
    '%j',
    async (args) => {
      const { exitCode, stdout, stderr } = await runWaldb(args);
      // Without a command the help is an answer to a mistake.
      expect(exitCode).toBe(args.length === 0 ? 2 : 0);
      expect(stdout + stderr).toMatch(/^Usage: waldb/);
    },
    GENEROUS_MS,
  );
});

let occupiers: Server[] = [];
afterAll(() => {
  for (const server of occupiers) server.close();
  occupiers = [];
});

function listen(port: number): Promise<Server> {
  const server = createServer();
  occupiers.push(server);
  return new Promise((resolve) => server.listen({ host: '127.0.0.1', port }, () => resolve(server)));
}

/** Exactly one line, ours, with this in it. */
function oneLine(pattern: string): RegExp {
  return new RegExp(`^waldb: [^\\n]*(?:${pattern})[^\\n]*\\n$`);
}
