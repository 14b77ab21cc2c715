// A server at one moment, for people, dashboards and tests. Plain data, without maps or classes: it can be written as
// JSON as it is. What was counted and measured over time is in server-metrics.ts.

import type { Index, LeaderStatus, NodeId, NodeStatus, PeerStatus } from '@waldb/core';
import { formatEndpoint } from '@waldb/io';
import type { TcpTransport, TransportStats } from '@waldb/transport';
import type { WalLog } from '@waldb/wal';
import type { Identity, RecoveryRecord } from '../directory/identity.js';
import type { Driver } from '../loop/driver.js';
import { type AddressBook, memberIds } from '../membership/address-book.js';
import type { MembershipState, OwnMembership } from '../membership/own-membership.js';
import { formatServerAddress } from '../membership/server-address.js';
import type { RuntimeLimits } from '../options/limits.js';
import type { RuntimeErrorCode } from '../runtime-error.js';
import type { SessionTable } from '../session/session-table.js';
import type { NodeSight, NodeView } from './node-view.js';

export interface ServerStatus extends Omit<NodeSight, 'leadership'> {
  readonly clusterId: string;
  /** Where this cluster began as a recovery of another one that had lost its majority. */
  readonly recovery: RecoveryRecord | undefined;
  /** The identity of this server's log, as the messages of `WAL_CHANNELS` name it. */
  readonly logId: string;
  /** Whether this server is in the cluster, as far as it knows. */
  readonly membership: MembershipState;
  /** With `removed`: where the configuration without this server stands in the log. 0 otherwise. */
  readonly removedAt: Index;
  /** Where it listens for peers. */
  readonly listen: string;
  /** Where the leader's peers and clients reach it, as far as known. */
  readonly leaderAddress: string | undefined;
  readonly leaderClientAddress: string | undefined;
  readonly leaderAdminAddress: string | undefined;
  /** Known addresses, by id, as configurations write them. */
  readonly addresses: Readonly<Record<NodeId, string>>;
  /** Present on a leader. */
  readonly leadership: ServerLeaderStatus | undefined;
  /** Applied to the state machine, and visible; behind `lastApplied` while a slow machine works. */
  readonly appliedIndex: number;
  /** Accepted and not answered: proposals, reads, changes of membership and leadership. */
  readonly proposals: number;
  readonly reads: number;
  readonly changes: number;
  /** Messages received and not handled. */
  readonly inbox: number;
  /** Open sessions, as of what is applied here, and the bytes that they and their results take. */
  readonly sessions: number;
  readonly sessionBytes: number;
  /** The bounds of these, and the others that this server keeps to. */
  readonly limits: RuntimeLimits;
  readonly log: LogStatus;
  /** The image that is being fetched from a leader: of which index, and how much of it is here. */
  readonly fetchingSnapshot:
    | { readonly index: number; readonly bytes: number; readonly bytesTotal: number }
    | undefined;
  readonly transport: TransportStats;
  /** Nothing can be written for want of space: proposals are refused until there is some. */
  readonly isDiskFull: boolean;
  /** Why the server has stopped, or is stopping; undefined while it runs. */
  readonly failure: { readonly code: RuntimeErrorCode; readonly message: string } | undefined;
}

export interface ServerLeaderStatus extends Omit<LeaderStatus, 'peers'> {
  /** How far each of the others is, by id. */
  readonly peers: Readonly<Record<NodeId, PeerProgress>>;
}

export interface PeerProgress extends PeerStatus {
  /** Entries of this log that the peer is not known to hold. */
  readonly lag: number;
  /** How long ago anything was heard from it; undefined if nothing ever was. */
  readonly lastContactMs: number | undefined;
}

/** The log on disk; which entries it holds is in `firstIndex` and `lastIndex`. */
export interface LogStatus {
  readonly segments: number;
  /** The disk space that the segments take. */
  readonly bytes: number;
  /** Staged and not durable. */
  readonly stagedBytes: number;
  /** Of entries that are held in memory. */
  readonly cachedBytes: number;
}

/** What a status is read from. */
export interface StatusParts<Result> {
  readonly identity: Identity;
  readonly nodeView: NodeView;
  readonly driver: Driver<Result>;
  readonly transport: TcpTransport;
  readonly addressBook: AddressBook;
  readonly membership: OwnMembership;
  readonly log: WalLog;
  readonly limits: RuntimeLimits;
  readonly sessions: SessionTable;
}

export function serverStatus<Result>(parts: StatusParts<Result>): ServerStatus {
  const { nodeView, identity, driver, addressBook, log } = parts;
  const { leadership, ...status } = nodeView.status();
  const leaderAddress = status.leader === undefined ? undefined : addressBook.addressOf(status.leader);
  const transport = parts.transport.stats();
  return {
    ...status,
    clusterId: identity.clusterId,
    recovery: identity.recovery,
    logId: identity.logId,
    membership: parts.membership.state,
    removedAt: parts.membership.removedAt,
    listen: formatEndpoint(parts.transport.endpoint),
    leaderAddress: leaderAddress && formatEndpoint(leaderAddress.peer),
    leaderClientAddress: leaderAddress?.client && formatEndpoint(leaderAddress.client),
    leaderAdminAddress: leaderAddress?.admin && formatEndpoint(leaderAddress.admin),
    addresses: knownAddresses(status, addressBook),
    leadership: leadership && leaderStatus(leadership, status, transport),
    appliedIndex: driver.applier.appliedIndex,
    proposals: driver.proposals.count,
    reads: driver.reads.count,
    changes: driver.changes.count,
    inbox: driver.inbox.length,
    sessions: parts.sessions.sessions,
    sessionBytes: parts.sessions.bytes,
    limits: parts.limits,
    log: logStatus(log),
    fetchingSnapshot: driver.snapshots.fetching,
    transport,
    isDiskFull: driver.isDiskFull,
    failure: driver.failure && { code: driver.failure.code, message: driver.failure.message },
  };
}

function knownAddresses(
  { configuration }: Pick<NodeStatus, 'configuration'>,
  addressBook: AddressBook,
): Record<NodeId, string> {
  const addresses: Record<NodeId, string> = {};
  for (const id of memberIds(configuration)) {
    const address = addressBook.addressOf(id);
    if (address !== undefined) addresses[id] = formatServerAddress(address);
  }
  return addresses;
}

function leaderStatus(
  leadership: LeaderStatus,
  { lastIndex }: Pick<NodeStatus, 'lastIndex'>,
  transport: TransportStats,
): ServerLeaderStatus {
  const peers: Record<NodeId, PeerProgress> = {};
  for (const [id, progress] of leadership.peers) {
    const lag = lastIndex - progress.matchIndex;
    peers[id] = { ...progress, lag, lastContactMs: transport.peers[id]?.lastContactMs };
  }
  return { ...leadership, peers };
}

function logStatus(log: WalLog): LogStatus {
  const { segments, segmentBytes, stagedBytes, cachedBytes } = log.metrics();
  return { segments, bytes: segmentBytes, stagedBytes, cachedBytes };
}
