// Crashes at every operation of random lives of a log, with many images of each, and again while recovering.
// WALDB_CRASH_SEEDS=200 runs more lives.

import type { Ending, Operation } from '@waldb/testkit';
import { WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import {
  acceptedState,
  checkSurvivor,
  DIRECTORY,
  ENDINGS,
  type History,
  isInjected,
  lostSyncAt,
  newDisk,
  powerLossAt,
  runWorkload,
  SMALL,
  type WorkloadOptions,
} from './support/workload.js';

const SEEDS = Number(process.env.WALDB_CRASH_SEEDS ?? 1);
const STEPS = 60;

describe('after a loss of power', () => {
  for (const hasDurableWrites of [true, false]) {
    const how = hasDurableWrites ? 'with O_DSYNC' : 'with fdatasync';
    it(`W1 W2 W3 W4 W6 W7 W10 X16: what was acknowledged is there and nothing else resurfaces, at every operation, ${how}`, async () => {
      const seen = new Set<string>();
      for (let seed = 1; seed <= SEEDS; seed++) {
        await crashEverywhere({ seed, steps: STEPS, hasDurableWrites }, seen);
      }
      // A life in which nothing happens would prove nothing.
      expect([...seen].sort()).toEqual(expect.arrayContaining(thatCanBeCutOff(hasDurableWrites)));
    }, 600_000);
  }

  it('W41: what a new process shows survives the power, after a kill at every operation', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      await endEverywhere({ seed: 2000 + seed, steps: STEPS }, powerLossAt);
    }
  }, 600_000);

  it('W23 W41: so it does after a failed sync at every operation, though the lost bytes can still be read', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      await endEverywhere({ seed: 3000 + seed, steps: STEPS }, lostSyncAt);
    }
  }, 600_000);

  it('W11 W42: recovery that is interrupted at any operation is repeated to the same end', async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await crashInRecovery({ seed: 1000 + seed, steps: STEPS });
  }, 600_000);
});

const CAN_BE_CUT_OFF = [
  'create METADATA.tmp',
  'create lock',
  'create segment.tmp',
  'create snapshot.tmp',
  'create spare.tmp',
  'mkdir directory',
  'rename METADATA',
  'rename segment',
  'rename snapshot',
  'rename spare',
  'sync METADATA.tmp',
  'sync segment.tmp',
  'sync snapshot.tmp',
  'sync spare',
  'sync spare.tmp',
  'syncDirectory directory',
  'unlink segment',
  'unlink snapshot',
  'write METADATA.tmp',
  'write segment.tmp',
  'write snapshot.tmp',
  'write spare',
  'write spare.tmp',
];

function thatCanBeCutOff(hasDurableWrites: boolean): string[] {
  const durable = hasDurableWrites ? ['writeDurably'] : ['write', 'sync'];
  const live = durable.flatMap((type) => [`${type} METADATA`, `${type} segment`]);
  return [...CAN_BE_CUT_OFF, ...live].sort();
}

/** An operation without numbers: `rename segment`. */
function nameOperation({ type, path }: Operation): string {
  const [, kind = 'directory'] = /(METADATA|LOCK|wal|free|snapshot)(\.tmp)?$/.exec(path) ?? [];
  const noun = { wal: 'segment', free: 'spare', LOCK: 'lock' }[kind] ?? kind;
  return `${type} ${noun}${path.endsWith('.tmp') ? '.tmp' : ''}`;
}

async function crashEverywhere(options: WorkloadOptions, seen: Set<string>): Promise<void> {
  const operations = await countOperations(options, seen);
  for (let number = 1; number <= operations + 1; number++) {
    const { vfs, history } = await crashAt(options, number);
    for (const ending of ENDINGS) {
      const place = describePlace(options, number, ending);
      await explain(place, () => checkSurvivor(vfs.reopen(ending), history, options.seed + number));
    }
  }
}

/** The process ends at every operation; what it wrote stays visible, and a part of that was never written to disk. */
async function endEverywhere(options: WorkloadOptions, faultAt: typeof powerLossAt): Promise<void> {
  const operations = await countOperations(options);
  for (let number = 1; number <= operations; number++) {
    const vfs = newDisk(options);
    vfs.faults = faultAt(number);
    const history = await runWorkload(vfs, options);
    const place = `seed ${options.seed}, ended in operation ${number}`;
    await explain(place, () => checkSurvivor(vfs.reopen({ type: 'killed' }), history, options.seed));
  }
}

async function crashInRecovery(options: WorkloadOptions): Promise<void> {
  const operations = await countOperations(options);
  for (let number = 1; number <= operations; number += 3) {
    const { vfs, history } = await crashAt(options, number);
    for (const ending of ENDINGS.slice(1, 4)) {
      const place = describePlace(options, number, ending);
      await explain(place, () => interruptRecovery(vfs.reopen.bind(vfs, ending), history));
    }
  }
}

/** Recovers again and again from the same image, and loses power one operation later each time. */
async function interruptRecovery(image: () => ReturnType<typeof newDisk>, history: History): Promise<void> {
  for (let number = 1; ; number++) {
    const first = image();
    first.faults = powerLossAt(number);
    let isComplete = false;
    try {
      await WalLog.open(DIRECTORY, { ...SMALL, vfs: first });
      isComplete = true;
    } catch (error) {
      if (!isInjected(error)) throw error;
    }
    for (const ending of ENDINGS.slice(0, 3)) {
      const log = await WalLog.open(DIRECTORY, { ...SMALL, vfs: first.reopen(ending) });
      acceptedState(log, history);
      await log.close();
    }
    if (isComplete) return;
  }
}

async function countOperations(options: WorkloadOptions, seen = new Set<string>()): Promise<number> {
  const vfs = newDisk(options);
  await runWorkload(vfs, options);
  for (const operation of vfs.operations) seen.add(nameOperation(operation));
  return vfs.operations.length;
}

async function crashAt(options: WorkloadOptions, number: number) {
  const vfs = newDisk(options);
  vfs.faults = powerLossAt(number);
  return { vfs, history: await runWorkload(vfs, options) };
}

function describePlace(options: WorkloadOptions, number: number, ending: Ending): string {
  return `seed ${options.seed}, power lost in operation ${number}, ${JSON.stringify(ending)}`;
}

async function explain(place: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    throw new Error(`${place}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
