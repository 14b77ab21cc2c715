// Every block of code on the pages says what it is, and somebody proves it: no block is passed over.
//
//   ts         a program, or the part of one that programs.ts completes: compiled and run by run-programs.test.ts
//   sh         commands to type: carried-out.ts says who carries them out, or why nobody can
//   console    commands behind `$ ` with what they print: carried out by transcripts.test.ts
//   yaml       a configuration file of `waldb serve`, or a file of users
//   json       lines of a protocol trace
//   ini        a unit of systemd that starts waldb
//   text       a drawing; nothing to run

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTraceLine } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { examineUsers } from '../../packages/cli/src/clients/users-file.js';
import { parseConfigFile } from '../../packages/cli/src/config/config-file.js';
import { EXIT } from '../../packages/cli/src/exit.js';
import { NOT_CARRIED_OUT, ROUTES, TESTED_BY } from './carried-out.js';
import { commandsIn, wrongCommand } from './commands.js';
import { allPages, type Block, parsePage, ROOT, readPage } from './markdown.js';

/** Pages whose transcripts are carried out. */
const PLAYED = [
  'docs/backup.md',
  'docs/command-line.md',
  'docs/operations.md',
  'docs/quick-start-store.md',
  'docs/recovery.md',
  'docs/tools.md',
];

/** What is wrong with a block; empty where nothing is. */
const PROOFS: Readonly<Record<string, (block: Block) => readonly string[]>> = {
  ts: () => [],
  sh: (block) => [
    ...commandsIn(block).flatMap((command) => wrongCommand(command) ?? []),
    ...notCarriedOut(block),
  ],
  console: (block) => [
    ...(PLAYED.includes(block.page) ? [] : ['is on a page that transcripts.test.ts does not play']),
    ...(block.text.startsWith('$ ') ? [] : ['does not begin with a command']),
    ...commandsIn(block).flatMap((command) => wrongCommand(command) ?? []),
  ],
  yaml: ({ page, text }) => {
    const { problems } = parseConfigFile(page, text);
    return problems.length === 0 || areUsers(text) ? [] : problems;
  },
  json: ({ text }) => {
    try {
      return readTraceLine(text.replaceAll('\n', '')) === undefined ? ['is no line of a trace'] : [];
    } catch (error) {
      return [String(error)];
    }
  },
  ini: ({ text }) => wrongUnit(text),
  text: ({ text }) => (/^\$ |\b(?:const|await|import) /.test(text) ? ['is more than a drawing'] : []),
};

/** What it starts is a command of ours, and what is not started again has the exit codes for that. */
function wrongUnit(text: string): string[] {
  const [, command = ''] = /^ExecStart=\/usr\/bin\/env (.*)$/m.exec(text) ?? [];
  const [, codes] = /^RestartPreventExitStatus=(.*)$/m.exec(text) ?? [];
  const isOurs = /^waldb serve --config \S+$/.test(command) && wrongCommand(command) === undefined;
  return [
    ...(isOurs ? [] : ['does not start waldb']),
    ...(codes === `${EXIT.refused} ${EXIT.unusable}` ? [] : ['restarts what cannot start']),
    ...wrongForSystemd(text),
  ];
}

/** What systemd itself finds wrong, where it is installed. */
function wrongForSystemd(text: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-unit-'));
  const file = join(directory, 'waldb.service');
  writeFileSync(file, text);
  const { error, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  return error === undefined ? (stderr.match(/^.*waldb\.service:.*$/gm) ?? []) : [];
}

/** Whom carried-out.ts names, that does not carry the block out. */
function notCarriedOut(block: Block): string[] {
  const place = `${block.page}#${block.anchor}`;
  const route = ROUTES[place];
  switch (route?.by) {
    case undefined:
      return ['is carried out by nobody: carried-out.ts does not say by whom'];
    case 'newcomer':
      return NEWCOMER.includes(`'${headingOf(block)}'`) ? [] : ['scripts/newcomer.mjs does not type it'];
    case 'stage':
      return playedAs(route.test).includes(`'${place}'`) ? [] : [`the test "${route.test}" does not play it`];
    case 'packages':
      return read('test/packages/quick-start.test.ts').includes(`'${block.page}'`)
        ? []
        : ['is typed nowhere'];
    case 'scripts':
      return commandsIn(block).filter((command) => !isStepOrTested(command) && !isExcused(command));
    case 'nobody':
      return route.why === '' ? ['nobody says why it is not carried out'] : [];
  }
}

const NEWCOMER = read('scripts/newcomer.mjs');
const STEPS = read('.ci/run');

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function headingOf({ page, anchor }: Block): string {
  const headings = [...readPage(page).text.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) => heading);
  return headings.find((heading) => heading.toLowerCase().replaceAll(' ', '-') === anchor) ?? '';
}

/** The text of the test of this name. */
function playedAs(test: string): string {
  const text = read('test/pages/transcripts.test.ts');
  const [, after = ''] = text.split(`'${test}',`);
  return after.split('TEST_MS')[0] ?? '';
}

/** `.ci/run` has it or its form for CI, or a test runs the same program. */
function isStepOrTested(command: string): boolean {
  const script = /^(?:npm(?: run)?|pnpm)(?: -s)? ([a-z][\w:]*)/.exec(command)?.[1] ?? '';
  const isStep = [script, `${script}:ci`].some((name) =>
    new RegExp(`npm (?:run --silent )?${name}\\b`).test(STEPS),
  );
  const test = TESTED_BY[script];
  return isStep || (test !== undefined && existsSync(join(ROOT, test)));
}

function isExcused(command: string): boolean {
  return Object.keys(NOT_CARRIED_OUT).some((beginning) => command.startsWith(beginning));
}

/** What `waldb serve --users-file` takes. */
function areUsers(text: string): boolean {
  try {
    return examineUsers(text).problems.length === 0;
  } catch {
    return false; // a file of settings, then, and its problems are told
  }
}

function wrongIn(block: Block): string[] {
  const where = `${block.page}:${block.line}`;
  const proof = PROOFS[block.info];
  if (proof === undefined) return [`${where}: a block marked "${block.info}" is proven by nobody`];
  return proof(block).map((what) => `${where}: ${what}`);
}

describe('blocks of code', () => {
  it.each(allPages().filter(({ blocks }) => blocks.length > 0))(
    'of $path are what they say',
    ({ blocks }) => {
      expect(blocks.flatMap(wrongIn)).toEqual([]);
    },
  );

  it('that nobody proves, or that are wrong, are found', () => {
    const fence = '```';
    const wrong = [
      ['', 'x'],
      ['rust', 'x'],
      ['sh', 'npm run no-such-script'],
      ['sh', 'nonsense --now'],
      ['sh', 'npm run build'],
      ['sh', 'npm run soak -- --no-such-flag'],
      ['yaml', 'prot: 7101'],
      ['json', '{"tag":"trace"}'],
      ['ini', '[Service]\nExecStart=/usr/bin/env waldb serve\nRestartPreventExitStatus=2'],
      ['text', '$ waldb status'],
      ['console', 'waldb status'],
    ];
    const text = wrong.map(([info, content]) => `${fence}${info}\n${content}\n${fence}\n`).join('');
    for (const block of parsePage('x.md', text).blocks)
      expect.soft(wrongIn(block), block.text).not.toEqual([]);
    expect(() => parsePage('x.md', `${fence}ts\n`)).toThrow('does not end');
  });

  it('are named with who carries them out where they are, and nowhere else', () => {
    const places = allPages().flatMap(({ blocks }) =>
      blocks.filter(({ info }) => info === 'sh').map(({ page, anchor }) => `${page}#${anchor}`),
    );
    expect(Object.keys(ROUTES).sort()).toEqual([...new Set(places)].sort());
    const commands = allPages().flatMap(({ blocks }) => blocks.flatMap(commandsIn));
    const excused = Object.keys(NOT_CARRIED_OUT);
    expect(excused.filter((beginning) => !commands.some((command) => command.startsWith(beginning)))).toEqual(
      [],
    );
    expect(isStepOrTested('npm run no-such-step')).toBe(false);
  });

  it('code that is only indented is no block: what is typed stands in a fence', () => {
    const indented = allPages().flatMap(({ path, text }) => {
      return [...text.matchAll(/^ {4}(?:\$|(?:waldb|npm|npx|pnpm|redis-cli|node) ).*$/gm)].map(
        ([line]) => `${path}: ${line.trim()}`,
      );
    });
    expect(indented).toEqual([]);
  });
});

describe('npm scripts', () => {
  it('that a page names are there', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const named = allPages().flatMap(({ path, text }) => {
      const commands = text.matchAll(/(?:^ *|`|\$ )(?:npm run(?: -s)?|pnpm) ([a-z][\w:]*)/gm);
      return [...commands].map(([, name = '']) => ({ path, name }));
    });
    expect(named.length).toBeGreaterThan(30);
    const ofPnpm = new Set(['install', 'add', 'exec']);
    expect(named.filter(({ name }) => !(name in scripts) && !ofPnpm.has(name))).toEqual([]);
  });
});
