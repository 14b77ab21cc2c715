// Every request, however odd, gets exactly one well-formed reply, in order, and harms nobody else.

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import RedisParser from 'redis-parser';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RespServer } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { request } from './raw-client.js';

let replica: LocalReplica;
let server: RespServer;

beforeEach(async () => {
  replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
});
afterEach(() => server.close());

/** Sends everything, closes its side, and returns what came back until the server closed too. */
async function exchange(input: Buffer): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port: server.port });
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  // The server may close while we still write.
  socket.on('error', () => undefined);
  socket.end(input);
  await once(socket, 'close');
  return Buffer.concat(received);
}

function parseReplies(bytes: Buffer): unknown[] {
  const replies: unknown[] = [];
  const fail = (error: Error): void => {
    throw error;
  };
  const parser = new RedisParser({
    returnReply: (reply: unknown) => replies.push(reply),
    returnError: (error: unknown) => replies.push(error),
    returnFatalError: fail,
  });
  parser.execute(bytes);
  return replies;
}

const word = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '9223372036854775807',
    'NX',
    'XX',
    'GET',
    'k',
    '',
    '\r\n',
    '*',
    'list',
    'setname',
  ),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
);

const CHANGES_CONVERSATION = new Set([
  'quit',
  'hello',
  'multi',
  'subscribe',
  'psubscribe',
  'unsubscribe',
  'punsubscribe',
  'client kill',
  'client reply',
  // May take as long as its timeout says.
  'wait',
]);

it('requests of known and unknown commands with any arguments', async () => {
  // Not those that end the conversation or change how what follows is answered.
  const names = [...server.commands.keys()].filter((name) => !CHANGES_CONVERSATION.has(name));
  const subcommands = [...server.commands.values()]
    .flatMap((command) =>
      command.kind === 'container' ? [...command.subcommands.keys()].map((sub) => [command.name, sub]) : [],
    )
    .filter((words) => !CHANGES_CONVERSATION.has(words.join(' ')));
  const start = fc.oneof(
    fc.constantFrom(...names).map((name) => [name]),
    fc.constantFrom(...subcommands),
    word.filter((one) => !CHANGES_CONVERSATION.has(one.toLowerCase())).map((one) => [one]),
  );
  const anyRequest = fc
    .tuple(start, fc.array(word, { maxLength: 4 }))
    .map(([first, args]) => [...first, ...args]);
  const requests = fc.array(anyRequest, { minLength: 1, maxLength: 30 });
  const role = fc.constantFrom('leader', 'follower');
  await fc.assert(
    fc.asyncProperty(requests, role, async (pipeline, as) => {
      replica.state = {
        ...replica.state,
        role: as as 'leader' | 'follower',
        leader: as === 'leader' ? 1 : 2,
      };
      const input = pipeline.map((words) => request(...words)).join('') + request('ECHO', 'the end');
      const replies = parseReplies(await exchange(Buffer.from(input, 'latin1')));
      expect(replies).toHaveLength(pipeline.length + 1);
      expect(replies.at(-1)).toBe('the end');
    }),
    { numRuns: 300 },
  );
});

it('random bytes: the connection ends with well-formed replies, and the next one is served', async () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(fc.constantFrom('*', '$', '3', '-1', '\r\n', '\r', 'GET', 'k', ' ', '"', "'", '\0'), {
        maxLength: 60,
      })
      .map((parts) => Buffer.from(parts.join(''), 'latin1')),
  );
  await fc.assert(
    fc.asyncProperty(noise, async (bytes) => {
      // Throws when the replies are not well-formed.
      parseReplies(await exchange(Buffer.from(bytes)));
      expect(parseReplies(await exchange(Buffer.from(request('PING'))))).toEqual(['PONG']);
    }),
    { numRuns: 300 },
  );
  expect(server.statistics().connections).toBe(0);
});
