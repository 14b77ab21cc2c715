// Times as clients write them: seconds or milliseconds, from now or since 1970. Operations take milliseconds
// (operation/expiry-time.ts).

import { TIME_OPTION } from '../operation/expiry-time.js';
import { parseInteger } from '../operation/integer.js';
import { ErrorReply, NOT_AN_INTEGER } from '../resp/reply.js';

export interface TimeUnit {
  readonly option: (typeof TIME_OPTION)['after' | 'at'];
  readonly milliseconds: 1 | 1000;
}

export const TIME_UNITS: Readonly<Record<'EX' | 'PX' | 'EXAT' | 'PXAT', TimeUnit>> = {
  EX: { option: TIME_OPTION.after, milliseconds: 1000 },
  PX: { option: TIME_OPTION.after, milliseconds: 1 },
  EXAT: { option: TIME_OPTION.at, milliseconds: 1000 },
  PXAT: { option: TIME_OPTION.at, milliseconds: 1 },
};

/** The unit that an option's word names. */
export function timeUnit(word: string): TimeUnit | undefined {
  // The record is asked for any word here.
  return (TIME_UNITS as Readonly<Record<string, TimeUnit | undefined>>)[word.toUpperCase()];
}

interface TimeRules {
  readonly unit: TimeUnit;
  /** Named in the error. */
  readonly command: string;
  /** Whether times that have passed are taken too: the key goes. */
  readonly mayBePast: boolean;
}

/** Milliseconds as decimal text. Beyond the safe integers there are no times here. */
export function readTime(text: string, { unit, command, mayBePast }: TimeRules): string | ErrorReply {
  const number = parseInteger(text);
  if (number === undefined) return NOT_AN_INTEGER;
  const milliseconds = Number(number) * unit.milliseconds;
  if (!Number.isSafeInteger(milliseconds) || (milliseconds <= 0 && !mayBePast)) {
    return new ErrorReply(`ERR invalid expire time in '${command}' command`);
  }
  return String(milliseconds);
}
