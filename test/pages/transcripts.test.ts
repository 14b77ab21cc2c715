// The transcripts on the pages are what happens: each is carried out, and what is printed compared with the page.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeEntry } from '../../packages/core/src/index.js';
import { WalLog } from '../../packages/wal/src/index.js';
import { commandsIn } from './commands.js';
import { type Block, readPage } from './markdown.js';
import { Stage } from './stage.js';
import { agrees, masked } from './transcripts.js';

/** For the commands of one test, on a machine that is busy with other things; the rest is for ending what they have started. */
const LIMIT = { limitMs: 240_000 };
const TEST_MS = 330_000;
const HAS_REDIS_CLI = spawnSync('redis-cli', ['--version']).error === undefined;

let stage: Stage;
afterEach(async () => {
  await stage?.close();
}, TEST_MS);

function transcripts(page: string, anchor?: string): Block[] {
  const { blocks } = readPage(page);
  return blocks.filter((block) => block.info === 'console' && (anchor ?? block.anchor) === block.anchor);
}

/** Those of `page.md#heading`. */
function blocksAt(place: string): Block[] {
  const [page = '', anchor = ''] = place.split('#');
  return readPage(page).blocks.filter((block) => block.anchor === anchor);
}

/** What is to be typed under a heading; npx is for whoever has not installed anything. */
function commandsOf(place: string): string[] {
  const typed = blocksAt(place).filter(({ info }) => info === 'sh');
  return typed.flatMap(commandsIn).map((command) => command.replace(/^npx (?=waldb )/, ''));
}

/** A block whose first line kills the leader of `waldb cluster`: that is done, and the rest is left. */
function killed(block: Block): Block {
  const rest = block.text.replace(/^\$ kill -9 4711\n/, '');
  if (rest === block.text) return block;
  const [, leader = '', pids = ''] =
    /ready leader=(\d+) pids=([\d:,]+)\n$/.exec(stage.printedBy('waldb cluster')) ?? [];
  process.kill(Number(new RegExp(`\\b${leader}:(\\d+)`).exec(pids)?.[1]), 'SIGKILL');
  return { ...block, text: rest };
}

function serve(id: number): string {
  const ports = `--port 710${id} --admin 127.0.0.1:730${id}`;
  return `waldb serve --id ${id} --directory ./data/${id} ${ports} --join 127.0.0.1:7301`;
}

const FIRST = 'waldb serve --directory ./data/1 --admin 127.0.0.1:7301';

/** Servers 1 to 3, grown as the page has it. */
async function three(): Promise<void> {
  await stage.run(FIRST, serve(2), 'waldb members add 2', serve(3), 'waldb members add 3');
}

describe('the operations guide', () => {
  it(
    'growing, replacing a dead server, taking the leader down',
    async () => {
      stage = await Stage.open(LIMIT);
      const [one, two, list] = transcripts('docs/operations.md', 'growing') as [Block, Block, Block];
      await stage.play(one);
      await stage.play(two);
      await stage.run(serve(3), 'waldb members add 3');
      await stage.play(list);

      const [refused, replaced] = transcripts('docs/operations.md', 'replacing-a-dead-server') as [
        Block,
        Block,
      ];
      await stage.stop('waldb serve --id 3', 'SIGKILL');
      rmSync(join(stage.directory, 'data/3'), { recursive: true });
      await stage.play(refused);
      await stage.play(replaced);

      const [shrinking] = transcripts('docs/operations.md', 'shrinking-and-taking-the-leader-down') as [
        Block,
      ];
      await stage.play(shrinking);
    },
    TEST_MS,
  );

  it(
    'moving a server; how everybody is; backup and restore',
    async () => {
      stage = await Stage.open(LIMIT);
      await three();
      const [moving] = transcripts('docs/operations.md', 'moving-a-server') as [Block];
      await stage.stop('waldb serve --id 2');
      await stage.play(moving);
      await stage.run('waldb members move 2 127.0.0.1:7202/127.0.0.1:7102/127.0.0.1:7302');
      await stage.stop('waldb serve --id 2');
      await stage.run(`${serve(2)} --peer-listen 127.0.0.1:7202`);

      const [save, restore] = transcripts('docs/operations.md', 'backup-and-restore') as [Block, Block];
      await stage.play(save);
      await stage.play(restore);

      const [status] = transcripts('docs/operations.md', 'how-is-everybody') as [Block];
      await stage.stop('waldb serve --id 3', 'SIGKILL');
      await stage.play(status);
    },
    TEST_MS,
  );
});

describe('further pages', () => {
  it(
    'backups',
    async () => {
      stage = await Stage.open(LIMIT);
      await three();
      for (const block of transcripts('docs/backup.md')) await stage.play(block);
      const elsewhere =
        'waldb snapshot restore store.backup --directory ./4 --members 4=127.0.0.1:9001/127.0.0.1:9000';
      expect(await stage.type(elsewhere, '')).toContain('waldb serve --id 4 --directory ./4 --port 9000');
    },
    TEST_MS,
  );

  it(
    'recovery',
    async () => {
      stage = await Stage.open(LIMIT);
      await three();
      for (const id of [3, 2]) await stage.stop(`waldb serve --id ${id}`, 'SIGKILL');
      await stage.stop(FIRST, 'SIGKILL');
      for (const block of transcripts('docs/recovery.md')) {
        // Without a terminal there is nobody to ask.
        const text = block.text
          .replace('waldb recover ./data/1', 'waldb recover ./data/1 --yes')
          .replace(/^Type recover.*\n/m, '');
        await stage.play({ ...block, text });
      }
    },
    TEST_MS,
  );

  it(
    'the first five minutes',
    async (context) => {
      if (!HAS_REDIS_CLI) context.skip('redis-cli is not here: apt-get install redis-tools');
      stage = await Stage.open(LIMIT);
      const [start, ...others] = transcripts('docs/quick-start-store.md') as [Block, ...Block[]];
      await stage.play(start);
      // On the page the first one leads; here any may.
      if (!/leader=1 pids=.*\n$/.test(stage.printedBy('waldb cluster')))
        await stage.run('waldb members transfer 1');
      for (const block of others) await stage.play(killed(block));
    },
    TEST_MS,
  );

  it(
    'a damaged log',
    async () => {
      stage = await Stage.open(LIMIT);
      await damagedLog(join(stage.directory, 'data/node-1/log'));
      for (const block of transcripts('docs/tools.md')) await stage.play(block);
    },
    TEST_MS,
  );

  it(
    'measuring a store',
    async () => {
      stage = await Stage.open(LIMIT);
      await stage.run(FIRST);
      for (const block of transcripts('docs/command-line.md'))
        await stage.play(block, { mayAlsoPrint: /^interrupted: / });
    },
    TEST_MS,
  );
});

const TOKEN = 'a-secret-of-letters-and-digits\n';

describe('blocks of commands', () => {
  it(
    'settings are explained, checked and shown',
    async () => {
      stage = await Stage.open(LIMIT);
      const { blocks } = readPage('docs/configuration.md');
      const file = blocks.find(({ info }) => info === 'yaml') as Block;
      writeFileSync(join(stage.directory, 'waldb.yaml'), file.text);
      await stage.run(...commandsOf('docs/configuration.md#configuration'));
    },
    TEST_MS,
  );

  it(
    'servers with an admin token',
    async () => {
      stage = await Stage.open(LIMIT);
      writeFileSync(join(stage.directory, 'admin-token'), TOKEN, {
        mode: 0o600,
      });
      const [cluster = '', server = ''] = commandsOf('docs/dashboard.md#acting-from-it');
      await stage.run(cluster);
      await stage.stop(cluster);
      await stage.run(server);
      const refused = await stage.type('waldb members transfer 1', '');
      expect(refused).toContain('--admin-token-file');
      await stage.run('waldb members list', 'waldb snapshot save x.backup --admin-token-file ./admin-token');
    },
    TEST_MS,
  );

  it(
    'a store that is closed to strangers',
    async (context) => {
      if (!HAS_REDIS_CLI) context.skip('redis-cli is not here: apt-get install redis-tools');
      stage = await Stage.open(LIMIT);
      const place = 'docs/security.md#the-port-for-clients';
      const users = blocksAt(place).find(({ info }) => info === 'yaml') as Block;
      writeFileSync(join(stage.directory, 'users.yaml'), users.text);
      const [certificates = '', cluster = '', client = ''] = commandsOf(place);
      await stage.run(certificates, cluster, 'waldb status');
      const told = await stage.type(client, 'correct horse\nset app:1 hello\nget app:1\nget other\n');
      // On the way there may be a line of redis-cli's on where the leader is.
      expect(told).toMatch(/OK\n[\s\S]*"hello"\n[\s\S]*NOPERM/);
      expect(await stage.type(client, 'wrong\nget app:1\n')).toMatch(/WRONGPASS[\s\S]*NOAUTH/);
    },
    TEST_MS,
  );

  it(
    'operators who come by HTTPS',
    async () => {
      stage = await Stage.open(LIMIT);
      writeFileSync(join(stage.directory, 'admin-token'), TOKEN, { mode: 0o600 });
      const [certificates = '', server = '', status = ''] = commandsOf(
        'docs/security.md#https-at-the-admin-port',
      );
      await stage.run(certificates, server, status);
      expect(await stage.type(status.replace(/ --ca .*/, ''), '')).not.toContain('serving');
    },
    TEST_MS,
  );

  it(
    'servers that know each other by certificates',
    async () => {
      stage = await Stage.open(LIMIT);
      const [certificates = '', one = ''] = commandsOf('docs/security.md#certificates');
      const peers = [1, 2, 3].map((id) => `${id}=127.0.0.1:720${id}/127.0.0.1:710${id}/127.0.0.1:730${id}`);
      const nth = (id: number) =>
        `${one.replaceAll(/(?<=--id |data\/|node-)1/g, String(id))} --port 710${id} --admin 127.0.0.1:730${id} --peers ${peers}`;
      await stage.run(certificates, nth(1), nth(2), nth(3), 'waldb status');
    },
    TEST_MS,
  );

  it(
    'the page of the package',
    async (context) => {
      if (!HAS_REDIS_CLI) context.skip('redis-cli is not here: apt-get install redis-tools');
      stage = await Stage.open(LIMIT);
      const [cluster = '', set = '', status = ''] = commandsOf('packages/cli/README.md#waldb');
      await stage.run(cluster, 'waldb status', set, status);
    },
    TEST_MS,
  );
});

/** Forty entries in four segments, the fifteenth with another letter in it. */
async function damagedLog(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const log = await WalLog.open(directory, { segmentBytes: 8192, spareSegments: 0 });
  log.setHardState({ term: 1, votedFor: 1 });
  for (let index = 1; index <= 40; index++) {
    const command = Buffer.from(`SET key${index} ${'v'.repeat(200)}`);
    log.append([encodeEntry({ index, term: 1, kind: 'normal', command })]);
    log.sync();
  }
  await log.close();
  const segment = join(directory, '0000000000000002.wal');
  const bytes = readFileSync(segment);
  bytes[bytes.indexOf('SET key15 ') + 100] = 0x20;
  writeFileSync(segment, bytes);
}

describe('what is compared', () => {
  it('is every word, but no number that differs from run to run', () => {
    expect(masked('server 1  takes 41.2 MiB in 165 chunks, 2 d, at 127.0.0.1:7101')).toBe(
      'server 1 takes <size> in # chunks, <time>, at 127.0.0.1:7101',
    );
    expect(agrees('a\n 1  voter  ok  17', 'a\n 2  voter  ok  180')).toBe(true);
    expect(agrees('a\n 1  voter  ok  17', 'a\n 2  leader  ok  180')).toBe(false);
    expect(agrees('Server 2 is removed', 'Server 3 is removed')).toBe(false);
    expect(agrees('a\nb\nc\nd', 'a\n…\nd')).toBe(true);
    expect(agrees('a\nb\nc', 'a\n…\nd')).toBe(false);
  });
});
