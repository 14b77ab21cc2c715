// Fills one file at a time with zeros in the background, so that a rotation finds a segment ready and pays for a few
// small syncs only. It must never get in the way: small pieces, each synced, with pauses in between, on the thread
// pool; a failure is nobody's failure, it only leaves nothing prepared. It decides nothing: what is wanted is in
// spare-segments.ts.

import {
  type Clock,
  type IoPlan,
  runWithCallbacks,
  type Timer,
  UNPUBLISHED_SUFFIX,
  type Vfs,
  type VfsFile,
} from '@waldb/io';
import { ZEROS } from './new-segment.js';

/**
 * A commit that comes while a piece is being synced waits for it: smaller pieces cost more syncs in all, larger ones
 * longer waits. Without the pauses, commits queue behind piece after piece (docs/durability.md, "Spare segments").
 */
const PACES = [
  { bytes: ZEROS.length, pauseMs: 2 },
  { bytes: ZEROS.length, pauseMs: 1 },
  { bytes: 4 * ZEROS.length, pauseMs: 1 },
] as const;

interface Job {
  readonly path: string;
  readonly bytes: number;
  isAbandoned: boolean;
  pause: { readonly timer: Timer; readonly end: () => void } | undefined;
}

export class Preparer {
  readonly #vfs: Vfs;
  readonly #clock: Clock;
  #job: Job | undefined;
  /** Which of the paces; the first unless commits had to wait. */
  #pace: 0 | 1 | 2 = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(vfs: Vfs, clock: Clock) {
    this.#vfs = vfs;
    this.#clock = clock;
  }

  get isBusy(): boolean {
    return this.#job !== undefined;
  }

  /** Commits are waiting for want of what is prepared here: that costs them more than being slowed down by it. */
  hurry(): void {
    this.#pace = this.#pace === 0 ? 1 : 2;
  }

  /** There is time. */
  relax(): void {
    this.#pace = this.#pace === 2 ? 1 : 0;
  }

  /** Not while busy. `onEnd` hears whether `path` now is a file of so many bytes, all zeros, all on stable storage. */
  start(path: string, bytes: number, onEnd: (isReady: boolean) => void): void {
    const job: Job = { path, bytes, isAbandoned: false, pause: undefined };
    this.#job = job;
    this.#ended = this.#run(job).then((isReady) => {
      this.#job = undefined;
      onEnd(isReady);
    });
  }

  /** Ends what is under way, as soon as its operation has returned, and removes what there is of it. */
  abandon(): void {
    if (this.#job === undefined) return;
    this.#job.isAbandoned = true;
    this.#job.pause?.end();
  }

  /** Abandons, and resolves when nothing is under way any more. */
  stop(): Promise<void> {
    this.abandon();
    return this.#ended;
  }

  async #run(job: Job): Promise<boolean> {
    const temporary = job.path + UNPUBLISHED_SUFFIX;
    let file: VfsFile | undefined;
    try {
      await this.#pause(job);
      if (job.isAbandoned) return false;
      file = this.#vfs.open(temporary, 'create');
      for (let position = 0; position < job.bytes; ) {
        const end = Math.min(position + PACES[this.#pace].bytes, job.bytes);
        await runWithCallbacks(this.#vfs, fillPiecePlan(file, position, end));
        position = end;
        await this.#pause(job);
        if (job.isAbandoned) break;
      }
      if (!job.isAbandoned) {
        file.close();
        // Every piece was synced. The name itself need not be: a crash that takes it takes a file without contents.
        await runWithCallbacks(this.#vfs, renamePlan(temporary, job.path));
        return true;
      }
    } catch {
      // Out of space, or a disk that fails: whoever needs a segment will try, and be told. What a failed sync left is
      // never used, not even after a sync that succeeds: nobody knows which of its bytes arrived.
    }
    if (file !== undefined) await this.#discard(file, temporary);
    return false;
  }

  #pause(job: Job): Promise<void> {
    if (job.isAbandoned) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        job.pause?.timer.cancel();
        job.pause = undefined;
        resolve();
      };
      job.pause = {
        timer: this.#clock.setTimer(PACES[this.#pace].pauseMs, end, { isBackground: true }),
        end,
      };
    });
  }

  async #discard(file: VfsFile, path: string): Promise<void> {
    try {
      file.close();
      await runWithCallbacks(this.#vfs, unlinkPlan(path));
    } catch {
      // It never had a name of the log: the next open removes it.
    }
  }
}

function* fillPiecePlan(file: VfsFile, from: number, end: number): IoPlan {
  for (let position = from; position < end; position += ZEROS.length) {
    const bytes = ZEROS.subarray(0, Math.min(ZEROS.length, end - position));
    yield { type: 'write', file, bytes, position };
  }
  yield { type: 'sync', file };
}

function* renamePlan(from: string, to: string): IoPlan {
  yield { type: 'rename', from, to };
}

function* unlinkPlan(path: string): IoPlan {
  yield { type: 'unlink', path };
}
