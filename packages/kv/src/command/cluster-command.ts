// CLUSTER: the replicated group as Redis's cluster clients know one. The leader owns every slot, all others are its
// replicas. While no leader is known there is no map to give: an error makes clients keep the one they have and ask
// again, an empty map would make them forget the servers.

import type { Endpoint } from '@waldb/io';
import { ErrorReply, MapReply, type Reply, VerbatimReply } from '../resp/reply.js';
import { leaderOf, SLOT_MAX, slotOf } from '../server/redirect.js';
import type { ClusterMember, ClusterState } from '../server/replica.js';
import type { ContainerCommand } from './command.js';
import type { CommandContext } from './command-context.js';
import { container } from './container.js';

const NO_LEADER = new ErrorReply('CLUSTERDOWN The cluster is down: no leader is known here');

/** A member whose address for clients is known. */
interface Reachable {
  readonly id: number;
  readonly client: Endpoint;
}

export const CLUSTER_COMMAND: ContainerCommand = container({
  name: 'cluster',
  group: 'cluster',
  summary: 'Tells which server leads and where all of them are.',
  subcommands: [
    { name: 'slots', arity: 2, summary: 'The leader and its replicas, by slots.', run: slots },
    { name: 'shards', arity: 2, summary: 'The one shard with its servers.', run: shards },
    { name: 'nodes', arity: 2, summary: 'All servers, one a line.', run: nodes },
    {
      name: 'myid',
      arity: 2,
      summary: "This server's id.",
      run: (_, { server }) => nodeName(server.cluster().id),
    },
    { name: 'info', arity: 2, summary: 'Whether there is a leader, and the term.', run: info },
    {
      name: 'keyslot',
      arity: 3,
      summary: 'The slot of a key.',
      run: (args) => slotOf(args[0] as string), // the arity was checked
    },
  ],
});

function slots(_: readonly string[], { server }: CommandContext): Reply {
  const { leader, replicas } = topology(server.cluster());
  if (leader === undefined) return NO_LEADER;
  const describe = ({ id, client }: Reachable): Reply => [client.host, client.port, nodeName(id), []];
  return [[0, SLOT_MAX, describe(leader), ...replicas.map(describe)]];
}

function shards(_: readonly string[], { server }: CommandContext): Reply {
  const { leader, replicas } = topology(server.cluster());
  if (leader === undefined) return NO_LEADER;
  const describe = ({ id, client }: Reachable): Reply =>
    new MapReply([
      ['id', nodeName(id)],
      ['port', client.port],
      ['ip', client.host],
      ['endpoint', client.host],
      ['role', id === leader.id ? 'master' : 'replica'],
      ['health', 'online'],
    ]);
  return [
    new MapReply([
      ['slots', [0, SLOT_MAX]],
      ['nodes', [leader, ...replicas].map(describe)],
    ]),
  ];
}

/** One line for each server: id address flags master ping-sent pong-received epoch link-state slots. */
function nodes(_: readonly string[], { server }: CommandContext): Reply {
  const cluster = server.cluster();
  const { leader, replicas } = topology(cluster);
  const all = leader === undefined ? replicas : [leader, ...replicas];
  let text = '';
  for (const { id, client } of all) {
    const isLeader = id === leader?.id;
    const flags = `${id === cluster.id ? 'myself,' : ''}${isLeader ? 'master' : 'slave'}`;
    const master = isLeader || leader === undefined ? '-' : nodeName(leader.id);
    const address = `${client.host}:${client.port}@${client.port}`;
    const owned = isLeader ? ` 0-${SLOT_MAX}` : '';
    text += `${nodeName(id)} ${address} ${flags} ${master} 0 0 ${cluster.term} connected${owned}\n`;
  }
  return new VerbatimReply(text);
}

function info(_: readonly string[], { server }: CommandContext): Reply {
  const cluster = server.cluster();
  const hasLeader = leaderOf(cluster) !== undefined;
  const lines = [
    `cluster_enabled:1`,
    `cluster_state:${hasLeader ? 'ok' : 'fail'}`,
    `cluster_slots_assigned:${SLOT_MAX + 1}`,
    `cluster_slots_ok:${hasLeader ? SLOT_MAX + 1 : 0}`,
    `cluster_known_nodes:${cluster.members.length}`,
    `cluster_size:1`,
    `cluster_current_epoch:${cluster.term}`,
    `cluster_my_epoch:${cluster.term}`,
  ];
  return new VerbatimReply(`${lines.join('\r\n')}\r\n`);
}

function topology(cluster: ClusterState): { leader: Reachable | undefined; replicas: Reachable[] } {
  const reachable = cluster.members.filter(isReachable);
  return {
    leader: reachable.find(({ id }) => id === cluster.leader),
    replicas: reachable.filter(({ id }) => id !== cluster.leader),
  };
}

function isReachable(member: ClusterMember): member is ClusterMember & Reachable {
  return member.client !== undefined;
}

/** Clients expect forty hexadecimal digits. */
function nodeName(id: number): string {
  return id.toString(16).padStart(40, '0');
}
