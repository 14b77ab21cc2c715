// The command line as a real process, as it was compiled before the tests (test/support/compile-cli.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../../..');
const COMMAND = [process.execPath, 'packages/cli/dist/main.js'] as const;

const started = new Set<ChildProcess>();
const directories: string[] = [];

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Another user to run as: only the superuser may. */
export interface User {
  readonly uid?: number;
  readonly gid?: number;
}

export function spawnWaldb(args: readonly string[], user: User = {}): ChildProcess {
  const [node, ...rest] = COMMAND;
  return remembered(
    spawn(node, [...rest, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...user }),
  );
}

/** With a terminal of its own, by util-linux's `script`. */
export function spawnOnTerminal(args: readonly string[]): ChildProcess {
  const line = [...COMMAND, ...args].join(' ');
  return remembered(spawn('script', ['-qec', line, '/dev/null'], { cwd: ROOT, stdio: 'pipe' }));
}

export function runWaldb(args: readonly string[], user: User = {}): Promise<Finished> {
  const child = spawnWaldb(args, user);
  let stdout = '';
  let stderr = '';
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

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-cli-'));
  directories.push(directory);
  return directory;
}

/** Ends what still runs, however a test ended, and removes the directories. */
export async function cleanUp(): Promise<void> {
  const ends = [...started].map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of started) child.kill('SIGKILL');
  await Promise.all(ends);
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

function remembered(child: ChildProcess): ChildProcess {
  started.add(child);
  child.on('close', () => started.delete(child));
  return child;
}
