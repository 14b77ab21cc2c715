// docs/command-line.md has every command, in its table and with all its arguments and options.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../src/command-line.js';
import { placesOf } from '../src/completion/command-tree.js';

const ROOT = join(import.meta.dirname, '../../..');
const PAGE = join(ROOT, 'docs/command-line.md');
const PROGRAM = await makeProgram({ entryFile: '', run: async () => undefined });

/** What the script says of a page; an error with its exit code 1 says it, too. */
function check(page: string): string {
  const args = [
    '--conditions=@waldb/source',
    '--import',
    'tsx',
    'scripts/commands.mjs',
    '--check',
    '--page',
    page,
  ];
  try {
    return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout; // as execFileSync throws it
  }
}

describe('docs/command-line.md', () => {
  it('has the arguments and options of every command as the program has them (npm run commands)', () => {
    expect(check(PAGE)).toContain('The page has every command as it is.');
    const directory = mkdtempSync(join(tmpdir(), 'waldb-commands-'));
    const other = join(directory, 'page.md');
    writeFileSync(other, readFileSync(PAGE, 'utf8').replace('`--watch [seconds]`', '`--look [seconds]`'));
    expect(check(other)).toContain('npm run commands');
    rmSync(directory, { recursive: true });
  });

  it('names every command in the table at its beginning, and no other', () => {
    const rows = readFileSync(PAGE, 'utf8').matchAll(
      /^\| `waldb ([a-z]+)(?: ([a-z]+))?`((?:, `[a-z]+`)*) \|/gm,
    );
    const named = [...rows].map(([, group = '', first = '', others = '']) => {
      return [group, [first, ...(others.match(/[a-z]+/g) ?? [])].filter(Boolean).sort().join(' ')];
    });
    const known = placesOf(PROGRAM).flatMap(({ path, commands }) => {
      const words = path.trim().split(' ');
      return words.length === 1 && words[0] !== ''
        ? [
            [
              words[0],
              commands
                .map(({ word }) => word)
                .filter((word) => word !== 'help')
                .sort()
                .join(' '),
            ],
          ]
        : [];
    });
    expect(Object.fromEntries(named)).toEqual({ ...Object.fromEntries(known), completion: 'bash fish zsh' });
  });
});
