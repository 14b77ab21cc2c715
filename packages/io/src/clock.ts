// The time that a server lives by: a monotonic clock, timers, and the turn of the event loop. Everything above takes
// one of these and never asks the machine itself, so that a simulator can decide what time it is.

/** A pending callback. */
export interface Timer {
  /** The callback will not run any more. Harmless when it already ran or was cancelled. */
  cancel(): void;
}

export interface TimerOptions {
  /** For work that nobody waits for: a pending timer does not keep the process alive. Default false. */
  readonly isBackground?: boolean;
}

export interface Clock {
  /** Milliseconds, with a fraction, since an arbitrary point. Never goes back; knows nothing of the date. */
  now(): number;
  /** The date, as the machine believes it: milliseconds since 1970. May be wrong, may jump, may go back. */
  date(): number;
  /** Runs `callback` once, no earlier than `delayMs` from now; how much later is up to the machine. */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
  /** Runs `callback` after the input that is already waiting has been delivered: the next turn of the event loop. */
  defer(callback: () => void): void;
}
