// The public names of @waldb/kv, one by one.

export {
  calls,
  type KvCall,
  type KvExpireOptions,
  type KvExpiry,
  type KvSetOptions,
  type KvText,
} from './client/calls.js';
export {
  type KvChange,
  KvClient,
  type KvClientOptions,
  type KvMessage,
  type KvScanOptions,
} from './client/kv-client.js';
export { KvError, type KvErrorCode } from './kv-error.js';
export type { Reply } from './resp/reply.js';
export { raftReplica } from './server/raft-replica.js';
export type {
  ClusterMember,
  ClusterState,
  PeerProgress,
  Replica,
  ReplicaProgress,
} from './server/replica.js';
export { type ClientTlsOptions, RespServer, type RespServerOptions } from './server/resp-server.js';
export { DEFAULT_SERVER_LIMITS, type ServerLimits } from './server/server-limits.js';
export { hashPassword, type UserOptions } from './server/users.js';
export { validateUser } from './server/validate-user.js';
export {
  type EntryReplies,
  KvStateMachine,
  type StoreListener,
  TIME_RESOLUTION_MS,
} from './state/kv-state-machine.js';
export { entryReplies } from './state/reply-codec.js';
