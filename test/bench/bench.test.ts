// What `pnpm bench` promises apart from speed: it runs, says what it measured in a shape that can be read, leaves nothing
// behind, and refuses what would make its figures worthless. No figure is judged here.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCommandLine, USAGE } from '../../bench/command-line.js';
import type { RunResult } from '../../bench/harness/result.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'bench/main.ts');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(args: readonly string[], workIn: string): Promise<Ended> {
  const words = ['--conditions=@waldb/source', '--import', 'tsx', MAIN, ...args];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      words,
      { cwd: ROOT, env: { ...process.env, BENCH_DIR: workIn } },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

describe('a quick run', () => {
  const chosen = ['commit', 'busy', 'stage', 'entry'];
  let work = '';
  let results = '';
  let ended: Ended;

  beforeAll(async () => {
    // In the checkout: the temporary directory may be in memory.
    mkdirSync(join(ROOT, 'bench/.work'), { recursive: true });
    work = mkdtempSync(join(ROOT, 'bench/.work/test-'));
    results = mkdtempSync(join(tmpdir(), 'waldb-bench-'));
    const only = chosen.flatMap((name) => ['--only', name]);
    ended = await bench(['--quick', '--rounds', '2', '--json', '--results', results, ...only], work);
  });

  afterAll(() => {
    for (const path of [work, results]) rmSync(path, { recursive: true, force: true });
  });

  it('says on standard output, as JSON alone, what every chosen case measured and where', () => {
    expect(ended).toMatchObject({ code: 0 });
    const result = JSON.parse(ended.stdout) as RunResult;
    expect(result).toMatchObject({ format: 1, isQuick: true, rounds: 2, machine: { node: process.version } });
    expect(Object.keys(result.machine)).toEqual(
      expect.arrayContaining(['cpu', 'kernel', 'node', 'fileSystem', 'syncMode', 'commit']),
    );
    expect(new Date(result.date).toISOString()).toBe(result.date);
    expect(result.cases.map(({ name }) => name)).toEqual(chosen);
    for (const { lines } of result.cases) {
      expect(lines.length).toBeGreaterThan(0);
      for (const { value, rounds } of lines)
        for (const figure of [value, ...rounds]) expect(figure).toBeGreaterThan(0);
    }
  });

  it('prints the same as tables, with the target of each line that has one', () => {
    expect(ended.stderr).toMatch(/inline \/ raw .* ratio .* >= 0\.95 (pass|MISS)/);
    expect(ended.stderr).toMatch(/main thread busy .* % .* <= 70 (pass|MISS)/);
  });

  it('writes both files, and not under the name of a whole run', () => {
    expect(readdirSync(results).sort()).toEqual(['partial.html', 'partial.json']);
    expect(JSON.parse(readFileSync(join(results, 'partial.json'), 'utf8'))).toEqual(JSON.parse(ended.stdout));
  });

  it('draws a page that loads nothing from anywhere', () => {
    const page = readFileSync(join(results, 'partial.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).toContain('inline / raw');
    expect(page).not.toMatch(/<script|<link rel="stylesheet|src=|@import|url\(/);
    expect(page.replaceAll('href="data:,"', '')).not.toMatch(/href=|https?:/);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('leaves its directory as it found it', () => {
    expect(readdirSync(work)).toEqual([]);
  });
});

describe('the command line', () => {
  const CASES = ['commit', 'durable-1', 'durable-64', 'durable-640'];

  it('runs every case unless told otherwise', () => {
    expect(readCommandLine([], CASES)).toMatchObject({ cases: CASES, isQuick: false, isJson: false });
  });

  it('a name chooses its case, a prefix all that begin with it, in the usual order', () => {
    expect(readCommandLine(['--only', 'durable-64'], CASES)).toMatchObject({ cases: ['durable-64'] });
    expect(readCommandLine(['--only', 'durable', '--only', 'commit'], CASES)).toMatchObject({ cases: CASES });
  });

  it('says which cases there are when there is none of that name', () => {
    expect(readCommandLine(['--only', 'x'], CASES)).toBe(
      `There is no case "x". There are: ${CASES.join(', ')}.`,
    );
  });

  it.each(['0', '1.5', '1001', 'many'])('refuses %s rounds', (rounds) => {
    expect(readCommandLine(['--rounds', rounds], CASES)).toContain('--rounds takes a whole number');
  });

  it('shows the usage for --help, and with what is wrong for an unknown option', () => {
    expect(readCommandLine(['--help'], CASES)).toBe(USAGE);
    const answer = readCommandLine(['--fast'], CASES);
    expect(answer).toContain('--fast');
    expect(answer).toContain(USAGE);
  });
});
