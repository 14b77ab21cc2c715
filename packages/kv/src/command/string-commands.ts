// Commands on string values.

import { negateInteger, parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { SET_OPTION } from '../operation/string-operations.js';
import { ErrorReply, NOT_AN_INTEGER, SYNTAX_ERROR } from '../resp/reply.js';
import type { OperationCommand } from './command.js';

const ONE_KEY = { first: 1, last: 1, step: 1 } as const;

export const STRING_COMMANDS: readonly OperationCommand[] = [
  {
    kind: 'write',
    name: 'set',
    arity: -3,
    group: 'string',
    summary: 'Sets the value of a key: SET key value [NX | XX] [GET].',
    keys: ONE_KEY,
    prepare: prepareSet,
  },
  {
    kind: 'read',
    name: 'get',
    arity: 2,
    group: 'string',
    summary: 'Returns the value of a key.',
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.get, args }),
  },
  counter('incr', 2, 'Adds one to the integer value of a key.', () => '1'),
  counter('decr', 2, 'Subtracts one from the integer value of a key.', () => '-1'),
  counter('incrby', 3, 'Adds to the integer value of a key.', (amount) => amount),
  counter('decrby', 3, 'Subtracts from the integer value of a key.', (amount) => {
    const parsed = parseInteger(amount);
    if (parsed === undefined) return NOT_AN_INTEGER;
    const negative = negateInteger(parsed);
    return negative === undefined ? new ErrorReply('ERR decrement would overflow') : String(negative);
  }),
];

function prepareSet(args: readonly string[]): Operation | ErrorReply {
  if (args.length === 2) return { code: OPERATION.set, args };
  const [key, value, ...words] = args as [string, string, ...string[]]; // the arity was checked
  let options = '';
  for (const word of words) {
    const option = setOption(word);
    if (option === undefined) return SYNTAX_ERROR;
    if (!options.includes(option)) options += option;
  }
  const excludes = options.includes(SET_OPTION.ifAbsent) && options.includes(SET_OPTION.ifPresent);
  if (excludes) return SYNTAX_ERROR;
  return { code: OPERATION.setWithOptions, args: [key, value, options] };
}

function setOption(word: string): string | undefined {
  switch (word.toUpperCase()) {
    case 'NX':
      return SET_OPTION.ifAbsent;
    case 'XX':
      return SET_OPTION.ifPresent;
    case 'GET':
      return SET_OPTION.returnPrevious;
    default:
      return undefined;
  }
}

function counter(
  name: string,
  arity: number,
  summary: string,
  incrementOf: (amount: string) => string | ErrorReply,
): OperationCommand {
  return {
    kind: 'write',
    name,
    arity,
    group: 'string',
    summary,
    keys: ONE_KEY,
    prepare: (args) => {
      const [key, amount = '1'] = args as [string, string?]; // the arity was checked
      const increment = incrementOf(amount);
      if (typeof increment !== 'string') return increment;
      if (parseInteger(increment) === undefined) return NOT_AN_INTEGER;
      return { code: OPERATION.increment, args: [key, increment] };
    },
  };
}
