// Times to expire as operations carry them: a letter that says how the number is meant, and milliseconds as decimal
// text. Relative times become absolute where they are applied, by logged time: the same on every replica.

import type { Keyspace } from '../state/keyspace.js';
import { NO_TIME } from '../state/ordered-tree.js';

/** `after` counts from logged time, `at` is milliseconds since 1970, `never` takes a time away. */
export const TIME_OPTION = { after: 'p', at: 'P', never: '-' } as const;

/** The latest time there is: the largest safe integer. */
const TIME_MAX = Number.MAX_SAFE_INTEGER;
/** Logged time starts at 0, which is also `NO_TIME`, and a time may be asked for that is before it. */
const TIME_MIN = 1;

/** When a key with these options expires; `NO_TIME` when they say nothing of it. */
export function expiryOf(keyspace: Keyspace, options: string, milliseconds: string): number {
  const number = Number(milliseconds);
  if (options.includes(TIME_OPTION.after)) return within(keyspace.time + number);
  return options.includes(TIME_OPTION.at) ? within(number) : NO_TIME;
}

function within(time: number): number {
  return Math.min(Math.max(time, TIME_MIN), TIME_MAX);
}
