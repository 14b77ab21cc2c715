// `npm run soak -- --minutes 15 [--seconds S] [--seed N] [--servers 3] [--clients 6] [--reads lease] [--machine slow] [--tls] [--ballast BYTES]
// [--disks] [--small-disks] [--validate] [--directory D] [--keep]`: prints how it goes and a summary; exits 1 when anything was
// wrong.

import { parseArgs } from 'node:util';
import { makeFaultyDisk } from '../support/faulty-disk/faulty-disk.js';
import { makeSmallDisks } from '../support/small-disk/make-small-disks.js';
import { againWithOwnMounts } from '../support/small-disk/private-mounts.js';
import { runSoak, SMALL_DISK_BYTES, type SoakReport } from './run-soak.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    servers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '6' },
    reads: { type: 'string', default: 'linearizable' },
    machine: { type: 'string', default: 'quick' },
    tls: { type: 'boolean', default: false },
    ballast: { type: 'string', default: '0' },
    disks: { type: 'boolean', default: false },
    'small-disks': { type: 'boolean', default: false },
    directory: { type: 'string' },
    keep: { type: 'boolean', default: false },
    validate: { type: 'boolean', default: false },
  },
});
const seconds = values.seconds === undefined ? Number(values.minutes ?? 15) * 60 : Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
if (values.disks && values['small-disks']) throw new Error('Either --disks or --small-disks.');
const print = (line: string): void => console.log(line);
process.exitCode = (values['small-disks'] ? await againWithOwnMounts() : undefined) ?? (await main());

/** Returns the exit code. */
async function main(): Promise<number> {
  print(`soak: ${values.servers} servers, ${values.clients} clients, ${seconds} seconds, seed ${seed}`);
  const disk = values.disks ? await makeFaultyDisk() : undefined;
  if (disk !== undefined && 'why' in disk) throw new Error(`Disks cannot be made to fail here: ${disk.why}.`);
  const small = values['small-disks'] ? makeSmallDisks(SMALL_DISK_BYTES, seed) : undefined;
  if (small?.type === 'missing') throw new Error(`There are no small disks here: ${small.why}.`);
  const report = await runSoak({
    seconds,
    seed,
    servers: Number(values.servers),
    clients: Number(values.clients),
    print,
    variant: {
      readPolicy: values.reads === 'lease' ? 'lease' : 'linearizable',
      machine: values.machine === 'slow' ? 'slow' : 'quick',
      hasTls: values.tls,
      ballastBytes: Number(values.ballast),
    },
    ...(disk === undefined ? {} : { disk }),
    ...(small === undefined ? {} : { makeSmallDisk: small.make }),
    isKept: values.keep,
    validatesTraces: values.validate,
    ...(values.directory === undefined ? {} : { root: values.directory }),
  });
  disk?.remove();
  summarise(report);
  return report.complaints.length === 0 ? 0 : 1;
}

function summarise({
  complaints,
  operations,
  faults,
  diskFaults,
  refusedStarts,
  elections,
  restores,
  snapshotIndex,
  linearizability,
  traceLines,
}: SoakReport): void {
  print(`operations: ${operations.ok} ok, ${operations.fail} failed, ${operations.unknown} unknown`);
  print(`faults: ${listed(faults)}`);
  if (values.disks) print(`disks: ${listed(diskFaults)}; refused starts: ${listed(refusedStarts)}`);
  print(`elections: ${elections}; restores from a snapshot: ${restores}; last snapshot at ${snapshotIndex}`);
  print(`linearizability: ${linearizability}`);
  if (values.validate) print(`protocol traces: ${traceLines} lines follow the specification`);
  for (const complaint of complaints) print(`WRONG: ${complaint}`);
  print(complaints.length === 0 ? 'all promises were kept' : `${complaints.length} complaints`);
}

function listed(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return all.length === 0 ? 'none' : all.join(', ');
}
