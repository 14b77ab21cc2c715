// The TypeScript on the pages: it compiles as strictly as our own, and it runs and prints what it should.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { allPages, type Block, ROOT } from './markdown.js';
import { PROGRAMS, type Program, programOf, sourceOf } from './programs.js';

/** Where the packages are found by their names, out of git's sight. */
const SCRATCH = join(ROOT, 'examples/node_modules/.scratch');
const EXAMPLES = new Set(
  readdirSync(join(ROOT, 'examples'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, 'examples', name), 'utf8')),
);

const blocks = allPages()
  .flatMap((page) => page.blocks)
  .filter(({ info }) => info === 'ts');
const cases = blocks.flatMap((block) => {
  const program = programOf(block, blocks);
  return program === undefined ? [] : [{ where: `${block.page}:${block.line}`, block, program }];
});

const GENEROUS_MS = 240_000;

describe('TypeScript on the pages', () => {
  it('is an example that runs, or has what it prints written down', () => {
    const unknown = blocks.filter((block) => !EXAMPLES.has(block.text) && !programOf(block, blocks));
    expect(unknown.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
    expect(cases.map(({ program }) => program).sort(byPlace)).toEqual([...PROGRAMS].sort(byPlace));
  });

  it('compiles under the same options as the packages', () => {
    const sources = new Map(cases.map(({ block, program }) => [fileOf(block), sourceOf(block, program)]));
    const wrong = join(ROOT, 'examples/wrong.mts');
    sources.set(wrong, "const wrong: number = 'text';\n");
    expect(errorsIn(sources)).toEqual([expect.stringMatching(/^examples\/wrong.mts: Type 'string'/)]);
  });

  it.each(cases)('$where runs', async ({ block, program }) => {
    const cwd = await mkdtemp(join(tmpdir(), 'waldb-page-'));
    const file = join(SCRATCH, `page-${process.pid}-${blocks.indexOf(block)}.mts`);
    try {
      await mkdir(SCRATCH, { recursive: true });
      await writeFile(file, await onFreePorts(sourceOf(block, program)));
      for (const output of program.prints) expect(await run(file, cwd)).toBe(output);
    } finally {
      await rm(cwd, { recursive: true, force: true });
      await rm(file, { force: true });
    }
  });
});

function byPlace(a: Program, b: Program): number {
  return `${a.at} ${a.nth}` < `${b.at} ${b.nth}` ? -1 : 1;
}

function fileOf({ page, line }: Block): string {
  return join(ROOT, 'examples', `${page.replaceAll('/', '-')}-${line}.mts`);
}

/** What the compiler says of files that are not on the disk. A part of a program may leave names unused. */
function errorsIn(sources: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.check.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, ROOT);
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false });
  const { fileExists, readFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  const program = ts.createProgram([...sources.keys()], { ...options, noUnusedLocals: false }, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, messageText }) =>
        `${relative(ROOT, file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
}

async function onFreePorts(source: string): Promise<string> {
  let text = source;
  for (const address of new Set(source.match(/127\.0\.0\.1:\d+/g))) {
    text = text.replaceAll(address, `127.0.0.1:${await freePort()}`);
  }
  return text;
}

function run(file: string, cwd: string): Promise<string> {
  const args = ['--conditions=@waldb/source', '--import', import.meta.resolve('tsx'), file];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd, timeout: GENEROUS_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}
