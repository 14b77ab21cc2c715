// Random requests of every command of the table, for asking Redis the same. A command without a row here has to be named
// in `NOT_COMPARED` with the reason: the test that compares the table with this file fails otherwise.

import fc from 'fast-check';

type Words = readonly string[];

/**
 * How two replies are compared: byte for byte; as arrays in any order (SCAN: its second member); as numbers or times that
 * move while both are asked; or, where the contents are each server's own, by error text and kind of reply.
 */
export type Comparison = 'exact' | 'unordered' | 'near' | 'kind';

export interface RequestRow {
  readonly args: fc.Arbitrary<Words>;
  readonly compare: Comparison;
  readonly weight: number;
}

const key = fc.constantFrom('a', 'b', 'c', 'dd', '', 'a\0\xff');
const integer = fc.oneof(
  fc.integer({ min: -30, max: 30 }).map(String),
  fc.constantFrom(
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '-9223372036854775809',
    '007',
    '-0',
    '+1',
    ' 1',
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
const value = fc.oneof(
  integer,
  fc.constantFrom('hello', 'x'.repeat(50), '\0\r\n\xff', '10.5', '5.0e3', 'x'.repeat(5000)),
);
/** Far enough that nothing expires in a run, and that seconds do not tick over; or gone at once. */
const seconds = fc.constantFrom(
  '1000',
  '5000',
  '0',
  '-1',
  'x',
  '9223372036854775807',
  '9223372036854775',
  '',
);
const milliseconds = fc.constantFrom('1000500', '5000500', '0', '-1', 'x', '9223372036854775807');
const at = fc.constantFrom('4000000000', '1', '0', '-5', 'x', '9223372036854775807');
/** Times beyond 2^53 are refused here. */
const atMs = fc.constantFrom('4000000000123', '1', '0', '-5', 'x');
const timeWords = fc.oneof(
  fc.tuple(fc.constantFrom('EX', 'ex'), seconds),
  fc.tuple(fc.constant('PX'), milliseconds),
  // A time that has passed makes the key go at once, and when it stops being counted is each server's affair.
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
  .array(
    fc.oneof(timeWords, fc.constantFrom<Words>(['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['ex'], ['what'])),
    { maxLength: 3 },
  )
  .map((found) => found.flat());
const some = (one: fc.Arbitrary<string>): fc.Arbitrary<string[]> => fc.array(one, { maxLength: 4 });
const condition = fc.array(fc.constantFrom('NX', 'XX', 'GT', 'lt', 'zz'), { maxLength: 2 });
const position = fc.oneof(
  fc.integer({ min: -12, max: 12 }).map(String),
  fc.constantFrom(
    'x',
    '99999999999',
    '-99999999999',
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
  ),
);
/** Redis finds an empty key with `*` alone, not with `**`. */
const pattern = fc.constantFrom(
  '*',
  'a*',
  '?',
  '[ab]',
  '[^a]',
  '[a-c]*',
  '[c-a]',
  'd\\d',
  '*d',
  '',
  '[',
  'a[',
  '\\',
  '[]a]',
  '[^]',
  '\\*',
);
const channel = fc.constantFrom('news', 'n', 'other');

type Part = string | fc.Arbitrary<string> | fc.Arbitrary<Words>;

function words(...parts: readonly Part[]): fc.Arbitrary<Words> {
  const made = parts.map(
    (part): fc.Arbitrary<unknown> => (typeof part === 'string' ? fc.constant(part) : part),
  );
  return fc.tuple(...made).map((found) => found.flat() as string[]);
}

const oneOf = (...choices: readonly Words[]): fc.Arbitrary<Words> => fc.constantFrom(...choices);

function row(args: fc.Arbitrary<Words>, options: Partial<Omit<RequestRow, 'args'>> = {}): RequestRow {
  return { args, compare: 'exact', weight: 3, ...options };
}

const rare = { weight: 1 } as const;
const kind = { compare: 'kind', weight: 1 } as const;

/** By name; subcommands as `client|list`. */
export const REQUESTS: Readonly<Record<string, RequestRow>> = {
  set: row(fc.oneof(words(key, value), words(key, value, setOptions)), { weight: 12 }),
  setex: row(words(key, seconds, value)),
  psetex: row(words(key, milliseconds, value)),
  setnx: row(words(key, value)),
  getset: row(words(key, value)),
  get: row(words(key)),
  getdel: row(words(key)),
  strlen: row(words(key)),
  getex: row(
    fc.oneof(
      words(key),
      words(key, 'PERSIST'),
      words(key, oneOf(['what'], ['EX'], ['PERSIST', 'PERSIST'], ['EX', '10', 'PX', '10'])),
      words(
        key,
        oneOf(
          ['EX', 'soon'],
          ['EX', '0'],
          ['PX', '9223372036854775807'],
          ['EX', '1000'],
          ['PX', '1000500'],
          ['EXAT', '4000000000'],
          ['PXAT', '4000000000123'],
          ['PXAT', '1'],
        ),
      ),
    ),
  ),
  append: row(words(key, value)),
  getrange: row(words(key, position, position)),
  substr: row(words(key, position, position)),
  setrange: row(
    words(
      key,
      position.filter((one) => one.length < 5 || one.length > 10),
      value,
    ),
  ),
  incr: row(words(key)),
  decr: row(words(key)),
  incrby: row(words(key, integer)),
  decrby: row(words(key, integer)),
  incrbyfloat: row(words('float', decimal)),
  mget: row(words(some(key))),
  mset: row(words(some(value), some(key))),
  msetnx: row(words(some(value), some(key))),
  del: row(words(some(key))),
  unlink: row(words(some(key)), rare),
  exists: row(words(some(key))),
  touch: row(words(some(key)), rare),
  type: row(words(key)),
  rename: row(words(key, key)),
  renamenx: row(words(key, key)),
  copy: row(
    words(
      key,
      key,
      oneOf(
        [],
        ['REPLACE'],
        ['DB', '0'],
        ['DB'],
        ['what'],
        ['DB', 'x'],
        ['DB', '99'],
        ['REPLACE', 'REPLACE'],
      ),
    ),
  ),
  lcs: row(
    words(
      key,
      key,
      oneOf(
        [],
        ['LEN'],
        ['IDX'],
        ['IDX', 'WITHMATCHLEN'],
        ['IDX', 'MINMATCHLEN', '2'],
        ['IDX', 'MINMATCHLEN', 'x'],
        ['IDX', 'MINMATCHLEN'],
        ['LEN', 'IDX'],
        ['what'],
      ),
    ),
  ),
  expire: row(words(key, seconds, condition)),
  pexpire: row(words(key, milliseconds, condition)),
  expireat: row(words(key, at, condition)),
  pexpireat: row(words(key, atMs, condition)),
  persist: row(words(key)),
  ttl: row(words(key), { compare: 'near' }),
  pttl: row(words(key), { compare: 'near' }),
  expiretime: row(words(key), { compare: 'near' }),
  pexpiretime: row(words(key), { compare: 'near' }),
  scan: row(
    fc.oneof(
      words(
        '0',
        oneOf(['COUNT', '100'], ['COUNT', '0'], ['COUNT', 'x'], ['WHAT', '1'], ['COUNT'], ['COUNT', '-1']),
      ),
      words('0', 'MATCH', pattern, 'COUNT', '1000'),
      words('0', 'COUNT', '1000', 'TYPE', fc.constantFrom('string', 'STRING', 'list')),
      words(fc.constantFrom('x', '', '1x', ' 1')),
    ),
    { compare: 'unordered' },
  ),
  keys: row(words(pattern), { compare: 'unordered' }),
  randomkey: row(words(), kind),
  dbsize: row(words(), rare),
  flushdb: row(words(oneOf([], ['ASYNC'], ['sync'], ['what'], ['ASYNC', 'SYNC'])), rare),
  flushall: row(words(oneOf([], ['ASYNC'], ['what'])), rare),
  multi: row(words(), rare),
  exec: row(words(), rare),
  discard: row(words(), rare),
  watch: row(words(some(key)), rare),
  unwatch: row(words(), rare),
  publish: row(words(channel, value)),
  'pubsub|channels': row(words(oneOf([], ['*'], ['n*'])), { compare: 'unordered', weight: 1 }),
  'pubsub|numsub': row(words(some(channel)), rare),
  'pubsub|numpat': row(words(), rare),
  'pubsub|shardchannels': row(words(oneOf([], ['*'])), rare),
  'pubsub|shardnumsub': row(words(), rare),
  'pubsub|help': row(words(), kind),
  ping: row(words(oneOf([], ['x'], ['x', 'y'])), rare),
  echo: row(words(some(value)), rare),
  quit: row(words(), { weight: 0 }),
  reset: row(words(), rare),
  select: row(words(fc.constantFrom('0', 'x', '', '1.5', '00', '99999999999999999999')), rare),
  hello: row(
    words(
      oneOf(
        [],
        ['2'],
        ['3'],
        ['4'],
        ['x'],
        ['3', 'SETNAME', 'me'],
        ['3', 'SETNAME', 'a b'],
        ['3', 'SETNAME'],
        ['2', 'AUTH', 'default'],
        ['2', 'AUTH', 'default', 'any'],
        ['2', 'AUTH', 'nobody', 'any'],
        ['3', 'what'],
        ['99999999999999999999'],
      ),
    ),
    kind,
  ),
  auth: row(words(oneOf([], ['x'], ['default', 'x'], ['nobody', 'x'], ['a', 'b', 'c'])), rare),
  time: row(words(), kind),
  info: row(words(oneOf([], ['server'], ['nothing'], ['SERVER', 'clients'])), kind),
  role: row(words(), kind),
  wait: row(words(fc.constantFrom('0', '1', '-1', 'x'), fc.constantFrom('1', '2', '-1', 'x')), rare),
  lastsave: row(words(), kind),
  'client|id': row(words(), kind),
  'client|getname': row(words(), rare),
  'client|setname': row(words(fc.constantFrom('me', '', 'a b', 'a\n')), rare),
  'client|info': row(words(), kind),
  'client|list': row(
    words(
      oneOf(
        [],
        ['TYPE', 'normal'],
        ['TYPE', 'pubsub'],
        ['TYPE', 'what'],
        ['ID', 'x'],
        ['ID', '0'],
        ['what'],
        ['TYPE'],
        ['ID'],
      ),
    ),
    kind,
  ),
  'client|kill': row(
    words(
      oneOf(
        ['1.2.3.4:5'],
        ['ADDR', '1.2.3.4:5'],
        ['ID', 'x'],
        ['ID', '0'],
        ['ID', '99999999'],
        ['USER', 'nobody'],
        ['TYPE', 'what'],
        ['TYPE', 'pubsub', 'ADDR', '1.2.3.4:5'],
        ['SKIPME', 'x'],
        ['ADDR'],
        ['LADDR', '1.2.3.4:5', 'SKIPME', 'no'],
        ['what', 'x'],
      ),
    ),
    rare,
  ),
  'client|reply': row(words(fc.constantFrom('ON', 'what')), rare),
  'client|no-evict': row(words(fc.constantFrom('on', 'OFF', 'what')), rare),
  'client|getredir': row(words(), rare),
  'client|tracking': row(words(oneOf(['off'], ['what'])), rare),
  'client|trackinginfo': row(words(), rare),
  'client|caching': row(words(fc.constantFrom('yes', 'no', 'what')), rare),
  'client|pause': row(words(oneOf(['x'], ['-1'], ['0', 'what'], ['0'], ['0', 'WRITE'], ['0', 'all'])), rare),
  'client|unpause': row(words(), rare),
  'client|unblock': row(words(oneOf(['0'], ['x'], ['99999999', 'TIMEOUT'], ['99999999', 'what'])), rare),
  'client|help': row(words(), kind),
  'command|count': row(words(), kind),
  'command|list': row(
    words(
      oneOf(
        [],
        ['FILTERBY', 'PATTERN', 'xa*z'],
        ['FILTERBY', 'ACLCAT', 'nothing'],
        ['FILTERBY', 'MODULE', 'x'],
        ['what'],
        ['FILTERBY', 'x', 'y'],
      ),
    ),
    kind,
  ),
  'command|info': row(words(fc.constantFrom('nothing', '')), kind),
  'command|docs': row(words(fc.constantFrom('nothing', '')), kind),
  'command|getkeys': row(
    words(
      oneOf(
        ['get', 'a'],
        ['mset', 'a', 'b', 'c', 'd'],
        ['get'],
        ['ping', 'a'],
        ['nothing', 'a'],
        ['set', 'a'],
        ['rename', 'a', 'b'],
        ['object', 'encoding', 'a'],
      ),
    ),
    rare,
  ),
  'command|getkeysandflags': row(words(oneOf(['nothing', 'a'], ['ping', 'a'])), rare),
  'command|help': row(words(), kind),
  'config|get': row(
    words(
      oneOf(
        ['save'],
        ['appendonly-not'],
        ['databases-not', 'x'],
        ['maxmemory'],
        ['MAXMEMORY-pol*'],
        ['timeout'],
      ),
    ),
    { compare: 'exact', weight: 1 },
  ),
  'config|set': row(words(fc.constant('what'), fc.constant('x')), rare),
  'config|resetstat': row(words(), rare),
  'config|help': row(words(), kind),
  'acl|whoami': row(words(), rare),
  'acl|users': row(words(), rare),
  'acl|list': row(words(), rare),
  'acl|getuser': row(words(fc.constantFrom('default', 'nobody')), rare),
  'acl|cat': row(words(oneOf([], ['nothing'], ['a', 'b'])), kind),
  'acl|dryrun': row(
    words(
      fc.constantFrom('default', 'nobody'),
      oneOf(['get', 'a'], ['fly', 'a'], ['set'], ['config|get', 'x']),
    ),
    rare,
  ),
  'acl|genpass': row(words(oneOf([], ['0'], ['x'], ['8'], ['5000'])), kind),
  'acl|log': row(words(oneOf([], ['RESET'], ['x'], ['5'])), kind),
  'acl|help': row(words(), kind),
  'object|encoding': row(words(fc.constantFrom('missing', 'number', 'short', 'long')), rare),
  'object|refcount': row(words('missing'), rare),
  'object|freq': row(words('missing'), rare),
  'object|idletime': row(words('missing'), rare),
  'object|help': row(words(), kind),
  'memory|usage': row(
    words(
      oneOf(
        ['missing'],
        ['missing', 'SAMPLES', '3'],
        ['missing', 'SAMPLES'],
        ['missing', 'what', '3'],
        ['missing', 'SAMPLES', 'x'],
        ['missing', 'SAMPLES', '-1'],
      ),
    ),
    rare,
  ),
  'memory|doctor': row(words(), kind),
  'memory|purge': row(words(), rare),
  'memory|help': row(words(), kind),
  'slowlog|get': row(words(oneOf([], ['x'], ['-2'], ['10'])), kind),
  'slowlog|len': row(words(), kind),
  'slowlog|reset': row(words(), rare),
  'slowlog|help': row(words(), kind),
  'latency|latest': row(words(), rare),
  'latency|history': row(words('what'), rare),
  'latency|reset': row(words(oneOf([], ['what'])), rare),
  'latency|doctor': row(words(), kind),
  'latency|help': row(words(), kind),
  'module|list': row(words(), rare),
  'module|help': row(words(), kind),
};

/** Why these are not sent to Redis beside this store. docs/store.md says what they do here. */
export const NOT_COMPARED: Readonly<Record<string, string>> = {
  subscribe: 'compared in conversations of listeners',
  psubscribe: 'compared in conversations of listeners',
  unsubscribe: 'compared in conversations of listeners',
  punsubscribe: 'compared in conversations of listeners',
  readonly: 'for clusters: a Redis alone refuses it',
  readwrite: 'for clusters: a Redis alone refuses it',
  cluster: 'for clusters: a Redis alone refuses it',
  swapdb: 'refused here as in a Redis cluster',
  move: 'refused here as in a Redis cluster',
  debug: 'refused here',
  dump: 'refused here',
  restore: 'refused here',
  'client|setinfo': 'newer than Redis 7.0',
  'client|no-touch': 'newer than Redis 7.0',
  'latency|histogram': "each server's own",
  'memory|stats': "each server's own",
  'config|rewrite': 'refused here, in other words',
  'acl|setuser': 'refused here',
  'acl|deluser': 'refused here',
  'acl|save': 'refused here',
  'acl|load': 'refused here',
};

/** A word more, a word less, or one that is not meant: most requests are right as they are. */
const mishap = fc.oneof(
  { weight: 20, arbitrary: fc.constant((args: Words): Words => args) },
  { weight: 1, arbitrary: fc.constant((args: Words): Words => args.slice(0, -1)) },
  {
    weight: 1,
    arbitrary: integer.map(
      (extra) =>
        (args: Words): Words => [...args, extra],
    ),
  },
);

/** Changes what every later reply looks like, so that the conversation is over for a comparison. */
const CHANGES_ALL = new Set(['quit']);

function requestOf(name: string, { args }: RequestRow): fc.Arbitrary<Words> {
  const typed = name.split('|');
  const spelt = fc.constantFrom(typed, [typed[0]?.toUpperCase() ?? '', ...typed.slice(1)]);
  return fc.tuple(spelt, args, mishap).map(([start, made, change]) => [...start, ...change(made)]);
}

/** Any request. */
export const anyRequest: fc.Arbitrary<Words> = fc.oneof(
  ...Object.entries(REQUESTS)
    .filter(([name]) => !CHANGES_ALL.has(name))
    .map(([name, found]) => ({ weight: found.weight, arbitrary: requestOf(name, found) })),
  {
    weight: 1,
    arbitrary: words(fc.constantFrom('NOTHING', 'client', 'config', 'object', 'acl'), some(integer)),
  },
);

/** A request that reads or writes a key. */
export const keyRequest: fc.Arbitrary<Words> = fc.oneof(
  ...Object.entries(REQUESTS)
    .filter(([, found]) => found.weight >= 3)
    .map(([name, found]) => ({ weight: found.weight, arbitrary: requestOf(name, found) })),
);

export const anyKey: fc.Arbitrary<string> = key;

/** Which row a request belongs to. */
export function rowOf(request: Words): RequestRow | undefined {
  const [name = '', word = ''] = request.map((one) => one.toLowerCase());
  return REQUESTS[name] ?? REQUESTS[`${name}|${word}`];
}
