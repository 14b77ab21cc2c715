// The disk of one server, over all its lives: what it is told to do wrong in the next one, what it did, and what is left of it
// when the power goes.

import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from '@waldb/testkit';
import type { DiskFault } from './disk-fault.js';
import { type FaultyDisk, forgetJournal, losePower, readFaultsTold, takeFaultsTold } from './faulty-disk.js';

/** A journal that is longer is given up between two lives: by then the system has brought everything to the disk. */
const JOURNAL_BYTES_MAX = 4 * 1024 * 1024;
const FAILURE = / (EIO|ENOSPC|torn)$/;
const KILL = / (kill|killAfter)$/;

export class ServerDisk {
  /** What the server is given as its own. */
  readonly directory: string;
  /** How often each fault took place, in all lives that are over. */
  readonly counts: Record<string, number> = {};
  readonly #disk: FaultyDisk | undefined;
  readonly #root: string;
  readonly #beside: string;
  #planned: readonly DiskFault[] = [];
  /** Faults of the life before this one: it may still be heard of. */
  #before: readonly string[] = [];

  /** Without a `disk` nothing can go wrong with it. */
  constructor(root: string, disk: FaultyDisk | undefined) {
    this.#disk = disk;
    this.#root = root;
    this.#beside = `${root}-beside`;
    this.directory = join(root, 'data');
  }

  /** For the next life only. */
  plan(faults: readonly DiskFault[]): void {
    this.#planned = faults;
  }

  /** A life begins: what its process gets to know. */
  begin(): Record<string, string> {
    mkdirSync(this.#root, { recursive: true });
    if (this.#disk === undefined) return {};
    mkdirSync(this.#beside, { recursive: true });
    this.#before = Object.keys(this.#take());
    const faults = this.#planned;
    this.#planned = [];
    const journal = statSync(join(this.#beside, 'journal'), { throwIfNoEntry: false });
    if ((journal?.size ?? 0) > JOURNAL_BYTES_MAX) forgetJournal(this.#beside);
    return this.#disk.environment({ directory: this.#root, beside: this.#beside, faults, isWatched: true });
  }

  /** Whether a call has failed lately: the server may then stop, or not start. */
  get hasFailed(): boolean {
    return this.#kinds.some((kind) => FAILURE.test(kind));
  }

  /** Whether the process was killed in the middle of a call. */
  get hasKilled(): boolean {
    return this.#kinds.some((kind) => KILL.test(kind));
  }

  get isSlow(): boolean {
    return this.#kinds.some((kind) => kind.endsWith(' slow'));
  }

  /** The process has ended, and with it goes what was not on the disk. Returns how much that was. */
  losePower(random: SeededRandom): number {
    if (!existsSync(this.#root) || this.#disk === undefined) return 0;
    return losePower({ directory: this.#root, beside: this.#beside }, random).lost;
  }

  erase(): void {
    rmSync(this.#root, { recursive: true, force: true });
    if (existsSync(this.#beside)) forgetJournal(this.#beside);
  }

  /** All lives are over. */
  close(): void {
    this.#take();
  }

  get #kinds(): readonly string[] {
    return [...this.#before, ...Object.keys(readFaultsTold(this.#beside))];
  }

  #take(): Record<string, number> {
    const told = takeFaultsTold(this.#beside);
    for (const [kind, times] of Object.entries(told)) this.counts[kind] = (this.counts[kind] ?? 0) + times;
    return told;
  }
}
