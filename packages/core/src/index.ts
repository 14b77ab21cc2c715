// The public names of @waldb/core, one by one.

export type { Action, ActionType, ReadFailure } from './action.js';
export { AssertionFailed, LogContradicted } from './assert.js';
export { decodeConfiguration, encodeConfiguration } from './codec/configuration.js';
export {
  decodeEntry,
  ENTRY_TAG_END,
  encodedEntrySize,
  encodeEntry,
  entryBytes,
  entryEncoding,
  readEntry,
  writeEntry,
} from './codec/entry.js';
export { decodeMessage, encodeMessage, MESSAGE_VERSION } from './codec/message.js';
export {
  binHeaderSize,
  MsgpackReader,
  MsgpackWriter,
  uintSize,
  writeBinHeader,
  writeFixArrayHeader,
  writeUint,
} from './codec/msgpack.js';
export type { Durability, RaftConfig, ReadPolicy } from './config.js';
export { DEFAULT_MAX_INFLIGHT } from './config.js';
export {
  describeAction,
  describeConfiguration,
  describeEntry,
  describeEvent,
  describeMessage,
  describeStatus,
} from './describe.js';
export type { Event, EventType } from './event.js';
export { MemoryLog } from './memory-log.js';
export type {
  AppendEntries,
  AppendEntriesReply,
  Heartbeat,
  HeartbeatReply,
  InstallSnapshot,
  InstallSnapshotReply,
  Message,
  MessageType,
  PreVote,
  PreVoteReply,
  ReadIndex,
  ReadIndexReply,
  RequestVote,
  RequestVoteReply,
  TimeoutNow,
} from './message.js';
export type {
  TermRun,
  TraceConf,
  TraceEvent,
  TraceEventName,
  TraceLine,
  TraceMessage,
  TraceMessageKind,
  TraceRole,
} from './protocol-trace/trace-line.js';
export { initialTraceLine, traceLines } from './protocol-trace/trace-lines.js';
export { RaftError, type RaftErrorCode, type RaftErrorDetail } from './raft-error.js';
export type { DeferredRaftLog, RaftLog } from './raft-log.js';
export { RaftNode, type WithLogOptions } from './raft-node.js';
export { MemoryTransport, type RaftTransport } from './raft-transport.js';
export type { LeaderStatus, NodeStatus, PeerStatus } from './status.js';
export type { TraceHook, TraceRecord, TraceState, TraceSync } from './trace.js';
export type { ProgressState } from './tracker/progress.js';
export type {
  Configuration,
  EntryKind,
  HardState,
  Index,
  LogEntry,
  NodeId,
  Role,
  Snapshot,
  Term,
} from './types.js';
