// One life of a simulated machine: from its boot to its end. What runs in it gets its callbacks here, one at a time: none
// while the machine is busy or paused, and none ever after its end. After a wait timers come first and then the rest, as
// in a real process that was stopped.

import type { Clock, Timer } from '@waldb/io';
import type { MachineClock } from './machine-clock.js';
import type { Simulation } from './simulation.js';

/** `kill` ends the process, and what was written is still there; `powerLoss` ends the machine, and it is not. */
export type MachineEnding = 'kill' | 'powerLoss';

type CallbackKind = 'timer' | 'input';

interface Held {
  readonly kind: CallbackKind;
  readonly run: () => void;
}

/** One turn of a real event loop, at least; without it a loop that wakes itself would stop time. */
const TURN_MS = 0.004;
/** How much later than asked a timer may come on a machine with nothing else to do. */
const TIMER_LATE_MS = 1;

export class Life {
  readonly #simulation: Simulation;
  readonly #clock: MachineClock;
  readonly #onEnd: ((ending: MachineEnding) => void)[] = [];
  #isOver = false;
  #isPaused = false;
  #busyUntil = 0;
  #isWakingUp = false;
  #held: Held[] = [];

  constructor(simulation: Simulation, clock: MachineClock) {
    this.#simulation = simulation;
    this.#clock = clock;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The world's time as far as this machine has come with what it is doing. */
  get now(): number {
    return Math.max(this.#simulation.now, this.#busyUntil);
  }

  /** What is running takes so much time more. */
  block(milliseconds: number): void {
    this.#busyUntil = this.now + milliseconds;
  }

  /** Runs `run` in this life at a time of the world, or as soon after as the machine comes to it. */
  at(time: number, kind: CallbackKind, run: () => void): void {
    this.#simulation.at(time, () => this.#arrive({ kind, run }));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wakeUp();
  }

  /** Calls back at the end of this life, in the order of these calls. */
  whenOver(callback: (ending: MachineEnding) => void): void {
    this.#onEnd.push(callback);
  }

  end(ending: MachineEnding): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = [];
    for (const callback of this.#onEnd) callback(ending);
  }

  /** The time as a program in this life reads it. */
  clock(): Clock {
    const setTimer = (delayMs: number, callback: () => void): Timer => {
      const lateMs = this.#simulation.random.real(0, TIMER_LATE_MS);
      // What is cancelled is let go of at once: its time may come much later than anybody's else.
      let due = this.#isOver ? undefined : callback;
      this.at(this.now + this.#clock.worldMs(Math.max(delayMs, 0)) + lateMs, 'timer', () => {
        if (due === undefined) this.#simulation.idle();
        else due();
      });
      return {
        cancel: () => {
          due = undefined;
        },
      };
    };
    return {
      now: () => this.#clock.monotonic(this.now),
      date: () => this.#clock.date(this.now),
      setTimer,
      defer: (callback) => this.at(this.now + TURN_MS, 'input', callback),
    };
  }

  #arrive(held: Held): void {
    if (this.#isOver) return this.#simulation.idle();
    const isFree = !this.#isPaused && this.#busyUntil <= this.#simulation.now;
    if (isFree && this.#held.length === 0) return held.run();
    this.#held.push(held);
    this.#simulation.idle();
    if (!this.#isPaused) this.#planWakeUp();
  }

  #planWakeUp(): void {
    if (this.#isWakingUp) return;
    this.#isWakingUp = true;
    this.#simulation.at(this.#busyUntil, () => {
      this.#isWakingUp = false;
      this.#simulation.idle();
      if (!this.#isPaused) this.#wakeUp();
    });
  }

  /** Each of them is an event of its own again: what one sets going is done before the next. */
  #wakeUp(): void {
    const held = this.#held.splice(0);
    const { now } = this.#simulation;
    for (const one of held) if (one.kind === 'timer') this.#simulation.at(now, () => this.#arrive(one));
    for (const one of held) if (one.kind !== 'timer') this.#simulation.at(now, () => this.#arrive(one));
  }
}
