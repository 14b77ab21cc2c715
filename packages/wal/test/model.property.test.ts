// Any legal use of a log, with any options, shows what the model shows, before and after reopening; also while flushes
// overlap, while the disk is full, and after a loss of power between any two steps.

import { entryEncoding, type LogEntry } from '@waldb/core';
import {
  applyCall,
  describeLog,
  describeModel,
  type FaultVfs,
  ModelLog,
  type Operation,
  randomCall,
  SeededRandom,
  statesAfter,
} from '@waldb/testkit';
import { WalError, type WalLog, type WalOptions } from '@waldb/wal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyOf, disk, open } from './support/log-fixture.js';

const RUNS = Number(process.env.WALDB_PROPERTY_RUNS ?? 120);

const options = fc.record({
  segmentBytes: fc.constantFrom(8192, 12_288, 65_536),
  frameBytesMax: fc.constantFrom(1, 100, 700, 8192),
  cacheBytes: fc.constantFrom(0, 2000, 1 << 20),
  spareSegments: fc.constantFrom(0, 1, 3),
  flushMode: fc.constantFrom('deferred' as const, 'adaptive' as const),
});

/** What follows a call. */
const after = fc.constantFrom('go', 'go', 'sync', 'flush', 'flushes', 'full', 'close', 'kill', 'powerLoss');
const step = fc.record({ seed: fc.nat(), after });

/** A log beside its model, step by step. */
class Pair {
  readonly model = new ModelLog();
  readonly #options: WalOptions;
  /** The states since the last one that is known to be durable; that one first. */
  #states: ModelLog[] = [this.model.clone()];
  #vfs: FaultVfs = disk();
  #log: WalLog;

  private constructor(walOptions: WalOptions, vfs: FaultVfs, log: WalLog) {
    this.#options = walOptions;
    this.#vfs = vfs;
    this.#log = log;
  }

  static async make(walOptions: WalOptions): Promise<Pair> {
    const vfs = disk();
    return new Pair(walOptions, vfs, await open(vfs, walOptions));
  }

  get log(): WalLog {
    return this.#log;
  }

  stage(random: SeededRandom): void {
    const call = randomCall(this.model, random, { commandBytesMax: 2500, entriesMax: 6 });
    this.#states.push(...statesAfter(this.model, call));
    this.model.apply(call);
    applyCall(this.#log, call);
  }

  async take(what: string, random: SeededRandom): Promise<void> {
    switch (what) {
      case 'sync':
        this.#log.sync();
        this.#settled(this.#states.length);
        break;
      case 'flush': {
        const covered = this.#states.length;
        await this.#log.flush();
        this.#settled(covered);
        break;
      }
      case 'flushes':
        await this.#flushTogether(random);
        break;
      case 'full':
        await this.#flushOnFullDisk();
        break;
      case 'close':
        await this.#log.close();
        this.#settled(this.#states.length);
        await this.#reopen(this.#vfs);
        break;
      case 'kill':
        this.#log.sync();
        this.#settled(this.#states.length);
        await this.#reopen(copyOf(this.#vfs));
        break;
      case 'powerLoss':
        await this.#losePower(random);
        break;
    }
  }

  /** Several flushes at once, with calls between them: each covers what was staged when it was asked for. */
  async #flushTogether(random: SeededRandom): Promise<void> {
    const flushes: Promise<unknown>[] = [];
    for (let left = random.between(2, 4); left > 0; left--) {
      const [seq, covered] = [this.#log.stagedSeq(), this.#states.length];
      flushes.push(
        this.#log.flush().then((durable) => {
          expect(durable).toBeGreaterThanOrEqual(seq);
          expect(this.#log.durableSeq()).toBeGreaterThanOrEqual(seq);
          return covered;
        }),
      );
      if (random.chance(0.5)) await undefined; // some of the way, or none
      this.stage(random);
    }
    this.#settled(Math.max(...((await Promise.all(flushes)) as number[])));
  }

  /** Nothing is lost by it, whether or not the flush needed space. */
  async #flushOnFullDisk(): Promise<void> {
    const covered = this.#states.length;
    this.#vfs.faults = ({ type, path }: Operation) =>
      (type === 'create' || type === 'write') && path.endsWith('.tmp')
        ? { type: 'error', code: 'ENOSPC' }
        : undefined;
    const error: unknown = await this.#log.flush().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    this.#vfs.faults = undefined;
    if (error === undefined) this.#settled(covered);
    else if (!(error instanceof WalError) || error.code !== 'WAL_FULL') throw error;
  }

  /** One of the states since the last durable one is there; the model goes on from it. */
  async #losePower(random: SeededRandom): Promise<void> {
    const survival = random.pick(['nothing', 'any', 'everything'] as const);
    await this.#reopen(this.#vfs.reopen({ type: 'powerLoss', survival, seed: random.below(1000) }));
    const found = describeLog(this.#log);
    const state = this.#states.find((one) => describeModel(one) === found);
    if (state === undefined) throw new Error(`In none of ${this.#states.length} states:\n${found}`);
    Object.assign(this.model, state.clone());
    this.#states = [state.clone()];
  }

  async #reopen(vfs: FaultVfs): Promise<void> {
    this.#vfs = vfs;
    this.#log = await open(vfs, this.#options);
  }

  /** The first `count` of the states are past: what the last of them shows is durable. */
  #settled(count: number): void {
    this.#states = this.#states.slice(count - 1);
  }
}

/** Everything that a log shows, asked for in every way. */
function expectSame(log: WalLog, model: ModelLog, random: SeededRandom): void {
  expect(describeLog(log)).toBe(describeModel(model));
  for (let index = model.compacted.index; index <= model.lastIndex + 1; index++) {
    expect(log.termAt(index)).toBe(model.termAt(index));
    expect(log.configIndexBefore(index)).toBe(model.configIndexBefore(index));
  }
  for (let tries = 0; tries < 3 && model.entries.length > 0; tries++) {
    const one = random.pick(model.entries);
    expect(bytesOf(log.entry(one.index))).toBe(bytesOf(one));
    const to = random.between(one.index, model.lastIndex);
    const maxBytes = random.below(4000);
    const expected = within(
      model.entries.filter(({ index }) => index >= one.index && index <= to),
      maxBytes,
    );
    expect(log.entries(one.index, to, maxBytes).map(bytesOf)).toEqual(expected.map(bytesOf));
  }
}

/** As many as fit, and at least one. */
function within(entries: readonly LogEntry[], maxBytes: number): readonly LogEntry[] {
  let bytes = 0;
  const end = entries.findIndex((entry, i) => {
    bytes += entryEncoding(entry).length;
    return bytes > maxBytes && i > 0;
  });
  return end < 0 ? entries : entries.slice(0, end);
}

function bytesOf(entry: LogEntry | undefined): string {
  return entry === undefined ? 'none' : Buffer.from(entryEncoding(entry)).toString('hex');
}

describe('WalLog', () => {
  it('W1 W3 W24: shows what the model shows, whatever the options, the flushes that meet, the full disks and the losses of power', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 40 }), async (walOptions, steps) => {
        const pair = await Pair.make(walOptions);
        for (const { seed, after: what } of steps) {
          const random = new SeededRandom(seed);
          pair.stage(random);
          await pair.take(what, random);
          expectSame(pair.log, pair.model, random);
        }
        await pair.log.close();
      }),
      { numRuns: RUNS },
    );
  }, 900_000);
});
