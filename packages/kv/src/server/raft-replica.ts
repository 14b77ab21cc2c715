// The store's view of the `RaftServer` that replicates it.

import type { RaftServer, ServerStatus } from '@waldb/runtime';
import { parseServerAddress } from '@waldb/runtime';
import type { EntryReplies } from '../state/kv-state-machine.js';
import type { ClusterMember, ClusterState, Replica, ReplicaProgress } from './replica.js';

/** `server` applies to the same `KvStateMachine` that the `RespServer` is given. */
export function raftReplica(server: RaftServer<EntryReplies>): Replica {
  return new RaftReplica(server);
}

class RaftReplica implements Replica {
  readonly #server: RaftServer<EntryReplies>;
  /** Made anew when what is asked for each request (term, leader, whether this server leads) or membership has changed. */
  #state: ClusterState | undefined;

  constructor(server: RaftServer<EntryReplies>) {
    this.#server = server;
    server.on('membershipChange', () => {
      this.#state = undefined;
    });
  }

  propose(command: Uint8Array): Promise<EntryReplies> {
    return this.#server.propose(command);
  }

  read(): Promise<void> {
    return this.#server.read('linearizable');
  }

  progress(): ReplicaProgress {
    const { commitIndex, lastIndex, leadership } = this.#server.status();
    const peers = Object.entries(leadership?.peers ?? {}).map(([id, { matchIndex, recentlyActive }]) => ({
      id: Number(id),
      matchIndex,
      isReached: recentlyActive,
    }));
    return { commitIndex, lastIndex, peers };
  }

  cluster(): ClusterState {
    const { term, leader, isLeader } = this.#server;
    const known = this.#state;
    const isKnown = known?.term === term && known.leader === leader && (known.role === 'leader') === isLeader;
    if (isKnown && known !== undefined) return known;
    const state = describe(this.#server.status());
    // A server can learn a peer's address at any time; until it has all of them, it looks again.
    this.#state = state.members.every((member) => member.client !== undefined) ? state : undefined;
    return state;
  }
}

function describe(status: ServerStatus): ClusterState {
  const { voters, learners, votersOutgoing } = status.configuration;
  const ids = [...new Set([...voters, ...votersOutgoing, ...learners])].sort((a, b) => a - b);
  const members = ids.map((id): ClusterMember => {
    const address = status.addresses[id];
    const client = address === undefined ? undefined : parseServerAddress(address)?.client;
    return { id, client, isVoter: !learners.includes(id) };
  });
  return { id: status.id, role: status.role, term: status.term, leader: status.leader, members };
}
