// The public names of @waldb/runtime, one by one.

export type { TlsCredentials } from '@waldb/io';
export type { Logger } from '@waldb/transport';
export { foundedClusterId, type RecoveryRecord } from './identity.js';
export { DEFAULT_RUNTIME_LIMITS, type RuntimeLimits } from './limits.js';
export type {
  AddServerOptions,
  CatchUpOptions,
  CatchUpProgress,
  WantedMembership,
} from './membership-requests.js';
export type { Members, RaftServerOptions } from './options.js';
export type { MembershipState } from './own-membership.js';
export type { ProposeOptions } from './proposals.js';
export { type CloseOptions, RaftServer, type ReadConsistency, type RequestOptions } from './raft-server.js';
export {
  type RecoverMembershipOptions,
  type RecoveryPlan,
  type RecoveryReport,
  recoverMembership,
} from './recover-membership.js';
export {
  RuntimeError,
  type RuntimeErrorCode,
  type RuntimeErrorDetail,
  type RuntimeErrorOptions,
} from './runtime-error.js';
export { formatServerAddress, parseServerAddress, type ServerAddress } from './server-address.js';
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
} from './server-channels.js';
export type {
  CommitEvent,
  LeaderChangeEvent,
  MembershipChangeEvent,
  RaftServerEvents,
  RemovedEvent,
  RoleChangeEvent,
  SnapshotEvent,
  SnapshotStep,
} from './server-events.js';
export {
  type EntryMetrics,
  type PeerMetrics,
  type ProposalMetrics,
  type ReadMetrics,
  type ServerMetrics,
  SLOW_APPLY_MS,
  type SnapshotMetrics,
} from './server-metrics.js';
export type { LogStatus, PeerProgress, ServerLeaderStatus, ServerStatus } from './server-status.js';
export type { ResultCodec } from './session/result-codec.js';
export { Session, type SessionData, type SessionRequest } from './session/session.js';
export type { ApplyContext, StateMachine } from './state-machine.js';
