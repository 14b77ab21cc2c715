// One server as a child process: started, and started again when it ends by itself, later and later while it keeps
// ending soon.

import { type ChildProcess, spawn } from 'node:child_process';
import { withoutSettings } from './config/effective.js';
import type { ExitCode } from './exit.js';
import { parseSupervisionMessage, SUPERVISED } from './supervision.js';

export interface SupervisedNodeOptions {
  readonly id: number;
  /** The command line behind the entry file. */
  readonly args: readonly string[];
  /** The file that this process was started with; the child is started the same way. */
  readonly entryFile: string;
  readonly onStarted: (node: SupervisedNode) => void;
  readonly onServing: (node: SupervisedNode, term: number) => void;
  /** The process has ended. `failure` is what it said of itself. */
  readonly onExit: (node: SupervisedNode, exit: NodeExit) => void;
}

export interface NodeExit {
  /** "exit code 1" or "SIGKILL". */
  readonly how: string;
  readonly failure: { readonly exitCode: ExitCode; readonly message: string } | undefined;
}

const RESTART_DELAY_MS_MIN = 500;
const RESTART_DELAY_MS_MAX = 10_000;
/** A server that ran this long was well: the next restart is a quick one again. */
const WELL_AFTER_MS = 30_000;

export class SupervisedNode {
  readonly id: number;
  readonly #options: SupervisedNodeOptions;
  #child: ChildProcess | undefined;
  #isStarted = false;
  #spawnedAt = 0;
  #delayMs = RESTART_DELAY_MS_MIN;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: SupervisedNodeOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** Undefined while no process runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Whether clients can connect. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  start(): void {
    const { entryFile, args } = this.#options;
    this.#spawnedAt = performance.now();
    const child = spawn(process.execPath, [...process.execArgv, entryFile, ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...withoutSettings(process.env), [SUPERVISED]: '1' },
    });
    this.#child = child;
    let failure: NodeExit['failure'];
    child.on('message', (value) => {
      const message = parseSupervisionMessage(value);
      if (message?.type === 'failed') failure = message;
      else if (message?.type === 'serving') this.#options.onServing(this, message.term);
      else if (message?.type === 'started') {
        this.#isStarted = true;
        this.#options.onStarted(this);
      }
    });
    let isEnded = false;
    const end = (how: string): void => {
      if (isEnded) return;
      isEnded = true;
      this.#child = undefined;
      this.#isStarted = false;
      this.#options.onExit(this, { how, failure });
    };
    child.on('error', (error) => end(error.message));
    // `close` comes after the channel's last message, unlike `exit`.
    child.on('close', (code, signal) => end(signal ?? `exit code ${code}`));
  }

  /** Starts it again after a pause; returns how long that is. */
  startLater(): number {
    const wasWell = performance.now() - this.#spawnedAt > WELL_AFTER_MS;
    const delayMs = wasWell ? RESTART_DELAY_MS_MIN : this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, RESTART_DELAY_MS_MAX);
    this.#restart = setTimeout(() => this.start(), delayMs);
    return delayMs;
  }

  /** Ends it, or keeps it from being started again. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): void {
    clearTimeout(this.#restart);
    this.#child?.kill(signal);
  }
}
