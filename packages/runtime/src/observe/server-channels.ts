// What a server publishes on Node's diagnostics channels, for whoever subscribes: names, and the shape of each message.
// Docs: docs/metrics.md. Channels belong to the process, so that each message says which server it is about.

import { type Channel, channel } from 'node:diagnostics_channel';
import type { Index, NodeId, Role, Term } from '@waldb/core';
import type { RuntimeErrorCode } from '../runtime-error.js';
import type { SnapshotEvent } from './server-events.js';

/**
 * The channels of `node:diagnostics_channel` that a server publishes on, each with the messages named here. Subscribers
 * are called inside the server's loop: be quick. Writes to the disk are on `WAL_CHANNELS` of `@waldb/wal`, whose
 * messages name the log: `status().logId`.
 */
export const SERVER_CHANNELS = {
  /** {@link ProposalAcceptedMessage}: a command was taken and waits for its batch. */
  proposalAccepted: 'waldb:server:proposal-accepted',
  /** {@link ProposalSettledMessage}: a command was applied and answered, or was not. */
  proposalSettled: 'waldb:server:proposal-settled',
  /** {@link BatchMessage}: commands of clients went into the log together. */
  batch: 'waldb:server:batch',
  /** {@link CommitMessage}: the commit index rose. */
  commit: 'waldb:server:commit',
  /** {@link ApplyMessage}: one call of the state machine's `apply` has ended. */
  apply: 'waldb:server:apply',
  /** {@link LeaderChangeMessage}: another leader is known, or none any more. */
  leaderChange: 'waldb:server:leader-change',
  /** {@link RoleChangeMessage}: this server has another role. */
  roleChange: 'waldb:server:role-change',
  /** {@link SnapshotMessage}: an image was taken, sent, received or restored. */
  snapshot: 'waldb:server:snapshot',
  /** {@link RoundTripMessage}: a peer has answered a ping. */
  roundTrip: 'waldb:server:round-trip',
  /** {@link LoopDelayMessage}: a tick's timer has rung, this much too late. */
  loopDelay: 'waldb:server:loop-delay',
} as const;

/** In every message: which server of the process. */
export interface ServerMessage {
  readonly clusterId: string;
  readonly server: NodeId;
}

export interface ProposalAcceptedMessage extends ServerMessage {
  readonly bytes: number;
}

export interface ProposalSettledMessage extends ServerMessage {
  /** Undefined when it was applied. */
  readonly code: RuntimeErrorCode | undefined;
  /** Whether it was applied, or may have been, or may still be. */
  readonly mayHaveBeenApplied: boolean;
  /** From the call of `propose` to its answer; undefined where a command was refused at once. */
  readonly milliseconds: number | undefined;
}

export interface BatchMessage extends ServerMessage {
  readonly first: Index;
  readonly last: Index;
  readonly term: Term;
  readonly commands: number;
}

export interface CommitMessage extends ServerMessage {
  readonly index: Index;
}

export interface ApplyMessage extends ServerMessage {
  readonly first: Index;
  readonly last: Index;
  readonly entries: number;
  readonly milliseconds: number;
}

export interface LeaderChangeMessage extends ServerMessage {
  readonly leader: NodeId | undefined;
  readonly term: Term;
}

export interface RoleChangeMessage extends ServerMessage {
  readonly role: Role;
  readonly term: Term;
}

export interface SnapshotMessage extends ServerMessage, SnapshotEvent {}

export interface RoundTripMessage extends ServerMessage {
  readonly peer: NodeId;
  readonly milliseconds: number;
}

export interface LoopDelayMessage extends ServerMessage {
  readonly milliseconds: number;
}

/** The messages of each channel. */
export interface ServerMessages {
  proposalAccepted: ProposalAcceptedMessage;
  proposalSettled: ProposalSettledMessage;
  batch: BatchMessage;
  commit: CommitMessage;
  apply: ApplyMessage;
  leaderChange: LeaderChangeMessage;
  roleChange: RoleChangeMessage;
  snapshot: SnapshotMessage;
  roundTrip: RoundTripMessage;
  loopDelay: LoopDelayMessage;
}

export const CHANNELS: { readonly [Name in keyof ServerMessages]: Channel } = {
  proposalAccepted: channel(SERVER_CHANNELS.proposalAccepted),
  proposalSettled: channel(SERVER_CHANNELS.proposalSettled),
  batch: channel(SERVER_CHANNELS.batch),
  commit: channel(SERVER_CHANNELS.commit),
  apply: channel(SERVER_CHANNELS.apply),
  leaderChange: channel(SERVER_CHANNELS.leaderChange),
  roleChange: channel(SERVER_CHANNELS.roleChange),
  snapshot: channel(SERVER_CHANNELS.snapshot),
  roundTrip: channel(SERVER_CHANNELS.roundTrip),
  loopDelay: channel(SERVER_CHANNELS.loopDelay),
};
