// What `npm start` and `npm test` promise before anything of ours runs: scripts/run.mjs in a bare tree, with stand-ins
// for the tools it calls (npx, the test runner), so that nothing is downloaded.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const WAIT = { timeout: 30_000, interval: 50 };

let root = '';
let bin = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'waldb-run-'));
  bin = join(root, 'bin');
  put('package.json', readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  mkdirSync(join(root, 'scripts'));
  cpSync(join(REPOSITORY, 'scripts/run.mjs'), join(root, 'scripts/run.mjs'));
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  tool('npx', 'echo "$@" >> "$0.calls"');
  put(
    'node_modules/vitest/vitest.mjs',
    "console.log('ran', ...process.argv.slice(2)); process.exitCode = 7;\n",
  );
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function tool(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

function withCompiler(): void {
  for (const name of ['python3', 'make', 'g++']) tool(name, 'exit 0');
}

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `env` replaces the environment but for PATH, which has our tools only. */
function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const path = `${bin}:/bin:/nowhere`;
  return spawn(process.execPath, [...args], { cwd: root, env: { PATH: path, ...env } });
}

function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

it('installs with the pnpm that package.json names, then runs the task with its options and its exit code', async () => {
  withCompiler();
  const { exitCode, stdout } = await ended(start(['scripts/run.mjs', 'test', 'packages/core', '-t', 'x']));
  expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'ran run packages/core -t x\n' });
  const { packageManager } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  expect(readFileSync(join(bin, 'npx.calls'), 'utf8')).toBe(
    `--yes ${packageManager} install --frozen-lockfile --prefer-offline\n`,
  );
});

it('an older Node is refused in one sentence', async () => {
  const older =
    "data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.18.3' } })";
  const { exitCode, stderr } = await ended(start(['--import', older, 'scripts/run.mjs', 'test']));
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: 'waldb needs Node 20.19 or newer; this is 20.18.3.\n',
  });
});

it('a failed installation shows its output and ends the run; a compiler that failed gets a hint', async () => {
  withCompiler();
  tool('npx', 'echo "gyp ERR! no headers"; exit 3');
  const { exitCode, stdout, stderr } = await ended(start(['scripts/run.mjs', 'test']));
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toContain(
    'gyp ERR! no headers\nInstalling failed.\nThe file lock (fs-ext) could not be compiled.',
  );
});

it('an unknown task prints the usage', async () => {
  const { exitCode, stderr } = await ended(start(['scripts/run.mjs', 'toString']));
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: 'usage: node scripts/run.mjs <start|test> [options]\n',
  });
});

it('under npm, the end of the shell that npm put between ends the task', async () => {
  withCompiler();
  put(
    'node_modules/vitest/vitest.mjs',
    "import { writeFileSync } from 'node:fs';\n" +
      "process.on('SIGTERM', () => { writeFileSync('ended', ''); process.exit(0); });\n" +
      "setTimeout(() => process.exit(1), 60_000);\nwriteFileSync('running', '');\n",
  );
  // As npm does it: a shell that waits for the command, and gets the signal in its place.
  const shell = spawn('/bin/sh', ['-c', `"${process.execPath}" scripts/run.mjs test; exit $?`], {
    cwd: root,
    env: { PATH: `${bin}:/bin`, npm_lifecycle_event: 'test' },
    stdio: 'ignore',
  });
  await expect.poll(() => existsIn('running'), WAIT).toBe(true);
  shell.kill('SIGTERM');
  await expect.poll(() => existsIn('ended'), WAIT).toBe(true);
});

function existsIn(name: string): boolean {
  try {
    readFileSync(join(root, name));
    return true;
  } catch {
    return false; // not yet
  }
}

it('where nothing can lock a file, what the compiler lacks is named before anything is installed', async () => {
  const { exitCode, stderr } = await ended(
    spawn(process.execPath, ['scripts/run.mjs', 'test'], { cwd: root, env: { PATH: bin } }),
  );
  expect(exitCode).toBe(1);
  expect(stderr).toContain('to compile fs-ext are missing: python3, make, g++.\n');
  expect(existsIn('bin/npx.calls')).toBe(false);
});

it('no compiler is needed where a program can lock a file', async () => {
  tool('flock', 'exit 0');
  const { exitCode } = await ended(
    spawn(process.execPath, ['scripts/run.mjs', 'test'], { cwd: root, env: { PATH: `${bin}:/bin` } }),
  );
  expect(exitCode).toBe(7);
  expect(existsIn('bin/npx.calls')).toBe(true);
});
