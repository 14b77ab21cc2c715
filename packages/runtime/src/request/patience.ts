// How long callers wait: until an abort, or until a moment. What they waited for goes on or is taken back by its owner;
// here only the waiting ends.

import type { Clock } from '@waldb/io';
import { RuntimeError } from '../runtime-error.js';

export function abortedError(signal: AbortSignal, mayHaveBeenApplied: boolean): RuntimeError {
  return new RuntimeError('ABORTED', 'The caller stopped waiting.', {
    mayHaveBeenApplied,
    cause: signal.reason,
  });
}

/** Calls back when `signal` is aborted, which it is not yet; what is returned takes that back. Undefined without a signal. */
export function whenAborted(signal: AbortSignal | undefined, callback: () => void): (() => void) | undefined {
  if (signal === undefined) return undefined;
  signal.addEventListener('abort', callback, { once: true });
  return () => signal.removeEventListener('abort', callback);
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * What `work` comes to, unless the caller's patience ends first: then `TIMEOUT` or `ABORTED`, and the work goes on
 * without a listener.
 */
export function patiently<Value>(work: Promise<Value>, options: WaitOptions): Promise<Value> {
  const { clock, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const giveUp = (error: RuntimeError) => {
      end();
      reject(error);
    };
    const unwatch = whenAborted(signal, () => {
      if (signal !== undefined) giveUp(abortedError(signal, true));
    });
    const timer = clock.setTimer(timeoutMs, () => {
      giveUp(new RuntimeError('TIMEOUT', 'It was not done in time.', { mayHaveBeenApplied: true }));
    });
    const end = () => {
      timer.cancel();
      unwatch?.();
    };
    if (signal?.aborted) giveUp(abortedError(signal, true));
    work.finally(end).then(resolve, reject);
  });
}
