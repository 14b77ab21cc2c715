// The same commands to Redis and to this store, and the same replies. Where the two differ on purpose is said in docs/store.md.
//
// Runs where redis-server is installed (Debian: apt-get install redis-server): the tests say so where it is not.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RespServer } from '../src/index.js';
import { Conversation } from './conversation.js';
import { LocalReplica } from './local-replica.js';
import { hasRedis, RedisProcess } from './redis-process.js';

const title = hasRedis ? '' : ' (not compared: redis-server is not installed here)';

let redis: RedisProcess;
let server: RespServer;
let pairs: { readonly theirs: Conversation; readonly ours: Conversation }[] = [];

beforeAll(async () => {
  if (!hasRedis) return;
  redis = await RedisProcess.start();
  const replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
  const pair = async () => ({
    theirs: await Conversation.open({ path: redis.path }),
    ours: await Conversation.open({ host: '127.0.0.1', port: server.port }),
  });
  pairs = [await pair(), await pair()];
});

afterAll(async () => {
  if (!hasRedis) return;
  for (const { theirs, ours } of pairs) {
    theirs.close();
    ours.close();
  }
  await server.close();
  await redis.stop();
});

const key = fc.constantFrom('a', 'b', 'c', 'dd', '', 'a\0\xff');
const integer = fc.oneof(
  fc.integer({ min: -30, max: 30 }).map(String),
  fc.constantFrom(
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '007',
    '1.5',
    'x',
    '',
  ),
);
// Sums of these are exact in binary: of others Redis prints what its long double makes of them.
const decimal = fc.constantFrom(
  '0.5',
  '-1.25',
  '3',
  '3.0e3',
  '25e-2',
  '.5',
  '5.',
  'x',
  '',
  ' 1',
  '1 ',
  'inf',
  '-inf',
  'nan',
);
const value = fc.oneof(integer, fc.constantFrom('hello', 'x'.repeat(50), '\0\r\n\xff', '10.5', '5.0e3'));
/** Far enough that nothing expires in a run, and that seconds do not tick over. */
const seconds = fc.constantFrom('1000', '5000', '0', '-1', 'x', '9223372036854775807', '');
const milliseconds = fc.constantFrom('1000500', '5000500', '0', '-1', 'x', '9223372036854775807');
const at = fc.constantFrom('4000000000', '1', '0', '-5', 'x');
const atMs = fc.constantFrom('4000000000123', '1', '0', '-5');
const timeWords = fc.oneof(
  fc.tuple(fc.constantFrom('EX', 'ex'), seconds),
  fc.tuple(fc.constant('PX'), milliseconds),
  fc.tuple(
    fc.constant('EXAT'),
    at.filter((one) => one !== '1'),
  ),
  fc.tuple(
    fc.constant('PXAT'),
    atMs.filter((one) => one !== '1'),
  ),
);
const setOptions = fc
  .array(fc.oneof(timeWords, fc.constantFrom(['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['ex'], ['what'])), {
    maxLength: 3,
  })
  .map((words) => words.flat());

const words = (...parts: readonly (string | fc.Arbitrary<string> | fc.Arbitrary<readonly string[]>)[]) =>
  fc
    .tuple(
      ...parts.map((part) =>
        typeof part === 'string' ? fc.constant(part) : (part as fc.Arbitrary<unknown>),
      ),
    )
    .map((made) => made.flat() as string[]);

const some = (one: fc.Arbitrary<string>) => fc.array(one, { minLength: 0, maxLength: 4 });
const condition = fc.array(fc.constantFrom('NX', 'XX', 'GT', 'lt', 'zz'), { maxLength: 2 });
const position = fc.oneof(fc.integer({ min: -12, max: 12 }).map(String), fc.constantFrom('x', '99999999999'));
const pattern = fc.constantFrom('*', 'a*', '?', '[ab]', '[^a]', '[a-c]*', 'd\\d', '*d', '', '[', 'a[', '\\');

const command = fc.oneof(
  words('SET', key, value),
  words('SET', key, value, setOptions),
  words(fc.constantFrom('SETEX', 'setex'), key, seconds, value),
  words('PSETEX', key, milliseconds, value),
  words('SETNX', key, value),
  words('GETSET', key, value),
  words(
    fc.constantFrom(
      'GET',
      'GETDEL',
      'STRLEN',
      'INCR',
      'DECR',
      'TYPE',
      'PERSIST',
      'EXPIRETIME',
      'PEXPIRETIME',
    ),
    key,
  ),
  words(fc.constantFrom('TTL', 'PTTL'), key),
  words(
    'GETEX',
    key,
    // Of a missing key Redis does not say that the time is wrong; here arguments are checked first.
    fc.constantFrom<readonly string[]>(
      [],
      ['PERSIST'],
      ['what'],
      ['EX'],
      ['EX', '1000'],
      ['PXAT', '4000000000123'],
    ),
  ),
  words('APPEND', key, value),
  words(fc.constantFrom('GETRANGE', 'SUBSTR'), key, position, position),
  words(
    'SETRANGE',
    key,
    position.filter((one) => one.length < 5),
    value,
  ),
  words('SETRANGE', key, '99999999999', value),
  words(fc.constantFrom('INCRBY', 'DECRBY'), key, integer),
  words('INCRBYFLOAT', 'float', decimal),
  words('SET', 'float', decimal),
  words(fc.constantFrom('MGET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH'), some(key)),
  words(fc.constantFrom('MSET', 'MSETNX'), some(value), some(key)),
  words('EXPIRE', key, seconds, condition),
  words('PEXPIRE', key, milliseconds, condition),
  words('EXPIREAT', key, at, condition),
  words('PEXPIREAT', key, atMs, condition),
  words(fc.constantFrom('RENAME', 'RENAMENX'), key, key),
  words('COPY', key, key, fc.constantFrom<readonly string[]>([], ['REPLACE'], ['DB', '0'], ['DB'], ['what'])),
  words('KEYS', pattern),
  words(
    'SCAN',
    '0',
    fc.constantFrom<readonly string[]>(
      ['COUNT', '100'],
      ['COUNT', '0'],
      ['COUNT', 'x'],
      ['WHAT', '1'],
      ['COUNT'],
    ),
  ),
  words('SCAN', '0', 'MATCH', pattern, 'COUNT', '1000'),
  words('SCAN', 'x'),
  words('DBSIZE'),
  words(fc.constantFrom('FLUSHALL', 'FLUSHDB'), fc.constantFrom<readonly string[]>([], ['ASYNC'], ['what'])),
  words(fc.constantFrom('MULTI', 'EXEC', 'DISCARD', 'UNWATCH')),
  words('WATCH', some(key)),
  words(fc.constantFrom('PING', 'ECHO', 'GET'), some(value)),
  words('NOTHING', some(integer)),
);

/** Transactions are rare among random commands: these hold together, with another client's writes between. */
const step = fc.tuple(fc.constantFrom(0, 0, 0, 1), command);
const transaction = fc
  .tuple(
    key,
    fc.array(step, { maxLength: 3 }),
    fc.array(command, { maxLength: 4 }),
    fc.array(step, { maxLength: 2 }),
  )
  .map(([watched, before, inside, after]): [number, string[]][] => [
    [0, ['WATCH', watched]],
    ...before,
    [0, ['MULTI']],
    ...inside.map((one): [number, string[]] => [0, one]),
    ...after.map(([, one]): [number, string[]] => [1, one]),
    [0, ['EXEC']],
  ]);
const conversation = fc
  .array(
    fc.oneof({ weight: 3, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: transaction }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((steps) => steps.flat() as [number, string[]][]);

const UNORDERED = new Set(['KEYS', 'SCAN']);
/** Times that are left move while both are asked. */
const TOLERANCE: Readonly<Record<string, number>> = { TTL: 3, PTTL: 3000 };

function comparable(name: string, reply: unknown): unknown {
  if (!UNORDERED.has(name) || !Array.isArray(reply)) return reply;
  if (name === 'KEYS') return [...reply].sort();
  return [reply[0], [...reply[1]].sort()];
}

function isSame(name: string, theirs: unknown, ours: unknown): boolean {
  const tolerance = TOLERANCE[name];
  if (tolerance === undefined || typeof theirs !== 'number' || typeof ours !== 'number') return false;
  return theirs > 0 && ours > 0 && Math.abs(theirs - ours) <= tolerance;
}

async function compare(steps: readonly (readonly [number, readonly string[]])[]): Promise<void> {
  for (const { theirs, ours } of pairs) {
    for (const reset of [['DISCARD'], ['UNWATCH'], ['FLUSHALL']]) {
      await Promise.all([theirs.ask(...reset), ours.ask(...reset)]);
    }
  }
  const queued: string[][] = [[], []];
  for (const [nth, request] of steps) {
    const { theirs, ours } = pairs[nth] as (typeof pairs)[number]; // 0 or 1
    const [their, our] = await Promise.all([theirs.ask(...request), ours.ask(...request)]);
    const name = (request[0] as string).toUpperCase();
    const names = queued[nth] as string[];
    if (their === 'QUEUED') names.push(name);
    const said = name === 'EXEC' ? names.splice(0) : undefined;
    if (said !== undefined && Array.isArray(their) && Array.isArray(our)) {
      expect(our).toHaveLength(their.length);
      for (const [at, inner] of said.entries()) expectSame(inner, their[at], our[at], request);
    } else expectSame(name, their, our, request);
    if (name === 'DISCARD') names.length = 0;
  }
}

function expectSame(name: string, their: unknown, our: unknown, request: readonly string[]): void {
  if (isSame(name, their, our)) return;
  expect({ request, reply: comparable(name, our) }).toEqual({ request, reply: comparable(name, their) });
}

it(`random conversations of two clients get the replies that Redis gives${title}`, async () => {
  if (!hasRedis) return;
  await fc.assert(fc.asyncProperty(conversation, compare), {
    numRuns: Number(process.env.WALDB_REDIS_RUNS ?? 150),
  });
});
