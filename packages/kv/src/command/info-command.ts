// INFO and ROLE: facts about this server and its cluster, in the fields that tools for Redis read. Every number is counted or
// measured; fields that mean nothing here are left out.

import { type Reply, VerbatimReply } from '../resp/reply.js';
import { leaderOf } from '../server/redirect.js';
import type { ClusterMember } from '../server/replica.js';
import type { Command } from './command.js';
import type { CommandContext } from './command-context.js';

/**
 * Tools decide by this number which commands they may send. It says which version's protocol is followed here, as far
 * as there are commands at all; `server_name` says what this server is.
 */
const COMPATIBLE_REDIS_VERSION = '7.0.0';
const SECONDS_A_DAY = 86_400;

export const INFO_COMMANDS: readonly Command[] = [
  {
    kind: 'local',
    name: 'info',
    arity: -1,
    group: 'server',
    summary: 'Facts about this server: INFO [section ...].',
    risk: 'dangerous',
    run: info,
  },
  {
    kind: 'local',
    name: 'role',
    arity: 1,
    group: 'server',
    summary: 'Whether this server leads, and who follows or leads, with indexes of the log as offsets.',
    isFast: true,
    risk: 'admin',
    run: role,
  },
];

/** What other servers are to clients, with how far each is known to be. */
interface Follower {
  readonly member: ClusterMember;
  readonly matchIndex: number;
  readonly isReached: boolean;
}

function followersOf({ server }: CommandContext): Follower[] {
  const { id: own, members } = server.cluster();
  const { peers } = server.progress();
  return members
    .filter(({ id }) => id !== own)
    .map((member) => {
      const peer = peers.find(({ id }) => id === member.id);
      return { member, matchIndex: peer?.matchIndex ?? 0, isReached: peer?.isReached ?? false };
    });
}

/** Offsets are indexes of the log: the leader's is committed, a follower's durable there. */
function role(_: readonly string[], context: CommandContext): Reply {
  const cluster = context.server.cluster();
  const { commitIndex } = context.server.progress();
  if (cluster.role === 'leader') {
    const others = followersOf(context).flatMap(({ member: { client }, matchIndex }) =>
      client === undefined ? [] : [[client.host, String(client.port), String(matchIndex)]],
    );
    return ['master', commitIndex, others];
  }
  const leader = leaderOf(cluster);
  const { host = '', port = 0 } = leader?.client ?? {};
  return ['slave', host, port, leader === undefined ? 'connect' : 'connected', commitIndex];
}

type Fields = readonly (readonly [string, string | number])[];
type Section = (context: CommandContext) => Fields;

const SECTIONS: Readonly<Record<string, Section>> = {
  server: ({ server }) => {
    const uptime = Math.floor((server.now() - server.startedAt) / 1000);
    return [
      // First: some tools take the first field that ends in `_version` for what the server is.
      ['redis_version', COMPATIBLE_REDIS_VERSION],
      ['server_name', 'waldb'],
      ['waldb_version', server.version],
      ['redis_mode', 'cluster'],
      ['os', `${process.platform} ${process.arch}`],
      ['arch_bits', process.arch.includes('64') ? 64 : 32],
      ['node_version', process.versions.node],
      ['process_id', process.pid],
      ['run_id', server.runId],
      ['tcp_port', server.port],
      ['server_time_usec', Math.floor(server.date() * 1000)],
      ['uptime_in_seconds', uptime],
      ['uptime_in_days', Math.floor(uptime / SECONDS_A_DAY)],
    ];
  },
  clients: ({ server }) => {
    const { connections, connectionsMax, blockedClients } = server.statistics();
    return [
      ['connected_clients', connections],
      ['maxclients', connectionsMax],
      ['blocked_clients', blockedClients],
      ['tracking_clients', 0],
    ];
  },
  memory: ({ server }) => {
    const { rss, heapUsed, external } = process.memoryUsage();
    const used = heapUsed + external;
    return [
      ['used_memory', used],
      ['used_memory_human', `${(used / 1024 / 1024).toFixed(2)}M`],
      ['used_memory_rss', rss],
      ['used_memory_rss_human', `${(rss / 1024 / 1024).toFixed(2)}M`],
      ['used_memory_dataset', server.statistics().dataBytes],
      ['maxmemory', 0],
      ['maxmemory_policy', 'noeviction'],
      ['mem_fragmentation_ratio', (rss / used).toFixed(2)],
      ['mem_allocator', 'v8'],
    ];
  },
  // Every answered write is on disk: nothing waits to be saved.
  persistence: () => [
    ['loading', 0],
    ['rdb_changes_since_last_save', 0],
    ['rdb_bgsave_in_progress', 0],
    ['rdb_last_bgsave_status', 'ok'],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_last_write_status', 'ok'],
  ],
  stats: ({ server }) => {
    const statistics = server.statistics();
    return [
      ['total_connections_received', statistics.connectionsAccepted],
      ['total_commands_processed', statistics.commandsProcessed],
      ['instantaneous_ops_per_sec', statistics.commandsPerSecond],
      ['total_net_input_bytes', statistics.bytesReceived],
      ['total_net_output_bytes', statistics.bytesSent],
      ['rejected_connections', statistics.connectionsRefused],
      ['expired_keys', statistics.expiredKeys],
      ['evicted_keys', 0],
      ['keyspace_hits', statistics.keyHits],
      ['keyspace_misses', statistics.keyMisses],
      ['client_output_buffer_limit_disconnections', statistics.subscribersClosed],
      ['pubsub_channels', [...server.subscriptions.channels()].length],
      ['pubsub_patterns', server.subscriptions.patternCount],
    ];
  },
  replication,
  cpu: () => {
    const { system, user } = process.cpuUsage();
    return [
      ['used_cpu_sys', (system / 1e6).toFixed(6)],
      ['used_cpu_user', (user / 1e6).toFixed(6)],
    ];
  },
  commandstats: ({ server }) =>
    [...server.commandStatistics.commands()].map(([name, { calls, milliseconds, rejected, failed }]) => {
      const usec = Math.round(milliseconds * 1000);
      const each = (calls === 0 ? 0 : usec / calls).toFixed(2);
      const facts = `calls=${calls},usec=${usec},usec_per_call=${each},rejected_calls=${rejected},failed_calls=${failed}`;
      return [`cmdstat_${name}`, facts];
    }),
  errorstats: ({ server }) =>
    [...server.commandStatistics.errors()].map(([code, count]) => [`errorstat_${code}`, `count=${count}`]),
  cluster: () => [['cluster_enabled', 1]],
  keyspace: ({ server }) => {
    const { keys, expiringKeys } = server.statistics();
    return keys === 0 ? [] : [['db0', `keys=${keys},expires=${expiringKeys},avg_ttl=0`]];
  },
};

function replication(context: CommandContext): Fields {
  const { server } = context;
  const cluster = server.cluster();
  const leader = leaderOf(cluster);
  const { commitIndex, lastIndex } = server.progress();
  const raft: Fields = [
    ['master_repl_offset', commitIndex],
    ['raft_id', cluster.id],
    ['raft_role', cluster.role],
    ['raft_term', cluster.term],
    ['raft_leader', cluster.leader ?? ''],
    ['raft_commit_index', commitIndex],
    ['raft_last_index', lastIndex],
    ['raft_voters', cluster.members.filter((member) => member.isVoter).length],
    ['raft_learners', cluster.members.filter((member) => !member.isVoter).length],
  ];
  if (cluster.role === 'leader') {
    const followers = followersOf(context);
    const lines = followers.map(({ member: { client }, matchIndex, isReached }, nth): Fields[number] => {
      const address = `ip=${client?.host ?? ''},port=${client?.port ?? 0}`;
      const state = isReached ? 'online' : 'wait_bgsave';
      return [`slave${nth}`, `${address},state=${state},offset=${matchIndex},lag=${isReached ? 0 : 1}`];
    });
    return [['role', 'master'], ['connected_slaves', followers.length], ...lines, ...raft];
  }
  return [
    ['role', 'slave'],
    ['master_host', leader?.client?.host ?? ''],
    ['master_port', leader?.client?.port ?? 0],
    ['master_link_status', leader === undefined ? 'down' : 'up'],
    ['master_sync_in_progress', 0],
    ['slave_repl_offset', commitIndex],
    ['slave_read_only', 1],
    ['connected_slaves', 0],
    ...raft,
  ];
}

const EVERYTHING = new Set(['all', 'everything']);
/** Told where they are asked for, or everything is. */
const NOT_BY_DEFAULT = new Set(['commandstats']);

function info(names: readonly string[], context: CommandContext): Reply {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const isAll = [...wanted].some((name) => EVERYTHING.has(name));
  const isDefault = wanted.size === 0 || wanted.has('default');
  const sections: string[] = [];
  for (const [name, section] of Object.entries(SECTIONS)) {
    const isTold = isAll || wanted.has(name) || (isDefault && !NOT_BY_DEFAULT.has(name));
    if (!isTold) continue;
    const title = `# ${name[0]?.toUpperCase()}${name.slice(1)}`;
    const lines = section(context).map(([field, value]) => `${field}:${value}`);
    sections.push(`${[title, ...lines].join('\r\n')}\r\n`);
  }
  return new VerbatimReply(sections.join('\r\n'));
}
