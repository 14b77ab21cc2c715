// OBJECT and MEMORY USAGE: what tools ask about single keys. There are no objects here: encodings are those that Redis would
// choose for the same bytes, and what is not kept (times of use) is refused.

import { parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, NOT_AN_INTEGER, OK, type Reply, SYNTAX_ERROR, VerbatimReply } from '../resp/reply.js';
import type { Command, KeyPlaces } from './command.js';
import { container, type ReadRow } from './container.js';

const SECOND_WORD: KeyPlaces = { first: 2, last: 2, step: 1 };
/** Redis keeps strings up to this length beside their header. */
const EMBEDDED_BYTES_MAX = 44;
/** What a key takes here beside its own bytes and its value's: docs/store.md says how it was measured. */
const KEY_OVERHEAD_BYTES = 66;

const NO_IDLE_TIME = new ErrorReply('ERR no time of last use is kept here');
const NO_FREQUENCY = new ErrorReply(
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
);

/** Asks for the value, and answers with something about it; nil where there is no key. */
function about(row: {
  readonly name: string;
  readonly arity: number;
  readonly summary: string;
  readonly category: string;
  readonly prepare?: (args: readonly string[]) => Operation | ErrorReply;
  readonly answer: (value: string, key: string) => Reply;
}): ReadRow {
  const {
    answer,
    prepare = ([key]): Operation => ({ code: OPERATION.get, args: [key as string] }),
    ...rest
  } = row;
  return {
    ...rest,
    keys: SECOND_WORD,
    prepare,
    finish: (value, [key]) => (typeof value === 'string' ? answer(value, key as string) : null),
  };
}

function encodingOf(value: string): string {
  if (parseInteger(value) !== undefined) return 'int';
  return value.length <= EMBEDDED_BYTES_MAX ? 'embstr' : 'raw';
}

function prepareUsage(args: readonly string[]): Operation | ErrorReply {
  const [key, word, samples] = args as [string, string?, string?]; // the arity was checked
  if (word !== undefined) {
    if (word.toUpperCase() !== 'SAMPLES' || samples === undefined || args.length > 3) return SYNTAX_ERROR;
    const number = parseInteger(samples);
    if (number === undefined) return NOT_AN_INTEGER;
    if (number < 0) return SYNTAX_ERROR;
  }
  return { code: OPERATION.get, args: [key] };
}

export const OBJECT_COMMANDS: readonly Command[] = [
  container({
    name: 'object',
    group: 'generic',
    summary: 'Tells what tools ask about the value of a key.',
    category: 'keyspace',
    subcommands: [
      about({
        name: 'encoding',
        arity: 3,
        summary: 'How Redis would keep the value: int, embstr or raw.',
        category: 'keyspace',
        answer: encodingOf,
      }),
      about({
        name: 'refcount',
        arity: 3,
        summary: 'Always 1 for a key that is there.',
        category: 'keyspace',
        answer: () => 1,
      }),
      about({
        name: 'idletime',
        arity: 3,
        summary: 'Refused: no time of last use is kept.',
        category: 'keyspace',
        answer: () => NO_IDLE_TIME,
      }),
      about({
        name: 'freq',
        arity: 3,
        summary: 'Refused: uses are not counted.',
        category: 'keyspace',
        answer: () => NO_FREQUENCY,
      }),
    ],
  }),
  container({
    name: 'memory',
    group: 'server',
    summary: 'Tells how much memory keys take.',
    subcommands: [
      about({
        name: 'usage',
        arity: -3,
        summary: 'Bytes that a key and its value take, about: MEMORY USAGE key [SAMPLES n].',
        category: '',
        prepare: prepareUsage,
        answer: (value, key) => KEY_OVERHEAD_BYTES + key.length + value.length,
      }),
      {
        name: 'doctor',
        arity: 2,
        summary: 'Says where to look.',
        run: () => new VerbatimReply('Nothing is diagnosed here. INFO memory has the numbers.\n'),
      },
      {
        name: 'purge',
        arity: 2,
        summary: 'Changes nothing: the garbage collector gives memory back.',
        run: () => OK,
      },
    ],
  }),
];
