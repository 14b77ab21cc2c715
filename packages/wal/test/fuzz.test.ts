// Logs with anything wrong in their files: opening, reading and going on end well or in a WalError, cost no more memory
// than the files are large, and never lose what was durable without saying so. WALDB_FUZZ_RUNS=20000 tries more often.

import {
  describeLog,
  describeModel,
  type FaultVfs,
  type ModelLog,
  type Operation,
  SeededRandom,
} from '@waldb/testkit';
import { WalError, WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { framesOf } from './support/frames-on-disk.js';
import { disk, entry, snapshot } from './support/log-fixture.js';
import { type Damage, damageBlindly, type Files, FORGERIES, MISHAPS } from './support/mutations.js';
import { DIRECTORY, type History, newDisk, runWorkload, SMALL } from './support/workload.js';

const RUNS = Number(process.env.WALDB_FUZZ_RUNS ?? 400);
/** What reading may allocate at once beyond the size of the largest file: the pieces in which it reads. */
const SLACK_BYTES = 256 * 1024;

/** A log that was closed cleanly, and every state that it went through. */
interface Base {
  readonly files: Files;
  readonly history: History;
}

let bases: readonly Base[] = [];

/** Made by the first test that asks: what a hook does belongs to no test. */
async function someBases(): Promise<readonly Base[]> {
  if (bases.length > 0) return bases;
  const found: Base[] = [];
  for (let seed = 1; found.length < 12; seed++) {
    const options = { seed: 500 + seed, steps: 70 };
    const vfs = newDisk(options);
    const history = await runWorkload(vfs, options);
    const files = vfs.contents(DIRECTORY);
    if ([...files.keys()].filter((name) => name.endsWith('.wal')).length >= 2) found.push({ files, history });
  }
  bases = found;
  return bases;
}

/** A disk with these files on it, all durable, that watches what is asked of it. */
function diskWith(files: Files): FaultVfs {
  const vfs = disk();
  vfs.mkdir(DIRECTORY);
  for (const [name, bytes] of files) vfs.open(`${DIRECTORY}/${name}`, 'create').write(bytes, 0);
  for (const name of files.keys()) vfs.open(`${DIRECTORY}/${name}`, 'update').sync();
  vfs.syncDirectory(DIRECTORY);
  vfs.syncDirectory('/data');
  return vfs;
}

function copyOfFiles(files: Files): Files {
  return new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
}

/** Nothing on the disk has changed. */
function expectUntouched(vfs: FaultVfs, files: Files, what: string): void {
  const now = vfs.contents(DIRECTORY);
  now.delete('LOCK');
  const before = new Map(files);
  before.delete('LOCK');
  expect([...now.keys()], what).toEqual([...before.keys()].sort());
  for (const [name, bytes] of now)
    expect(Buffer.compare(bytes, before.get(name) ?? bytes), `${what}: ${name}`).toBe(0);
}

/** The outcome of something that may fail, but only in the log's own words. */
async function attempt<Result>(
  what: string,
  run: () => Promise<Result> | Result,
): Promise<Result | WalError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof WalError) return error;
    throw new Error(`${what}: ${error instanceof Error ? error.stack : error}`, { cause: error });
  }
}

/** Opens, reads everything, goes on, closes, opens again. */
async function useFully(vfs: FaultVfs, files: Files, what: string): Promise<void> {
  const bytesMax = Math.max(...[...files.values()].map((bytes) => bytes.length)) + SLACK_BYTES;
  let largestRead = 0;
  vfs.faults = ({ type, bytes = 0 }: Operation) => {
    if (type === 'read') largestRead = Math.max(largestRead, bytes);
    return undefined;
  };
  await readAndGoOn(vfs, files, what);
  expect(largestRead, what).toBeLessThanOrEqual(bytesMax);
}

async function readAndGoOn(vfs: FaultVfs, files: Files, what: string): Promise<void> {
  const reader = await attempt(what, () => WalLog.open(DIRECTORY, { ...SMALL, readOnly: true, vfs }));
  if (reader instanceof WalLog) {
    await attempt(what, () => describeLog(reader));
    await reader.close();
  }
  expectUntouched(vfs, files, what);
  for (let life = 1; life <= 2; life++) {
    const log = await attempt(what, () => WalLog.open(DIRECTORY, { ...SMALL, vfs }));
    if (log instanceof WalError) {
      // A forged footer that agrees with itself is the log's own word, and may be found out only after segments that
      // it gives up are gone. Everything else is found out before anything is changed.
      if (life === 1 && !what.includes('forged the footer')) expectUntouched(vfs, files, what);
      return;
    }
    await attempt(what, () => describeLog(log));
    await attempt(what, () => {
      log.append([entry(log.lastIndex() + 1, log.lastTerm() + 1)]);
      log.applySnapshot(snapshot(log.lastIndex(), log.lastTerm()));
      log.sync();
      log.compact(log.lastIndex());
    });
    await attempt(what, () => log.close());
  }
}

describe('a log whose files are not what they were', () => {
  it('W20 W21 W30: after any blind damage to one place: refused with everything as it was, or all of it is there', async () => {
    const all = await someBases();
    let refused = 0;
    for (let run = 1; run <= RUNS; run++) {
      const random = new SeededRandom(run);
      const base = random.pick(all);
      const files = copyOfFiles(base.files);
      const damage = damageBlindly(files, random);
      const what = `run ${run}: ${JSON.stringify(damage)}`;
      const vfs = diskWith(files);
      const log = await attempt(what, () => WalLog.open(DIRECTORY, { ...SMALL, vfs }));
      if (log instanceof WalError) {
        expectUntouched(vfs, files, what);
        refused += 1;
        continue;
      }
      const shown = await attempt(what, () => describeLog(log));
      await log.close();
      if (shown instanceof WalError) refused += 1;
      else expect(acceptable(base, damage), what).toContain(shown);
    }
    expect(refused).toBeGreaterThan(RUNS / 20);
    expect(refused).toBeLessThan(RUNS);
  }, 900_000);

  it('W20 W21 W22 W27 W29: after any mishaps and forgeries: opens or says why not, reads what it can, and never more than there is', async () => {
    const all = await someBases();
    for (let run = 1; run <= RUNS; run++) {
      const random = new SeededRandom(1_000_000 + run);
      const files = copyOfFiles(random.pick(all).files);
      const done: string[] = [];
      for (let left = random.between(1, 3); left > 0; left--) {
        const dice = random.below(10);
        if (dice < 5) done.push(random.pick(FORGERIES)(files, random));
        else if (dice < 8 || files.size < 2) done.push(JSON.stringify(damageBlindly(files, random)));
        else done.push(random.pick(MISHAPS)(files, random));
        if (![...files.keys()].some((name) => name.endsWith('.wal'))) break;
      }
      await useFully(diskWith(files), files, `run ${run}: ${done.join(', ')}`);
    }
  }, 900_000);
});

/**
 * What may be shown after damage to one place: everything. Only where the last frame with records and all that was
 * written behind it are hit together, nothing is left to prove that there was one.
 */
function acceptable({ files, history }: Base, damage: Damage): string[] {
  const all = history.states.at(-1) as ModelLog; // the first one is always there
  const [tail = ''] = [...files.keys()]
    .filter((name) => name.endsWith('.wal'))
    .sort()
    .reverse();
  const frames = framesOf(files.get(tail) ?? new Uint8Array(0));
  const lastBatch = frames.findLast(({ kind }) => kind === 'batch');
  const behind = frames.at(-1)?.offset ?? 0;
  const hitsBoth =
    damage.name === tail &&
    lastBatch !== undefined &&
    damage.from < lastBatch.offset + lastBatch.bytes &&
    damage.to > behind;
  return (hitsBoth ? history.states : [all]).map(describeModel);
}
