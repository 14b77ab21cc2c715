// Where the leader's CPU goes, for each proposal: three servers in three processes, clients in the leader's, and the CPU
// profiler there.  pnpm bench:profile [--callers N] [--seconds S] [--top N] [--keep FILE]

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openWorkDirectory } from '../harness/work-directory.js';
import { BenchCluster } from './cluster.js';
import { type CpuProfile, groups, type Share, topFunctions } from './cpu-profile.js';

const USAGE = `pnpm bench:profile [options]    what a proposal costs the leader's process, function by function

  --callers N    clients that each wait for one proposal before they make the next (64)
  --seconds S    how long to look (3), after as long again to warm up
  --top N        functions to show (25)
  --keep FILE    keep the profile there, for the browser's developer tools
  --help`;

const { values } = parseArgs({
  options: {
    callers: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '3' },
    top: { type: 'string', default: '25' },
    keep: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else await profile(Number(values.callers), Number(values.seconds) * 1000, Number(values.top), values.keep);

async function profile(callers: number, ms: number, top: number, keep: string | undefined): Promise<void> {
  if (!(callers >= 1 && ms > 0 && top >= 1)) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  const work = openWorkDirectory();
  try {
    const cluster = await BenchCluster.start(work);
    const file = keep ?? join(work.make('profile'), 'leader.cpuprofile');
    try {
      await cluster.measure({ type: 'propose', callers, ms });
      const { calls, cpuSeconds, perSecond, p50Ms } = await cluster.measure({
        type: 'profile',
        ...{ callers, ms, file },
      });
      const seen = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile; // what the profiler wrote
      console.log(
        `${callers} clients: ${Math.round(perSecond)} proposals/s, p50 ${p50Ms.toFixed(2)} ms, ` +
          `${((cpuSeconds * 1e6) / calls).toFixed(1)} us of CPU each in the leader's process, profiler and all threads counted`,
      );
      table('Main thread, by part', groups(seen), calls);
      table('Main thread, by function', topFunctions(seen).slice(0, top), calls);
    } finally {
      await cluster.stop();
    }
  } finally {
    work.remove();
  }
}

function table(title: string, shares: readonly Share[], calls: number): void {
  console.log(`\n${title}\n      us each   share`);
  for (const { name, microseconds, share } of shares) {
    const each = (microseconds / calls).toFixed(2).padStart(13);
    console.log(`${each} ${(100 * share).toFixed(1).padStart(6)} %  ${name}`);
  }
}
