// What tests of joining begin with: a cluster that has applied something, a server that joins, the snapshot it gets.

import { describeMessage, type Message, type NodeId, type Snapshot, type Term } from '../../src/index.js';
import { Cluster } from './cluster.js';
import { bytes, configuration, type NodeOptions } from './node.js';

/** Server 4, which joins three voters. */
export const joiner: NodeOptions = { id: 4, peers: [1, 2, 3], config: { learners: [4] } };

/** Three voters, led by 1; it has applied `a` to `e` and, unless told otherwise, a snapshot of that. */
export function clusterToJoin(
  options: { readonly snapshot?: boolean; readonly keepEntries?: number } = {},
): Cluster {
  const { snapshot = true, keepEntries = 0 } = options;
  const servers = new Cluster({ voters: 3 });
  servers.elect(1);
  servers.propose(1, 'a', 'b', 'c', 'd', 'e');
  servers.settle();
  servers.tickAll(5);
  if (snapshot) servers.step(1, { type: 'snapshot', index: 6, data: bytes('a..e'), keepEntries });
  return servers;
}

/** Starts server `id` as one that joins, and has the leader take it in as a learner. */
export function join(servers: Cluster, id: NodeId, leader: NodeId = 1): void {
  servers.add({ id, peers: [1, 2, 3], learners: [id] });
  servers.step(leader, { type: 'addLearner', id });
}

/** Everything said between two servers from now on, as text without heartbeats, while it is delivered. */
export function overhear(servers: Cluster, id: NodeId): string[] {
  const heard: string[] = [];
  servers.fate = (message) => {
    const isSmallTalk = message.type === 'heartbeat' || message.type === 'heartbeatReply';
    if (!isSmallTalk && (message.to === id || message.from === id)) heard.push(describeMessage(message));
    return 'deliver';
  };
  return heard;
}

export function snapshotAt(index: number, term: number, voters: readonly NodeId[] = [1, 2, 3]): Snapshot {
  return { index, term, configuration: configuration(voters, { learners: [4] }), data: bytes(`to ${index}`) };
}

export function install(snapshot: Snapshot, term: Term = 3): Message {
  return { type: 'installSnapshot', from: 1, to: 4, term, snapshot };
}
