// Where a command belongs that this server cannot carry out. One leader owns all slots, but clients keep their map by
// slots, so the answer names the slot of the command's key.

import { formatEndpoint } from '@waldb/io';
import calculateSlot from 'cluster-key-slot';
import { ErrorReply } from '../resp/reply.js';
import type { ClusterMember, ClusterState } from './replica.js';

export const SLOT_MAX = 16_383;

const NO_LEADER = new ErrorReply('CLUSTERDOWN The cluster is down: no leader is known here');
const NO_ADDRESS = new ErrorReply("CLUSTERDOWN The leader's address for clients is not known here");

export function redirect(key: string | undefined, cluster: ClusterState): ErrorReply {
  const leader = leaderOf(cluster);
  if (leader === undefined || leader.id === cluster.id) return NO_LEADER;
  if (leader.client === undefined) return NO_ADDRESS;
  const slot = key === undefined ? 0 : slotOf(key);
  return new ErrorReply(`MOVED ${slot} ${formatEndpoint(leader.client)}`);
}

export function leaderOf(cluster: ClusterState): ClusterMember | undefined {
  if (cluster.leader === undefined) return undefined;
  return cluster.members.find((member) => member.id === cluster.leader);
}

/** The key is bytes as latin1; a string would be hashed as UTF-8. */
export function slotOf(key: string): number {
  return calculateSlot(Buffer.from(key, 'latin1'));
}
