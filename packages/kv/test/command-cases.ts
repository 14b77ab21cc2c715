// One case at least for each command and subcommand of the table: what is sent, and what a client library gives for it. The test that
// runs them (client-commands.test.ts) fails for a command without a case.

import { expect } from 'vitest';

type Words = readonly string[];

export interface CommandCase {
  /** Sent before, in order. */
  readonly before?: readonly Words[];
  readonly send: Words;
  /** Matched as by `toEqual`; an `Error`: what it says. */
  readonly gives: unknown;
}

const any = (type: unknown): unknown => expect.any(type);
const text = (part: string): unknown => expect.stringContaining(part);
const OK = 'OK';
const set = (...pairs: readonly string[]): Words => ['MSET', ...pairs];
const says = (message: string): Error => new Error(message);
const plain = (send: Words, gives: unknown, ...before: readonly Words[]): CommandCase => ({
  send,
  gives,
  before,
});

const FAR = '4000000000';
const FAR_MS = '4000000000123';
const expiring: Words = ['SET', 'k', 'v', 'PXAT', FAR_MS];

/** By name; subcommands as `client|list`. */
export const CASES: Readonly<Record<string, readonly CommandCase[]>> = {
  set: [
    plain(['SET', 'k', 'v', 'NX', 'GET'], null),
    plain(['SET', 'k', 'w', 'IFEQ', 'v'], OK, set('k', 'v')),
    plain(['SET', 'k', 'w', 'IFEQ', 'x'], null, set('k', 'v')),
    plain(['SET', 'k', 'w', 'IFEQ', 'x'], null),
    plain(['SET', 'k', 'w', 'XX', 'NX'], says('ERR syntax error')),
  ],
  setex: [
    plain(['SETEX', 'k', '100', 'v'], OK),
    plain(['SETEX', 'k', '0', 'v'], says('invalid expire time')),
  ],
  psetex: [plain(['PSETEX', 'k', '100000', 'v'], OK)],
  setnx: [plain(['SETNX', 'k', 'v'], 1), plain(['SETNX', 'k', 'v'], 0, set('k', 'x'))],
  getset: [plain(['GETSET', 'k', 'w'], 'v', set('k', 'v'))],
  get: [plain(['GET', 'k'], 'v', set('k', 'v')), plain(['GET', 'k'], null)],
  getdel: [plain(['GETDEL', 'k'], 'v', set('k', 'v'))],
  getex: [plain(['GETEX', 'k', 'EX', '100'], 'v', set('k', 'v'))],
  strlen: [plain(['STRLEN', 'k'], 5, set('k', 'hello'))],
  getrange: [plain(['GETRANGE', 'k', '1', '-2'], 'ell', set('k', 'hello'))],
  substr: [plain(['SUBSTR', 'k', '0', '1'], 'he', set('k', 'hello'))],
  append: [plain(['APPEND', 'k', 'lo'], 5, set('k', 'hel'))],
  setrange: [plain(['SETRANGE', 'k', '1', 'a'], 5, set('k', 'hello'))],
  mget: [plain(['MGET', '{t}a', '{t}b'], ['1', null], set('{t}a', '1'))],
  mset: [plain(['MSET', '{t}a', '1', '{t}b', '2'], OK)],
  msetnx: [plain(['MSETNX', '{t}a', '1', '{t}b', '2'], 0, set('{t}a', '1'))],
  incr: [plain(['INCR', 'k'], 8, set('k', '7')), plain(['INCR', 'k'], says('not an integer'), set('k', 'x'))],
  decr: [plain(['DECR', 'k'], -1)],
  incrby: [plain(['INCRBY', 'k', '5'], 12, set('k', '7'))],
  decrby: [plain(['DECRBY', 'k', '5'], 2, set('k', '7'))],
  incrbyfloat: [plain(['INCRBYFLOAT', 'k', '0.5'], '7.5', set('k', '7'))],
  lcs: [plain(['LCS', '{t}a', '{t}b'], 'mytext', set('{t}a', 'ohmytext', '{t}b', 'mynewtext'))],
  del: [plain(['DEL', '{t}a', '{t}b'], 1, set('{t}a', '1'))],
  unlink: [plain(['UNLINK', 'k'], 1, set('k', '1'))],
  exists: [plain(['EXISTS', 'k', 'k'], 2, set('k', '1'))],
  touch: [plain(['TOUCH', 'k'], 1, set('k', '1'))],
  type: [plain(['TYPE', 'k'], 'string', set('k', '1')), plain(['TYPE', 'k'], 'none')],
  rename: [
    plain(['RENAME', '{t}a', '{t}b'], OK, set('{t}a', '1')),
    plain(['RENAME', '{t}a', '{t}b'], says('no such key')),
  ],
  renamenx: [plain(['RENAMENX', '{t}a', '{t}b'], 1, set('{t}a', '1'))],
  copy: [plain(['COPY', '{t}a', '{t}b'], 1, set('{t}a', '1'))],
  expire: [
    plain(['EXPIRE', 'k', '100', 'NX'], 1, set('k', '1')),
    plain(['EXPIRE', 'k', '100', 'GT'], 0, set('k', '1')),
  ],
  pexpire: [plain(['PEXPIRE', 'k', '100000', 'LT'], 1, set('k', '1'))],
  expireat: [plain(['EXPIREAT', 'k', FAR], 1, set('k', '1'))],
  pexpireat: [plain(['PEXPIREAT', 'k', FAR_MS, 'XX'], 0, set('k', '1'))],
  persist: [plain(['PERSIST', 'k'], 1, expiring)],
  ttl: [
    plain(['TTL', 'k'], any(Number), expiring),
    plain(['TTL', 'k'], -1, set('k', '1')),
    plain(['TTL', 'k'], -2),
  ],
  pttl: [plain(['PTTL', 'k'], any(Number), expiring)],
  expiretime: [plain(['EXPIRETIME', 'k'], 4_000_000_000, expiring)],
  pexpiretime: [plain(['PEXPIRETIME', 'k'], 4_000_000_000_123, expiring)],
  scan: [
    plain(
      ['SCAN', '0', 'MATCH', 'k*', 'COUNT', '10'],
      ['0', ['k', 'k2']],
      set('k', '1', 'k2', '2', 'l', '3'),
    ),
  ],
  keys: [plain(['KEYS', 'k*'], ['k', 'k2'], set('k', '1', 'k2', '2', 'l', '3'))],
  randomkey: [plain(['RANDOMKEY'], 'k', set('k', '1'))],
  dbsize: [plain(['DBSIZE'], 2, set('k', '1', 'l', '2'))],
  flushdb: [plain(['FLUSHDB'], OK, set('k', '1'))],
  flushall: [plain(['FLUSHALL', 'ASYNC'], OK, set('k', '1'))],
  'object|encoding': [plain(['OBJECT', 'ENCODING', 'k'], 'int', set('k', '1'))],
  'object|refcount': [plain(['OBJECT', 'REFCOUNT', 'k'], 1, set('k', '1'))],
  'object|idletime': [plain(['OBJECT', 'IDLETIME', 'k'], says('no time of last use'), set('k', '1'))],
  'object|freq': [plain(['OBJECT', 'FREQ', 'k'], says('LFU'), set('k', '1'))],
  'object|help': [plain(['OBJECT', 'HELP'], expect.arrayContaining(['ENCODING']))],
  'memory|usage': [
    plain(['MEMORY', 'USAGE', 'k'], any(Number), set('k', '1')),
    plain(['MEMORY', 'USAGE', 'k'], null),
  ],
  'memory|doctor': [plain(['MEMORY', 'DOCTOR'], text('INFO memory'))],
  'memory|purge': [plain(['MEMORY', 'PURGE'], OK)],
  'memory|help': [plain(['MEMORY', 'HELP'], expect.arrayContaining(['USAGE']))],
  multi: [plain(['MULTI'], OK)],
  exec: [
    plain(['EXEC'], says('EXEC without MULTI')),
    plain(['EXEC'], [OK, 'v'], ['MULTI'], ['SET', 'k', 'v'], ['GET', 'k']),
  ],
  discard: [plain(['DISCARD'], OK, ['MULTI'], ['SET', 'k', 'v'])],
  watch: [plain(['WATCH', 'k'], OK)],
  unwatch: [plain(['UNWATCH'], OK, ['WATCH', 'k'])],
  publish: [plain(['PUBLISH', 'news', 'hello'], 0)],
  'pubsub|channels': [plain(['PUBSUB', 'CHANNELS'], [])],
  'pubsub|numsub': [plain(['PUBSUB', 'NUMSUB', 'news'], ['news', 0])],
  'pubsub|numpat': [plain(['PUBSUB', 'NUMPAT'], 0)],
  'pubsub|shardchannels': [plain(['PUBSUB', 'SHARDCHANNELS'], [])],
  'pubsub|shardnumsub': [plain(['PUBSUB', 'SHARDNUMSUB', 'a'], ['a', 0])],
  'pubsub|help': [plain(['PUBSUB', 'HELP'], expect.arrayContaining(['NUMSUB']))],
  ping: [plain(['PING', 'x'], 'x'), plain(['PING'], 'PONG')],
  echo: [plain(['ECHO', 'x'], 'x')],
  hello: [
    plain(['HELLO', '2'], expect.arrayContaining(['server', 'waldb', 'proto', 2])),
    plain(['HELLO', '4'], says('NOPROTO')),
  ],
  select: [plain(['SELECT', '0'], OK), plain(['SELECT', '1'], says('SELECT is not allowed in cluster mode'))],
  readonly: [plain(['READONLY'], OK)],
  readwrite: [plain(['READWRITE'], OK)],
  reset: [plain(['RESET'], 'RESET')],
  quit: [plain(['QUIT'], OK)],
  auth: [plain(['AUTH', 'default', 'x'], OK), plain(['AUTH', 'nobody', 'x'], says('WRONGPASS'))],
  'acl|whoami': [plain(['ACL', 'WHOAMI'], 'default')],
  'acl|users': [plain(['ACL', 'USERS'], ['default'])],
  'acl|list': [plain(['ACL', 'LIST'], ['user default on nopass ~* &* +@all'])],
  'acl|getuser': [plain(['ACL', 'GETUSER', 'default'], expect.arrayContaining(['flags', ['on', 'nopass']]))],
  'acl|cat': [plain(['ACL', 'CAT', 'transaction'], ['multi', 'exec', 'discard', 'watch', 'unwatch'])],
  'acl|dryrun': [plain(['ACL', 'DRYRUN', 'default', 'GET', 'k'], OK)],
  'acl|genpass': [plain(['ACL', 'GENPASS', '16'], expect.stringMatching(/^[0-9a-f]{4}$/))],
  'acl|log': [plain(['ACL', 'LOG'], [])],
  'acl|setuser': [plain(['ACL', 'SETUSER', 'x'], says('not served here'))],
  'acl|deluser': [plain(['ACL', 'DELUSER', 'x'], says('not served here'))],
  'acl|load': [plain(['ACL', 'LOAD'], says('not served here'))],
  'acl|save': [plain(['ACL', 'SAVE'], says('not served here'))],
  'acl|help': [plain(['ACL', 'HELP'], expect.arrayContaining(['WHOAMI']))],
  'client|id': [plain(['CLIENT', 'ID'], any(Number))],
  'client|getname': [plain(['CLIENT', 'GETNAME'], 'me', ['CLIENT', 'SETNAME', 'me'])],
  'client|setname': [plain(['CLIENT', 'SETNAME', 'a b'], says('cannot contain spaces'))],
  'client|setinfo': [plain(['CLIENT', 'SETINFO', 'lib-name', 'x'], OK)],
  'client|info': [plain(['CLIENT', 'INFO'], text('cmd=client|info'))],
  'client|list': [plain(['CLIENT', 'LIST', 'TYPE', 'normal'], text('cmd=client|list'))],
  'client|kill': [plain(['CLIENT', 'KILL', 'ID', '99999'], 0)],
  'client|reply': [plain(['CLIENT', 'REPLY', 'ON'], OK)],
  'client|no-evict': [plain(['CLIENT', 'NO-EVICT', 'on'], OK)],
  'client|no-touch': [plain(['CLIENT', 'NO-TOUCH', 'off'], OK)],
  'client|getredir': [plain(['CLIENT', 'GETREDIR'], -1)],
  'client|tracking': [
    plain(['CLIENT', 'TRACKING', 'OFF'], OK),
    plain(['CLIENT', 'TRACKING', 'ON'], says('not served here')),
  ],
  'client|trackinginfo': [
    plain(['CLIENT', 'TRACKINGINFO'], ['flags', ['off'], 'redirect', -1, 'prefixes', []]),
  ],
  'client|caching': [plain(['CLIENT', 'CACHING', 'YES'], says('tracking mode'))],
  'client|pause': [
    plain(['CLIENT', 'PAUSE', '0'], OK),
    plain(['CLIENT', 'PAUSE', '10'], says('not served here')),
  ],
  'client|unpause': [plain(['CLIENT', 'UNPAUSE'], OK)],
  'client|unblock': [plain(['CLIENT', 'UNBLOCK', '99999'], 0)],
  'client|help': [plain(['CLIENT', 'HELP'], expect.arrayContaining(['KILL']))],
  'cluster|slots': [plain(['CLUSTER', 'SLOTS'], [[0, 16383, any(Array), any(Array), any(Array)]])],
  'cluster|shards': [plain(['CLUSTER', 'SHARDS'], [['slots', [0, 16383], 'nodes', any(Array)]])],
  'cluster|nodes': [plain(['CLUSTER', 'NODES'], text('myself,master'))],
  'cluster|myid': [plain(['CLUSTER', 'MYID'], expect.stringMatching(/^0{39}[123]$/))],
  'cluster|info': [plain(['CLUSTER', 'INFO'], text('cluster_state:ok'))],
  'cluster|keyslot': [plain(['CLUSTER', 'KEYSLOT', 'foo'], 12182)],
  'cluster|help': [plain(['CLUSTER', 'HELP'], expect.arrayContaining(['SLOTS']))],
  command: [plain(['COMMAND'], any(Array))],
  'command|count': [plain(['COMMAND', 'COUNT'], any(Number))],
  'command|list': [plain(['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'getd*'], ['getdel'])],
  'command|info': [plain(['COMMAND', 'INFO', 'nothing'], [null])],
  'command|docs': [plain(['COMMAND', 'DOCS', 'get'], ['get', any(Array)])],
  'command|getkeys': [plain(['COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2'], ['a', 'b'])],
  'command|getkeysandflags': [plain(['COMMAND', 'GETKEYSANDFLAGS', 'SET', 'a', '1'], [['a', ['RW']]])],
  'command|help': [plain(['COMMAND', 'HELP'], expect.arrayContaining(['DOCS']))],
  'config|get': [plain(['CONFIG', 'GET', 'appendf*'], ['appendfsync', 'always'])],
  'config|set': [plain(['CONFIG', 'SET', 'notify-keyspace-events', 'AKE'], OK)],
  'config|resetstat': [plain(['CONFIG', 'RESETSTAT'], OK)],
  'config|rewrite': [plain(['CONFIG', 'REWRITE'], says('without a config file'))],
  'config|help': [plain(['CONFIG', 'HELP'], expect.arrayContaining(['GET']))],
  info: [plain(['INFO', 'replication'], text('connected_slaves:2')), plain(['INFO'], text('used_memory:'))],
  role: [plain(['ROLE'], ['master', any(Number), [any(Array), any(Array)]])],
  time: [plain(['TIME'], [any(String), any(String)])],
  lastsave: [plain(['LASTSAVE'], any(Number))],
  wait: [plain(['WAIT', '2', '0'], 2, ['SET', 'k', 'v']), plain(['WAIT', '3', '20'], 2, ['SET', 'k', 'v'])],
  'slowlog|get': [plain(['SLOWLOG', 'GET'], [])],
  'slowlog|len': [plain(['SLOWLOG', 'LEN'], 0)],
  'slowlog|reset': [plain(['SLOWLOG', 'RESET'], OK)],
  'slowlog|help': [plain(['SLOWLOG', 'HELP'], expect.arrayContaining(['LEN']))],
  'latency|latest': [plain(['LATENCY', 'LATEST'], [])],
  'latency|history': [plain(['LATENCY', 'HISTORY', 'command'], [])],
  'latency|reset': [plain(['LATENCY', 'RESET'], 0)],
  'latency|doctor': [plain(['LATENCY', 'DOCTOR'], text('HTTP'))],
  'latency|histogram': [plain(['LATENCY', 'HISTOGRAM'], [])],
  'latency|help': [plain(['LATENCY', 'HELP'], expect.arrayContaining(['LATEST']))],
  'module|list': [plain(['MODULE', 'LIST'], [])],
  'module|help': [plain(['MODULE', 'HELP'], expect.arrayContaining(['LIST']))],
  swapdb: [plain(['SWAPDB', '0', '1'], says('not allowed in cluster mode'))],
  move: [plain(['MOVE', 'k', '1'], says('not allowed in cluster mode'))],
  dump: [plain(['DUMP', 'k'], says('DUMP is not served here'))],
  restore: [plain(['RESTORE', 'k', '0', 'x'], says('RESTORE is not served here'))],
  debug: [plain(['DEBUG', 'OBJECT', 'k'], says('DEBUG is not served here'))],
};

/** Libraries have these for themselves: what they make of them is tested by their own methods. */
export const BY_METHODS: ReadonlySet<string> = new Set([
  'subscribe',
  'psubscribe',
  'unsubscribe',
  'punsubscribe',
]);
