// A small file system of its own: it can be filled to the last byte, and where it is ext4 on a file, the power can go: what the
// device had been given by then is all that is left, and the kernel mounts that. Only in a mount namespace of our own
// (private-mounts.ts), so that nothing stays mounted, however we end.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '@waldb/testkit';
import { formatExt4, mountExt4 } from './ext4-file.js';

const FILLER = 'filler';
const FILLER_PIECE = Buffer.alloc(64 * 1024, 1);
/** The device is looked at so often until nothing is written to it while it is copied. */
const COPIES_MAX = 200;

export class SmallDisk {
  /** Where it is mounted. */
  readonly directory: string;
  readonly #image: string;
  readonly #kind: 'ext4' | 'tmpfs';
  readonly #options: string;
  readonly #bytes: number;
  #device = '';
  #isMounted = false;

  /** Makes it and mounts it at `directory`, which is made as well. `mayBeExt4`: whether loop devices can be used. */
  constructor(
    directory: string,
    options: { readonly bytes: number; readonly mayBeExt4: boolean; readonly random: SeededRandom },
  ) {
    this.directory = directory;
    this.#image = `${directory}.image`;
    this.#kind = options.mayBeExt4 ? 'ext4' : 'tmpfs';
    this.#bytes = options.bytes;
    this.#options = options.random.pick(['data=ordered', 'data=writeback']);
    fs.mkdirSync(directory, { recursive: true });
    if (this.#kind === 'ext4') formatExt4(this.#image, this.#bytes);
    this.#mount();
  }

  get canLosePower(): boolean {
    return this.#kind === 'ext4';
  }

  get isFull(): boolean {
    return fs.existsSync(this.#filler);
  }

  /** Until not one more byte fits. */
  fill(): void {
    const fd = fs.openSync(this.#filler, 'a');
    try {
      for (const length of [FILLER_PIECE.length, 4096, 1])
        while (hasRoom(() => fs.writeSync(fd, FILLER_PIECE, 0, length) === length));
    } finally {
      fs.closeSync(fd);
    }
  }

  makeRoom(): void {
    fs.rmSync(this.#filler, { force: true });
  }

  /** Everything on it, but not what fills it. */
  erase(): void {
    for (const name of fs.readdirSync(this.directory))
      if (name !== 'lost+found') fs.rmSync(`${this.directory}/${name}`, { recursive: true });
  }

  /** Nobody has a file open on it. What the kernel had not given to the device is lost. */
  async losePower(): Promise<void> {
    const copy = `${this.#image}.copy`;
    await this.#copyQuietly(copy);
    this.unmount();
    fs.renameSync(copy, this.#image);
    this.#mount();
    this.makeRoom();
  }

  unmount(): void {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    execFileSync('umount', [this.directory]);
  }

  get #filler(): string {
    return `${this.directory}/${FILLER}`;
  }

  #mount(): void {
    if (this.#kind === 'tmpfs') {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${this.#bytes}`, 'none', this.directory]);
    } else {
      this.#device = mountExt4(this.#image, this.directory, this.#options);
    }
    this.#isMounted = true;
  }

  /** A copy that was written to meanwhile would be of no moment at all: then another is made. */
  async #copyQuietly(target: string): Promise<void> {
    for (let copies = 0; copies < COPIES_MAX; copies++) {
      const before = this.#written();
      fs.copyFileSync(this.#image, target, fs.constants.COPYFILE_FICLONE);
      if (before !== undefined && before === this.#written()) return;
      await sleep(5);
    }
    throw new Error(`${this.#device} is written to all the time.`);
  }

  /** How much the device was given so far; undefined while it is being given something. */
  #written(): string | undefined {
    const path = `/sys/block/${basename(this.#device)}/stat`;
    const [, , , , writes, , sectors, , inFlight] = fs.readFileSync(path, 'utf8').trim().split(/\s+/);
    return inFlight === '0' ? `${writes} ${sectors}` : undefined;
  }
}

function hasRoom(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false; // reading a property of whatever was thrown
    throw error;
  }
}
