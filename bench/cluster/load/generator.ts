// The load generator as its parent sees it.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { LoadAnswer, LoadReport, LoadTask } from './tasks.js';

const PROGRAM = fileURLToPath(new URL('./load-process.ts', import.meta.url));

export class Generator {
  readonly #child: ChildProcess = fork(PROGRAM);
  readonly #ended: Promise<never> = once(this.#child, 'exit').then(() => {
    throw new Error('The load generator ended.');
  });

  constructor() {
    this.#ended.catch(() => {}); // who waits for an answer hears of it
  }

  async run(task: LoadTask): Promise<LoadReport> {
    const answered = once(this.#child, 'message');
    this.#child.send(task);
    const [answer] = (await Promise.race([answered, this.#ended])) as [LoadAnswer]; // what load-process.ts sends
    if ('failed' in answer) throw new Error(`The load generator: ${answer.failed}`);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended.catch(() => {});
  }
}
