// What a call that must be refused says. A call that is not refused, or fails with anything but a RaftError, fails the
// test at once.

import { RaftError } from '../../src/index.js';

/** `CODE: message` of the RaftError that `call` throws. */
export function refusal(call: () => unknown): string {
  const { code, message } = refusedWith(call);
  return `${code}: ${message}`;
}

/** The RaftError itself. */
export function refusedWith(call: () => unknown): RaftError {
  try {
    call();
  } catch (error) {
    if (error instanceof RaftError) return error;
    throw error;
  }
  throw new Error('the call was not refused');
}
