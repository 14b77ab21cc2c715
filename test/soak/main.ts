// `npm run soak -- --minutes 15 [--seconds S] [--seed N] [--servers 3] [--clients 6] [--reads lease] [--directory D] [--keep]`: prints how it
// goes and a summary; exits 1 when anything was wrong.

import { parseArgs } from 'node:util';
import { runSoak, type SoakReport } from './run-soak.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    servers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '6' },
    reads: { type: 'string', default: 'linearizable' },
    directory: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const seconds = values.seconds === undefined ? Number(values.minutes ?? 15) * 60 : Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const print = (line: string): void => console.log(line);
print(`soak: ${values.servers} servers, ${values.clients} clients, ${seconds} seconds, seed ${seed}`);
const report = await runSoak({
  seconds,
  seed,
  servers: Number(values.servers),
  clients: Number(values.clients),
  print,
  readPolicy: values.reads === 'lease' ? 'lease' : 'linearizable',
  isKept: values.keep,
  ...(values.directory === undefined ? {} : { root: values.directory }),
});
summarise(report);
process.exitCode = report.complaints.length === 0 ? 0 : 1;

function summarise({
  complaints,
  operations,
  faults,
  elections,
  restores,
  snapshotIndex,
  linearizability,
}: SoakReport): void {
  print(`operations: ${operations.ok} ok, ${operations.fail} failed, ${operations.unknown} unknown`);
  print(
    `faults: ${Object.entries(faults)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  print(`elections: ${elections}; restores from a snapshot: ${restores}; last snapshot at ${snapshotIndex}`);
  print(`linearizability: ${linearizability}`);
  for (const complaint of complaints) print(`WRONG: ${complaint}`);
  print(complaints.length === 0 ? 'all promises were kept' : `${complaints.length} complaints`);
}
