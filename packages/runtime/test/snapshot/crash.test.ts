// The log and the images beside it: a loss of power, or a kill, at every operation of the disk, and what the next start
// makes of it (docs/durability.md, "Snapshots and the log").

import type { Message } from '@waldb/core';
import { checksum } from '@waldb/io';
import { type Ending, type FaultPlan, FaultVfs, PowerLoss } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { NO_REPLICATED_STATE } from '../../src/apply/replicated-state.js';
import type { InstallSnapshot } from '../../src/snapshot/snapshot-fetcher.js';
import { SnapshotLife } from '../support/snapshot-life.js';

const ENDINGS: readonly Ending[] = [
  { type: 'powerLoss', survival: 'nothing', seed: 1 },
  { type: 'powerLoss', survival: 'everything', seed: 1 },
  { type: 'powerLoss', survival: 'any', seed: 1 },
  { type: 'powerLoss', survival: 'any', seed: 2 },
  { type: 'killed' }, // last: the next process goes on with the same disk
];

function isPowerLoss(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof PowerLoss || cause.message.includes('The power is gone')) return true;
  }
  return false;
}

/** Runs with the power lost at one operation; returns whether it came to the end. */
async function interrupted(vfs: FaultVfs, at: number, run: () => Promise<void>): Promise<boolean> {
  vfs.faults = ({ number }) => (number === at ? { type: 'powerLoss' } : undefined);
  try {
    await run();
    return true;
  } catch (error) {
    if (!isPowerLoss(error)) throw error;
    return false;
  }
}

/** What the machine holds after the entries up to `index`; a leader's own noop is the first of its term. */
function checkItems(life: SnapshotLife, items: readonly string[], place: string): void {
  expect(items.slice(0, life.machine.items.length), place).toEqual(life.machine.items);
}

describe('own snapshots', () => {
  const ITEMS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

  /** Three snapshots between eight items. Tells what was acknowledged, as it goes. */
  async function live(vfs: FaultVfs, taken: number[]): Promise<void> {
    const life = await SnapshotLife.open(vfs);
    for (const [i, item] of ITEMS.entries()) {
      await life.propose(item);
      if (i % 3 === 1) taken.push(await life.work.take());
    }
    if (life.troubles[0] !== undefined) throw life.troubles[0];
  }

  it('W10 W34 a crash at any operation: what was acknowledged restores, what nothing names is gone, and the next one succeeds', async () => {
    const whole = new FaultVfs();
    const all: number[] = [];
    await live(whole, all);
    expect(all).toHaveLength(3);
    const operations = whole.operations.length;
    const kinds = new Set(whole.operations.map(({ type, path }) => `${type} ${path.replace(/^.*\./, '')}`));
    for (const kind of ['rename snap', 'unlink snap', 'sync tmp']) expect(kinds).toContain(kind);
    let unnamed = 0;
    for (let at = 1; at <= operations; at++) {
      const vfs = new FaultVfs();
      const taken: number[] = [];
      await interrupted(vfs, at, () => live(vfs, taken));
      for (const ending of ENDINGS) {
        const place = `operation ${at}, ${JSON.stringify(ending)}`;
        const disk = vfs.reopen(ending);
        const before = disk.isDirectory('/server/snapshots') ? images(disk) : [];
        const life = await SnapshotLife.open(disk).catch((error: unknown) => {
          throw new Error(`${place}: ${String(error)}`, { cause: error });
        });
        expect(life.log.snapshotIndex(), place).toBeGreaterThanOrEqual(taken.at(-1) ?? 0);
        checkItems(life, ITEMS, place);
        const found = images(disk);
        expect(
          found.every((index) => index <= life.log.snapshotIndex()),
          place,
        ).toBe(true);
        if (before.length > found.length) unnamed += 1;
        await life.propose('more');
        expect(await life.work.take(), place).toBe(life.appliedIndex);
        expect(life.troubles, place).toEqual([]);
        await life.log.close();
        await life.images.close();
      }
    }
    // The window between the file and the log's record was met.
    expect(unnamed).toBeGreaterThan(0);
  });

  it('the older images go once the log names a newer one durably, but for one', async () => {
    const vfs = new FaultVfs();
    const taken: number[] = [];
    await live(vfs, taken);
    await expect.poll(() => images(vfs)).toEqual(taken.slice(1));
  });
});

describe('snapshots of a leader', () => {
  /** What a leader, server 2, has and sends. */
  async function leader() {
    const life = await SnapshotLife.open(new FaultVfs(), { id: 2 });
    for (let i = 0; i < 40; i++) await life.propose(`item ${i}`);
    await life.work.take();
    const snapshot = life.log.snapshot();
    if (snapshot === undefined) throw new Error('it was taken');
    const configuration = { ...snapshot.configuration, voters: [1, 2] };
    // The same image, in the configuration that the follower is in.
    const source = new FaultVfs();
    const other = await SnapshotLife.open(source, { id: 2 });
    const { images: store } = other;
    const parts = { replicatedState: NO_REPLICATED_STATE, stateMachine: life.machine };
    const { beginImage } = await import('../../src/snapshot/snapshot-image.js');
    const { encodeReference } = await import('../../src/snapshot/snapshot-reference.js');
    const never = new AbortController().signal;
    const { index } = snapshot;
    const reference = await store.write({ index, term: 3, configuration }, beginImage(parts), never);
    const message: InstallSnapshot = {
      type: 'installSnapshot',
      from: 2,
      to: 1,
      term: 3,
      snapshot: { index, term: 3, configuration, data: encodeReference(reference) },
    };
    const request = (
      _from: number,
      wanted: { offset: number; index: number; term: number; checksum: string },
    ) => {
      const image = store.read(wanted, wanted.offset);
      if (image === undefined) throw new Error('it is there');
      return image;
    };
    return { message, request, items: life.machine.items };
  }

  async function live(
    vfs: FaultVfs,
    { message, request }: Awaited<ReturnType<typeof leader>>,
    sent: Message[],
  ) {
    const life = await SnapshotLife.open(vfs, { peers: [2], request });
    await life.receive(message);
    await expect.poll(() => life.sent[0] ?? life.troubles[0] ?? life.failure, { interval: 1 }).toBeDefined();
    sent.push(...life.sent);
    if (life.sent.length === 0) throw life.troubles[0] ?? life.failure;
  }

  it('W10 W34 P98 a crash at any operation: what was answered is there and restores; it is never half there', async () => {
    const from = await leader();
    const whole = new FaultVfs();
    const answers: Message[] = [];
    await live(whole, from, answers);
    const { index } = from.message.snapshot;
    expect(answers).toMatchObject([{ type: 'installSnapshotReply', success: true, matchIndex: index }]);
    const seen = new Set<number>();
    for (let at = 1; at <= whole.operations.length; at++) {
      const vfs = new FaultVfs();
      const sent: Message[] = [];
      await interrupted(vfs, at, () => live(vfs, from, sent));
      for (const ending of ENDINGS) {
        const place = `operation ${at}, ${JSON.stringify(ending)}`;
        const life = await SnapshotLife.open(vfs.reopen(ending), { peers: [2], request: from.request });
        seen.add(life.log.snapshotIndex());
        if (sent.length > 0) expect(life.log.snapshotIndex(), place).toBe(index);
        expect(life.machine.items, place).toEqual(life.log.snapshotIndex() === 0 ? [] : from.items);
        await life.receive(from.message);
        await expect.poll(() => life.sent.length, { interval: 1 }).toBeGreaterThan(0);
        expect(life.machine.items, place).toEqual(from.items);
        await life.log.close();
        await life.images.close();
      }
    }
    expect([...seen].sort()).toEqual([0, index]);
  });
});

describe('a log that names an image', () => {
  async function founded(): Promise<{ vfs: FaultVfs; name: string }> {
    const vfs = new FaultVfs();
    const life = await SnapshotLife.open(vfs);
    for (const item of ['a', 'b']) await life.propose(item);
    await life.work.take();
    await life.log.close();
    await life.images.close();
    const [name = ''] = [...vfs.contents('/server/snapshots').keys()].filter((file) =>
      file.endsWith('.snap'),
    );
    return { vfs, name };
  }

  it('W29 of a newer version: it does not start, and nobody is told to give up what is sound', async () => {
    const { vfs, name } = await founded();
    const path = `/server/snapshots/${name}`;
    const before = vfs.contents('/server/snapshots').get(name) ?? new Uint8Array(0);
    vfs.damage(path, (whole) => {
      const view = new DataView(whole.buffer, whole.byteOffset);
      view.setUint32(8, 2, true);
      view.setUint32(60, checksum(whole.subarray(0, 60)), true);
      return whole;
    });
    await expect(SnapshotLife.open(vfs.reopen({ type: 'killed' }))).rejects.toMatchObject({
      code: 'DIRECTORY_NEWER',
      message: expect.stringMatching(
        /has format version 2; this program reads versions up to 1\. A newer version .*: start that version again\.$/,
      ),
    });
    vfs.damage(path, () => before.slice());
    await (await SnapshotLife.open(vfs.reopen({ type: 'killed' }))).log.close();
  });

  it('that is missing, damaged or another one: it does not start, says which file, and changes nothing', async () => {
    const { vfs, name } = await founded();
    const path = `/server/snapshots/${name}`;
    const before = vfs.contents('/server/snapshots').get(name) ?? new Uint8Array(0);
    for (let offset = 0; offset < before.length; offset += 7) {
      vfs.damage(path, (whole) => {
        whole[offset] = (whole[offset] ?? 0) ^ 1;
        return whole;
      });
      const refused = SnapshotLife.open(vfs.reopen({ type: 'killed' }));
      await expect(refused, `byte ${offset}`).rejects.toMatchObject({
        code: 'SNAPSHOT_DAMAGED',
        detail: { directory: '/server/snapshots', index: 3, term: 1 },
        message: expect.stringContaining('add it again'),
      });
      vfs.damage(path, () => before.slice());
    }
    expect(vfs.contents('/server/snapshots').get(name)).toEqual(before);
    vfs.unlink(path);
    await expect(SnapshotLife.open(vfs.reopen({ type: 'killed' }))).rejects.toMatchObject({
      code: 'SNAPSHOT_MISSING',
    });
  });

  it('that the disk refuses to read, whichever read it is: it does not start, and does not call it damaged; then it is as sound as ever', async () => {
    const { vfs, name } = await founded();
    let refusals = 0;
    for (let read = 1; ; read++) {
      let reads = 0;
      const faults: FaultPlan = ({ type, path }) => {
        if (type === 'read' && path.endsWith(name)) reads += 1;
        return type === 'read' && path.endsWith(name) && reads === read
          ? { type: 'error', code: 'EIO' }
          : undefined;
      };
      const opening = SnapshotLife.open(vfs.reopen({ type: 'killed' }, { faults }));
      const error: unknown = await opening.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (reads < read) break; // it was read to its end before
      expect(error, `read ${read}`).toMatchObject({
        code: 'STORAGE',
        detail: { directory: '/server/snapshots', index: 3, term: 1 },
        message: expect.not.stringContaining('add it again'),
      });
      refusals += 1;
      const life = await SnapshotLife.open(vfs.reopen({ type: 'killed' }));
      expect(life.machine.items).toEqual(['a', 'b']);
    }
    expect(refusals).toBeGreaterThan(3);
  });
});

function images(vfs: FaultVfs): number[] {
  const names = [...vfs.contents('/server/snapshots').keys()].filter((name) => name.endsWith('.snap'));
  return names.map((name) => Number.parseInt(name, 16));
}
