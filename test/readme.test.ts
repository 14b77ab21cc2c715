// What the README and the other pages promise: the examples are the files that run, links lead somewhere, and the
// commands exist.

import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** Where copies of the examples find the same packages, out of git's sight. */
const SCRATCH = join(ROOT, 'examples/node_modules/.scratch');

const EXAMPLES = [
  { name: 'counter', outputs: ['total 5\n', 'total 10\n'] },
  { name: 'own-driver', outputs: ['2 x = 1\n', '2 x = 1\n4 x = 1\n'] },
];

describe('examples', () => {
  it.each(EXAMPLES)('$name is in the README as it is', ({ name }) => {
    expect(README).toContain(`\`\`\`ts\n${readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8')}\`\`\``);
  });

  it.each(EXAMPLES)('$name runs, and finds what it wrote when it runs again', async ({ name, outputs }) => {
    const cwd = await mkdtemp(join(tmpdir(), 'waldb-example-'));
    const file = join(SCRATCH, `${name}-${process.pid}.mts`);
    const text = readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8');
    await mkdir(SCRATCH, { recursive: true });
    await writeFile(file, text.replace('127.0.0.1:7301', `127.0.0.1:${await freePort()}`));
    try {
      for (const output of outputs) expect(await run(file, cwd)).toBe(output);
    } finally {
      await rm(cwd, { recursive: true, force: true });
      await rm(file, { force: true });
    }
  });
});

function run(file: string, cwd: string): Promise<string> {
  const tsx = import.meta.resolve('tsx');
  return new Promise((resolve, reject) => {
    const args = ['--conditions=@waldb/source', '--import', tsx, file];
    execFile(process.execPath, args, { cwd, timeout: 50_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

describe('pages', () => {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    // scenarios.md is written by a script, which compares it with the tests.
    ...docs.filter((path) => path.endsWith('.md') && path !== 'scenarios.md').map((path) => `docs/${path}`),
  ];

  it.each(pages)('%s links to what is there', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    const missing = targets
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)));
    expect(missing).toEqual([]);
  });

  it('every npm command that a page names is a script', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = pages.flatMap((page) => [
      ...readFileSync(join(ROOT, page), 'utf8').matchAll(/(?:^|`)(?:npm run|pnpm) ([a-z][\w:]*)/gm),
    ]);
    expect(named.length).toBeGreaterThan(5);
    expect(named.map((match) => match[1]).filter((name) => !(String(name) in scripts))).toEqual([]);
  });
});
