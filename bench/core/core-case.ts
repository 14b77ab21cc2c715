// The consensus core without any disk, as a process of its own (bench/core/core-bench.ts).

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchCase } from '../case.js';
import type { Line } from '../harness/result.js';

const PROGRAM = fileURLToPath(new URL('./core-bench.ts', import.meta.url));
/** As the script bench:core says: a young generation so large that what one round allocates can be counted. */
const NODE_OPTIONS = ['--expose-gc', '--max-semi-space-size=256'];

export const core: BenchCase = {
  name: 'core',
  title: 'The consensus core alone, in memory',
  run,
};

async function run(): ReturnType<BenchCase['run']> {
  const result = spawnSync(process.execPath, [...process.execArgv, ...NODE_OPTIONS, PROGRAM, '--json'], {
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`The benchmark of the core failed: ${result.stderr}`);
  return { lines: JSON.parse(result.stdout) as Line[], notes: [] };
}
