// The general log: records of bytes, known by their number.

import { type FaultVfs, SeededRandom } from '@waldb/testkit';
import { Wal, WalLog, type WalOpenOptions, type WalRecord } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { disk, fingerprint, flip, segmentPath } from './support/log-fixture.js';
import { DIRECTORY } from './support/workload.js';

function open(vfs: FaultVfs, options: WalOpenOptions = {}): Promise<Wal> {
  return Wal.open(DIRECTORY, { segmentBytes: 8 * 1024, ...options, vfs });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function told({ lsn, data }: WalRecord): string {
  return `${lsn} ${new TextDecoder().decode(data)}`;
}

function all(wal: Wal, from?: number): string[] {
  return Array.from(wal.iterate(from), told);
}

async function allLater(wal: Wal, from?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const record of wal.iterate(from)) found.push(told(record));
  return found;
}

describe('records', () => {
  it('are numbered from 1, can be read before they are durable, and come back in order after a reopen', async () => {
    const vfs = disk();
    const wal = await open(vfs);
    expect([wal.firstLsn, wal.lastLsn, wal.durableLsn, all(wal)]).toEqual([1, 0, 0, []]);
    expect(['a', 'b', 'c'].map((text) => wal.append(bytes(text)))).toEqual([1, 2, 3]);
    expect(all(wal)).toEqual(['1 a', '2 b', '3 c']);
    expect(wal.durableLsn).toBe(0);
    wal.sync();
    expect(wal.durableLsn).toBe(3);
    wal.append(bytes('d'));
    expect(await allLater(wal, 2)).toEqual(['2 b', '3 c', '4 d']);
    expect(await wal.flush()).toBe(4);
    await wal.close();
    const again = await open(vfs);
    expect(again.recovery.outcome).toBe('clean');
    expect([again.firstLsn, again.lastLsn, again.durableLsn]).toEqual([1, 4, 4]);
    expect(all(again)).toEqual(['1 a', '2 b', '3 c', '4 d']);
    expect(again.append(bytes('e'))).toBe(5);
    await again.close();
  });

  it('are copied: the caller may use its buffer again at once', async () => {
    const wal = await open(disk());
    const buffer = bytes('first');
    wal.append(buffer);
    buffer.fill(0);
    expect(all(wal)).toEqual(['1 first']);
    wal.sync();
    expect(all(wal)).toEqual(['1 first']);
    await wal.close();
  });

  it('W39: of 0 and 1 byte, and up to the limit, go in and come back; one byte more is refused and takes no number', async () => {
    const wal = await open(disk(), { entryBytesMax: 10_000 });
    const sizes = [0, 1, 10_000 - 6];
    for (const size of sizes) wal.append(new Uint8Array(size).fill(7));
    expect(() => wal.append(new Uint8Array(10_000 - 5))).toThrow(
      expect.objectContaining({ code: 'WAL_TOO_LARGE', detail: { bytes: 10_001, entryBytesMax: 10_000 } }),
    );
    expect(wal.append(bytes('next'))).toBe(4);
    wal.sync();
    expect(Array.from(wal.iterate(), ({ data }) => data.length)).toEqual([...sizes, 4]);
    await wal.close();
  });

  it('refuse to pile up without end', async () => {
    const wal = await open(disk(), { stagedBytesMax: 1000 });
    expect(() => {
      for (;;) wal.append(new Uint8Array(100));
    }).toThrow(expect.objectContaining({ code: 'WAL_TOO_LARGE' }));
    const { lastLsn } = wal;
    expect(lastLsn).toBeGreaterThan(5);
    wal.sync();
    expect(wal.append(new Uint8Array(100))).toBe(lastLsn + 1);
    await wal.close();
  });

  it('can be read one by one, staged, durable or gone', async () => {
    const wal = await open(disk());
    for (let i = 1; i <= 50; i++) wal.append(bytes(`r${i}`));
    wal.sync();
    wal.append(bytes('r51'));
    wal.truncateBefore(11);
    expect([10, 11, 50, 51, 52, 0, -1, 1.5, Number.NaN].map((lsn) => wal.read(lsn)?.lsn)).toEqual([
      undefined,
      11,
      50,
      51,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    await wal.close();
  });
});

describe('truncation', () => {
  it('takes records off the end: their numbers are given again, and the old ones never come back', async () => {
    const vfs = disk();
    const wal = await open(vfs);
    for (const text of ['a', 'b', 'c', 'd']) wal.append(bytes(text));
    wal.sync();
    wal.truncateAfter(2);
    expect(wal.durableLsn).toBe(2);
    expect(wal.append(bytes('new'))).toBe(3);
    expect(all(wal)).toEqual(['1 a', '2 b', '3 new']);
    wal.truncateAfter(9);
    await wal.close();
    const again = await open(vfs);
    expect(all(again)).toEqual(['1 a', '2 b', '3 new']);
    await again.close();
  });

  it('takes records off the front, whole segments of disk space with them, and keeps counting', async () => {
    const vfs = disk();
    const wal = await open(vfs);
    for (let i = 1; i <= 200; i++) {
      wal.append(new Uint8Array(1000).fill(i));
      wal.sync();
    }
    const before = vfs.list(DIRECTORY).length;
    wal.truncateBefore(199);
    wal.sync();
    expect(vfs.list(DIRECTORY).length).toBeLessThan(before / 4);
    wal.truncateBefore(201);
    await wal.close();
    const again = await open(vfs);
    expect([again.firstLsn, again.lastLsn, all(again)]).toEqual([201, 200, []]);
    expect(again.append(bytes('x'))).toBe(201);
    expect(all(again)).toEqual(['201 x']);
    await again.close();
  });

  it('is refused beyond the ends of the log, and changes nothing then', async () => {
    const wal = await open(disk());
    for (const text of ['a', 'b', 'c']) wal.append(bytes(text));
    wal.truncateBefore(3);
    for (const lsn of [1, 0, -1, 1.5, Number.NaN])
      expect(() => wal.truncateAfter(lsn)).toThrow(expect.objectContaining({ code: 'WAL_INVALID' }));
    for (const lsn of [5, 3.5, Number.NaN])
      expect(() => wal.truncateBefore(lsn)).toThrow(expect.objectContaining({ code: 'WAL_INVALID' }));
    for (const lsn of [2, 5, 3.5, Number.NaN])
      expect(() => wal.iterate(lsn)).toThrow(expect.objectContaining({ code: 'WAL_INVALID' }));
    expect(all(wal)).toEqual(['3 c']);
    expect(all(wal, 4)).toEqual([]);
    await wal.close();
  });
});

describe('iterating while the log changes', () => {
  it('goes on with what is appended meanwhile', async () => {
    const wal = await open(disk());
    wal.append(bytes('1'));
    const seen: number[] = [];
    for (const { lsn } of wal.iterate()) {
      seen.push(lsn);
      if (lsn < 5) wal.append(bytes(String(lsn + 1)));
      if (lsn === 3) wal.sync();
    }
    for await (const { lsn } of wal.iterate()) {
      seen.push(lsn);
      if (lsn === 5) wal.append(bytes('6'));
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]);
    await wal.close();
  });

  it('shows no record that is truncated before it gets there, and the one that took its number', async () => {
    for (const isDurable of [true, false]) {
      const wal = await open(disk());
      for (let i = 1; i <= 6; i++) wal.append(bytes(`old${i}`));
      if (isDurable) wal.sync();
      const cut = (): void => {
        wal.truncateAfter(3);
        wal.append(bytes('new4'));
      };
      const seen: string[] = [];
      for (const record of wal.iterate()) {
        seen.push(told(record));
        if (record.lsn === 3) cut();
      }
      expect(seen).toEqual(['1 old1', '2 old2', '3 old3', '4 new4']);
      for await (const record of wal.iterate()) if (record.lsn === 2) wal.truncateAfter(2);
      expect(all(wal)).toEqual(['1 old1', '2 old2']);
      await wal.close();
    }
  });

  it('names the record that was given up under it', async () => {
    const wal = await open(disk());
    for (let i = 1; i <= 6; i++) wal.append(bytes('x'));
    wal.sync();
    const gone = expect.objectContaining({ code: 'WAL_INVALID', detail: { lsn: 3, firstLsn: 5 } });
    expect(() => {
      for (const { lsn } of wal.iterate()) if (lsn === 2) wal.truncateBefore(5);
    }).toThrow(gone);
    await wal.close();
  });

  it('ends when the log is closed', async () => {
    const wal = await open(disk());
    wal.append(bytes('a'));
    wal.append(bytes('b'));
    const reading = (async () => {
      for await (const _ of wal.iterate()) await wal.close();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'WAL_CLOSED' });
  });
});

describe('opening', () => {
  it('W22: a plain log is not taken for a Raft log, nor the other way round, and neither is changed', async () => {
    const plain = disk();
    await (await open(plain)).close();
    const raft = disk();
    await (await WalLog.open(DIRECTORY, { vfs: raft })).close();
    const before = [fingerprint(plain), fingerprint(raft)];
    for (const readOnly of [false, true]) {
      await expect(WalLog.open(DIRECTORY, { vfs: plain, readOnly })).rejects.toMatchObject({
        code: 'WAL_FOREIGN',
      });
      await expect(open(raft, { readOnly })).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    }
    expect([fingerprint(plain), fingerprint(raft)]).toEqual(before);
  });

  it('read-only shows what is durable, beside the writer, and takes no call that would change it', async () => {
    const vfs = disk();
    const wal = await open(vfs);
    wal.append(bytes('a'));
    wal.sync();
    wal.append(bytes('b'));
    wal.sync();
    const reader = await open(vfs, { readOnly: true });
    expect(all(reader)).toEqual(['1 a']);
    for (const change of [
      () => reader.append(bytes('x')),
      () => reader.truncateAfter(0),
      () => reader.sync(),
    ])
      expect(change).toThrow(expect.objectContaining({ code: 'WAL_READ_ONLY' }));
    await reader.close();
    await wal.close();
  });
});

describe('a damaged log', () => {
  const SKIP: WalOpenOptions = { readOnly: true, recovery: 'skipDamaged' };

  /** Twenty durable records of a size that fills a few segments, and the disk under them. */
  async function damaged(): Promise<FaultVfs> {
    const vfs = disk();
    const wal = await open(vfs);
    for (let i = 1; i <= 20; i++) {
      wal.append(new Uint8Array(1000).fill(i));
      wal.sync();
    }
    await wal.close();
    flip(vfs, segmentPath(1), 4096 + 1500);
    return vfs;
  }

  it('W20: is refused where it is read; with skipDamaged the rest is shown, and what is lost is told', async () => {
    const vfs = await damaged();
    const before = fingerprint(vfs);
    const refusing = await open(vfs, { readOnly: true });
    expect(() => all(refusing)).toThrow(expect.objectContaining({ code: 'WAL_CORRUPT' }));
    await refusing.close();
    const wal = await open(vfs, SKIP);
    expect(wal.recovery.outcome).toBe('damaged');
    const seen = Array.from(wal.iterate(), ({ lsn }) => lsn);
    expect(wal.damages).toMatchObject([{ type: 'frames', segment: 1 }]);
    const lost = wal.damages.flatMap((damage) => damage.lost);
    expect(lost).toHaveLength(1);
    const { first, last } = lost[0] as { first: number; last: number };
    expect(seen).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1).filter((lsn) => lsn < first || lsn > last),
    );
    const later: number[] = [];
    for await (const { lsn } of wal.iterate(last)) later.push(lsn);
    expect(later).toEqual(seen.filter((lsn) => lsn >= last));
    expect([wal.read(first), wal.read(20)?.data[0]]).toEqual([undefined, 20]);
    for (const change of [() => wal.append(bytes('x')), () => wal.sync(), () => wal.truncateBefore(2)])
      expect(change).toThrow(expect.objectContaining({ code: 'WAL_READ_ONLY' }));
    await expect(wal.flush()).rejects.toMatchObject({ code: 'WAL_READ_ONLY' });
    await wal.close();
    expect(() => wal.lastLsn).toThrow(expect.objectContaining({ code: 'WAL_CLOSED' }));
    expect(fingerprint(vfs)).toBe(before);
  });

  it('is not skipped by a writer, nor where there is no plain log', async () => {
    const vfs = await damaged();
    await expect(open(vfs, { recovery: 'skipDamaged' })).rejects.toMatchObject({ code: 'WAL_INVALID' });
    await expect(open(disk(), SKIP)).rejects.toMatchObject({ code: 'WAL_NOT_FOUND' });
    const raft = disk();
    await (await WalLog.open(DIRECTORY, { vfs: raft })).close();
    await expect(open(raft, SKIP)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
  });
});

const HISTORIES = 40;
const CALLS = 120;

/** What a log holds: the data of `first`, `first + 1` and so on. */
interface Model {
  first: number;
  data: string[];
}

function describeModel({ first, data }: Model): string {
  return `${first}: ${data.join(' ')}`;
}

function describeWal(wal: Wal): string {
  return `${wal.firstLsn}: ${Array.from(wal.iterate(), ({ data }) => new TextDecoder().decode(data)).join(' ')}`;
}

describe('any history', () => {
  it('W3 W1: shows what a model shows; after a loss of power, a state from the last durable one on', async () => {
    for (let seed = 1; seed <= HISTORIES; seed++) await liveThrough(seed);
  });
});

async function liveThrough(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  let vfs = disk({ seed });
  let wal = await open(vfs, { frameBytesMax: 300 });
  const model: Model = { first: 1, data: [] };
  /** Every state that may be found after a crash: the last one known to be durable, and those after it. */
  let possible = [describeModel(model)];
  let flushing: Promise<unknown> | undefined;
  let count = 0;
  const durable = (): void => {
    possible = [describeModel(model)];
  };
  for (let call = 0; call < CALLS; call++) {
    change(wal, model, random, () => ++count);
    expect(describeWal(wal), `seed ${seed}, call ${call}`).toBe(describeModel(model));
    if (possible.at(-1) !== describeModel(model)) possible.push(describeModel(model));
    if (random.chance(0.2)) {
      await flushing;
      flushing = undefined;
      if (random.chance(0.5)) {
        wal.sync();
        durable();
      } else {
        const since = possible.length - 1;
        flushing = wal.flush().then(() => {
          possible = possible.slice(since);
        });
      }
    }
    if (random.chance(0.03)) {
      await flushing;
      flushing = undefined;
      vfs = vfs.reopen({ type: 'powerLoss', survival: random.chance(0.5) ? 'any' : 'nothing', seed: call });
      wal = await open(vfs, { frameBytesMax: 300 });
      const found = describeWal(wal);
      expect(possible, `seed ${seed}, call ${call}`).toContain(found);
      Object.assign(model, {
        first: wal.firstLsn,
        data: found.split(': ')[1]?.split(' ').filter(Boolean) ?? [],
      });
      durable();
    }
  }
  await flushing;
  await wal.close();
}

function change(wal: Wal, model: Model, random: SeededRandom, next: () => number): void {
  const last = model.first + model.data.length - 1;
  const kind = random.below(10);
  if (kind < 7) {
    const text = `r${next()}${'.'.repeat(random.below(400))}`;
    expect(wal.append(bytes(text))).toBe(last + 1);
    model.data.push(text);
  } else if (kind < 9) {
    const lsn = model.first - 1 + random.below(last - model.first + 3);
    wal.truncateAfter(lsn);
    model.data.length = Math.min(model.data.length, lsn - model.first + 1);
  } else {
    const lsn = model.first + random.below(Math.min(5, last - model.first + 2));
    wal.truncateBefore(lsn);
    model.data.splice(0, lsn - model.first);
    model.first = lsn;
  }
}
