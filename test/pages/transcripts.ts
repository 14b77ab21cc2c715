// Transcripts: what stands behind `$ ` on a page, and what it prints. A stage carries the commands out as somebody would
// who follows the page, on ports and in a directory of its own, and compares what they print with the page.
//
// Compared are words. Numbers that differ from run to run (indexes, sizes, times, ids, process ids) are masked on both sides;
// names, addresses, columns, states and sentences are not. A line of the page that is only an ellipsis stands for any lines.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/cluster-process.js';
import { type Block, ROOT } from './markdown.js';

const PROGRAM = join(ROOT, 'packages/cli/dist/main.js');
/** Of one command, also on a machine that is busy with other things. */
const WAIT_MS = 180_000;
const LOOK_AGAIN_MS = 300;
/** Ports for so many servers. */
const SERVERS = 9;

export interface Step {
  readonly command: string;
  /** What the page shows of its output. */
  readonly output: string;
}

export function stepsOf({ text }: Block): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.replaceAll(/ \\\n\s*/g, ' ').split('\n');
      return { command: command.replace(/ {2,}#.*$/, ''), output: lines.join('\n').trim() };
    });
}

/** Text in which only what the page promises is left. */
export function masked(text: string): string {
  const lines = text
    .replaceAll(/\b[0-9a-f]{32}\b|\b[0-9a-f]{4,}…/g, '<id>')
    .replaceAll(/leader=\d+ pids=[\d:,]+/g, 'leader=<id> pids=<pids>')
    .replaceAll(/\b\d[\d.,]* (?:B|KiB|MiB|GiB)(?!\w)/g, '<size>')
    .replaceAll(/\b\d[\d.,]* (?:us|ms|s|min|h|d)(?!\w)/g, '<time>')
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .filter((line) => line !== '');
  return lines
    .map((line) => line.replaceAll(/(?<=^| |\()(?<!servers? )\d[\d,]*(?=$|[ ;.,)])(?!\.\d)/gi, '#'))
    .join('\n');
}

/** Whether `shown`, with its ellipses, is what was printed. */
export function agrees(printed: string, shown: string): boolean {
  const pattern = masked(shown)
    .split('\n')
    .map((line) =>
      /^(?:…|\.\.\.)$/.test(line) ? '(?:.*\\n)*?' : `${line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
    );
  return new RegExp(`^${pattern.join('')}$`).test(`${masked(printed)}\n`);
}

export class Stage {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'waldb-page-'));
  readonly #running = new Map<string, Running>();
  readonly #started: Running[] = [];
  #base = 0;

  static async open(): Promise<Stage> {
    const stage = new Stage();
    stage.#base = await freePorts(SERVERS);
    return stage;
  }

  async play(block: Block): Promise<void> {
    for (const step of stepsOf(block)) await this.#carryOut(step, `${block.page}:${block.line}`);
  }

  /** What the page leaves to its reader; it has to succeed. */
  async run(...commands: readonly string[]): Promise<void> {
    for (const command of commands) await this.#carryOut({ command, output: '' }, 'between the blocks');
  }

  /** What a server that a command of this beginning has started has printed so far. */
  printedBy(command: string): string {
    return [...this.#running].find(([one]) => one.startsWith(command))?.[1].output ?? '';
  }

  /** Ends a server that a command of this beginning has started. */
  async stop(command: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const [found] = [...this.#running].filter(([one]) => one.startsWith(command));
    if (found === undefined) throw new Error(`Nobody has started ${command}.`);
    this.#running.delete(found[0]);
    await found[1].end(signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((process) => process.end('SIGKILL')));
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #carryOut({ command, output }: Step, where: string): Promise<void> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const process = this.#start(command);
      this.#started.push(process);
      const isServer = /^waldb (?:serve|cluster) /.test(command);
      const printed = (): string => this.#asOnPage(process.output);
      if (isServer) {
        await process.until(() => (output === '' ? printed() !== '' : agrees(printed(), output)), end);
        if (process.exitCode === undefined) this.#running.set(command, process);
      } else await process.until(() => false, end);
      const isDone = output === '' ? isServer || process.exitCode === 0 : agrees(printed(), output);
      if (isDone) return;
      // What is asked may need a moment: a server that is elected, or catches up.
      if (Date.now() > end || isServer) {
        throw new Error(
          `${where}: ${command}\nprinted:\n${masked(printed())}\non the page:\n${masked(output)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  #start(command: string): Running {
    const words = this.#asHere(command).split(/ +/);
    const [program = '', ...rest] = words;
    const args = [...rest, ...this.#serverFor(command)];
    const env = { ...process.env, WALDB_PORT: String(this.#base), NO_COLOR: '1' };
    const options = { cwd: this.directory, env } as const;
    return new Running(
      program === 'waldb'
        ? spawn(process.execPath, [PROGRAM, ...args], options)
        : spawn(program, args, options),
    );
  }

  /** Where commands ask whom they are not told to ask: what the page leaves to the default. */
  #serverFor(command: string): string[] {
    if (command.includes('--server')) return [];
    if (/^waldb (?:status|members|snapshot save)/.test(command))
      return ['--server', `127.0.0.1:${this.#base + 200}`];
    return command.startsWith('waldb bench') ? ['--server', `127.0.0.1:${this.#base}`] : [];
  }

  /** The page's ports are 7101 and so on for clients, 7201 for peers, 7301 for operators; another machine is this one, too. */
  #asHere(command: string): string {
    const further = command.includes('10.0.0.9') ? 5 : 0;
    return command
      .replaceAll('10.0.0.9', '127.0.0.1')
      .replaceAll(/\b7([123])0([1-9])\b/g, (port, kind, nth) => {
        const isFurther = further > 0 && port !== '7302';
        return String(this.#base + (Number(kind) - 1) * 100 + Number(nth) - 1 + (isFurther ? further : 0));
      });
  }

  #asOnPage(printed: string): string {
    return printed.replaceAll(/\b\d{5}\b/g, (port) => {
      const from = Number(port) - this.#base;
      return from >= 0 && from < 300 && from % 100 < SERVERS ? String(7101 + from) : port;
    });
  }
}

class Running {
  output = '';
  exitCode: number | undefined;
  readonly #child: ChildProcess;
  #wake: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdin?.end();
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        this.output += text;
        this.#wake();
      });
    }
    child.on('error', () => this.#finish(127));
    child.on('close', (code) => this.#finish(code ?? 1));
  }

  #finish(code: number): void {
    this.exitCode = code;
    this.#wake();
  }

  /** Until it has ended, or `isEnough`, or the time is over. */
  async until(isEnough: () => boolean, end: number): Promise<void> {
    while (this.exitCode === undefined && !isEnough() && Date.now() < end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, LOOK_AGAIN_MS);
      });
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.until(() => false, Number.POSITIVE_INFINITY);
  }
}
