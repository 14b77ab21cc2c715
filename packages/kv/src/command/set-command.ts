// SET and its relatives: one operation with many options.

import { OPERATION, type Operation } from '../operation/operation.js';
import { SET_OPTION } from '../operation/string-operations.js';
import { ErrorReply, type Reply, SYNTAX_ERROR } from '../resp/reply.js';
import { ONE_KEY, type OperationCommand } from './command.js';
import { readTime, TIME_UNITS, type TimeUnit, timeUnit } from './expiry-arguments.js';

export const SET_COMMANDS: readonly OperationCommand[] = [
  {
    kind: 'write',
    name: 'set',
    arity: -3,
    group: 'string',
    summary:
      'Sets the value of a key: SET key value [NX | XX | IFEQ value] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL].',
    keys: ONE_KEY,
    prepare: prepareSet,
  },
  withTime('setex', TIME_UNITS.EX, 'Sets the value of a key, and when it expires in seconds.'),
  withTime('psetex', TIME_UNITS.PX, 'Sets the value of a key, and when it expires in milliseconds.'),
  {
    kind: 'write',
    name: 'setnx',
    isFast: true,
    arity: 3,
    group: 'string',
    summary: 'Sets the value of a key if it is not there; returns whether it was set.',
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.setWithOptions, args: [...args, SET_OPTION.ifAbsent] }),
    finish: (reply): Reply => (reply === null ? 0 : 1),
  },
  {
    kind: 'write',
    name: 'getset',
    isFast: true,
    arity: 3,
    group: 'string',
    summary: 'Sets the value of a key and returns the one before.',
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.setWithOptions, args: [...args, SET_OPTION.returnPrevious] }),
  },
];

function withTime(name: string, unit: TimeUnit, summary: string): OperationCommand {
  return {
    kind: 'write',
    name,
    arity: 4,
    group: 'string',
    summary,
    keys: ONE_KEY,
    prepare: (args) => {
      const [key, text, value] = args as [string, string, string]; // the arity was checked
      const time = readTime(text, { unit, command: name, mayBePast: false });
      if (time instanceof ErrorReply) return time;
      return { code: OPERATION.setWithOptions, args: [key, value, unit.option, time] };
    },
  };
}

interface SetOptions {
  letters: string;
  unit: TimeUnit | undefined;
  time: string;
  expected: string | undefined;
}

function prepareSet(args: readonly string[]): Operation | ErrorReply {
  if (args.length === 2) return { code: OPERATION.set, args };
  const [key, value, ...words] = args as [string, string, ...string[]]; // the arity was checked
  const options = readOptions(words);
  if (options === undefined) return SYNTAX_ERROR;
  const { letters, unit, expected } = options;
  const milliseconds =
    unit === undefined ? '' : readTime(options.time, { unit, command: 'set', mayBePast: false });
  if (milliseconds instanceof ErrorReply) return milliseconds;
  const all = letters + (unit?.option ?? '');
  if (expected !== undefined) {
    return { code: OPERATION.setWithOptions, args: [key, value, all, milliseconds, expected] };
  }
  const timed = unit === undefined ? [] : [milliseconds];
  return { code: OPERATION.setWithOptions, args: [key, value, all, ...timed] };
}

const FLAGS: Readonly<Record<string, string>> = {
  NX: SET_OPTION.ifAbsent,
  XX: SET_OPTION.ifPresent,
  GET: SET_OPTION.returnPrevious,
  KEEPTTL: SET_OPTION.keepTime,
};

/** Undefined where they contradict each other or themselves. */
function readOptions(words: readonly string[]): SetOptions | undefined {
  const options: SetOptions = { letters: '', unit: undefined, time: '', expected: undefined };
  for (let nth = 0; nth < words.length; nth++) {
    const word = (words[nth] as string).toUpperCase(); // nth < words.length
    const flag = FLAGS[word];
    const unit = timeUnit(word);
    if (flag !== undefined) {
      if (!options.letters.includes(flag)) options.letters += flag;
      continue;
    }
    nth += 1;
    const value = words[nth];
    if (value === undefined) return undefined;
    if (unit !== undefined && (options.unit ?? unit) === unit) {
      options.unit = unit;
      options.time = value;
    } else if (word === 'IFEQ' && options.expected === undefined) {
      options.expected = value;
      options.letters += SET_OPTION.ifEqual;
    } else return undefined;
  }
  const { letters, unit } = options;
  const conditions = [SET_OPTION.ifAbsent, SET_OPTION.ifPresent, SET_OPTION.ifEqual];
  if (conditions.filter((condition) => letters.includes(condition)).length > 1) return undefined;
  return unit !== undefined && letters.includes(SET_OPTION.keepTime) ? undefined : options;
}
