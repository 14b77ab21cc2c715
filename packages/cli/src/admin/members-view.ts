// The members of a cluster as one server sees them: what `GET /members` answers and `waldb members list` shows.

import { formatEndpoint } from '@waldb/io';
import type { ServerStatus } from '@waldb/runtime';
import { parseServerAddress } from '@waldb/runtime/server-address';

export interface MemberView {
  readonly id: number;
  /** `leaving`: a voter until the change that is under way is done. */
  readonly role: 'voter' | 'learner' | 'leaving';
  readonly isLeader: boolean;
  readonly peer: string | undefined;
  readonly client: string | undefined;
  readonly admin: string | undefined;
  /** The rest only as its leader knows it. It holds the log through here. */
  readonly matchIndex?: number;
  readonly lag?: number;
  /** `probe`, `snapshot` or `replicate`. */
  readonly state?: string;
  readonly isCaughtUp?: boolean;
  readonly lastContactMs?: number | undefined;
}

export interface MembersView {
  readonly cluster: string;
  /** Who answered. Only a leader knows how far the others are. */
  readonly answeredBy: number;
  readonly membership: string;
  readonly leader: number | undefined;
  readonly leaderAdmin: string | undefined;
  readonly term: number;
  readonly commitIndex: number;
  readonly members: readonly MemberView[];
}

export function membersView(status: ServerStatus): MembersView {
  const { voters, learners, votersOutgoing } = status.configuration;
  const ids = [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b);
  return {
    cluster: status.clusterId,
    answeredBy: status.id,
    membership: status.membership,
    leader: status.leader,
    leaderAdmin: status.leaderAdminAddress,
    term: status.term,
    commitIndex: status.commitIndex,
    members: ids.map((id) => memberView(status, id)),
  };
}

function memberView(status: ServerStatus, id: number): MemberView {
  const { voters, learners } = status.configuration;
  const address = parseServerAddress(status.addresses[id] ?? '');
  return {
    id,
    role: voters.includes(id) ? 'voter' : learners.includes(id) ? 'learner' : 'leaving',
    isLeader: id === status.leader,
    peer: address && formatEndpoint(address.peer),
    client: address?.client && formatEndpoint(address.client),
    admin: address?.admin && formatEndpoint(address.admin),
    ...progressOf(status, id),
  };
}

function progressOf(status: ServerStatus, id: number): Partial<MemberView> {
  const { leadership, lastIndex, commitIndex } = status;
  if (leadership === undefined) return {};
  if (id === status.id) return { matchIndex: status.durableIndex, lag: 0, isCaughtUp: true };
  const peer = leadership.peers[id];
  if (peer === undefined) return {};
  const { matchIndex, state, lastContactMs } = peer;
  const isCaughtUp = state === 'replicate' && matchIndex >= commitIndex;
  return { matchIndex, lag: Math.max(lastIndex - matchIndex, 0), state, isCaughtUp, lastContactMs };
}
