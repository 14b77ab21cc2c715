// The same requests to Redis and to this store, in RESP2 and RESP3, and the same bytes back. Where the two differ on purpose is
// said in docs/store.md.
//
// Runs where redis-server is installed (Debian: apt-get install redis-server): the tests say so where it is not.
// WALDB_REDIS_RUNS tells how many conversations, WALDB_REDIS_SEED which.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withSubcommands } from '../../src/command/command.js';
import { RespServer } from '../../src/index.js';
import { LocalReplica } from '../local-replica.js';
import { hasRedis, RedisProcess } from './redis-process.js';
import { type ReplyTree, showReply } from './reply-tree.js';
import {
  anyKey,
  anyRequest,
  type Comparison,
  keyRequest,
  NOT_COMPARED,
  REQUESTS,
  rowOf,
} from './requests.js';
import { Wire } from './wire.js';

const title = hasRedis ? '' : ' (not compared: redis-server is not installed here)';
/** The same every time, so that a change is what breaks it; new conversations are looked for with other seeds. */
const RUNS = {
  numRuns: Number(process.env.WALDB_REDIS_RUNS ?? 150),
  seed: Number(process.env.WALDB_REDIS_SEED ?? 1),
};

let redis: RedisProcess;
let server: RespServer;

beforeAll(async () => {
  const replica = new LocalReplica();
  // Alone, as the Redis is: WAIT has nobody to wait for.
  replica.state = { ...replica.state, members: replica.state.members.slice(0, 1) };
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
  if (hasRedis) redis = await RedisProcess.start();
});

afterAll(async () => {
  await server.close();
  if (hasRedis) await redis.stop();
});

/** One client of each. */
interface Pair {
  readonly theirs: Wire;
  readonly ours: Wire;
  /** Commands that wait for EXEC; undefined outside of MULTI. */
  queued: (readonly string[])[] | undefined;
}

async function openPair(): Promise<Pair> {
  return {
    theirs: await Wire.open({ path: redis.path }),
    ours: await Wire.open({ host: '127.0.0.1', port: server.port }),
    queued: undefined,
  };
}

type Step =
  | { readonly kind: 'ask'; readonly client: number; readonly request: readonly string[] }
  /** A key comes, and goes by itself. */
  | { readonly kind: 'expire'; readonly request: readonly string[] };

/** Not inside of a transaction here. */
const REFUSED_INSIDE = new Set(['hello', 'auth']);
const TOLERANCE_MS = 3000;
const TOLERANCE_SECONDS = 3;

/** What is compared, as text. */
function comparable(how: Comparison, tree: ReplyTree): string {
  if (how === 'kind' && tree.sign !== '-') return `a reply of the kind ${tree.sign}`;
  if (how !== 'unordered' || tree.members.length === 0) return showReply(tree);
  const [cursor, keys] = tree.members;
  const isScan =
    cursor?.members.length === 0 && keys?.sign === '*' && keys.text !== undefined && cursor.text === '0';
  const listed = isScan ? keys.members : tree.members;
  return `${isScan ? 'scan ' : ''}${listed.map(showReply).sort().join(' ')}`;
}

function isNear(their: ReplyTree, our: ReplyTree): boolean {
  if (their.sign !== ':' || our.sign !== ':') return false;
  const [a, b] = [Number(their.text), Number(our.text)];
  const tolerance =
    Math.abs(a) > 1_000_000 && a < 10_000_000_000 && a > 1_000_000_000 ? TOLERANCE_SECONDS : TOLERANCE_MS;
  return a > 0 && b > 0 && Math.abs(a - b) <= tolerance;
}

/** What the store refuses and Redis does not, as docs/store.md says: there is one database, and LCS has a limit. */
function isDocumented({ sign, text = '' }: ReplyTree, request: readonly string[]): boolean {
  if (sign !== '-') return false;
  const isOtherDatabase = request[0]?.toLowerCase() === 'copy' && text === 'ERR DB index is out of range';
  // Redis 7.0 authenticates before it has read all options; later ones, and this store, read them first.
  const isUnreadOption = text.startsWith('ERR Syntax error in HELLO option');
  return isOtherDatabase || isUnreadOption || text.startsWith('ERR LCS would have to compare more than');
}

/** A cursor that leads on, and keys. */
function isUnfinishedScan({ members: [cursor, keys] }: ReplyTree): boolean {
  return cursor?.sign === '$' && /^[1-9]\d*$/.test(cursor.text ?? '') && keys?.sign === '*';
}

function expectSame(
  how: Comparison,
  { their, our }: { their: ReplyTree; our: ReplyTree },
  request: readonly string[],
): void {
  if (isDocumented(our, request)) return;
  if (how === 'near' && isNear(their, our)) return;
  // With a COUNT the two end their scans at keys of their own choice; what a whole scan finds has a test of its own.
  if (isUnfinishedScan(their) || isUnfinishedScan(our)) return expectSame('kind', { their, our }, request);
  const said = { request, reply: comparable(how, our) };
  expect(said).toEqual({ request, reply: comparable(how, their) });
}

async function ask(pair: Pair, request: readonly string[]): Promise<void> {
  const name = (request[0] as string).toLowerCase();
  if (pair.queued !== undefined && REFUSED_INSIDE.has(name)) return;
  const [their, our] = await Promise.all([pair.theirs.ask(...request), pair.ours.ask(...request)]);
  const how = rowOf(request)?.compare ?? 'exact';
  if (name === 'exec' && pair.queued !== undefined && their.members.length > 0) {
    expect({ request, length: our.members.length }).toEqual({ request, length: their.members.length });
    for (const [nth, inner] of pair.queued.entries()) {
      const replies = { their: their.members[nth] as ReplyTree, our: our.members[nth] as ReplyTree };
      expectSame(rowOf(inner)?.compare ?? 'exact', replies, inner);
    }
  } else expectSame(their.text === 'QUEUED' ? 'exact' : how, { their, our }, request);
  if (name === 'multi' && their.text === 'OK') pair.queued ??= [];
  else if (name === 'exec' && request.length === 1) pair.queued = undefined;
  else if (name === 'discard' && their.text === 'OK') pair.queued = undefined;
  else if (name === 'reset' && their.text === 'RESET') pair.queued = undefined;
  else if (their.text === 'QUEUED') pair.queued?.push(request);
}

/** A key with a time that comes soon, seen to go on both sides. */
async function expire(pair: Pair, request: readonly string[]): Promise<void> {
  if (pair.queued !== undefined) return;
  const before = (await pair.theirs.ask('DBSIZE')).text;
  await ask(pair, request);
  for (const wire of [pair.theirs, pair.ours]) {
    for (;;) {
      const left = await wire.ask('EXISTS', 'soon');
      const size = await wire.ask('DBSIZE');
      if (left.text === '0' && size.text === before) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

interface Conversation {
  readonly protocols: readonly string[];
  /** What the third client listens to, and how. */
  readonly channels: readonly string[];
  readonly patterns: readonly string[];
  readonly steps: readonly Step[];
}

async function converse({ protocols, channels, patterns, steps }: Conversation): Promise<void> {
  const pairs = [await openPair(), await openPair(), await openPair()];
  const [first, , listener] = pairs as [Pair, Pair, Pair];
  try {
    await Promise.all([first.theirs.ask('FLUSHALL'), first.ours.ask('FLUSHALL')]);
    await ask(first, ['MSET', 'number', '123', 'short', 'abc', 'long', 'x'.repeat(50)]);
    for (const [nth, pair] of pairs.entries()) {
      const hello = ['HELLO', protocols[nth] as string]; // as many as pairs
      await Promise.all([pair.theirs.ask(...hello), pair.ours.ask(...hello)]);
    }
    await hear(listener, channels.length === 0 ? ['PING'] : ['SUBSCRIBE', ...channels]);
    await hear(listener, patterns.length === 0 ? ['PING'] : ['PSUBSCRIBE', ...patterns]);
    for (const step of steps) {
      if (step.kind === 'expire') await expire(first, step.request);
      else await ask(pairs[step.client] as Pair, step.request);
    }
    await hear(listener, ['PING']);
    await hear(listener, ['UNSUBSCRIBE', ...channels.slice(0, 1)]);
    await hear(listener, patterns.length > 1 ? ['PUNSUBSCRIBE', ...patterns] : ['PUNSUBSCRIBE']);
  } finally {
    for (const { theirs, ours } of pairs) {
      theirs.close();
      ours.close();
    }
  }
}

/** Everything that a listener is told up to the answer to its own PING. */
async function hear({ theirs, ours }: Pair, request: readonly string[]): Promise<void> {
  const [their, our] = await Promise.all([theirs.hear(...request), ours.hear(...request)]);
  expect(inOneOrder(our)).toEqual(inOneOrder(their));
}

/** One message to several patterns: Redis goes through them in the order of its hash table. */
function inOneOrder(heard: readonly ReplyTree[]): string[] {
  const texts: string[] = [];
  let same: string[] = [];
  let before = '';
  for (const reply of heard) {
    const isMessage = reply.members[0]?.text === 'pmessage';
    const what = isMessage ? reply.members.slice(2).map(showReply).join() : '';
    if (what === '' || what !== before) {
      texts.push(...same.sort());
      same = [];
    }
    same.push(showReply(reply));
    before = what;
  }
  return [...texts, ...same.sort()];
}

const client: fc.Arbitrary<number> = fc.constantFrom(0, 0, 0, 1);
const asks = (request: fc.Arbitrary<readonly string[]>, by = client): fc.Arbitrary<Step> =>
  fc.tuple(by, request).map(([nth, made]) => ({ kind: 'ask', client: nth, request: made }));
const always = (nth: number): fc.Arbitrary<number> => fc.constant(nth);

const expiring: fc.Arbitrary<Step> = fc
  .constantFrom(
    ['SET', 'soon', '1', 'PX', '3'],
    ['PSETEX', 'soon', '1', 'x'],
    ['SET', 'soon', 'x', 'PX', '1', 'GET'],
  )
  .map((request) => ({ kind: 'expire', request }));

/** Transactions are rare among random commands: these hold together, with another client's writes between. */
const transaction: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.array(anyKey, { minLength: 1, maxLength: 2 }),
    fc.array(asks(keyRequest), { maxLength: 3 }),
    fc.array(asks(anyRequest, always(0)), { maxLength: 4 }),
    fc.array(asks(keyRequest, always(1)), { maxLength: 2 }),
  )
  .map(([watched, before, inside, after]): Step[] => [
    { kind: 'ask', client: 0, request: ['WATCH', ...watched] },
    ...before,
    { kind: 'ask', client: 0, request: ['MULTI'] },
    ...inside,
    ...after,
    { kind: 'ask', client: 0, request: ['EXEC'] },
  ]);

const steps = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: asks(keyRequest).map((step) => [step]) },
      { weight: 8, arbitrary: asks(anyRequest).map((step) => [step]) },
      { weight: 5, arbitrary: transaction },
      { weight: 1, arbitrary: expiring.map((step) => [step]) },
    ),
    { minLength: 1, maxLength: 40 },
  )
  .map((found) => found.flat());

const conversation: fc.Arbitrary<Conversation> = fc.record({
  protocols: fc.array(fc.constantFrom('2', '3'), { minLength: 3, maxLength: 3 }),
  channels: fc.subarray(['news', 'n', '__keyevent@0__:set', '__keyspace@0__:a', '__keyevent@0__:expired']),
  patterns: fc.subarray(['n*', '__key*@0__:*', '__keyevent@0__:*', '*']),
  steps,
});

it(`random conversations of three clients get the bytes that Redis gives${title}`, async () => {
  if (!hasRedis) return;
  await fc.assert(fc.asyncProperty(conversation, converse), RUNS);
}, 3_600_000);

/** What a client library reads of COMMAND INFO: name, arity, where keys are, and categories. */
function readInfo({ members }: ReplyTree): unknown {
  const [name, arity, , first, last, step, categories] = members;
  const places = [first, last, step].map((place) => place?.text);
  return {
    name: name?.text,
    arity: arity?.text,
    places,
    categories: categories?.members.map(({ text }) => text).sort(),
  };
}

it(`arity, places of keys and categories are those of Redis${title}`, async () => {
  if (!hasRedis) return;
  const { theirs, ours } = await openPair();
  for (const { name } of withSubcommands(server.commands.values())) {
    if (NOT_COMPARED[name]?.startsWith('refused') === true) continue;
    const [their, our] = [await theirs.ask('COMMAND', 'INFO', name), await ours.ask('COMMAND', 'INFO', name)];
    const known = their.members[0];
    if (known === undefined || known.members.length === 0) continue; // newer than this Redis
    expect(readInfo(our.members[0] as ReplyTree)).toEqual(readInfo(known));
  }
  theirs.close();
  ours.close();
});

it(`SCAN beside deletions finds what stays, each key once here, and nothing that never was${title}`, async () => {
  const wire = await Wire.open({ host: '127.0.0.1', port: server.port });
  const wires = hasRedis ? [wire, await Wire.open({ path: redis.path })] : [wire];
  const keys = Array.from({ length: 150 }, (_, nth) => `k${nth}`);
  const fate = fc.array(fc.constantFrom(...keys), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 30 }),
      fc.integer({ min: 1, max: 60 }),
      async (fates, count) => {
        const gone = new Set(fates.flat());
        for (const one of wires) {
          await one.ask('FLUSHALL');
          await one.ask('MSET', ...keys.flatMap((name) => [name, '1']));
          const found: string[] = [];
          let cursor = '0';
          let nth = 0;
          do {
            const { members } = await one.ask('SCAN', cursor, 'COUNT', String(count), 'MATCH', 'k*');
            cursor = members[0]?.text ?? '0';
            found.push(...(members[1]?.members ?? []).map(({ text }) => text ?? ''));
            const deleted = fates[nth++] ?? [];
            if (deleted.length > 0) await one.ask('DEL', ...deleted);
          } while (cursor !== '0');
          expect(keys.filter((name) => !gone.has(name) && !found.includes(name))).toEqual([]);
          expect(found.filter((name) => !keys.includes(name))).toEqual([]);
          if (one === wire) expect(new Set(found).size).toBe(found.length);
        }
      },
    ),
    { numRuns: 10 },
  );
  for (const one of wires) one.close();
});

it('every command of the table is compared, or it is said why not', () => {
  const names = [...server.commands.values()].flatMap((command) =>
    command.kind === 'container' && NOT_COMPARED[command.name] === undefined
      ? [...command.subcommands.keys()].map((word) => `${command.name}|${word}`)
      : [command.name],
  );
  const missing = names.filter((name) => REQUESTS[name] === undefined && NOT_COMPARED[name] === undefined);
  expect(missing).toEqual([]);
});
