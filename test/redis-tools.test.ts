// What tools and libraries for Redis send when they connect and look, as their sources have it, and what of the answers they
// rely on. A tool that gets an error where its source does not put up with one, or misses a field that it reads without
// asking, breaks off: each row says what that tool needs. docs/store.md, "Tools for Redis", tells what they show here.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RawClient, request } from '../packages/kv/test/raw-client.js';
import { freePorts, makeDirectory, spawnWaldb, stopAll } from './support/cluster-process.js';

const GENEROUS_MS = 120_000;

/** The words of a command, and what its reply has to look like as bytes on the wire. */
type Exchange = readonly [command: string, reply: RegExp];

const OK = /^\+OK\r\n$/;
const PONG = /^\+PONG\r\n$/;
const NIL = /^(?:\$-1|_)\r\n$/;
const EMPTY = /^\*0\r\n$/;
/** Errors that tools put up with, in the words of Redis. */
const UNKNOWN_COMMAND = /^-ERR unknown command '/;
const UNKNOWN_SUBCOMMAND = /^-ERR unknown subcommand '/;

/** A map of RESP3 or a flat array of RESP2 with this parameter and value. */
function parameter(name: string, value: string): RegExp {
  return new RegExp(`\\r\\n\\$${name.length}\\r\\n${name}\\r\\n\\$\\d+\\r\\n${value}\\r\\n`);
}

/** Text of INFO with all of these lines, in any order. */
function fields(...lines: string[]): RegExp {
  return new RegExp(`^[$=]\\d+\\r\\n${lines.map((line) => `(?=[^]*\\r\\n${line}\\r\\n)`).join('')}[^]*$`);
}

const INFO_COMMON = fields(
  'redis_version:\\d+\\.\\d+\\.\\d+',
  'uptime_in_seconds:\\d+',
  'connected_clients:\\d+',
  'used_memory:\\d+',
  'total_commands_processed:\\d+',
  'keyspace_hits:\\d+',
  'keyspace_misses:\\d+',
  'role:master',
  'cluster_enabled:1',
  'db0:keys=1,expires=0,avg_ttl=0',
);
/** Each line has the three numbers that tools read. */
const COMMAND_STATISTICS =
  /^\$\d+\r\n# Commandstats\r\n(?:cmdstat_[a-z|-]+:calls=\d+,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=\d+,failed_calls=\d+\r\n)+\r\n$/;
const SLOTS = /^\*1\r\n\*3\r\n:0\r\n:16383\r\n\*\d\r\n\$9\r\n127\.0\.0\.1\r\n:\d+\r\n\$40\r\n/;
const NODES =
  /^[$=]\d+\r\n(?:txt:)?[0-9a-f]{40} 127\.0\.0\.1:\d+@\d+\S* myself,master - 0 \d+ \d+ connected 0-16383\n/;
const CLUSTER_OK = /\r\n(?:txt:)?cluster_enabled:1\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\n/;
const COMMANDS = /^\*\d{2,}\r\n\*10\r\n\$\d+\r\n\w+\r\n:-?\d+\r\n/;
const CLIENTS =
  /^[$=]\d+\r\n(?:txt:)?id=\d+ addr=127\.0\.0\.1:\d+ [^\n]*name=\S* age=\d+ idle=\d+ flags=N [^\n]*\n/;

const SUBSCRIPTION = 'SUBSCRIBE __Booksleeve_MasterChanged';
const SUBSCRIBED = '*3\r\n$9\r\nsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n';

/** Each on a connection of its own. */
const TOOLS: Readonly<Record<string, readonly Exchange[]>> = {
  // exporter.go: with `cluster_enabled:1` it also asks for CLUSTER INFO. An error of CONFIG GET, LATENCY or SLOWLOG is logged only.
  redis_exporter: [
    ['CLIENT SETNAME redis_exporter', OK],
    ['CONFIG GET *', parameter('maxclients', '\\d+')],
    ['CONFIG GET databases', parameter('databases', '1')],
    ['INFO ALL', INFO_COMMON],
    ['CLUSTER INFO', CLUSTER_OK],
    ['LATENCY LATEST', EMPTY],
    ['LATENCY HISTOGRAM', EMPTY],
    ['SLOWLOG LEN', /^:0\r\n$/],
    ['SLOWLOG GET 1', EMPTY],
    ['CLIENT LIST', CLIENTS],
    ['MODULE LIST', EMPTY],
    ['MEMORY USAGE greeting', /^:\d+\r\n$/],
    ['COMMANDLOG GET 1 slow', UNKNOWN_COMMAND],
  ],
  // redis.go: INFO ALL, whose values are numbers where they look like one, and whatever commands its user has configured.
  telegraf: [
    ['INFO ALL', INFO_COMMON],
    ['GET greeting', /^\$5\r\nhello\r\n$/],
  ],
  // redisdb.py reads slowlog-max-len out of the reply without asking whether it is there, and SLOWLOG GET may not fail.
  Datadog: [
    ['CLIENT SETINFO LIB-NAME redis-py', OK],
    ['INFO', INFO_COMMON],
    ['CONFIG GET maxclients', parameter('maxclients', '\\d+')],
    ['INFO keyspace', fields('db0:keys=1,expires=0,avg_ttl=0')],
    ['TYPE greeting', /^\+string\r\n$/],
    ['CLIENT LIST', CLIENTS],
    ['CONFIG GET slowlog-max-len', parameter('slowlog-max-len', '0')],
    ['SLOWLOG GET 0', EMPTY],
    ['INFO commandstats', COMMAND_STATISTICS],
  ],
  // collect.go takes the first line with `_version` for what the server is, and goes on with `redis` only.
  Netdata: [
    ['HELLO 3', /^%7\r\n\$6\r\nserver\r\n/],
    ['CLIENT SETINFO LIB-NAME go-redis', OK],
    ['INFO all', /^=\d+\r\ntxt:# Server\r\n(?:(?!\S*_version:)[^\r]*\r\n)*redis_version:\d+\.\d+\.\d+\r\n/],
    ['PING', PONG],
    ['SLOWLOG GET 500', EMPTY],
  ],
  // The data source of Grafana (radix): its health check is PING; a cluster is found by CLUSTER SLOTS.
  Grafana: [
    ['PING', PONG],
    ['CLUSTER SLOTS', SLOTS],
    ['INFO server', fields('redis_version:\\d+\\.\\d+\\.\\d+')],
    ['INFO commandstats', COMMAND_STATISTICS],
    ['CLUSTER INFO', CLUSTER_OK],
    ['CLUSTER NODES', NODES],
    ['CLIENT LIST', CLIENTS],
    ['SLOWLOG GET', EMPTY],
    ['SCAN 0 MATCH * COUNT 10', /^\*2\r\n\$1\r\n0\r\n\*1\r\n\$8\r\ngreeting\r\n$/],
    ['TYPE greeting', /^\+string\r\n$/],
    ['MEMORY USAGE greeting', /^:\d+\r\n$/],
  ],
  // ioredis underneath; an error of SENTINEL and of MODULE LIST means "no sentinel" and "no modules".
  RedisInsight: [
    ['INFO', INFO_COMMON],
    ['SENTINEL masters', UNKNOWN_COMMAND],
    ['CLUSTER INFO', CLUSTER_OK],
    ['CLUSTER NODES', NODES],
    ['CLUSTER SLOTS', SLOTS],
    ['MODULE LIST', EMPTY],
    ['COMMAND INFO json.get ft.search', /^\*2\r\n(?:\*-1|\$-1|_)\r\n(?:\*-1|\$-1|_)\r\n$/],
    ['CONFIG GET databases', parameter('databases', '1')],
    ['CONFIG GET slowlog*', parameter('slowlog-log-slower-than', '-1')],
    ['CLIENT LIST', CLIENTS],
    ['DBSIZE', /^:1\r\n$/],
    ['ACL WHOAMI', /^\$7\r\ndefault\r\n$/],
    ['COMMAND', COMMANDS],
    ['SCAN 0 MATCH * COUNT 500 TYPE string', /^\*2\r\n\$1\r\n0\r\n\*1\r\n\$8\r\ngreeting\r\n$/],
    ['PTTL greeting', /^:-1\r\n$/],
    ['STRLEN greeting', /^:5\r\n$/],
    ['OBJECT ENCODING greeting', /^\$\d+\r\n\w+\r\n$/],
  ],
  // connection.py: errors of CLIENT SETINFO and of maintenance notifications are put up with.
  'redis-py': [
    ['HELLO 3', /\r\n\$5\r\nproto\r\n:3\r\n/],
    ['CLIENT SETINFO LIB-NAME redis-py', OK],
    ['CLIENT SETINFO LIB-VER 6.4.0', OK],
    ['CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip', UNKNOWN_SUBCOMMAND],
    ['SELECT 0', OK],
    ['CLUSTER SLOTS', SLOTS],
    ['COMMAND', COMMANDS],
    ['READONLY', OK],
  ],
  'go-redis': [
    ['HELLO 3 SETNAME app', /\r\n\$4\r\nmode\r\n\$7\r\ncluster\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n/],
    ['CLIENT SETINFO LIB-NAME go-redis(,go1.24)', OK],
    ['CLIENT SETINFO LIB-VER 9.12.0', OK],
    ['CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip', UNKNOWN_SUBCOMMAND],
    ['CLUSTER SLOTS', SLOTS],
    ['COMMAND', COMMANDS],
    ['CLUSTER INFO', CLUSTER_OK],
  ],
  Jedis: [
    ['HELLO 3', /\r\n\$7\r\nmodules\r\n\*0\r\n/],
    ['CLIENT SETINFO LIB-NAME jedis', OK],
    ['CLIENT SETINFO LIB-VER 6.0.0', OK],
    ['CLUSTER SLOTS', SLOTS],
    ['COMMAND INFO GET', /^\*1\r\n\*10\r\n\$3\r\nget\r\n/],
  ],
  Lettuce: [
    ['HELLO 3', /\r\n\$7\r\nversion\r\n\$\d+\r\n\d+\.\d+\.\d+\r\n/],
    ['CLIENT SETNAME app', OK],
    ['CLIENT SETINFO lib-name Lettuce', OK],
    ['CLUSTER NODES', NODES],
    ['INFO', INFO_COMMON],
    ['CLUSTER MYID', /^\$40\r\n[0-9a-f]{40}\r\n$/],
    ['COMMAND', COMMANDS],
  ],
  // ServerEndPoint.cs: the tracer is an ECHO of 16 bytes; the second connection is for subscriptions.
  'StackExchange.Redis': [
    ['CLIENT SETNAME app', OK],
    ['CLIENT SETINFO lib-name SE.Redis', OK],
    ['CLIENT ID', /^:\d+\r\n$/],
    ['CONFIG GET timeout', parameter('timeout', '0')],
    ['CONFIG GET replica-read-only', parameter('replica-read-only', 'yes')],
    ['CONFIG GET slave-read-only', parameter('slave-read-only', 'yes')],
    ['CONFIG GET databases', parameter('databases', '1')],
    ['SENTINEL MASTERS', UNKNOWN_COMMAND],
    ['INFO replication', fields('role:master', 'connected_slaves:0')],
    ['INFO server', fields('redis_version:7\\.\\d+\\.\\d+', 'redis_mode:cluster', 'run_id:[0-9a-f]{40}')],
    ['CLUSTER NODES', NODES],
    ['GET __Booksleeve_TieBreak', NIL],
    ['ECHO 0123456789abcdef', /^\$16\r\n0123456789abcdef\r\n$/],
    [SUBSCRIPTION, /^\*3\r\n\$9\r\nsubscribe\r\n\$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n$/],
  ],
  // Its queues are Lua scripts, which there are none of here: it connects, and ends with the error of its first queue.
  BullMQ: [
    ['INFO', fields('redis_version:7\\.\\d+\\.\\d+', 'maxmemory_policy:noeviction')],
    ['CLIENT SETNAME bull:cXVldWU=', OK],
    ['EVALSHA 0123456789abcdef0123456789abcdef01234567 0', UNKNOWN_COMMAND],
  ],
};

let port = 0;
let server: ChildProcess | undefined;

beforeAll(async () => {
  port = await freePorts(1);
  const args = [
    '--directory',
    join(makeDirectory(), 'data'),
    '--port',
    String(port),
    '--log-level',
    'silent',
  ];
  server = spawnWaldb(['serve', ...args]);
  await vi.waitFor(
    async () => expect(await converse([['SET greeting hello', OK]])).toEqual([expect.stringMatching(OK)]),
    { timeout: 60_000, interval: 200 },
  );
}, GENEROUS_MS);
afterAll(async () => {
  server?.kill('SIGKILL');
  await stopAll();
}, GENEROUS_MS);

/** The replies, each as it came, in the order of the commands. */
async function converse(exchanges: readonly Exchange[]): Promise<string[]> {
  const client = await RawClient.connect(port);
  const replies: string[] = [];
  for (const [command] of exchanges) {
    const words = command.split(' ');
    if (command === SUBSCRIPTION) {
      // Who listens may not send what would mark the end of the reply.
      client.send(request(...words));
      replies.push(await client.take(SUBSCRIBED.length));
    } else replies.push(await client.ask(...words));
  }
  client.destroy();
  return replies;
}

describe('tools for Redis', () => {
  it.each(Object.entries(TOOLS))('%s gets what it relies on', async (_tool, exchanges) => {
    const replies = await converse(exchanges);
    const told = exchanges.map(([command], nth) => ({ command, reply: replies[nth] }));
    expect(told).toEqual(
      exchanges.map(([command, reply]) => ({ command, reply: expect.stringMatching(reply) })),
    );
  });
});
