// Programs of the tests, made into one file each: a process that loads one file is up in a tenth of the time that it
// takes to load and translate a hundred, and thousands of them are started and killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

const PACKAGES = join(import.meta.dirname, '../../../..');
/** Not part of the one file: native, or asks for its own file. Found as `io` finds them. */
const EXTERNAL = ['fs-ext', 'crc-32'];

export interface Program {
  /** Where it lies; tests may put their data beside it. */
  readonly directory: string;
  start(args: readonly string[], options?: StartOptions): Run;
  remove(): void;
}

export interface StartOptions {
  readonly nodeOptions?: readonly string[];
  /** Beside the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One process of a program. */
export interface Run {
  readonly child: ChildProcess;
  /** What it printed, line by line, whole lines only. */
  readonly lines: AsyncIterable<string>;
  /** How it ended, in words: `SIGKILL`, `0`. With what it said on its way out when that was neither of them. */
  readonly ended: Promise<string>;
}

/** Makes a program of the module `name`: in this folder, or a whole path. */
export async function makeProgram(name: string): Promise<Program> {
  const directory = fs.mkdtempSync(join(tmpdir(), 'waldb-program-'));
  fs.symlinkSync(join(PACKAGES, 'io/node_modules'), join(directory, 'node_modules'), 'junction');
  const file = join(directory, 'program.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, name)],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@waldb/source'],
    external: EXTERNAL,
    logLevel: 'warning',
  });
  return {
    directory,
    start: (args, { nodeOptions = [], environment = {} } = {}) =>
      start([...nodeOptions, file, ...args], environment),
    remove: () => fs.rmSync(directory, { recursive: true }),
  };
}

function start(args: readonly string[], environment: Readonly<Record<string, string>>): Run {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    const how = String(signal ?? code);
    return how === 'SIGKILL' || how === '0' ? how : `${how}: ${errors}`;
  });
  return { child, lines: createInterface({ input: child.stdout }), ended };
}
