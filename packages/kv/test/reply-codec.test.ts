import { describe, expect, it } from 'vitest';
import { ErrorReply, MapReply, type Reply, SetReply, StatusReply, VerbatimReply } from '../src/resp/reply.js';
import { entryReplies } from '../src/state/reply-codec.js';

describe('replies kept for sessions', () => {
  it.each<[string, Reply]>([
    ['nil', null],
    ['any bytes as latin1', Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')],
    ['an integer', -42],
    ['a large integer', 2n ** 63n - 1n],
    ['a status', new StatusReply('OK')],
    ['an error', new ErrorReply('ERR no')],
    ['a text', new VerbatimReply('hello')],
    ['an empty array', []],
    ['a nested array', ['a', ['b', null, [1]]]],
    [
      'a map',
      new MapReply([
        ['a', 1],
        [new StatusReply('b'), ['c']],
      ]),
    ],
    ['a set', new SetReply(['a', 'b'])],
  ])('%s comes back as it was', (_name, reply) => {
    expect(entryReplies.decode(entryReplies.encode([reply, 'next']))).toEqual([reply, 'next']);
  });
});
