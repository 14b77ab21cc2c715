// The one dispatcher of a server: decides what is done next, and does nothing itself. Highest first: shutdown, a due
// tick, the server's own events, then messages and client work in turns. Work is done in bounded slices; between two of
// them the machine's timers and sockets have their turn, so that no storm of one kind holds up another. A step's own
// actions are carried out inside the step, before the next event.
//
// Time: one timer, at most one tick owed. A timer that comes late is one tick, however late: a process that slept must
// first hear what its peers have to say before it concludes that they are silent.

import type { Clock, Timer } from '@waldb/io';

/** What the loop calls. None of these may wait for anything. */
export interface LoopTasks {
  tick(): void;
  /** Events of the server itself: durable, unreachable, applied. All that are there. */
  ownEvents(): void;
  /** Handles a bounded number; returns whether more wait. */
  messages(): boolean;
  /** Starts what clients wait for, a bounded number; returns whether more could be started right away. */
  clientWork(): boolean;
  /** What a slice has gathered leaves now: one socket write per peer, one flush of the log. */
  endSlice(): void;
  /** The last call ever. */
  shutdown(): void;
}

export interface EventLoopOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly tasks: LoopTasks;
  /** A tick's timer has rung, so much after its time. */
  readonly onTimer?: (lateMs: number) => void;
}

export class EventLoop {
  readonly #clock: Clock;
  readonly #tasks: LoopTasks;
  readonly #tickMs: number;
  readonly #onTimer: ((lateMs: number) => void) | undefined;
  #timer: Timer | undefined;
  #nextTickAt = 0;
  #isTickDue = false;
  #isPlanned = false;
  #isStopping = false;
  #isStopped = false;

  constructor(options: EventLoopOptions) {
    this.#clock = options.clock;
    this.#tickMs = options.tickMs;
    this.#tasks = options.tasks;
    this.#onTimer = options.onTimer;
  }

  start(): void {
    this.#nextTickAt = this.#clock.now() + this.#tickMs;
    this.#armTimer();
    this.wake();
  }

  /** There is something to do. The first call plans a slice in the next turn; all that comes until then joins it. */
  wake(): void {
    if (this.#isPlanned || this.#isStopped) return;
    this.#isPlanned = true;
    this.#clock.defer(() => this.#slice());
  }

  /** Before anything else that waits, `shutdown` is called; after it, nothing. */
  stop(): void {
    this.#isStopping = true;
    this.#timer?.cancel();
    this.wake();
  }

  #slice(): void {
    this.#isPlanned = false;
    if (this.#isStopped) return;
    if (this.#isStopping) {
      this.#isStopped = true;
      this.#tasks.shutdown();
      return;
    }
    if (this.#isTickDue) {
      this.#isTickDue = false;
      this.#tasks.tick();
    }
    this.#tasks.ownEvents();
    const hasMessages = this.#tasks.messages();
    const hasClientWork = this.#tasks.clientWork();
    this.#tasks.endSlice();
    if (hasMessages || hasClientWork) this.wake();
  }

  #armTimer(): void {
    const delayMs = Math.max(this.#nextTickAt - this.#clock.now(), 0);
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#isTickDue = true;
      // Ticks keep their pace, but those that were missed are not made up for.
      const now = this.#clock.now();
      this.#onTimer?.(Math.max(now - this.#nextTickAt, 0));
      const onPace = this.#nextTickAt + this.#tickMs;
      this.#nextTickAt = onPace > now ? onPace : now + this.#tickMs;
      this.#armTimer();
      this.wake();
    });
  }
}
