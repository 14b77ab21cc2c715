// How much memory a long log takes: processes of their own write 4 GiB and open it again, with a cache of 64 MiB.

import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import type { BenchCase, CaseContext } from '../../case.js';
import { atMost, line } from '../../harness/result.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const ENTRY_BYTES = 1024;
const LOG_BYTES = 4 * GIB;
const LOG_BYTES_QUICK = 256 * MIB;
const CACHE_BYTES = 64 * MIB;
/** Free space that must be left over beside the log. */
const SPARE_BYTES = 2 * GIB;
const SOURCE = fileURLToPath(new URL('../memory-process.ts', import.meta.url));
/** Within the package, so that it finds what it imports. */
const PROGRAM = fileURLToPath(new URL('../../.work/memory-process.mjs', import.meta.url));

export const memory: BenchCase = {
  name: 'memory',
  title: 'Memory of a process with a long log, cache limit 64 MiB',
  run,
};

async function run(context: CaseContext): ReturnType<BenchCase['run']> {
  const logBytes = context.isQuick ? LOG_BYTES_QUICK : LOG_BYTES;
  const free = freeBytes(context.work.path);
  if (free < logBytes + SPARE_BYTES) {
    const text = `Not measured: ${gibibytes(logBytes)} of log and ${gibibytes(SPARE_BYTES)} to spare are needed; ${gibibytes(free)} are free.`;
    return { lines: [], notes: [text] };
  }
  const directory = context.work.make('memory');
  // Without a loader of TypeScript in the process, as a log is used.
  buildSync({ entryPoints: [SOURCE], outfile: PROGRAM, format: 'esm', target: 'node20' });
  const written = measure('write', directory, logBytes);
  const opened = measure('open', directory, logBytes);
  rmSync(directory, { recursive: true });
  rmSync(PROGRAM);
  return {
    lines: [
      line(`while ${gibibytes(logBytes)} of 1 KiB entries are written`, 'MiB', [written], atMost(250)),
      line('opened again and read all over', 'MiB', [opened], atMost(250)),
    ],
    notes: ['The largest resident set seen; some 45 MiB of it are Node itself.'],
  };
}

function measure(task: 'write' | 'open', directory: string, logBytes: number): number {
  const numbers = [logBytes / ENTRY_BYTES, ENTRY_BYTES, CACHE_BYTES].map(String);
  const args = [PROGRAM, directory, task, ...numbers];
  const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`The measuring process failed: ${result.stderr}`);
  const { rssBytes } = JSON.parse(result.stdout) as { readonly rssBytes: number };
  return rssBytes / MIB;
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

function gibibytes(bytes: number): string {
  return `${Number((bytes / GIB).toPrecision(2))} GiB`;
}
