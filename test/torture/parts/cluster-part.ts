// Whole servers: the soak (test/soak), with disks that fail and power that goes, and with servers of the hostile kinds.

import { PLAIN, type Variant } from '../../soak/protocol.js';
import { runSoak, SMALL_DISK_BYTES, type SoakReport } from '../../soak/run-soak.js';
import { makeSmallDisks, type PresentSmallDisks } from '../../support/small-disk/make-small-disks.js';
import {
  type Counts,
  count,
  type Part,
  type PartContext,
  type PartReport,
  presentDisk,
  skippedOf,
} from '../part.js';

const BALLAST_BYTES = 8 * 1024 * 1024;

export const clusterPart: Part = {
  name: 'cluster',
  about: 'servers and clients: killed, paused, cut off, joined and removed; disks fail, the power goes',
  run: (context) => soak(context, PLAIN),
};

export const hostilePart: Part = {
  name: 'hostile',
  about: 'the same with TLS, a state machine that is slow and asynchronous, large snapshots, reads by lease',
  run: (context) =>
    soak(context, { readPolicy: 'lease', machine: 'slow', hasTls: true, ballastBytes: BALLAST_BYTES }),
};

export const smallDisksPart: Part = {
  name: 'small-disks',
  about:
    'the same on small file systems of their own, which are filled up, and lose power as block devices do',
  run: async (context) => {
    const disks = makeSmallDisks(SMALL_DISK_BYTES, context.seed);
    if (disks.type === 'missing') return { type: 'skipped', why: disks.why };
    return soak(context, PLAIN, disks);
  },
};

async function soak(context: PartContext, variant: Variant, small?: PresentSmallDisks): Promise<PartReport> {
  const { seconds, seed, directory, isKept, print, signal } = context;
  const { faulty, skipped } =
    small === undefined ? presentDisk(context.disk) : { faulty: undefined, skipped: skippedOf(small) };
  const report = await runSoak({
    seconds,
    seed,
    servers: 3,
    clients: 6,
    variant,
    ...(faulty === undefined ? {} : { disk: faulty }),
    ...(small === undefined ? {} : { makeSmallDisk: small.make }),
    print,
    signal,
    validatesTraces: true,
    root: directory,
    isKept,
  });
  return { type: 'done', complaints: report.complaints, counts: countsOf(report), skipped };
}

function countsOf(report: SoakReport): Counts {
  const { operations, faults, diskFaults, refusedStarts, elections, restores, traceLines } = report;
  const counts: Counts = {};
  count(counts, 'operations answered', operations.ok);
  count(counts, 'operations refused', operations.fail);
  count(counts, 'operations unknown', operations.unknown);
  count(counts, 'elections', elections);
  count(counts, 'restores from a snapshot', restores);
  count(counts, 'steps as specified', traceLines);
  for (const [what, times] of Object.entries(faults)) count(counts, what, times);
  for (const [what, times] of Object.entries(diskFaults)) count(counts, `disk: ${what}`, times);
  for (const [code, times] of Object.entries(refusedStarts)) count(counts, `refused ${code}`, times);
  return counts;
}
