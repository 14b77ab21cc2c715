// A sync of our own now and then, beside those of the servers: when it takes long, the machine is busy with other things, and
// a server that says that its disk is slow tells the truth.

import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 200;
/** A good deal less than a server waits before it says so: what slows it down seldom hits us as hard. */
const SLOW_MS = 400;
/** What was slow a moment ago is still heard of. */
const ECHO_MS = 20_000;
const BYTES = new Uint8Array(64);

export class MachineProbe {
  readonly #work: Promise<void>;
  readonly #sync: () => Promise<void>;
  #beganAt = performance.now();
  #slowAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  /** `sync`: what is looked at. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
    this.#work = this.#run();
  }

  /** Just now, or a moment ago. */
  get isSlow(): boolean {
    this.#look();
    return performance.now() - this.#slowAt < ECHO_MS;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#work;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#beganAt = performance.now();
      await sleep(PAUSE_MS); // a timer that comes late tells as much
      await this.#sync().catch(() => {
        this.#slowAt = performance.now(); // a disk that fails us is not to be relied on either
      });
      this.#look();
    }
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#beganAt > PAUSE_MS + SLOW_MS) this.#slowAt = now;
  }
}

/** Syncs a small file at `path`. */
export function syncing(path: string): () => Promise<void> {
  return async () => {
    const file = await open(path, 'w');
    try {
      await file.write(BYTES);
      await file.sync();
    } finally {
      await file.close();
    }
  };
}
