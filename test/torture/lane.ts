// A directory that one process after another works in: each is killed at any moment, several in a row while they recover; its disk
// fails, fills up, takes half of a write; and the power goes. A judge follows what they tell; only a disk that failed in
// this life excuses a process that ends by itself.

import { join } from 'node:path';
import { SeededRandom } from '@waldb/testkit';
import { type End, type Listener, live } from '../../packages/wal/test/support/process/live.js';
import { makeProgram, type Program } from '../../packages/wal/test/support/process/program.js';
import { type DiskFault, drawFault, drawKill } from '../support/faulty-disk/disk-fault.js';
import { ServerDisk } from '../support/faulty-disk/server-disk.js';
import type { SmallDisk } from '../support/small-disk/small-disk.js';
import { type Counts, count, type PartContext, type PartReport, presentDisk } from './part.js';

/** Lanes that live and die side by side. */
const LANES = 2;
/** What is worked on is small: a life makes about so many writes. */
const WRITES_MAX = 400;
/** In a row, each within a few milliseconds of its start. */
const EARLY_KILLS_MAX = 6;

/** Follows all lives in one directory. */
export interface LaneJudge extends Listener {
  /** What processes said when they refused or failed, in order: `refused CODE`, `failed CODE`. */
  readonly failures: readonly string[];
  /** What was seen, over all lives. */
  readonly counts: Counts;
}

export interface LaneKind {
  readonly name: string;
  /** The module of the process: packages/wal/test/support/process/load-program.ts says what it prints. */
  readonly module: string;
  readonly makeJudge: () => LaneJudge;
  /** What a process may say, and then end, when a call of its disk has failed. That something is damaged is not among it. */
  readonly excused: readonly string[];
  /** Given, each lane works on a small disk, mounted at `directory`. Else the library of the context is in front of its disk. */
  readonly makeSmallDisk?: (directory: string) => SmallDisk;
}

export async function runLanes(context: PartContext, kind: LaneKind): Promise<PartReport> {
  const program = await makeProgram(kind.module);
  const counts: Counts = {};
  const end = Date.now() + context.seconds * 1000;
  const isOver = (): boolean => Date.now() >= end || context.signal.aborted;
  const { faulty, skipped } =
    kind.makeSmallDisk === undefined ? presentDisk(context.disk) : { faulty: undefined, skipped: [] };
  try {
    const random = new SeededRandom(context.seed);
    const lanes = Array.from({ length: LANES }, (_, nth) => {
      const root = join(context.directory, `${kind.name}-${nth + 1}`);
      const small = kind.makeSmallDisk?.(root);
      const disk = new ServerDisk(root, { disk: faulty, small });
      const judge = kind.makeJudge();
      const canFail = faulty !== undefined;
      return new Lane({ program, counts, random: random.fork(), judge, kind, disk, canFail });
    });
    const complaints = await Promise.all(lanes.map((lane) => lane.run(isOver)));
    return { type: 'done', complaints: complaints.flat(), counts, skipped };
  } finally {
    program.remove();
  }
}

class Lane {
  readonly #program: Program;
  readonly #counts: Counts;
  readonly #random: SeededRandom;
  readonly #judge: LaneJudge;
  readonly #excused: ReadonlySet<string>;
  readonly #disk: ServerDisk;
  readonly #canFail: boolean;
  #lives = 0;

  constructor(options: {
    readonly program: Program;
    readonly counts: Counts;
    readonly random: SeededRandom;
    readonly judge: LaneJudge;
    readonly kind: LaneKind;
    readonly disk: ServerDisk;
    /** Whether calls of the disk can be made to fail. */
    readonly canFail: boolean;
  }) {
    this.#program = options.program;
    this.#counts = options.counts;
    this.#random = options.random;
    this.#judge = options.judge;
    this.#excused = new Set(options.kind.excused);
    this.#disk = options.disk;
    this.#canFail = options.canFail;
  }

  /** Complaints; the first one ends the lane, which is kept as it is. */
  async run(isOver: () => boolean): Promise<string[]> {
    try {
      while (!isOver()) {
        const dice = this.#random.below(100);
        if (dice < 30) await this.#kill();
        else if (dice < 50) await this.#killInRecovery();
        else await this.#fail();
        await this.#afterwards();
      }
      await this.#endInOrder();
      return [];
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return [`${this.#disk.directory}, life ${this.#lives}: ${error.message}`];
    } finally {
      this.#disk.close();
      count(this.#counts, 'lives', this.#lives);
      for (const [what, times] of Object.entries(this.#judge.counts)) count(this.#counts, what, times);
      for (const failure of this.#judge.failures) count(this.#counts, failure);
    }
  }

  async #kill(): Promise<void> {
    const isWithinCall = this.#canFail && this.#random.chance(0.5);
    const end = { after: 'acknowledgements', countMax: 40, withinMs: 4 } as const;
    await this.#live(end, isWithinCall ? [drawKill(this.#random, WRITES_MAX)] : []);
  }

  async #killInRecovery(): Promise<void> {
    for (let left = this.#random.between(1, EARLY_KILLS_MAX); left > 0; left--) {
      await this.#live({ after: 'ready', withinMs: 10 }, []);
      count(this.#counts, 'kills in recovery');
    }
  }

  /** The process ends by what befalls it, or is killed. */
  async #fail(): Promise<void> {
    const faults = Array.from({ length: this.#random.between(1, 3) }, () =>
      drawFault(this.#random, WRITES_MAX),
    );
    const end = { after: 'acknowledgements', countMax: 80, withinMs: 4 } as const;
    const isFilled = this.#disk.canFill && this.#random.chance(0.5);
    if (isFilled) {
      this.#disk.fill();
      count(this.#counts, 'disks filled');
    }
    await this.#live(end, this.#canFail ? faults : []);
    if (isFilled) this.#disk.makeRoom();
  }

  async #live(end: End, faults: readonly DiskFault[]): Promise<void> {
    this.#lives += 1;
    const before = this.#judge.failures.length;
    this.#disk.plan(faults);
    const how = await live(this.#program, this.#judge, {
      directory: this.#disk.directory,
      seed: this.#random.below(1_000_000_000),
      end,
      signal: 'SIGKILL',
      environment: this.#disk.begin(),
    });
    const told = this.#disk.end();
    for (const [kind, times] of Object.entries(told)) count(this.#counts, `disk: ${kind}`, times);
    count(this.#counts, how === 'SIGKILL' ? 'kills' : 'ends by a disk that failed or was full');
    if (how === 'SIGKILL') return;
    const failures = this.#judge.failures.slice(before);
    const isExcused = failures.every((failure) => this.#excused.has(failure));
    const isFull = this.#disk.hasBeenFull && failures.every((failure) => failure.endsWith('_FULL'));
    if (how.startsWith('3') && isExcused && (this.#disk.hasFailed || isFull)) return;
    throw new Error(
      `The process ended by itself (${how}; ${failures.join(', ')}); its disk had ${JSON.stringify(told)}.`,
    );
  }

  /** Between two lives: nothing, or the power goes, or everything reaches the disk by itself. */
  async #afterwards(): Promise<void> {
    const dice = this.#random.below(100);
    if (dice < 40 && this.#disk.canLosePower) {
      const { atRisk, lost } = await this.#disk.losePower(this.#random);
      count(this.#counts, 'power losses');
      if (atRisk > 0) count(this.#counts, 'unsynced sectors and names', atRisk);
      if (lost > 0) count(this.#counts, 'of them lost', lost);
    } else if (dice < 60) {
      this.#disk.settle();
    }
  }

  /** One more life shows what the last one left. */
  async #endInOrder(): Promise<void> {
    const end = { after: 'acknowledgements', countMax: 1, withinMs: 1 } as const;
    const last = { directory: this.#disk.directory, seed: 0, end, signal: 'SIGTERM' } as const;
    const how = await live(this.#program, this.#judge, last);
    if (how !== '0') throw new Error(`The last process did not end in order: ${how}`);
  }
}
