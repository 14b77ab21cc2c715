// Commands on string values, but SET.

import { parseDecimal } from '../operation/decimal.js';
import { TIME_OPTION } from '../operation/expiry-time.js';
import { negateInteger, parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, NOT_A_FLOAT, NOT_AN_INTEGER, type Reply, SYNTAX_ERROR } from '../resp/reply.js';
import { ALL_KEYS, type KeyPlaces, ONE_KEY, type OperationCommand } from './command.js';
import { wrongArity } from './container.js';
import { readTime, type TimeUnit, timeUnit } from './expiry-arguments.js';

const PAIRS: KeyPlaces = { first: 1, last: -1, step: 2 };

interface Row {
  readonly kind: 'read' | 'write';
  readonly name: string;
  readonly arity: number;
  readonly summary: string;
  readonly keys?: KeyPlaces;
  readonly prepare: OperationCommand['prepare'];
  readonly finish?: NonNullable<OperationCommand['finish']>;
  readonly isFast?: boolean;
}

const row = ({ keys = ONE_KEY, ...rest }: Row): OperationCommand => ({ ...rest, keys, group: 'string' });

export const STRING_COMMANDS: readonly OperationCommand[] = [
  row({
    kind: 'read',
    name: 'get',
    isFast: true,
    arity: 2,
    summary: 'Returns the value of a key.',
    prepare: (args) => ({ code: OPERATION.get, args }),
  }),
  row({
    kind: 'write',
    name: 'getdel',
    isFast: true,
    arity: 2,
    summary: 'Returns the value of a key and deletes it.',
    prepare: (args) => ({ code: OPERATION.getAndDelete, args }),
  }),
  row({
    kind: 'write',
    name: 'getex',
    isFast: true,
    arity: -2,
    summary:
      'Returns the value of a key and sets when it expires: GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST].',
    prepare: prepareGetEx,
    finish: finishGetEx,
  }),
  row({
    kind: 'read',
    name: 'mget',
    isFast: true,
    arity: -2,
    summary: 'Returns the values of keys.',
    keys: ALL_KEYS,
    prepare: (args) => ({ code: OPERATION.getMany, args }),
  }),
  row({
    kind: 'write',
    name: 'mset',
    arity: -3,
    summary: 'Sets the values of keys, all at once.',
    keys: PAIRS,
    prepare: (args) => (args.length % 2 === 0 ? { code: OPERATION.setMany, args } : wrongArity('mset')),
  }),
  row({
    kind: 'write',
    name: 'msetnx',
    arity: -3,
    summary: 'Sets the values of keys if none of them is there.',
    keys: PAIRS,
    prepare: (args) =>
      args.length % 2 === 0 ? { code: OPERATION.setManyIfAbsent, args } : wrongArity('msetnx'),
  }),
  row({
    kind: 'write',
    name: 'append',
    isFast: true,
    arity: 3,
    summary: 'Appends to the value of a key; returns the new length.',
    prepare: (args) => ({ code: OPERATION.append, args }),
  }),
  row({
    kind: 'read',
    name: 'strlen',
    isFast: true,
    arity: 2,
    summary: 'Returns the length of the value of a key.',
    prepare: (args) => ({ code: OPERATION.length, args }),
  }),
  ...['getrange', 'substr'].map((name) =>
    row({
      kind: 'read',
      name,
      arity: 4,
      summary: 'Returns a part of the value of a key: first and last position, negative ones from the end.',
      prepare: prepareRange,
    }),
  ),
  row({
    kind: 'write',
    name: 'setrange',
    arity: 4,
    summary: 'Overwrites the value of a key from a position on; returns the new length.',
    prepare: prepareSetRange,
  }),
  counter('incr', 2, 'Adds one to the integer value of a key.', () => '1'),
  counter('decr', 2, 'Subtracts one from the integer value of a key.', () => '-1'),
  counter('incrby', 3, 'Adds to the integer value of a key.', (amount) => amount),
  counter('decrby', 3, 'Subtracts from the integer value of a key.', (amount) => {
    const parsed = parseInteger(amount);
    if (parsed === undefined) return NOT_AN_INTEGER;
    const negative = negateInteger(parsed);
    return negative === undefined ? new ErrorReply('ERR decrement would overflow') : String(negative);
  }),
  row({
    kind: 'write',
    name: 'incrbyfloat',
    isFast: true,
    arity: 3,
    summary: 'Adds to the decimal value of a key.',
    prepare: (args) =>
      parseDecimal(args[1] as string) === undefined // the arity was checked
        ? NOT_A_FLOAT
        : { code: OPERATION.incrementDecimal, args },
  }),
];

// The arities were checked, hence the casts.

function prepareGetEx(args: readonly string[]): Operation | ErrorReply {
  const [key, first, ...rest] = args as [string, string?, ...string[]];
  if (first === undefined) return { code: OPERATION.get, args };
  if (first.toUpperCase() === 'PERSIST' && rest.every((word) => word.toUpperCase() === 'PERSIST')) {
    return { code: OPERATION.getAndExpire, args: [key, TIME_OPTION.never, '0'] };
  }
  const unit = timeUnit(first);
  if (unit === undefined || rest.length !== 1) return SYNTAX_ERROR;
  const time = timeOfGetEx(args, unit);
  // The key is looked for all the same: see `finishGetEx`.
  if (time instanceof ErrorReply) return { code: OPERATION.get, args: [key] };
  return { code: OPERATION.getAndExpire, args: [key, unit.option, time] };
}

/** As Redis has it, a time that cannot be is told only to those whose key is there. */
function finishGetEx(reply: Reply, args: readonly string[]): Reply {
  const unit = timeUnit(args[1] ?? '');
  if (reply === null || unit === undefined) return reply;
  const time = timeOfGetEx(args, unit);
  return time instanceof ErrorReply ? time : reply;
}

function timeOfGetEx(args: readonly string[], unit: TimeUnit): string | ErrorReply {
  return readTime(args[2] as string, { unit, command: 'getex', mayBePast: false });
}

function prepareRange(args: readonly string[]): Operation | ErrorReply {
  const isValid = args.slice(1).every((position) => parseInteger(position) !== undefined);
  return isValid ? { code: OPERATION.range, args } : NOT_AN_INTEGER;
}

function prepareSetRange(args: readonly string[]): Operation | ErrorReply {
  const offset = parseInteger(args[1] as string);
  if (offset === undefined) return NOT_AN_INTEGER;
  return offset < 0 ? new ErrorReply('ERR offset is out of range') : { code: OPERATION.setRange, args };
}

function counter(
  name: string,
  arity: number,
  summary: string,
  incrementOf: (amount: string) => string | ErrorReply,
): OperationCommand {
  return row({
    kind: 'write',
    name,
    isFast: true,
    arity,
    summary,
    prepare: (args) => {
      const [key, amount = '1'] = args as [string, string?];
      const increment = incrementOf(amount);
      if (typeof increment !== 'string') return increment;
      if (parseInteger(increment) === undefined) return NOT_AN_INTEGER;
      return { code: OPERATION.increment, args: [key, increment] };
    },
  });
}
