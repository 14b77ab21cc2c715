// Commands on keys, whatever their values are.

import { parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, NOT_AN_INTEGER, SYNTAX_ERROR } from '../resp/reply.js';
import { ALL_KEYS, type KeyPlaces, ONE_KEY, type OperationCommand } from './command.js';

const TWO_KEYS: KeyPlaces = { first: 1, last: 2, step: 1 };

interface Row {
  readonly kind: 'read' | 'write';
  readonly name: string;
  readonly arity: number;
  readonly summary: string;
  readonly keys: KeyPlaces | undefined;
  readonly prepare: OperationCommand['prepare'];
  readonly isFast?: boolean;
  readonly risk?: 'dangerous';
}

const row = (given: Row): OperationCommand => ({ ...given, group: 'generic' });

export const KEY_COMMANDS: readonly OperationCommand[] = [
  ...['del', 'unlink'].map((name) =>
    row({
      kind: 'write',
      name,
      isFast: name === 'unlink',
      arity: -2,
      summary: 'Deletes keys; returns how many there were.',
      keys: ALL_KEYS,
      prepare: (args) => ({ code: OPERATION.delete, args }),
    }),
  ),
  ...['exists', 'touch'].map((name) =>
    row({
      kind: 'read',
      name,
      isFast: true,
      arity: -2,
      summary: 'Returns how many of the keys are there.',
      keys: ALL_KEYS,
      prepare: (args) => ({ code: OPERATION.exists, args }),
    }),
  ),
  row({
    kind: 'read',
    name: 'type',
    isFast: true,
    arity: 2,
    summary: "Returns 'string', or 'none' where there is no key.",
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.type, args }),
  }),
  row({
    kind: 'write',
    name: 'rename',
    arity: 3,
    summary: 'Gives a key another name.',
    keys: TWO_KEYS,
    prepare: (args) => ({ code: OPERATION.rename, args }),
  }),
  row({
    kind: 'write',
    name: 'renamenx',
    isFast: true,
    arity: 3,
    summary: 'Gives a key another name that is not there yet.',
    keys: TWO_KEYS,
    prepare: (args) => ({ code: OPERATION.renameIfAbsent, args }),
  }),
  row({
    kind: 'write',
    name: 'copy',
    arity: -3,
    summary: 'Copies a key with its value and time: COPY key target [REPLACE].',
    keys: TWO_KEYS,
    prepare: prepareCopy,
  }),
  row({
    kind: 'read',
    name: 'dbsize',
    isFast: true,
    arity: 1,
    summary: 'Returns the number of keys.',
    keys: undefined,
    prepare: () => ({ code: OPERATION.countKeys, args: [] }),
  }),
  row({
    kind: 'read',
    name: 'randomkey',
    arity: 1,
    summary: 'Returns any key.',
    keys: undefined,
    prepare: (_, server) => ({ code: OPERATION.randomKey, args: [String(server.nextSeed())] }),
  }),
  ...['flushdb', 'flushall'].map((name) =>
    row({
      kind: 'write',
      name,
      risk: 'dangerous',
      arity: -1,
      summary: 'Deletes every key.',
      keys: undefined,
      prepare: prepareFlush,
    }),
  ),
];

function prepareCopy(args: readonly string[]): Operation | ErrorReply {
  const [key, target, ...words] = args as [string, string, ...string[]]; // the arity was checked
  let options = '';
  for (let nth = 0; nth < words.length; nth++) {
    const word = (words[nth] as string).toUpperCase(); // nth < words.length
    if (word === 'REPLACE') options = 'r';
    else if (word === 'DB' && words[nth + 1] === '0') nth += 1;
    else if (word === 'DB' && words[nth + 1] !== undefined) {
      const isNumber = parseInteger(words[nth + 1] as string) !== undefined;
      return isNumber ? new ErrorReply('ERR DB index is out of range') : NOT_AN_INTEGER;
    } else return SYNTAX_ERROR;
  }
  if (key === target) return new ErrorReply('ERR source and destination objects are the same');
  return { code: OPERATION.copy, args: [key, target, options] };
}

/** How it is done is the store's business: both words are taken and change nothing. */
function prepareFlush(args: readonly string[]): Operation | ErrorReply {
  const isKnown = args.length === 0 || (args.length === 1 && /^a?sync$/i.test(args[0] as string));
  return isKnown ? { code: OPERATION.removeAll, args: [] } : SYNTAX_ERROR;
}
