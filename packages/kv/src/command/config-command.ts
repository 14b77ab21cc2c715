// CONFIG: what can be told truly of Redis's parameters. The server's own are options of `waldb serve`.

import { VALUE_BYTES_MAX } from '../operation/string-operations.js';
import { ErrorReply, MapReply, OK, type Reply, SYNTAX_ERROR } from '../resp/reply.js';
import { NEVER } from '../server/server-limits.js';
import { KeyEventFlags } from '../server/subscriptions.js';
import type { ContainerCommand } from './command.js';
import type { CommandContext } from './command-context.js';
import { container } from './container.js';

/**
 * Tools ask for `save` and `appendonly`: nothing here is saved now and then. Some break off where what they ask for is not
 * there at all: so the log of slow commands has no length, and followers are what Redis calls read-only replicas.
 */
const PARAMETERS: readonly (readonly [string, (context: CommandContext) => string])[] = [
  ['save', () => ''],
  ['appendonly', () => 'yes'],
  ['appendfsync', () => 'always'],
  ['databases', () => '1'],
  ['cluster-enabled', () => 'yes'],
  ['port', ({ server }) => String(server.port)],
  ['maxmemory', () => '0'],
  ['maxmemory-policy', () => 'noeviction'],
  ['maxclients', ({ server }) => String(server.statistics().connectionsMax)],
  ['timeout', ({ server }) => seconds(server.statistics().idleMsMax)],
  ['slowlog-log-slower-than', () => '-1'],
  ['slowlog-max-len', () => '0'],
  ['latency-monitor-threshold', () => '0'],
  ['replica-read-only', () => 'yes'],
  ['slave-read-only', () => 'yes'],
  ['proto-max-bulk-len', () => String(VALUE_BYTES_MAX)],
  ['notify-keyspace-events', ({ server }) => server.subscriptions.keyEvents.text],
];

/** Where Redis has 0, it is never. */
function seconds(milliseconds: number): string {
  return milliseconds === NEVER ? '0' : String(Math.ceil(milliseconds / 1000));
}

export const CONFIG_COMMAND: ContainerCommand = container({
  name: 'config',
  group: 'server',
  summary: 'Tells the configuration. Only notify-keyspace-events can be set here.',
  subcommands: [
    {
      name: 'get',
      arity: -3,
      risk: 'admin',
      summary: 'Parameters whose names match the patterns.',
      run: getParameters,
    },
    {
      name: 'set',
      arity: -4,
      risk: 'admin',
      summary: 'Sets notify-keyspace-events, for this server.',
      run: setParameters,
    },
    {
      name: 'resetstat',
      arity: 2,
      risk: 'admin',
      summary: 'Taken and without effect: counters go on.',
      run: () => OK,
    },
    {
      name: 'rewrite',
      arity: 2,
      risk: 'admin',
      summary: 'Refused: the server never writes its configuration.',
      run: () => new ErrorReply('ERR The server is running without a config file'),
    },
  ],
});

function getParameters(patterns: readonly string[], context: CommandContext): Reply {
  const matchers = patterns.map(globMatcher);
  const matching = PARAMETERS.filter(([name]) => matchers.some((matches) => matches(name)));
  return new MapReply(matching.map(([name, read]) => [name, read(context)] as const));
}

/** `*` and `?`, which is what tools send. Linear: runs of stars are one, and names are short and ours. */
function globMatcher(pattern: string): (name: string) => boolean {
  const source = pattern
    .slice(0, 64)
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '[^]*')
    .replace(/\?/g, '[^]');
  const expression = new RegExp(`^${source}$`, 'i');
  return (name) => expression.test(name);
}

function setParameters(args: readonly string[], { server }: CommandContext): Reply {
  const [name, value] = args as [string, string]; // the arity was checked
  if (args.length % 2 !== 0) return SYNTAX_ERROR;
  if (name.toLowerCase() !== 'notify-keyspace-events' || args.length !== 2) {
    return new ErrorReply(
      `ERR Unknown option or number of arguments for CONFIG SET - '${name.slice(0, 128)}'`,
    );
  }
  const flags = KeyEventFlags.parse(value);
  if (flags === undefined) {
    return new ErrorReply(
      "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
    );
  }
  server.subscriptions.keyEvents = flags;
  return OK;
}
