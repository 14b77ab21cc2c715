// The disk of one server, over all its lives: what it is told to do wrong in the next one, what it did, and what is left of it
// when the power goes. Either a directory with the faulty disk's library in front of it, or a small file system.

import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from '@waldb/testkit';
import type { PowerImage } from '../../../packages/wal/test/support/process/power-image.js';
import type { SmallDisk } from '../small-disk/small-disk.js';
import type { DiskFault } from './disk-fault.js';
import { type FaultyDisk, forgetJournal, losePower, readFaultsTold, takeFaultsTold } from './faulty-disk.js';

/** A journal that is longer is given up between two lives: by then the system has brought everything to the disk. */
const JOURNAL_BYTES_MAX = 4 * 1024 * 1024;
const ECHO_MS = 10_000;
const FAILURE = / (EIO|ENOSPC|torn)$/;
const KILL = / (kill|killAfter)$/;

export class ServerDisk {
  /** What the server is given as its own. */
  readonly directory: string;
  /** How often each fault took place, in all lives that are over. */
  readonly counts: Record<string, number> = {};
  readonly #disk: FaultyDisk | undefined;
  readonly #small: SmallDisk | undefined;
  readonly #root: string;
  readonly #beside: string;
  #planned: readonly DiskFault[] = [];
  #roomMadeAt = Number.NEGATIVE_INFINITY;
  /** Faults of the life before this one: it may still be heard of. */
  #before: readonly string[] = [];

  /** Of these at most one; with neither, nothing can go wrong with it. A small disk is mounted at `root`. */
  constructor(
    root: string,
    { disk, small }: { readonly disk?: FaultyDisk | undefined; readonly small?: SmallDisk | undefined },
  ) {
    this.#disk = disk;
    this.#small = small;
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
    this.end();
    const faults = this.#planned;
    this.#planned = [];
    const journal = statSync(join(this.#beside, 'journal'), { throwIfNoEntry: false });
    if ((journal?.size ?? 0) > JOURNAL_BYTES_MAX) forgetJournal(this.#beside);
    return this.#disk.environment({ directory: this.#root, beside: this.#beside, faults, isWatched: true });
  }

  /** The life is over: which faults took place in it, by `<operation> <what>`. */
  end(): Record<string, number> {
    const told = this.#take();
    this.#before = Object.keys(told);
    return told;
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

  get canFill(): boolean {
    return this.#small !== undefined;
  }

  get canLosePower(): boolean {
    return this.#disk !== undefined || this.#small?.canLosePower === true;
  }

  /** Full, or a moment ago: what was refused for that is still heard of. */
  get hasBeenFull(): boolean {
    return this.#small?.isFull === true || performance.now() - this.#roomMadeAt < ECHO_MS;
  }

  /** From now on nothing more can be written that takes space. */
  fill(): void {
    this.#small?.fill();
  }

  makeRoom(): void {
    this.#small?.makeRoom();
    this.#roomMadeAt = performance.now();
  }

  /** The process has ended, and with it goes what was not on the disk: sectors and names. */
  async losePower(random: SeededRandom): Promise<PowerImage> {
    if (this.#small?.canLosePower === true) await this.#small.losePower();
    else if (existsSync(this.#root) && this.#disk !== undefined)
      return losePower({ directory: this.#root, beside: this.#beside }, random);
    return { atRisk: 0, lost: 0 }; // of a file system, only the kernel knows
  }

  /** The system has brought everything to the disk by itself. */
  settle(): void {
    if (existsSync(this.#beside)) forgetJournal(this.#beside);
  }

  erase(): void {
    if (this.#small !== undefined) {
      this.#small.erase();
      return;
    }
    rmSync(this.#root, { recursive: true, force: true });
    this.settle();
  }

  /** All lives are over. */
  close(): void {
    this.#take();
    this.#small?.unmount();
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
