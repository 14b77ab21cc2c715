// How long a server of the store stands still for a snapshot of two million keys, beside a Map that is copied: `pnpm bench:store`.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSync } from 'esbuild';
import { describeMachine } from '../harness/machine.js';
import { caseTable } from '../harness/print-table.js';
import { atMost, type CaseResult, line } from '../harness/result.js';
import { openWorkDirectory } from '../harness/work-directory.js';
import { writeResults } from '../write-results.js';
import type { SnapshotMeasured } from './snapshot-measured.js';

const USAGE = `pnpm bench:store [options]    pauses for a snapshot, and memory for each key

  --rounds N      snapshots that are taken (5)
  --quick         fewer keys: to see that it runs, not to quote
  --help

Pauses are wall time: on a busy machine run it as \`chrt -r 10 pnpm bench:store\`.
BENCH_DIR names a directory on the disk to measure (bench/.work).`;

const KEYS = 2_000_000;
const KEYS_QUICK = 50_000;
const PAUSE_MS_MAX = 20;
const SOURCE = fileURLToPath(new URL('./snapshot-process.ts', import.meta.url));
/** Within the package, so that it finds what it imports. */
const PROGRAM = fileURLToPath(new URL('../.work/snapshot-process.mjs', import.meta.url));

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help) console.log(USAGE);
else if (!(rounds >= 1)) {
  console.error(USAGE);
  process.exitCode = 2;
} else main();

function main(): void {
  const work = openWorkDirectory();
  try {
    const keys = values.quick ? KEYS_QUICK : KEYS;
    const result = caseOf(measure(work.make('store'), keys), keys);
    console.log(caseTable(result));
    const machine = describeMachine(work.fileSystem);
    const run = {
      format: 1,
      date: new Date().toISOString(),
      isQuick: values.quick,
      rounds,
      machine,
    } as const;
    const to = { directory: undefined, isWhole: !values.quick, name: 'store' };
    console.log(`Written: ${writeResults({ ...run, cases: [result] }, to).join(', ')}`);
  } finally {
    work.remove();
  }
}

function measure(directory: string, keys: number): SnapshotMeasured {
  // Without a loader of TypeScript in the process, as a server runs.
  buildSync({ entryPoints: [SOURCE], outfile: PROGRAM, format: 'esm', target: 'node20' });
  const args = ['--expose-gc', '--max-old-space-size=6000', PROGRAM, directory, String(keys), String(rounds)];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
  rmSync(PROGRAM);
  if (child.status !== 0) throw new Error(`The measuring process failed: ${child.stderr}`);
  return JSON.parse(child.stdout) as SnapshotMeasured;
}

function caseOf(
  { keyBytes, mapKeyBytes, calm, snapshots, mapCopyMs }: SnapshotMeasured,
  keys: number,
): CaseResult {
  const of = <One>(from: readonly One[], pick: (one: One) => number): number[] => from.map(pick);
  return {
    name: 'store-snapshot',
    title: `Pauses of a server with ${keys.toLocaleString('en')} keys and 64 writers while a snapshot is written`,
    lines: [
      line(
        'longest pause, writers alone',
        'ms',
        of(calm, (one) => one.longestMs),
      ),
      line(
        'longest pause, with a snapshot',
        'ms',
        of(snapshots, (one) => one.longestMs),
      ),
      line(
        'longest computing, writers alone',
        'ms',
        of(calm, (one) => one.longestCpuMs),
      ),
      line(
        'longest computing, with a snapshot',
        'ms',
        of(snapshots, (one) => one.longestCpuMs),
        atMost(PAUSE_MS_MAX),
      ),
      line(
        'p99.9 of turns, writers alone',
        'ms',
        of(calm, (one) => one.p999Ms),
      ),
      line(
        'p99.9 of turns, with a snapshot',
        'ms',
        of(snapshots, (one) => one.p999Ms),
      ),
      line(
        'the snapshot, taken and written',
        'ms',
        of(snapshots, (one) => one.tookMs),
      ),
      { ...line('a Map of the same, copied at once', 'ms', mapCopyMs), role: 'peer' },
      line('heap for each key', 'bytes', [keyBytes]),
      { ...line('heap for each key of the Map', 'bytes', [mapKeyBytes]), role: 'peer' },
    ],
    notes: [
      'Keys of 16 bytes, values of 106. A pause is the wall time between two turns of the event loop: garbage collection is in it, and syncs of a log that blocks while the disk is quick.',
      'Computing is the CPU time of all threads between two turns: a pause without what the disk and other processes add.',
      'Command: pnpm bench:store (under chrt -r 10 where the machine has other work).',
    ],
  };
}
