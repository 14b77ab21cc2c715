// What the pages and the help texts tell people to type: every command is one, and has every flag that stands there.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { methodsOf } from '../src/admin/admin-routes.js';
import { makeProgram } from '../src/command-line.js';
import { placesOf } from '../src/completion/command-tree.js';

const ROOT = join(import.meta.dirname, '../../..');
const PROGRAM = await makeProgram({ entryFile: '', run: async () => undefined });
const PLACES = new Map(placesOf(PROGRAM).map((place) => [place.path, place]));

const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'bench/README.md',
  ...readdirSync(join(ROOT, 'packages'))
    .map((name) => `packages/${name}/README.md`)
    .filter((path) => existsSync(join(ROOT, path))),
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Lines that are meant to be typed: they begin with the program, in a block of code, or stand in backquotes. */
function typedIn(text: string): string[] {
  const joined = text.replaceAll(/ \\\n\s*/g, ' ');
  const lines = [...joined.matchAll(/^(?: {2,4}|\$ )?((?:npm run (?:-s )?)?waldb (?:-- )?[a-z].*)$/gm)];
  const quoted = [...joined.matchAll(/`(waldb [a-z][^`]*)`/g)];
  return [...lines, ...quoted].map(([, line = '']) => line.replace(/^npm run (-s )?waldb -- /, 'waldb '));
}

/** What of a line cannot be typed; undefined where all of it can. */
function wrongIn(line: string): string | undefined {
  const words = line
    .replace(/ {2,}.*$| [|&#>].*$/, '')
    .split(' ')
    .slice(1);
  let path = '';
  for (const word of words) {
    if (!PLACES.has(`${path} ${word}`)) break;
    path += ` ${word}`;
  }
  if (path === '') return `there is no command ${words[0]}`;
  const next = words[path.split(' ').length - 1];
  const { commands = [] } = PLACES.get(path) ?? {};
  if (commands.length > 0 && next !== undefined && /^[a-z]/.test(next)) return `waldb${path} has no ${next}`;
  const known = PLACES.get(path)?.flags.map(({ word }) => word) ?? [];
  const unknown = words.filter((word) => word.startsWith('--') && !known.includes(word.replace(/=.*/, '')));
  return unknown.length === 0 ? undefined : `waldb${path} has no ${unknown.join(', ')}`;
}

describe('what is to be typed', () => {
  it.each(PAGES)('%s: every waldb command is one, with flags that it has', (page) => {
    const lines = typedIn(readFileSync(join(ROOT, page), 'utf8'));
    expect(lines.flatMap((line) => wrongIn(line) ?? [])).toEqual([]);
  });

  it('is found in the pages at all, and a wrong command would be', () => {
    const all = PAGES.flatMap((page) => typedIn(readFileSync(join(ROOT, page), 'utf8')));
    expect(all.length).toBeGreaterThan(60);
    expect(wrongIn('waldb members lsit')).toBe('waldb members has no lsit');
    expect(wrongIn('waldb mebers list')).toBe('there is no command mebers');
    expect(wrongIn('waldb serve --prot 1')).toBe('waldb serve has no --prot');
  });
});

describe('the admin port in docs/operations.md', () => {
  it('has every request that the port answers, and no other', () => {
    const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(GET|POST) (\/[a-z/]+)`(?: `([^`]*)`)? \|/gm)];
    for (const [, method = '', path = '', body = '{}'] of rows) {
      expect(methodsOf(path), path).toContain(method);
      expect(() => JSON.parse(body), body).not.toThrow();
    }
    const files = ['admin-routes.ts', 'backup.ts'].map((name) => join(ROOT, 'packages/cli/src/admin', name));
    const source = files.map((file) => readFileSync(file, 'utf8')).join('\n');
    const known = [...source.matchAll(/'(\/[a-z]+(?:\/[a-z]+)?)'/g)].map(([, path = '']) => path);
    expect(known.length).toBeGreaterThan(10);
    expect(new Set(rows.map(([, , path = '']) => path))).toEqual(
      new Set(known.filter((path) => methodsOf(path).length > 0)),
    );
  });
});
