// A stage carries the commands of a transcript out as somebody would who follows the page, on ports and in a directory of its
// own, and compares what they print with the page.
//
// Nothing is asked twice that changes something: a command that looks is asked again until the page is right (a server that
// starts needs a moment), and one that says "not done, and may be next time" (exit code 1). All others are right at once or
// wrong. Every wait ends, and the error has what was awaited beside what was printed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../support/cluster-process.js';
import { type Block, ROOT } from './markdown.js';
import { Running } from './running.js';
import { agrees, masked, type Step, stepsOf } from './transcripts.js';

const PROGRAM = join(ROOT, 'packages/cli/dist/main.js');
/** Of one command, also on a machine that is busy with other things. */
const COMMAND_MS = 120_000;
const LOOK_AGAIN_MS = 300;
/** Ports for so many servers. */
const SERVERS = 9;
/** What is not done now, and may be next time (docs/command-line.md, "Output"). */
const NOT_NOW = 1;

const SERVES = /^waldb (?:serve|cluster)\b/;
/** Those on the port that a page leaves to the default. */
const LISTENS = /^waldb (?:serve|cluster|recover)\b/;
/** Of a cluster, which goes on meanwhile; a file or a log is what it is. */
const LOOKS = /^(?:waldb (?:status|members list)\b|redis-cli .* get )/;

export class Stage {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'waldb-page-'));
  readonly #deadline: number;
  readonly #running = new Map<string, Running>();
  readonly #started: Running[] = [];
  #base = 0;

  private constructor(deadline: number) {
    this.#deadline = deadline;
  }

  /** After `limitMs` it waits for nothing any more, and says what it was waiting for. */
  static async open({ limitMs }: { readonly limitMs: number }): Promise<Stage> {
    const stage = new Stage(Date.now() + limitMs);
    stage.#base = await freePorts(SERVERS);
    return stage;
  }

  /** `mayAlsoPrint` is of lines that a busy machine brings, and the page tells of in words. */
  async play(block: Block, { mayAlsoPrint }: { readonly mayAlsoPrint?: RegExp } = {}): Promise<void> {
    const where = `${block.page}:${block.line}`;
    for (const step of stepsOf(block)) await this.#carryOut({ ...step, where, mayAlsoPrint });
  }

  /** What the page leaves to its reader; it has to succeed. */
  async run(...commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      await this.#carryOut({ command, output: '', where: 'between the blocks', mayAlsoPrint: undefined });
    }
  }

  /** A program that reads what is typed into it; what it has printed in the end. */
  async type(command: string, typed: string): Promise<string> {
    const process = this.#start(command, typed);
    await process.until(() => false, Math.min(this.#deadline, Date.now() + COMMAND_MS));
    return process.output;
  }

  /** What a server that a command of this beginning has started has printed so far. */
  printedBy(command: string): string {
    return this.#runningAs(command).output;
  }

  /** Ends a server that a command of this beginning has started. */
  async stop(command: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const found = this.#runningAs(command);
    this.#running.delete(found.command);
    await found.end(signal);
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((process) => process.end('SIGKILL')));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #runningAs(beginning: string): Running {
    const found = [...this.#running.values()].find(({ command }) => command.startsWith(beginning));
    if (found === undefined) throw new Error(`Nobody has started ${beginning}.`);
    return found;
  }

  async #carryOut(scene: Scene): Promise<void> {
    const { command, output, mayAlsoPrint } = scene;
    const deadline = Math.min(this.#deadline, Date.now() + COMMAND_MS);
    for (let earlier = ''; ; ) {
      const process = this.#start(command);
      const printed = (): string => this.#asOnPage(process.output, mayAlsoPrint);
      if (SERVES.test(command)) {
        await process.until(() => (output === '' ? printed() !== '' : agrees(printed(), output)), deadline);
        if (process.exitCode === undefined) this.#running.set(command, process);
      } else await process.until(() => false, deadline);
      const { exitCode } = process;
      const outcome = { ...scene, printed: printed() || earlier, exitCode };
      if (isAsAwaited(outcome)) return;
      const isAgain = LOOKS.test(command) || (exitCode === NOT_NOW && !SERVES.test(command));
      if (!isAgain || Date.now() > deadline) throw new Error(difference(outcome));
      earlier = printed();
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  #start(command: string, typed = ''): Running {
    const [program = '', ...rest] = this.#asHere(command).split(/ +/);
    const args = [...rest, ...this.#whatPageLeavesOut(command)];
    const env = {
      ...process.env,
      NO_COLOR: '1',
      ...(LISTENS.test(command) ? { WALDB_PORT: String(this.#base) } : {}),
    };
    const isOurs = program === 'waldb';
    const started = new Running({
      command,
      program: isOurs ? process.execPath : program,
      args: isOurs ? [PROGRAM, ...args] : args,
      directory: this.directory,
      env,
      typed,
    });
    this.#started.push(started);
    return started;
  }

  /** Whom commands ask that are not told whom to ask. */
  #whatPageLeavesOut(command: string): string[] {
    if (command.includes('--server')) return [];
    if (/^waldb (?:status|members|snapshot save)/.test(command))
      return ['--server', `127.0.0.1:${this.#base + 200}`];
    return command.startsWith('waldb bench') ? ['--server', `127.0.0.1:${this.#base}`] : [];
  }

  /** The page's ports are 7101 and so on for clients, 7201 for peers, 7301 for operators; another machine is this one, too. */
  #asHere(command: string): string {
    const further = command.includes('10.0.0.9') ? 5 : 0;
    return (
      command
        // As on a terminal, where it shows of which type a reply is.
        .replace(/^redis-cli /, 'redis-cli --no-raw ')
        .replaceAll(/\b10\.0\.0\.[19]\b/g, '127.0.0.1')
        .replaceAll(/\b7([123])0([1-9])\b/g, (port, kind, nth) => {
          const isFurther = further > 0 && port !== '7302';
          return String(this.#base + (Number(kind) - 1) * 100 + Number(nth) - 1 + (isFurther ? further : 0));
        })
    );
  }

  #asOnPage(output: string, mayAlsoPrint: RegExp | undefined): string {
    const lines = output.split('\n').filter((line) => mayAlsoPrint?.test(line) !== true);
    return lines.join('\n').replaceAll(/\b\d{5}\b/g, (port) => {
      const from = Number(port) - this.#base;
      return from >= 0 && from < 300 && from % 100 < SERVERS ? String(7101 + from) : port;
    });
  }
}

interface Scene extends Step {
  readonly where: string;
  readonly mayAlsoPrint: RegExp | undefined;
}

interface Outcome extends Scene {
  readonly printed: string;
  readonly exitCode: number | undefined;
}

/** A server goes on, all others end; where the page shows nothing, they have to succeed. */
function isAsAwaited({ command, output, printed, exitCode }: Outcome): boolean {
  const isServer = SERVES.test(command);
  if (output === '') return exitCode === 0 || (isServer && exitCode === undefined && printed !== '');
  return (isServer || exitCode !== undefined) && agrees(printed, output);
}

function difference({ command, output, where, printed, exitCode }: Outcome): string {
  const end = exitCode === undefined ? 'It has not ended' : `It ended with exit code ${exitCode}`;
  const awaited = output === '' ? 'anything, and success' : masked(output);
  return `${where}: ${command}\n${end}; printed was:\n${masked(printed)}\nawaited:\n${awaited}`;
}
