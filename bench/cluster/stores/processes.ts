// Starts the processes of a store and ends them again, and waits for what they need before they serve.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { HOST } from './store.js';

const WAIT_MS = 30_000;
const LOOK_AGAIN_MS = 50;
const KILL_MS = 10_000;
/** USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export class Processes {
  readonly #children: { readonly child: ChildProcess; readonly log: string }[] = [];

  /** What it prints goes to a file in `directory`. */
  start(command: string, words: readonly string[], directory: string): void {
    const log = join(directory, 'output.log');
    const output = openSync(log, 'a');
    const child = spawn(command, words, { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#children.push({ child, log });
  }

  /** The first answer of `ask` that is not undefined; a refused connection counts as none. */
  async until<Answer>(
    what: string,
    ask: () => Promise<Answer | undefined>,
    waitMs: number = WAIT_MS,
  ): Promise<Answer> {
    const end = performance.now() + waitMs;
    for (;;) {
      const answer = await ask().catch(() => undefined); // it does not listen yet
      if (answer !== undefined) return answer;
      for (const { child, log } of this.#children) {
        if (child.exitCode !== null)
          throw new Error(`${what}: a process ended:\n${readFileSync(log, 'utf8').slice(-2000)}`);
      }
      if (performance.now() > end) throw new Error(`${what}: not after ${waitMs} ms.`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  /** What of them is of use to a store. */
  asStore(): { cpuSeconds: () => number | undefined; stop: () => Promise<void> } {
    return { cpuSeconds: () => this.cpuSeconds(), stop: () => this.stop() };
  }

  /** User and system time of all of them so far; undefined where there is no /proc. */
  cpuSeconds(): number | undefined {
    let ticks = 0;
    for (const { child } of this.#children) {
      const ofOne = cpuTicks(child.pid);
      if (ofOne === undefined) return undefined;
      ticks += ofOne;
    }
    return ticks / TICKS_PER_SECOND;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(({ child }) => end(child)));
  }
}

/** utime and stime of proc(5)'s stat: the 14th and 15th field, behind a name that may hold anything but ends with the last parenthesis. */
function cpuTicks(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined; // no Linux
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
  await ended;
  clearTimeout(timer);
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, HOST));
  await Promise.all(probes.map((probe) => probe.listening || once(probe, 'listening')));
  const ports = probes.map((probe) => {
    const address = probe.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

/** The first line that a command prints of its version; undefined where it is not installed. */
export function versionOf(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}
