// One server of the soak seen from outside: started, paused, killed and asked. Only ever signals the process that it
// started itself.

import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Program, Run } from '../../packages/wal/test/support/process/program.js';
import type { Answer, LifeEvent, Refusal, Request, ServerPlan } from './protocol.js';

/** The server's answer was no. */
export class RefusedError extends Error {
  override readonly name: string = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.refusal = refusal;
  }
}

/** No answer will come. Whether anything was done is not known, unless the request was never sent. */
export class NoAnswerError extends Error {
  override readonly name: string = 'NoAnswerError';
  readonly wasSent: boolean;

  constructor(wasSent: boolean) {
    super(wasSent ? 'The connection was lost, or no answer came in time.' : 'The server cannot be reached.');
    this.wasSent = wasSent;
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class ServerProcess {
  readonly plan: ServerPlan;
  readonly ended: Promise<string>;
  readonly #run: Run;
  readonly #onEvent: (event: LifeEvent) => void;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #lastNumber = 0;
  #isEnded = false;
  #isPaused = false;
  #isEndWanted = false;

  constructor(options: {
    readonly program: Program;
    readonly plan: ServerPlan;
    readonly environment: Readonly<Record<string, string>>;
    readonly onEvent: (event: LifeEvent) => void;
  }) {
    const { program, plan, environment, onEvent } = options;
    this.plan = plan;
    this.#onEvent = onEvent;
    this.#run = program.start([JSON.stringify(plan)], { environment });
    this.ended = this.#run.ended.then((how) => {
      this.#isEnded = true;
      this.#drop();
      return how;
    });
    void this.#listen();
  }

  get isRunning(): boolean {
    return !this.#isEnded;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether its end was asked for. */
  get isEndWanted(): boolean {
    return this.#isEndWanted;
  }

  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#isEnded) return;
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') this.#isPaused = signal === 'SIGSTOP';
    else this.#isEndWanted = true;
    this.#run.child.kill(signal);
  }

  /** Errors: `RefusedError`, `NoAnswerError`. */
  ask(request: Request, timeoutMs: number): Promise<unknown> {
    const socket = this.#connected();
    if (socket === undefined) return Promise.reject(new NoAnswerError(false));
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(number);
        reject(new NoAnswerError(true));
      }, timeoutMs);
      this.#waiting.set(number, { resolve, reject, timer });
      socket.write(`${JSON.stringify({ number, ...request })}\n`);
    });
  }

  async #listen(): Promise<void> {
    for await (const line of this.#run.lines) this.#onEvent(JSON.parse(line) as LifeEvent); // our own program
  }

  /** A request that finds no connection is answered at once; the connection is there for the next. */
  #connected(): Socket | undefined {
    if (this.#isEnded) return undefined;
    if (this.#socket === undefined) this.#dial();
    return this.#socket?.readyState === 'open' ? this.#socket : undefined;
  }

  #dial(): void {
    const socket = connect({ host: '127.0.0.1', port: this.plan.clientPort, noDelay: true });
    this.#socket = socket;
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      if (this.#socket === socket) this.#drop();
    });
    const lines = createInterface({ input: socket });
    lines.on('line', (line) => this.#hear(JSON.parse(line) as Answer)); // our own program
    lines.on('error', () => {}); // the socket's
  }

  #hear(answer: Answer): void {
    const waiting = this.#waiting.get(answer.number);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.number);
    clearTimeout(waiting.timer);
    if ('refusal' in answer) waiting.reject(new RefusedError(answer.refusal));
    else waiting.resolve(answer.result);
  }

  #drop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new NoAnswerError(true));
    }
    this.#waiting.clear();
  }
}
