// A process that a transcript has started, with what it has printed. Every wait for it has an end, and says what it was for.

import { type ChildProcess, spawn } from 'node:child_process';

const LOOK_AGAIN_MS = 300;
/** From a signal to the end of the process and of those that it has started, on a busy machine. */
const END_MS = 60_000;

export interface Launch {
  readonly command: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** Into it, from the beginning. */
  readonly typed: string;
}

export class Running {
  /** As somebody typed it. */
  readonly command: string;
  output = '';
  exitCode: number | undefined;
  readonly #child: ChildProcess;
  #wake: () => void = () => undefined;

  constructor({ command, program, args, directory, env, typed }: Launch) {
    this.command = command;
    const child = spawn(program, [...args], { cwd: directory, env });
    this.#child = child;
    child.stdin.on('error', () => undefined); // it has ended without reading: its output says why
    child.stdin.end(typed);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        this.output += text;
        this.#wake();
      });
    }
    child.on('error', (error) => {
      this.output += `${error.message}\n`;
      this.#finish(127);
    });
    // Not at its exit: what it has started writes to the same streams, and has to end as well.
    child.on('close', (code) => this.#finish(code ?? 1));
  }

  #finish(code: number): void {
    this.exitCode ??= code;
    this.#wake();
  }

  /** Until it has ended, or `isEnough`, or the time is over. */
  async until(isEnough: () => boolean, deadline: number): Promise<void> {
    while (this.exitCode === undefined && !isEnough()) {
      const rest = deadline - Date.now();
      if (rest <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(rest, LOOK_AGAIN_MS));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.until(() => false, Date.now() + END_MS);
    if (this.exitCode !== undefined) return;
    this.#child.kill('SIGKILL');
    throw new Error(
      `${END_MS / 1000} s after ${signal} this still runs: ${this.command}\nprinted:\n${this.output}`,
    );
  }
}
