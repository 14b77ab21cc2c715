// The public names of @waldb/runtime, one by one.

export type { TlsCredentials } from '@waldb/io';
export type { Logger } from '@waldb/transport';
export {
  type RestoreBackupOptions,
  type RestoreReport,
  restoreBackup,
} from './backup/restore-backup.js';
export { foundedClusterId, type RecoveryRecord, type RestoreRecord } from './directory/identity.js';
export type { MembershipState } from './membership/own-membership.js';
export {
  type RecoverMembershipOptions,
  type RecoveryPlan,
  type RecoveryReport,
  recoverMembership,
} from './membership/recover-membership.js';
export { formatServerAddress, parseServerAddress, type ServerAddress } from './membership/server-address.js';
export type { ProtocolTraceSink } from './observe/protocol-trace.js';
export {
  type ApplyMessage,
  type BatchMessage,
  type CommitMessage,
  type LeaderChangeMessage,
  type LoopDelayMessage,
  type ProposalAcceptedMessage,
  type ProposalSettledMessage,
  type RoleChangeMessage,
  type RoundTripMessage,
  SERVER_CHANNELS,
  type ServerMessage,
  type SnapshotMessage,
} from './observe/server-channels.js';
export type {
  CommitEvent,
  LeaderChangeEvent,
  MembershipChangeEvent,
  RaftServerEvents,
  RemovedEvent,
  RoleChangeEvent,
  SnapshotEvent,
  SnapshotStep,
} from './observe/server-events.js';
export {
  type EntryMetrics,
  type PeerMetrics,
  type ProposalMetrics,
  type ReadMetrics,
  type ServerMetrics,
  SLOW_APPLY_MS,
  type SnapshotMetrics,
} from './observe/server-metrics.js';
export type { LogStatus, PeerProgress, ServerLeaderStatus, ServerStatus } from './observe/server-status.js';
export { DEFAULT_RUNTIME_LIMITS, type RuntimeLimits } from './options/limits.js';
export type { Members, RaftServerOptions } from './options/options.js';
export { RaftServer } from './raft-server.js';
export type {
  AddServerOptions,
  CatchUpOptions,
  CatchUpProgress,
  WantedMembership,
} from './request/membership-requests.js';
export type { ProposeOptions } from './request/proposals.js';
export type { CloseOptions, ReadConsistency, RequestOptions } from './request/request-options.js';
export {
  RuntimeError,
  type RuntimeErrorCode,
  type RuntimeErrorDetail,
  type RuntimeErrorOptions,
} from './runtime-error.js';
export type { ResultCodec } from './session/result-codec.js';
export { Session, type SessionData, type SessionRequest } from './session/session.js';
export type { ApplyContext, StateMachine } from './state-machine.js';
