// Replies as bytes, in both versions of the protocol.

import { expect, it } from 'vitest';
import { encodeReply } from '../src/resp/encode-reply.js';
import {
  ErrorReply,
  MapReply,
  OK,
  type Reply,
  SetReply,
  StatusReply,
  VerbatimReply,
} from '../src/resp/reply.js';

it.each<[string, Reply, string, string]>([
  ['OK', OK, '+OK\r\n', '+OK\r\n'],
  ['status', new StatusReply('PONG'), '+PONG\r\n', '+PONG\r\n'],
  ['error', new ErrorReply('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
  ['nil', null, '$-1\r\n', '_\r\n'],
  ['integer', -7, ':-7\r\n', ':-7\r\n'],
  ['64-bit integer', -(2n ** 63n), ':-9223372036854775808\r\n', ':-9223372036854775808\r\n'],
  ['empty string', '', '$0\r\n\r\n', '$0\r\n\r\n'],
  ['bytes', '\r\n\0\xff', '$4\r\n\r\n\0\xff\r\n', '$4\r\n\r\n\0\xff\r\n'],
  ['array', ['a', 1, [null]], '*3\r\n$1\r\na\r\n:1\r\n*1\r\n$-1\r\n', '*3\r\n$1\r\na\r\n:1\r\n*1\r\n_\r\n'],
  ['map', new MapReply([['a', 1]]), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
  ['set', new SetReply(['a']), '*1\r\n$1\r\na\r\n', '~1\r\n$1\r\na\r\n'],
  ['text', new VerbatimReply('hi'), '$2\r\nhi\r\n', '=6\r\ntxt:hi\r\n'],
])('%s', (_, reply, resp2, resp3) => {
  expect(encodeReply(reply, 2)).toBe(resp2);
  expect(encodeReply(reply, 3)).toBe(resp3);
});

it("a client's text inside an error cannot forge a reply", () => {
  expect(encodeReply(new ErrorReply('ERR a\r\n+OK\r\n'), 2)).toBe('-ERR a  +OK  \r\n');
});
