// What scripts/scenarios.mjs promises: the page tells the truth about the tests, and --check finds whatever makes it lie.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const SCRIPT = join(REPOSITORY, 'scripts/scenarios.mjs');

const IDS = {
  delivered: [] as string[],
  sections: [
    { id: 'A', title: 'Roles', scenarios: { 'A1.1': 'first', 'A1.2': 'second', 'A2.1': 'third' } },
    { id: 'X', title: 'Faults', scenarios: { X1: 'one', X2: 'two' } },
  ],
};

const TESTS = `
import { describe, it } from 'vitest';
describe('roles', () => {
  it.each(['A1.1 by the first way', 'A1.1 by the second | way'])('%s', () => {});
  it('A1.2 A2.1: two at once', () => {});
});
it.skip('X1 waits', () => {});
it('Raft at X2', () => {});
`;

let root = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'waldb-scenarios-'));
  await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'), 'junction');
  await put('packages/a/test/a.test.ts', TESTS);
  await put('docs/.keep', '');
});

afterAll(() => rm(root, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function run(delivered: string[], ...options: string[]): Promise<{ status: number; lines: string[] }> {
  await put('test/scenario-ids.json', JSON.stringify({ ...IDS, delivered }));
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, '--root', root, ...options], { cwd: root }, (error, stdout) => {
      resolve({ status: error ? Number(error.code) : 0, lines: stdout.trim().split('\n') });
    });
  });
}

it('writes the page, with expanded titles, and the page is then fresh', async () => {
  expect(await run(['A'])).toEqual({
    status: 0,
    lines: ['scenarios: 4 of 5 ids have a test, 3 are delivered'],
  });
  const page = await readFile(join(root, 'docs/scenarios.md'), 'utf8');
  const link = '[packages/a/test/a.test.ts](../packages/a/test/a.test.ts)';
  expect(page.split('\n')).toEqual(
    expect.arrayContaining([
      'Delivered so far: A.',
      `| A1.1 | first | ${link}: by the first way; by the second \\| way |`,
      `| A1.2 | second | ${link}: two at once |`,
      `| A2.1 | third | ${link}: two at once |`,
      `| X1 | one | ${link}: waits |`,
      '| X2 | two |  |',
    ]),
  );
  expect((await run(['A'], '--check')).status).toBe(0);
});

it('a page that differs in one character is stale', async () => {
  await run(['A']);
  const page = await readFile(join(root, 'docs/scenarios.md'), 'utf8');
  await put('docs/scenarios.md', page.replace('first way', 'First way'));
  expect(await run(['A'], '--check')).toEqual({
    status: 1,
    lines: [
      'docs/scenarios.md is stale: run `node scripts/scenarios.mjs`',
      'scenarios: 4 of 5 ids have a test, 3 are delivered, 1 to be looked at',
    ],
  });
});

it('a delivered id without a test, and one whose test is skipped, are named', async () => {
  await run(['A1', 'X1-X2']);
  const { status, lines } = await run(['A1', 'X1-X2'], '--check');
  expect(status).toBe(1);
  expect(lines.slice(0, -1)).toEqual([
    'X1 is delivered but its test is skipped: packages/a/test/a.test.ts: X1 waits',
    'X2 is delivered but has no test',
  ]);
});

it('a title that names an unknown id is an error, and nothing is written', async () => {
  await run([]);
  const before = await readFile(join(root, 'docs/scenarios.md'), 'utf8');
  await put('packages/a/test/b.test.ts', "import { it } from 'vitest';\nit('X1-X7 too far', () => {});\n");
  const { status, lines } = await run([]);
  await rm(join(root, 'packages/a/test/b.test.ts'));
  expect(status).toBe(1);
  expect(lines[0]).toBe('packages/a/test/b.test.ts: "X1-X7 too far" names X1-X7, which is no scenario');
  expect(await readFile(join(root, 'docs/scenarios.md'), 'utf8')).toBe(before);
});

it('a test file that cannot be loaded is an error, not a file without tests', async () => {
  await put('packages/a/test/c.test.ts', "import './missing.js';\n");
  const { status, lines } = await run([]);
  await rm(join(root, 'packages/a/test/c.test.ts'));
  expect(status).toBe(1);
  expect(lines[0]).toContain('packages/a/test/c.test.ts: ');
});
