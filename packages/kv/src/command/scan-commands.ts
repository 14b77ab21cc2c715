// SCAN and KEYS. The cursor of SCAN is a number that stands for the key to go on from; this server keeps the newest of
// them (server/cursors.ts), since clients hold cursors for 64-bit numbers and a key does not fit one.

import { PATTERN_CHARACTERS_MAX } from '../operation/glob.js';
import { parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { SCAN_COUNT_MAX } from '../operation/scan-operations.js';
import { ErrorReply, NOT_AN_INTEGER, type Reply, SYNTAX_ERROR } from '../resp/reply.js';
import type { OperationCommand } from './command.js';
import type { ServerView } from './command-context.js';

const DEFAULT_COUNT = 10;
const PATTERN_TOO_LONG = new ErrorReply(
  `ERR a pattern may have ${PATTERN_CHARACTERS_MAX} characters at most`,
);
const UNKNOWN_CURSOR = new ErrorReply('ERR this cursor is not known here any more: begin again with 0');

export const SCAN_COMMANDS: readonly OperationCommand[] = [
  {
    kind: 'read',
    name: 'scan',
    arity: -2,
    group: 'generic',
    summary: 'Goes through the keys in order: SCAN cursor [MATCH pattern] [COUNT n] [TYPE type].',
    keys: undefined,
    prepare: prepareScan,
    finish: finishScan,
  },
  {
    kind: 'read',
    name: 'keys',
    risk: 'dangerous',
    arity: 2,
    group: 'generic',
    summary: 'Returns all keys that match a pattern. Holds up everything else while it looks.',
    keys: undefined,
    prepare: (args) =>
      (args[0] as string).length > PATTERN_CHARACTERS_MAX // the arity was checked
        ? PATTERN_TOO_LONG
        : { code: OPERATION.listKeys, args },
  },
];

interface ScanOptions {
  readonly pattern: string;
  readonly count: number;
  /** Whether another type than that of all keys is asked for. */
  readonly isOtherType: boolean;
}

function prepareScan(args: readonly string[], server: ServerView): Operation | ErrorReply {
  const [cursor, ...words] = args as [string, ...string[]]; // the arity was checked
  if (!/^\d{0,20}$/.test(cursor)) return new ErrorReply('ERR invalid cursor');
  const options = readOptions(words);
  if (options instanceof ErrorReply) return options;
  const begin = cursor === '0' || cursor === '' ? '' : server.cursors.keyOf(cursor);
  if (begin === undefined) return UNKNOWN_CURSOR;
  return { code: OPERATION.scan, args: [begin, options.pattern, String(options.count)] };
}

function readOptions(words: readonly string[]): ScanOptions | ErrorReply {
  let pattern = '*';
  let count = DEFAULT_COUNT;
  let isOtherType = false;
  for (let nth = 0; nth < words.length; nth += 2) {
    const word = (words[nth] as string).toUpperCase(); // nth < words.length
    const value = words[nth + 1];
    if (value === undefined) return SYNTAX_ERROR;
    if (word === 'MATCH') pattern = value;
    else if (word === 'TYPE') isOtherType = value.toLowerCase() !== 'string';
    else if (word === 'COUNT') {
      const number = parseInteger(value);
      if (number === undefined) return NOT_AN_INTEGER;
      if (number < 1) return SYNTAX_ERROR;
      count = Math.min(Number(number), SCAN_COUNT_MAX);
    } else return SYNTAX_ERROR;
  }
  return pattern.length > PATTERN_CHARACTERS_MAX ? PATTERN_TOO_LONG : { pattern, count, isOtherType };
}

function finishScan(reply: Reply, args: readonly string[], server: ServerView): Reply {
  const [next, keys] = reply as readonly [string | null, Reply]; // what a scan operation answers
  const options = readOptions(args.slice(1));
  const isOtherType = !(options instanceof ErrorReply) && options.isOtherType;
  return [next === null ? '0' : server.cursors.add(next), isOtherType ? [] : keys];
}
