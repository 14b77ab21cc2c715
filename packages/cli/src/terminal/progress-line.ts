// A line that tells how far a long job has come: on a terminal only, written over, and gone in the end.

import type { WriteStream } from 'node:tty';
import { formatBytes } from './quantities.js';

export interface Progress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

const PROGRESS_MS = 100;

/** A line on stderr; nothing at all when stderr is no terminal. */
export class ProgressLine {
  readonly #stream: Pick<WriteStream, 'isTTY' | 'write'>;
  readonly #verb: string;
  #shownAt = 0;
  #isShown = false;

  constructor(verb: string, stream: Pick<WriteStream, 'isTTY' | 'write'> = process.stderr) {
    this.#verb = verb;
    this.#stream = stream;
  }

  /** To be awaited now and then: signals are heard meanwhile. */
  readonly update = async ({ bytesDone, bytesTotal }: Progress): Promise<void> => {
    const now = performance.now();
    if (now - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = now;
    const percent = bytesTotal === 0 ? 100 : Math.floor((Math.min(bytesDone, bytesTotal) * 100) / bytesTotal);
    this.show(`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)} (${percent} %)`);
    await new Promise((resolve) => setImmediate(resolve));
  };

  /** Writes over what was shown before. */
  show(how: string): void {
    if (!this.#stream.isTTY) return;
    this.#stream.write(`\r\u001b[K${this.#verb} ${how}`);
    this.#isShown = true;
  }

  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }
}
