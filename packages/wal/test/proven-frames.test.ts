// The frames that the simulator calls proven (packages/testkit/src/cluster-sim/proven-frames.ts): damage to one of them is
// noticed for ever, whatever is written afterwards, and however that is torn.

import { describeLog, type FaultVfs, type ProvenFrame, provenFrames, SeededRandom } from '@waldb/testkit';
import { WalError, WalLog } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { disk, entries, entry, open, segmentNames, snapshot } from './support/log-fixture.js';
import { ManualClock } from './support/manual-clock.js';
import {
  acceptedState,
  DIRECTORY,
  ENDINGS,
  type History,
  newDisk,
  runWorkload,
  SMALL,
  type WorkloadOptions,
} from './support/workload.js';

const SEEDS = Number(process.env.WALDB_CRASH_SEEDS ?? 1);
const SEGMENTS = 2;

/** More than any log here has. */
const ALL_SEGMENTS = 1_000;

function provenOn(vfs: FaultVfs, segments = ALL_SEGMENTS): ProvenFrame[] {
  const durable = vfs.reopen({ type: 'powerLoss', survival: 'nothing', seed: 0 });
  if (!durable.isDirectory(DIRECTORY)) return [];
  return provenFrames(vfs.contents(DIRECTORY), durable.contents(DIRECTORY), segments);
}

/** Frame seqs with what proves them. */
function told(vfs: FaultVfs): string[] {
  return provenOn(vfs).map(({ seq, proofs }) => `${seq}: ${proofs.join(', ')}`);
}

describe('a frame is proven', () => {
  it('by its segment, for the checkpoint, and by those that were written once it was durable', async () => {
    const vfs = disk();
    const log = await open(vfs);
    expect(told(vfs)).toEqual(['1: own header, metadata']);
    for (const index of [1, 2, 3]) {
      log.append([entry(index)]);
      log.sync();
    }
    expect(told(vfs)).toEqual(['1: later frame, own header, metadata', '2: later frame', '3: later frame']);
  });

  it('not by an idle or a close frame at the end, to whose place the next frame may go', async () => {
    const vfs = disk();
    const clock = new ManualClock();
    const log = await open(vfs, { clock });
    log.append([entry(1)]);
    log.sync();
    await clock.advance(100);
    const checkpoint = ['1: later frame, own header, metadata'];
    expect(told(vfs)).toEqual(checkpoint);
    await log.close();
    expect(told(vfs)).toEqual(checkpoint);
    const again = await open(vfs, { clock });
    again.append([entry(2)]);
    again.sync();
    expect(told(vfs)).toEqual([...checkpoint, '2: later frame']);
  });

  it('by the metadata, where a compaction came behind it', async () => {
    const vfs = disk();
    const log = await open(vfs);
    log.append(entries(1, 3));
    log.applySnapshot(snapshot(2, 1));
    log.sync();
    expect(told(vfs)).toEqual(['1: later frame, own header, metadata', '2: metadata']);
  });

  it('by the next segment', async () => {
    const vfs = disk();
    const log = await open(vfs, { spareSegments: 0 });
    for (let index = 1; segmentNames(vfs).length < 2; index++) {
      log.append([entry(index, 1, 1_000)]);
      log.sync();
    }
    const [first] = segmentNames(vfs);
    const inFirst = provenOn(vfs).filter(({ file }) => file === first);
    expect(inFirst.length).toBeGreaterThan(3);
    expect(inFirst.at(-1)?.proofs).toEqual(['next segment', 'metadata']);
    for (const { proofs } of inFirst) expect(proofs).toContain('next segment');
  });

  it('by nothing that is not durable, nor by a frame that came with it', async () => {
    const vfs = disk();
    const log = await open(vfs, { frameBytesMax: 256 });
    log.append(entries(1, 20, 1, 100));
    log.sync();
    expect(told(vfs)).toEqual(['1: later frame, own header, metadata']);
    vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    log.append([entry(21)]);
    expect(() => log.sync()).toThrow();
    expect(told(vfs)).toEqual(['1: later frame, own header, metadata']);
  });
});

describe('a bit of a frame that is proven', () => {
  for (const hasDurableWrites of [true, false]) {
    const how = hasDurableWrites ? 'with O_DSYNC' : 'with fdatasync';
    it(`is noticed at once, at any moment of a life, ${how}`, async () => {
      let refusals = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const options = { seed: 4_000 + seed, steps: 60, hasDurableWrites };
        const operations = await countOperations(options);
        for (let number = 1; number <= operations; number += 2) {
          const life = await rottingLife(options, { rotsAt: number, endsAt: number });
          refusals += await checkEndings(life, { ...options, number });
        }
      }
      expect(refusals).toBeGreaterThan(SEEDS * 100);
    }, 600_000);

    it(`is noticed for ever, whatever is written behind it and torn, ${how}`, async () => {
      let refusals = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const options = { seed: 5_000 + seed, steps: 60, hasDurableWrites };
        const operations = await countOperations(options);
        for (let number = 1; number <= operations; number += 2) {
          for (const more of [1, 2, 3, 5, 8, 20]) {
            const life = await rottingLife(options, { rotsAt: number, endsAt: number + more });
            refusals += await checkEndings(life, { ...options, number, more });
          }
        }
      }
      expect(refusals).toBeGreaterThan(SEEDS * 200);
    }, 600_000);
  }
});

interface RottingLife {
  readonly vfs: FaultVfs;
  readonly history: History;
  /** What was damaged, and where; undefined where nothing was proven. */
  readonly rotten: (ProvenFrame & { readonly position: number }) | undefined;
}

/** A life in which a bit of a proven frame flips before one operation, and the power goes in another one. */
async function rottingLife(
  options: WorkloadOptions,
  { rotsAt, endsAt }: { readonly rotsAt: number; readonly endsAt: number },
): Promise<RottingLife | undefined> {
  const vfs = newDisk(options);
  const random = new SeededRandom(options.seed + 1_000 * rotsAt);
  let rotten: RottingLife['rotten'];
  vfs.faults = ({ type, number }) => {
    if (type === 'read') return undefined;
    if (number === rotsAt && vfs.isDirectory(DIRECTORY)) rotten = rotOne(vfs, random);
    return number === endsAt ? { type: 'powerLoss' } : undefined;
  };
  try {
    return { vfs, history: await runWorkload(vfs, options), rotten };
  } catch (error) {
    if (rotten !== undefined && isCorrupt(error)) return undefined; // it was noticed in this life
    throw error;
  }
}

function rotOne(vfs: FaultVfs, random: SeededRandom): RottingLife['rotten'] {
  const frames = provenOn(vfs, SEGMENTS);
  if (frames.length === 0) return undefined;
  const frame = random.pick(frames);
  const position = frame.offset + random.below(frame.bytes);
  const byte = vfs.contents(DIRECTORY).get(frame.file)?.[position] ?? 0;
  vfs.rot(`${DIRECTORY}/${frame.file}`, Uint8Array.of(byte ^ (1 << random.below(8))), position);
  return { ...frame, position };
}

/** Nothing is lost without a word, and in the newest segment the log is refused. Returns how often it was. */
async function checkEndings(life: RottingLife | undefined, place: object): Promise<number> {
  if (life?.rotten === undefined) return 0;
  const { vfs, history, rotten } = life;
  let refusals = 0;
  // The kill comes last: the others are images of the same disk.
  for (const ending of [...ENDINGS, { type: 'killed' } as const]) {
    const image = vfs.reopen(ending);
    const isInTail = segmentNames(image).at(-1) === rotten.file;
    const isRefused = await isNoticed(image, history, { ...place, rotten, ending });
    if (isInTail) expect(isRefused, JSON.stringify({ ...place, rotten, ending })).toBe(true);
    if (isRefused) refusals += 1;
  }
  return refusals;
}

async function isNoticed(image: FaultVfs, history: History, place: object): Promise<boolean> {
  try {
    const log = await WalLog.open(DIRECTORY, { ...SMALL, vfs: image });
    describeLog(log);
    acceptedState(log, history);
    return false;
  } catch (error) {
    if (isCorrupt(error)) return true;
    throw new Error(`${JSON.stringify(place)}: ${String(error)}`, { cause: error });
  }
}

async function countOperations(options: WorkloadOptions): Promise<number> {
  const vfs = newDisk(options);
  await runWorkload(vfs, options);
  return vfs.operations.length;
}

function isCorrupt(error: unknown): boolean {
  return error instanceof WalError && error.code === 'WAL_CORRUPT';
}
