// `--json` as programs rely on it: every command has it, stdout then holds JSON and nothing else, also when the command
// fails, and the exit code is the one that the documents name. A command that is added without a row here fails the first
// test.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeProgram } from '../src/command-line.js';
import { COMMANDS } from '../src/commands.js';
import { freeAddresses } from './support/free-addresses.js';
import { cleanUp, makeDirectory, runWaldb, spawnOnTerminal, spawnWaldb } from './support/run-waldb.js';

const GENEROUS_MS = 300_000;
const WAIT = { timeout: 60_000, interval: 200 };
const TOKEN = 'a-token-for-the-tests';

/** What stdout holds: one document, one on each line, or the failure with this code behind whatever there was before. */
type Told = 'document' | 'lines' | { readonly failure: string };

interface Call {
  readonly command: string;
  readonly args: readonly string[];
  readonly exitCode: number;
  readonly told: Told;
  /** To be tried again until it is as wanted: something has to happen first. */
  readonly isAwaited?: boolean;
}

const place = {
  root: '',
  /** Admin and client addresses of the two servers, and an address where nobody is. */
  admins: ['', ''],
  clients: ['', ''],
  nobody: '',
};
const at = (name: string): string => join(place.root, name);

/** What starts servers is tried apart. */
const STARTS = ['serve', 'cluster'];

/** In this order: the second server is added, becomes a voter, a learner and a stranger again. */
function calls(): readonly Call[] {
  const server = ['--server', place.admins[0] ?? ''];
  const known = [...server, '--admin-token-file', at('token')];
  const away = ['--server', place.nobody];
  const store = ['--server', place.clients[0] ?? '', '--seconds', '1', '--clients', '1', '--keys', '10'];
  const login = ['--user', 'app', '--password-file'];
  const row = (
    command: string,
    args: readonly string[],
    exitCode = 0,
    told: Told = exitCode === 0 ? 'document' : { failure: 'REFUSED' },
  ): Call => ({ command, args, exitCode, told });
  const noAnswer = { failure: 'NO_ANSWER' };
  const noFile = { failure: 'FILE_UNUSABLE' };
  return [
    row('status', server),
    row('status', away, 1, noAnswer),
    row('members list', server),
    row('members list', away, 1, noAnswer),
    row('members add', ['2', ...server], 2, { failure: 'TOKEN_WANTED' }),
    row('members add', ['2', ...server, '--admin-token-file', at('wrong-token')], 2, {
      failure: 'TOKEN_WRONG',
    }),
    row('members add', ['2', ...server, '--admin-token-file', at('nothing')], 2, noFile),
    { ...row('members add', ['2', '--learner', ...known]), isAwaited: true },
    row('members transfer', ['2', ...known], 2, { failure: 'CONFIG_INVALID' }),
    row('members promote', ['2', ...known]),
    row('members promote', ['x', ...known], 2, { failure: 'USAGE' }),
    row('members add', ['2', ...known], 2),
    row('members transfer', ['2', ...known]),
    row('members transfer', ['1', ...known]),
    row('members demote', ['2', ...known]),
    row('members demote', ['7', ...known], 2, { failure: 'CONFIG_INVALID' }),
    row('members move', ['2', 'nonsense', ...known], 2, { failure: 'USAGE' }),
    row('members move', ['2', `${place.nobody}/${place.clients[1]}/${place.admins[1]}`, ...known]),
    row('members remove', ['2', ...known]),
    row('members remove', ['1', ...known], 2, { failure: 'CONFIG_INVALID' }),
    row('snapshot save', [at('a.backup'), ...known]),
    row('snapshot save', [at('a.backup'), ...known], 2, noFile),
    row('snapshot save', [at('b.backup'), ...away], 1, noAnswer),
    row('snapshot take', known),
    row('snapshot take', away, 1, noAnswer),
    row('snapshot verify', [at('a.backup')]),
    row('snapshot verify', [at('damaged.backup')], 1, 'document'),
    row('snapshot verify', [at('token')], 1, 'document'),
    row('snapshot verify', [at('nothing')], 2, noFile),
    row('snapshot list', [place.root]),
    row('snapshot list', [at('nothing')], 2, noFile),
    row('snapshot restore', [at('a.backup'), '--directory', at('restored')]),
    row('snapshot restore', [at('nothing'), '--directory', at('elsewhere')], 2, noFile),
    row('snapshot restore', [at('a.backup'), '--directory', at('restored')], 2, {
      failure: 'DIRECTORY_UNUSABLE',
    }),
    row('recover', [at('restored'), '--yes']),
    row('recover', [at('restored')], 2, { failure: 'NOT_CONFIRMED' }),
    row('recover', [at('empty'), '--yes'], 2, { failure: 'IDENTITY_MISSING' }),
    row('wal inspect', [at('1')]),
    row('wal inspect', [at('empty')], 2, noFile),
    row('wal dump', [at('1')], 0, 'lines'),
    row('wal dump', [at('nothing')], 2, noFile),
    row('wal verify', [at('1')]),
    row('wal verify', [at('damaged')], 1, 'document'),
    row('wal verify', [at('nothing')], 2, noFile),
    row('wal repair', [at('damaged')], 2, { failure: 'NOT_CONFIRMED' }),
    row('wal repair', [at('damaged'), '--dry-run']),
    row('wal repair', [at('damaged'), '--yes']),
    row('wal repair', [at('1'), '--yes'], 2, { failure: 'LOCKED' }),
    row('certs create', ['--ids', '1', '--directory', at('certs')]),
    row('certs create', ['--ids', '1', '--directory', at('certs')], 2, noFile),
    row('users hash', [], 2, { failure: 'USAGE' }),
    row('users check', [at('users.yaml')]),
    row('users check', [at('bad.yaml')], 2, 'document'),
    row('users check', [at('nothing')], 2, noFile),
    row('config', ['--explain']),
    row('config', ['--explain', 'nonsense'], 2, { failure: 'USAGE' }),
    row('config', [], 2, { failure: 'USAGE' }),
    row('config check', [at('good.yaml')]),
    row('config check', [at('bad.yaml')], 2, 'document'),
    row('config check', [at('nothing')], 2, noFile),
    row('config print serve', []),
    row('config print serve', ['--port', 'x'], 2, { failure: 'SETTING_INVALID' }),
    row('config print cluster', []),
    row('config print cluster', ['--config', at('bad.yaml')], 2, { failure: 'SETTING_INVALID' }),
    row('bench', [...store, ...login, at('password')]),
    row('bench', [...store, ...login, at('wrong-password')], 2, { failure: 'LOGIN_REFUSED' }),
    row('bench', store, 2, { failure: 'LOGIN_REFUSED' }),
    row('bench', ['--server', place.nobody], 1, noAnswer),
    row('completion', ['bash']),
    row('completion', ['tcsh'], 2, { failure: 'USAGE' }),
    row('serve', ['--port', 'x'], 2, { failure: 'SETTING_INVALID' }),
    row('serve', ['--directory', at('1'), '--port', portOf(place.nobody)], 2, { failure: 'WAL_LOCKED' }),
    row('cluster', ['--directory', at('empty'), '--port', portOf(place.clients[0])], 2, {
      failure: 'ADDRESS_IN_USE',
    }),
  ];
}

function portOf(address = ''): string {
  return address.split(':')[1] ?? '';
}

/** Everything that can be typed, with an action behind it. */
function commandsOf(command: Command, path: readonly string[] = []): { path: string; flags: string[] }[] {
  const below = command.commands.flatMap((one) => commandsOf(one, [...path, one.name()]));
  const flags = command.options.map(({ long }) => long ?? '');
  const isOne = command.commands.length === 0 || flags.length > 0;
  return path.length > 0 && isOne ? [{ path: path.join(' '), flags }, ...below] : below;
}

describe('every command', () => {
  it('has --json, and is tried below with a success and a failure', async () => {
    const program = await makeProgram({ entryFile: '', run: async () => undefined });
    const all = commandsOf(program);
    expect(all.length).toBeGreaterThan(COMMANDS.length);
    expect(all.filter(({ flags }) => !flags.includes('--json')).map(({ path }) => path)).toEqual([]);
    const tried = calls();
    for (const { path } of all) {
      const codes = tried.filter(({ command }) => command === path).map(({ exitCode }) => exitCode > 0);
      expect({ path, codes: new Set(codes) }).toEqual({ path, codes: new Set(triedOf(path)) });
    }
    expect(tried.filter(({ command }) => all.every(({ path }) => path !== command))).toEqual([]);
  });
});

/** What a server prints, and a hash of what stands in stdin, is looked at apart. */
function triedOf(path: string): boolean[] {
  return STARTS.includes(path) || path === 'users hash' ? [true] : [false, true];
}

async function startServers(): Promise<void> {
  const [client1 = '', peer1 = '', admin1 = '', client2 = '', peer2 = '', admin2 = '', nobody = ''] =
    await freeAddresses(7);
  Object.assign(place, { admins: [admin1, admin2], clients: [client1, client2], nobody });
  const serverAt = (id: number, [client, peer, admin]: readonly string[]): string[] => [
    ...['serve', '--id', String(id), '--directory', at(String(id)), '--port', portOf(client)],
    ...['--peer-listen', peer ?? '', '--admin', admin ?? '', '--admin-token-file', at('token')],
    ...['--users-file', at('users.yaml'), '--log-level', 'silent'],
  ];
  spawnWaldb(serverAt(1, [client1, peer1, admin1]));
  await vi.waitFor(async () => {
    expect(await runWaldb(['status', '--server', admin1])).toMatchObject({ exitCode: 0 });
  }, WAIT);
  spawnWaldb([...serverAt(2, [client2, peer2, admin2]), '--join', admin1]);
}

/** A log whose server was stopped, with a bit that has fallen over. */
async function damagedLog(): Promise<void> {
  const [client = ''] = await freeAddresses(1);
  const child = spawnWaldb(['serve', '--directory', at('whole'), '--port', portOf(client), '--json']);
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdout?.on('data', (chunk: Buffer) => {
    if (String(chunk).includes('"serving"')) child.kill('SIGTERM');
  });
  await ended;
  mkdirSync(at('damaged'));
  for (const name of readdirSync(at('whole/log')))
    copyFileSync(join(at('whole/log'), name), at(`damaged/${name}`));
  const segment = at('damaged/0000000000000001.wal');
  const bytes = readFileSync(segment);
  const frames = 4096;
  bytes.fill(0x55, frames, frames + 16);
  writeFileSync(segment, bytes);
}

/** The documents of stdout. Errors: what is no JSON. */
function documentsIn(stdout: string): unknown[] {
  expect(stdout.endsWith('\n')).toBe(true);
  expect(stdout).not.toContain('\u001b');
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('waldb … --json', () => {
  beforeAll(async () => {
    place.root = makeDirectory();
    mkdirSync(at('empty'));
    for (const [name, text] of [
      ['token', TOKEN],
      ['wrong-token', `${TOKEN}!`],
      ['password', 'open sesame'],
      ['wrong-password', 'open sesam'],
      ['good.yaml', 'port: 7101'],
      ['bad.yaml', 'prot: 7101'],
      ['damaged.backup', ''],
    ] as const)
      writeFileSync(at(name), `${text}\n`);
    const hash = await hashOf(at('password'));
    writeFileSync(at('users.yaml'), `app:\n  rules: on +@all ~*\n  passwords: ["${hash}"]\n`);
    await damagedLog();
    await startServers();
  }, GENEROUS_MS);
  afterAll(cleanUp, GENEROUS_MS);

  it(
    'stdout holds JSON and nothing else, whatever becomes of the command',
    async () => {
      for (const { command, args, exitCode, told, isAwaited = false } of calls()) {
        if (args.includes(at('damaged.backup'))) breakBackup();
        const run = () => runWaldb([...command.split(' '), ...args, '--json']);
        const what = `waldb ${command} ${args.join(' ')}`;
        if (isAwaited) await expect.poll(async () => (await run()).exitCode, WAIT).toBe(exitCode);
        const finished = await run();
        expect({ what, ...finished }).toMatchObject({ what, exitCode });
        const documents = documentsIn(finished.stdout);
        if (told === 'lines') expect(documents.length).toBeGreaterThan(1);
        else expect(documents).toHaveLength(1);
        if (typeof told === 'string') expect(documents[0]).not.toHaveProperty('error');
        else {
          const [line = ''] = finished.stderr.split('\n');
          const message = expect.stringMatching(/^\S.*\.?$/);
          expect({ what, told: documents[0] }).toEqual({
            what,
            told: { error: { code: told.failure, message } },
          });
          if (line.startsWith('waldb: '))
            expect(documents[0]).toHaveProperty('error.message', line.replace(/^waldb: /, ''));
        }
      }
    },
    GENEROUS_MS,
  );

  it('what has no action of its own, and what is no command, fails in JSON', async () => {
    for (const call of [['nonsense'], ['members'], ['members', 'nonsense'], ['status', '--nonsense'], []]) {
      const { exitCode, stdout } = await runWaldb([...call, '--json']);
      expect({ call, exitCode, told: documentsIn(stdout) }).toEqual({
        call,
        exitCode: 2,
        told: [{ error: { code: 'USAGE', message: expect.any(String) } }],
      });
    }
  }, 60_000);

  it('has no colours on a terminal either, and a watch that finds nobody says so in JSON', async () => {
    const written = async (...args: string[]): Promise<string> => {
      const child = spawnOnTerminal([...args, '--json', '2>/dev/null']);
      let printed = '';
      child.stdout?.on('data', (chunk) => {
        printed += chunk;
      });
      await expect.poll(() => printed, WAIT).toContain('\n');
      return `${printed.split('\r\n')[0]}\n`;
    };
    expect(documentsIn(await written('status', '--server', place.admins[0] ?? ''))[0]).toHaveProperty(
      'servers',
    );
    expect(documentsIn(await written('status', '--watch', '--server', place.nobody))).toMatchObject([
      { error: { code: 'NO_ANSWER' } },
    ]);
  }, 60_000);

  it(
    'serve and cluster write what happens, an object on each line',
    async () => {
      const events = async (args: string[], last: string): Promise<unknown[]> => {
        const child = spawnWaldb([...args, '--json', '--log-level', 'silent']);
        let printed = '';
        child.stdout?.on('data', (chunk) => {
          printed += chunk;
        });
        await expect.poll(() => printed, WAIT).toContain(`{"event":"${last}"`);
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGTERM');
        expect(await ended).toBe(0);
        return documentsIn(printed);
      };
      const [client = ''] = await freeAddresses(1);
      const alone = await events(['serve', '--directory', at('alone'), '--port', portOf(client)], 'serving');
      expect(alone).toMatchObject([{ event: 'started', server: 1, clients: client }, { event: 'serving' }]);
      const ports = ['--port', '--peer-port', '--admin-port'];
      const free = await freeAddresses(3);
      const apart = ports.flatMap((flag, nth) => [flag, portOf(free[nth])]);
      const together = await events(
        ['cluster', '--nodes', '1', '--directory', at('together'), ...apart],
        'ready',
      );
      expect(together).toMatchObject([
        { event: 'started', servers: [{ id: 1, clients: free[0], admin: free[2] }] },
        { event: 'ready', leader: 1, pids: { 1: expect.any(Number) } },
      ]);
    },
    GENEROUS_MS,
  );
});

/** `waldb users hash --json`, which reads the password from stdin. */
async function hashOf(file: string): Promise<string> {
  const words = [join(import.meta.dirname, '../dist/main.js'), 'users', 'hash', '--json'];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(readFileSync(file));
  const [document] = documentsIn(await text(child.stdout));
  return (document as { readonly hash: string }).hash;
}

/** As it was saved, but for one bit. */
function breakBackup(): void {
  const bytes = readFileSync(at('a.backup'));
  const last = bytes.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last - 8) ^ 1, last - 8);
  writeFileSync(at('damaged.backup'), bytes);
}
