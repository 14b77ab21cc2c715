// Random lives of a log, random crashes, random damage. Two claims that an operator relies on: a crash is never taken
// for damage, and a repair that says it loses nothing loses nothing.
// WALDB_CRASH_SEEDS=200 runs more lives.

import { type FaultVfs, SeededRandom } from '@waldb/testkit';
import { inspectLog, prepareRepair, readLogLeniently, WalLog } from '@waldb/wal';
import { expect, it } from 'vitest';
import { shown } from './support/log-fixture.js';
import { DIRECTORY, ENDINGS, newDisk, powerLossAt, runWorkload, SMALL } from './support/workload.js';

const SEEDS = Number(process.env.WALDB_CRASH_SEEDS ?? 2);
const STEPS = 60;
/** Of the operations of a life, each one of so many is cut off. */
const EVERY = 7;
const DAMAGES_PER_LIFE = 150;

it('W1 W20: a crash is never called damage, and what an inspection reads is what opening shows', async () => {
  let images = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const options = { seed: 5000 + seed, steps: STEPS };
    const whole = newDisk(options);
    await runWorkload(whole, options);
    for (let number = 1 + seed; number <= whole.operations.length; number += EVERY) {
      const vfs = newDisk(options);
      vfs.faults = powerLossAt(number);
      await runWorkload(vfs, options);
      for (const ending of ENDINGS) {
        const image = vfs.reopen(ending);
        const place = `seed ${options.seed}, operation ${number}, ${JSON.stringify(ending)}`;
        const inspection = await inspectLog(DIRECTORY, { vfs: image });
        if (inspection.problem?.code === 'NOT_FOUND') continue;
        expect(inspection.damages, place).toEqual([]);
        expect(['sound', 'unsynced-tail'], place).toContain(inspection.verdict);
        const read = readAll(image);
        const log = await WalLog.open(DIRECTORY, { ...SMALL, vfs: image });
        expect(read, place).toEqual(shown(log));
        expect(inspection.hardState ?? { term: 0, votedFor: undefined }, place).toEqual(log.hardState());
        await log.close();
        expect((await inspectLog(DIRECTORY, { vfs: image })).verdict, place).toBe('sound');
        images += 1;
      }
    }
  }
  expect(images).toBeGreaterThan(40 * SEEDS);
}, 600_000);

it('W20: whatever is damaged, a repair that says it loses nothing shows what was there before', async () => {
  const seen = { lossless: 0, lossy: 0, sound: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const options = { seed: 6000 + seed, steps: STEPS };
    const whole = newDisk(options);
    await runWorkload(whole, options);
    const log = await WalLog.open(DIRECTORY, { ...SMALL, vfs: whole });
    const before = stateOf(log);
    await log.close();
    for (let damage = 1; damage <= DAMAGES_PER_LIFE; damage++) {
      const random = new SeededRandom(seed * 100_000 + damage);
      const vfs = whole.reopen({ type: 'powerLoss', survival: 'everything', seed: 1 });
      const place = `life ${options.seed}, damage ${damage}: ${breakSomething(vfs, random)}`;
      const { inspection, plan, rebuild } = await prepareRepair(DIRECTORY, { vfs });
      if (inspection.verdict === 'unreadable') {
        // Without metadata and without any segment there is no log.
        expect(
          vfs.list(DIRECTORY).filter((name) => /METADATA$|wal$/.test(name)),
          place,
        ).toEqual([]);
        continue;
      }
      if (inspection.verdict !== 'damaged') {
        expect(['sound', 'unsynced-tail'], place).toContain(inspection.verdict);
        // The end may be gone with everything that proved it: then nobody can tell (docs/durability.md, "The promise").
        const read = readAll(vfs);
        const opened = await WalLog.open(DIRECTORY, { ...SMALL, vfs });
        expect(read, place).toEqual(shown(opened));
        await opened.close();
        seen.sound += 1;
        continue;
      }
      if (plan === undefined) continue;
      await rebuild('/data/repaired', { keepLogId: plan.losesNothing });
      const repaired = await WalLog.open('/data/repaired', { ...SMALL, vfs });
      const after = stateOf(repaired);
      await repaired.close();
      expect(after.hardState.term, place).toBeGreaterThanOrEqual(
        plan.mayLoseVote ? 0 : before.hardState.term,
      );
      if (plan.losesNothing) {
        // A compaction may be lost too: then entries are there again that a snapshot covers.
        const first = Math.max(before.first, after.first);
        const from = (entries: string[]) => entries.filter((one) => Number.parseInt(one, 10) >= first);
        expect(from(after.entries), place).toEqual(from(before.entries));
        expect([after.last, after.hardState], place).toEqual([before.last, before.hardState]);
        if (plan.lostSnapshot === undefined) expect(after.snapshot, place).toBe(before.snapshot);
        // Whatever is not there as an entry is in the snapshot.
        expect(after.snapshot, place).toBeGreaterThanOrEqual(after.first - 1);
      }
      seen[plan.losesNothing ? 'lossless' : 'lossy'] += 1;
    }
  }
  for (const number of Object.values(seen)) expect(number).toBeGreaterThan(3 * SEEDS);
}, 600_000);

function readAll(vfs: FaultVfs): string[] {
  return [...readLogLeniently(DIRECTORY, { vfs, unproven: true })].flatMap((item) =>
    item.type === 'entry' ? [describe(item.entry)] : [],
  );
}

/** As `shown` has it. */
function describe({
  index,
  term,
  kind,
  command,
}: {
  index: number;
  term: number;
  kind: string;
  command: Uint8Array;
}) {
  return `${index}@${term} ${kind} ${command.length}:${command[0] ?? '-'}`;
}

function stateOf(log: WalLog) {
  return {
    entries: shown(log),
    first: log.firstIndex(),
    last: log.lastIndex(),
    hardState: log.hardState(),
    snapshot: log.snapshotIndex(),
  };
}

/**
 * One to three damages of any kind; says which. METADATA is hit alone: who loses the newest segment and also the slot
 * that names it has lost what would tell.
 */
function breakSomething(vfs: FaultVfs, random: SeededRandom): string {
  const done: string[] = [];
  const isMetadata = random.chance(0.2);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const names = vfs
      .list(DIRECTORY)
      .filter((name) => name !== 'LOCK' && (name === 'METADATA') === isMetadata);
    if (names.length === 0) break;
    const name = names[random.below(names.length)] ?? '';
    const path = `${DIRECTORY}/${name}`;
    const size = vfs.size(path) ?? 0;
    const offset = random.below(Math.max(1, size));
    const dice = random.below(10);
    if (dice === 0) vfs.unlink(path);
    else if (dice === 1) vfs.damage(path, (bytes) => bytes.subarray(0, offset));
    else {
      const length = dice < 6 ? 1 : 1 + random.below(2000);
      vfs.damage(path, (bytes) => {
        const end = Math.min(offset + length, bytes.length);
        for (let i = offset; i < end; i++)
          bytes[i] = length === 1 ? (bytes[i] ?? 0) ^ (1 << random.below(8)) : 0;
        return bytes;
      });
    }
    done.push(`${name} ${dice === 0 ? 'gone' : dice === 1 ? 'cut' : 'bytes'} at ${offset}`);
  }
  return done.join(', ');
}
