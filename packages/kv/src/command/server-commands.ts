// Commands about this server as a process.

import { parseInteger } from '../operation/integer.js';
import { VALUE_BYTES_MAX } from '../operation/string-operations.js';
import { ErrorReply, MapReply, NOT_AN_INTEGER, OK, type Reply, VerbatimReply } from '../resp/reply.js';
import { leaderOf } from '../server/redirect.js';
import { KeyEventFlags } from '../server/subscriptions.js';
import type { Command } from './command.js';
import { COMMAND_COMMAND } from './command-command.js';
import type { CommandContext } from './command-context.js';
import { container } from './container.js';

/**
 * Tools decide by this number which commands they may send. It says which version's protocol is followed here, as far
 * as there are commands at all; `server_name` says what this server is.
 */
const COMPATIBLE_REDIS_VERSION = '7.0.0';

/** What CONFIG GET can tell truly. Tools ask for `save` and `appendonly`: nothing here is saved now and then. */
const PARAMETERS: readonly (readonly [string, (context: CommandContext) => string])[] = [
  ['save', () => ''],
  ['appendonly', () => 'yes'],
  ['appendfsync', () => 'always'],
  ['databases', () => '1'],
  ['cluster-enabled', () => 'yes'],
  ['port', ({ server }) => String(server.port)],
  ['maxmemory', () => '0'],
  ['maxmemory-policy', () => 'noeviction'],
  ['timeout', () => '0'],
  ['proto-max-bulk-len', () => String(VALUE_BYTES_MAX)],
  ['notify-keyspace-events', ({ server }) => server.subscriptions.keyEvents.text],
];

export const SERVER_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'info',
    arity: -1,
    group: 'server',
    summary: 'Facts about this server: INFO [section ...].',
    run: info,
  },
  container({
    name: 'config',
    group: 'server',
    summary: 'Tells the configuration. Only notify-keyspace-events can be set here.',
    subcommands: [
      { name: 'get', arity: -3, summary: 'Parameters whose names match the patterns.', run: getParameters },
      {
        name: 'set',
        arity: -4,
        summary: 'Sets notify-keyspace-events, for this server.',
        run: setParameters,
      },
    ],
  }),
  {
    kind: 'local',
    name: 'time',
    arity: 1,
    group: 'server',
    summary: "This server's date: seconds since 1970, and microseconds.",
    run: (_, { server }) => {
      const date = server.date();
      return [String(Math.floor(date / 1000)), String(Math.floor((date % 1000) * 1000))];
    },
  },
  {
    kind: 'local',
    name: 'role',
    arity: 1,
    group: 'server',
    summary: 'Whether this server leads, and who follows or leads.',
    run: role,
  },
  {
    kind: 'local',
    name: 'wait',
    arity: 3,
    group: 'generic',
    summary: 'How many other servers have every write that was answered: as many as a majority needs.',
    run: wait,
  },
  COMMAND_COMMAND,
];

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

/** Offsets are not told: servers of this store compare indexes of the log (`raft_...` in INFO). */
function role(_: readonly string[], { server }: CommandContext): Reply {
  const cluster = server.cluster();
  const leader = leaderOf(cluster);
  if (cluster.role === 'leader') {
    const others = cluster.members.flatMap(({ id, client }) =>
      id === cluster.id || client === undefined ? [] : [[client.host, String(client.port), '0']],
    );
    return ['master', 0, others];
  }
  const { host = '', port = 0 } = leader?.client ?? {};
  return ['slave', host, port, leader === undefined ? 'connect' : 'connected', 0];
}

/** Writes are answered once a majority has them: nothing is left to wait for. More than that is not promised. */
function wait(args: readonly string[], { server }: CommandContext): Reply {
  const [count, timeout] = args.map(parseInteger);
  if (count === undefined) return NOT_AN_INTEGER;
  if (timeout === undefined) return new ErrorReply('ERR timeout is not an integer or out of range');
  if (timeout < 0) return new ErrorReply('ERR timeout is negative');
  const cluster = server.cluster();
  if (cluster.role !== 'leader') return new ErrorReply('ERR WAIT cannot be used with replica instances.');
  return Math.floor(cluster.members.filter(({ isVoter }) => isVoter).length / 2);
}

type Section = (context: CommandContext) => readonly (readonly [string, string | number])[];

const SECTIONS: Readonly<Record<string, Section>> = {
  server: ({ server }) => [
    ['server_name', 'waldb'],
    ['waldb_version', server.version],
    ['redis_version', COMPATIBLE_REDIS_VERSION],
    ['redis_mode', 'cluster'],
    ['os', `${process.platform} ${process.arch}`],
    ['node_version', process.versions.node],
    ['process_id', process.pid],
    ['tcp_port', server.port],
    ['uptime_in_seconds', Math.floor((server.now() - server.startedAt) / 1000)],
  ],
  clients: ({ server }) => [['connected_clients', server.statistics().connections]],
  memory: ({ server }) => [
    ['used_memory_dataset', server.statistics().dataBytes],
    ['used_memory_rss', process.memoryUsage.rss()],
  ],
  persistence: () => [
    ['loading', 0],
    ['aof_enabled', 1],
  ],
  stats: ({ server }) => {
    const statistics = server.statistics();
    return [
      ['total_connections_received', statistics.connectionsAccepted],
      ['rejected_connections', statistics.connectionsRefused],
      ['total_commands_processed', statistics.commandsProcessed],
    ];
  },
  replication: replication,
  cluster: () => [['cluster_enabled', 1]],
  keyspace: ({ server }) => {
    const { keys, expiringKeys } = server.statistics();
    return keys === 0 ? [] : [['db0', `keys=${keys},expires=${expiringKeys},avg_ttl=0`]];
  },
};

function replication({ server }: CommandContext): readonly (readonly [string, string | number])[] {
  const cluster = server.cluster();
  const leader = leaderOf(cluster);
  const common: readonly (readonly [string, string | number])[] = [
    ['raft_id', cluster.id],
    ['raft_role', cluster.role],
    ['raft_term', cluster.term],
    ['raft_leader', cluster.leader ?? ''],
    ['raft_voters', cluster.members.filter((member) => member.isVoter).length],
    ['raft_learners', cluster.members.filter((member) => !member.isVoter).length],
  ];
  if (cluster.role === 'leader') {
    return [['role', 'master'], ['connected_slaves', cluster.members.length - 1], ...common];
  }
  return [
    ['role', 'slave'],
    ['master_host', leader?.client?.host ?? ''],
    ['master_port', leader?.client?.port ?? 0],
    ['master_link_status', leader === undefined ? 'down' : 'up'],
    ...common,
  ];
}

const EVERYTHING = new Set(['all', 'default', 'everything']);

function info(names: readonly string[], context: CommandContext): Reply {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const isAll = wanted.size === 0 || [...wanted].some((name) => EVERYTHING.has(name));
  const sections: string[] = [];
  for (const [name, section] of Object.entries(SECTIONS)) {
    if (!isAll && !wanted.has(name)) continue;
    const title = `# ${name[0]?.toUpperCase()}${name.slice(1)}`;
    const lines = section(context).map(([field, value]) => `${field}:${value}`);
    sections.push(`${[title, ...lines].join('\r\n')}\r\n`);
  }
  return new VerbatimReply(sections.join('\r\n'));
}
