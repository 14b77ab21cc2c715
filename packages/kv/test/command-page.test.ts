// The table of commands in docs/store.md says what the table of commands in the code has: the same commands, the same
// subcommands, the same options, in both directions. (That they behave as Redis does is in differential/.)

import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, type ContainerCommand, isOperationCommand } from '../src/command/command.js';
import { COMMANDS } from '../src/command/command-table.js';
import { RespServer } from '../src/index.js';
import { LocalReplica } from './local-replica.js';

const PAGE = new URL('../../../docs/store.md', import.meta.url);

interface Mention {
  readonly command: string;
  /** In lower case, of those that are named behind it. */
  readonly words: readonly string[];
  /** What the row says besides. */
  readonly difference: string;
}

/** Every command that the first column names, once for each place. */
function mentionsIn(page: string): Mention[] {
  const [, section = ''] = page.split(/^## Commands$/m);
  const [, rows = ''] = section.split('|---|---|\n');
  return rows
    .split('\n\n', 1)
    .flatMap((text) => text.split('\n'))
    .flatMap((row) => {
      const [, cell = '', difference = ''] = row.split(/(?<!\\)\|/);
      // What stands in parentheses are options of the commands before them.
      const [, options = ''] = /\(((?:`[A-Z]+`,? ?)+)\)/.exec(cell) ?? [];
      const spans = [...cell.replace(`(${options})`, '').matchAll(/`([^`]+)`/g)];
      return spans.map(([, span = '']) => ({
        command: (/^[A-Z]+/.exec(span)?.[0] ?? span).toLowerCase(),
        words: [...`${span} ${options}`.matchAll(/\b[A-Z][A-Z-]+\b/g)]
          .slice(1)
          .map(([word]) => word.toLowerCase()),
        difference,
      }));
    });
}

const MENTIONS = mentionsIn(readFileSync(PAGE, 'utf8'));

function namedWith(command: string): string[] {
  return MENTIONS.filter((mention) => mention.command === command).flatMap(({ words }) => words);
}

describe('the table of commands in docs/store.md', () => {
  it('has every command, and no other', () => {
    const named = [...new Set(MENTIONS.map(({ command }) => command))];
    expect(named.sort()).toEqual([...COMMANDS.keys()].sort());
  });

  it.each([...COMMANDS.values()].filter(isContainer))(
    'has every subcommand of $name, and no other',
    ({ name, subcommands }) => {
      const known = [...subcommands.keys()].filter((word) => word !== 'help');
      const named = namedWith(name);
      const told = MENTIONS.filter(({ command }) => command === name).map(({ difference }) => difference);
      // Those that are refused stand beside the table's first column. A bare name is for all of them.
      const beside = known.filter((word) =>
        told.some(
          (text) => text.includes(`\`${word.toUpperCase()}\``) || text.includes(` ${word.toUpperCase()}\``),
        ),
      );
      expect(named.filter((word) => !known.includes(word))).toEqual([]);
      if (named.length > 0) expect([...new Set([...named, ...beside])].sort()).toEqual(known.sort());
    },
  );
});

function isContainer(command: Command): command is ContainerCommand {
  return command.kind === 'container';
}

/** Every word that is an option of some command here or in Redis. */
const OPTIONS = [
  ...[
    'nx',
    'xx',
    'gt',
    'lt',
    'ch',
    'get',
    'ex',
    'px',
    'exat',
    'pxat',
    'keepttl',
    'persist',
    'ifeq',
    'ifne',
    'ifdeq',
    'ifdne',
  ],
  ...[
    'match',
    'count',
    'type',
    'novalues',
    'db',
    'replace',
    'len',
    'idx',
    'minmatchlen',
    'withmatchlen',
    'async',
    'sync',
  ],
  ...['limit', 'by', 'store', 'rank', 'maxlen', 'setname', 'auth', 'freq', 'idletime', 'absttl'],
];
/** What may stand behind an option: nothing, a number, a database, a type, a time to come. */
const BEHIND = [[], ['1'], ['0'], ['string'], ['99999999999999']];

/** Those that take more words than they need, none of which is a key: options. */
const WITH_OPTIONS = [...COMMANDS.values()].filter(isOperationCommand).filter(({ arity, keys }) => {
  return arity < 0 && keys?.last !== -1;
});

describe('the options of', () => {
  let server: RespServer;
  let client: Redis;
  beforeAll(async () => {
    const replica = new LocalReplica();
    const listen = { host: '127.0.0.1', port: 0 };
    server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
    client = new Redis({ host: '127.0.0.1', port: server.port });
  });
  afterAll(async () => {
    client.disconnect();
    await server.close();
  });

  async function takes(name: string, args: readonly string[]): Promise<boolean> {
    return await client.call(name, ...args).then(
      () => true,
      () => false,
    );
  }

  it.each(WITH_OPTIONS)('$name are those that it takes, and no others', async ({ name, arity, keys }) => {
    const first = keys === undefined ? [] : ['k', 'j'].slice(0, keys.last);
    const least = [...first, ...Array<string>(-arity).fill('0')].slice(0, -arity - 1);
    expect(await takes(name, least), 'without options').toBe(true);
    const taken: string[] = [];
    for (const option of OPTIONS) {
      const tries = BEHIND.map((behind) => takes(name, [...least, option, ...behind]));
      if ((await Promise.all(tries)).includes(true)) taken.push(option);
    }
    expect(taken.sort()).toEqual(namedWith(name).sort());
  });
});
