// Writes to stdout without running ahead of its reader, and ends quietly when the reader has seen enough (`| head`).

import { once } from 'node:events';

const CHUNK_CHARS = 64 * 1024;

export class Output {
  #pending = '';
  #isClosed = false;
  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    this.#isClosed = true;
  };

  constructor() {
    process.stdout.on('error', this.#onError);
  }

  /** Whether nobody reads any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  async line(text: string): Promise<void> {
    this.#pending += `${text}\n`;
    if (this.#pending.length >= CHUNK_CHARS) await this.flush();
  }

  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) await this.line(text);
  }

  async flush(): Promise<void> {
    const chunk = this.#pending;
    this.#pending = '';
    if (chunk === '' || this.#isClosed) return;
    const isTaken = process.stdout.write(chunk);
    // A broken pipe is told by an event of its own, and then nothing drains any more.
    if (!isTaken)
      await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]).catch(this.#onError);
    else await new Promise((resolve) => setImmediate(resolve));
  }
}
