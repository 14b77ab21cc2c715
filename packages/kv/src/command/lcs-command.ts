// LCS: the longest common subsequence of two values. Its cost is the product of both lengths, so that is bounded.

import { parseInteger } from '../operation/integer.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, MapReply, NOT_AN_INTEGER, type Reply, SYNTAX_ERROR } from '../resp/reply.js';
import type { OperationCommand } from './command.js';

/** Product of the lengths: some ten milliseconds, and four bytes each. */
export const LCS_CELLS_MAX = 4_000_000;

const TOO_LONG = new ErrorReply(
  `ERR LCS would have to compare more than ${LCS_CELLS_MAX} pairs of bytes: the values are too long`,
);
const CONTRADICTION = new ErrorReply('ERR If you want both the length and indexes, please just use IDX.');

export const LCS_COMMAND: OperationCommand = {
  kind: 'read',
  name: 'lcs',
  arity: -3,
  group: 'string',
  summary: 'The longest common subsequence: LCS key key [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN].',
  keys: { first: 1, last: 2, step: 1 },
  prepare: prepareLcs,
  finish: finishLcs,
};

interface LcsOptions {
  answer: 'text' | 'length' | 'ranges';
  minLength: number;
  hasLengths: boolean;
}

function prepareLcs(args: readonly string[]): Operation | ErrorReply {
  const options = readOptions(args.slice(2));
  if (options instanceof ErrorReply) return options;
  return { code: OPERATION.getMany, args: args.slice(0, 2) };
}

function readOptions(words: readonly string[]): LcsOptions | ErrorReply {
  const options: LcsOptions = { answer: 'text', minLength: 0, hasLengths: false };
  let isLength = false;
  for (let nth = 0; nth < words.length; nth++) {
    const word = (words[nth] as string).toUpperCase(); // nth < words.length
    const value = words[nth + 1];
    if (word === 'LEN') isLength = true;
    else if (word === 'IDX') options.answer = 'ranges';
    else if (word === 'WITHMATCHLEN') options.hasLengths = true;
    else if (word === 'MINMATCHLEN' && value !== undefined) {
      const number = parseInteger(value);
      if (number === undefined) return NOT_AN_INTEGER;
      options.minLength = Math.max(0, Number(number));
      nth += 1;
    } else return SYNTAX_ERROR;
  }
  if (isLength && options.answer === 'ranges') return CONTRADICTION;
  if (isLength) options.answer = 'length';
  return options;
}

function finishLcs(reply: Reply, args: readonly string[]): Reply {
  const [a, b] = (reply as readonly (string | null)[]).map((value) => value ?? '') as [string, string]; // two keys
  const options = readOptions(args.slice(2));
  if (options instanceof ErrorReply) return options;
  if ((a.length + 1) * (b.length + 1) > LCS_CELLS_MAX) return TOO_LONG;
  const { text, ranges } = walkBack(a, b, lengthsOf(a, b));
  if (options.answer === 'text') return text;
  if (options.answer === 'length') return text.length;
  const matches = ranges
    .filter(({ length }) => length >= options.minLength)
    .map(({ inA, inB, length }): Reply => {
      const both: Reply[] = [
        [inA, inA + length - 1],
        [inB, inB + length - 1],
      ];
      return options.hasLengths ? [...both, length] : both;
    });
  return new MapReply([
    ['matches', matches],
    ['len', text.length],
  ]);
}

/** For each pair of beginnings how long their subsequence is, in rows of `b.length + 1`. */
function lengthsOf(a: string, b: string): Uint32Array {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let row = 1; row <= a.length; row++) {
    for (let column = 1; column <= b.length; column++) {
      const at = row * width + column;
      lengths[at] =
        a.charCodeAt(row - 1) === b.charCodeAt(column - 1)
          ? (lengths[at - width - 1] as number) + 1
          : Math.max(lengths[at - width] as number, lengths[at - 1] as number); // all inside of the table
    }
  }
  return lengths;
}

interface Range {
  inA: number;
  inB: number;
  length: number;
}

/** From the ends to the beginnings, as Redis does: among subsequences of the same length it finds the same one. */
function walkBack(a: string, b: string, lengths: Uint32Array): { text: string; ranges: Range[] } {
  const width = b.length + 1;
  const found: string[] = [];
  const ranges: Range[] = [];
  let [row, column] = [a.length, b.length];
  while (row > 0 && column > 0) {
    if (a.charCodeAt(row - 1) === b.charCodeAt(column - 1)) {
      row -= 1;
      column -= 1;
      found.push(a.charAt(row));
      const last = ranges.at(-1);
      if (last !== undefined && last.inA === row + 1 && last.inB === column + 1) {
        last.inA = row;
        last.inB = column;
        last.length += 1;
      } else ranges.push({ inA: row, inB: column, length: 1 });
    } else if (
      (lengths[(row - 1) * width + column] as number) > (lengths[row * width + column - 1] as number)
    ) {
      row -= 1;
    } else column -= 1;
  }
  return { text: found.reverse().join(''), ranges };
}
