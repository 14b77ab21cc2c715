// Every Prometheus metric of a server: name, type, help, and where its values come from. Names and labels are what
// dashboards and alerts are written against: they change with a new major version only. docs/metrics.md says what each
// is good for. Base units throughout: seconds, bytes.

import type { ServerMetrics } from '../observe/server-metrics.js';
import type { ServerStatus } from '../observe/server-status.js';
import {
  counter,
  type Family,
  gauge,
  histogram,
  labelled,
  labelledHistogram,
  MILLISECONDS,
  type NumberValue,
} from './family.js';

/** A server at the moment of a scrape. */
export interface Sample {
  readonly status: ServerStatus;
  readonly metrics: ServerMetrics;
}

const COUNT = 1;

/** Codes that are there from the first scrape on, so that a rate can be taken of the first failure. */
const FAILURE_CODES = [
  'NOT_LEADER',
  'BUSY',
  'TIMEOUT',
  'ABORTED',
  'LEADERSHIP_LOST',
  'STORAGE_FULL',
  'CLOSED',
];

const LEADERSHIP: readonly Family<Sample>[] = [
  gauge('has_leader', 'Whether this server knows a leader.', ({ status }) =>
    Number(status.leader !== undefined),
  ),
  gauge('is_leader', 'Whether this server leads.', ({ status }) => Number(status.role === 'leader')),
  gauge('is_learner', 'Whether this server is a learner, which counts in no quorum.', ({ status }) =>
    Number(status.role === 'learner'),
  ),
  gauge('is_stopped', 'Whether this server has stopped, for good or because it was closed.', ({ status }) =>
    Number(status.failure !== undefined),
  ),
  counter(
    'leader_changes_seen_total',
    'Leaders that this server has come to know.',
    ({ metrics }) => metrics.leaderChanges,
  ),
  gauge('term', 'The term that this server is in.', ({ status }) => status.term),
  labelled('gauge', 'members', 'Members of the configuration in force, by kind.', ({ status }) => [
    { labels: { kind: 'voter' }, value: status.configuration.voters.length },
    { labels: { kind: 'learner' }, value: status.configuration.learners.length },
  ]),
];

const COMMANDS: readonly Family<Sample>[] = [
  counter(
    'proposals_accepted_total',
    'Commands that were proposed here and taken.',
    ({ metrics }) => metrics.proposals.accepted,
  ),
  labelled(
    'counter',
    'proposals_failed_total',
    'Commands that were proposed here and not applied, or of which it is not known, by error code.',
    ({ metrics }) => byCode(metrics.proposals.failed),
  ),
  gauge(
    'proposals_pending',
    'Commands that were taken here and are not answered.',
    ({ status }) => status.proposals,
  ),
  counter(
    'proposals_committed_total',
    'Commands that were committed, whoever proposed them.',
    ({ metrics }) => metrics.entries.committed,
  ),
  counter(
    'proposals_applied_total',
    'Commands that were applied here, whoever proposed them.',
    ({ metrics }) => metrics.entries.applied,
  ),
  histogram(
    'commit_duration_seconds',
    'From the proposal of a command here to its result.',
    MILLISECONDS,
    ({ metrics }) => metrics.proposals.duration,
  ),
  histogram(
    'batch_commands',
    'Commands that went into the log together.',
    COUNT,
    ({ metrics }) => metrics.proposals.batchCommands,
  ),
  histogram(
    'apply_duration_seconds',
    "Calls of the state machine's apply, each with many commands.",
    MILLISECONDS,
    ({ metrics }) => metrics.entries.applyDuration,
  ),
  counter(
    'slow_apply_total',
    'Calls of apply that took longer than 100 ms.',
    ({ metrics }) => metrics.entries.slowApplies,
  ),
  gauge('commit_index', 'The last index that is known to be committed.', ({ status }) => status.commitIndex),
  gauge('applied_index', 'The last index that the state machine shows.', ({ status }) => status.appliedIndex),
  gauge('sessions', 'Open sessions.', ({ status }) => status.sessions),
];

const READS: readonly Family<Sample>[] = [
  counter(
    'read_indexes_total',
    'Rounds of the protocol that confirmed reads, or tried to.',
    ({ metrics }) => metrics.reads.rounds,
  ),
  counter(
    'reads_answered_total',
    'Linearizable and lease reads that were allowed.',
    ({ metrics }) => metrics.reads.answered,
  ),
  labelled('counter', 'reads_failed_total', 'Reads that were not allowed, by error code.', ({ metrics }) =>
    byCode(metrics.reads.failed),
  ),
  gauge('reads_pending', 'Reads that wait.', ({ status }) => status.reads),
];

const DISK: readonly Family<Sample>[] = [
  histogram(
    'wal_fsync_duration_seconds',
    'Writes of the log to stable storage.',
    MILLISECONDS,
    ({ metrics }) => metrics.log.syncMillisecondsBuckets,
  ),
  counter('wal_written_bytes_total', 'Bytes written to the log.', ({ metrics }) => metrics.log.bytesWritten),
  counter(
    'wal_written_entries_total',
    'Entries written to the log.',
    ({ metrics }) => metrics.log.entriesWritten,
  ),
  gauge('wal_size_bytes', 'Disk space that the log takes.', ({ status }) => status.log.bytes),
  gauge('wal_segments', 'Files of the log.', ({ status }) => status.log.segments),
  gauge(
    'wal_staged_bytes',
    'Bytes that are not on stable storage yet.',
    ({ status }) => status.log.stagedBytes,
  ),
  gauge(
    'wal_cache_bytes',
    'Bytes of entries that are held in memory.',
    ({ status }) => status.log.cachedBytes,
  ),
  counter(
    'wal_cache_misses_total',
    'Entries that were read back from the disk.',
    ({ metrics }) => metrics.log.cacheMisses,
  ),
  gauge('disk_full', 'Whether the log has no space to write.', ({ status }) => Number(status.isDiskFull)),
];

const SNAPSHOTS: readonly Family<Sample>[] = [
  gauge(
    'snapshot_index',
    'The last index that the newest snapshot holds.',
    ({ status }) => status.snapshotIndex,
  ),
  gauge('snapshot_size_bytes', 'The size of the newest snapshot.', ({ status }) => status.snapshotBytes),
  labelled('counter', 'snapshots_total', 'Snapshots by what became of them here.', ({ metrics }) =>
    Object.entries(metrics.snapshots).map(([step, { count }]) => ({ labels: { step }, value: count })),
  ),
  labelled(
    'counter',
    'snapshot_bytes_total',
    'Bytes of snapshots, by what became of them here.',
    ({ metrics }) =>
      Object.entries(metrics.snapshots).map(([step, { bytes }]) => ({ labels: { step }, value: bytes })),
  ),
  labelledHistogram(
    'snapshot_duration_seconds',
    'How long each step of a snapshot took.',
    MILLISECONDS,
    ({ metrics }) =>
      Object.entries(metrics.snapshots).map(([step, { duration }]) => ({ labels: { step }, data: duration })),
  ),
];

const NETWORK: readonly Family<Sample>[] = [
  labelledHistogram(
    'peer_round_trip_time_seconds',
    'Round trips to each peer.',
    MILLISECONDS,
    ({ metrics }) =>
      Object.entries(metrics.peers).map(([peer, { roundTrip }]) => ({ labels: { peer }, data: roundTrip })),
  ),
  ofPeers('gauge', 'peer_connected', 'Whether messages can be sent to the peer now.', ({ state }) =>
    Number(state === 'connected'),
  ),
  ofPeers(
    'gauge',
    'peer_last_contact_seconds',
    'How long ago the peer was last heard.',
    ({ lastContactMs }) => (lastContactMs === undefined ? undefined : lastContactMs * MILLISECONDS),
  ),
  labelled(
    'gauge',
    'peer_lag_entries',
    'Entries that the peer is not known to hold; on the leader.',
    ({ status }) =>
      Object.entries(status.leadership?.peers ?? {}).map(([peer, { lag }]) => ({
        labels: { peer },
        value: lag,
      })),
  ),
  ofPeers('gauge', 'peer_queue_bytes', 'Bytes that wait to be sent to the peer.', (peer) => peer.queuedBytes),
  ofPeers('counter', 'network_peer_sent_bytes_total', 'Bytes sent to the peer.', (peer) => peer.sentBytes),
  ofPeers(
    'counter',
    'network_peer_received_bytes_total',
    'Bytes of messages from the peer.',
    (peer) => peer.receivedBytes,
  ),
  ofPeers(
    'counter',
    'network_peer_sent_messages_total',
    'Messages sent to the peer.',
    (peer) => peer.sentMessages,
  ),
  ofPeers(
    'counter',
    'network_peer_received_messages_total',
    'Messages from the peer.',
    (peer) => peer.receivedMessages,
  ),
  counter(
    'network_dropped_messages_total',
    'Messages that no queue took.',
    ({ status }) => status.transport.droppedMessages,
  ),
  counter(
    'heartbeat_send_failures_total',
    'Heartbeats among the messages that no queue took.',
    ({ status }) => status.transport.droppedHeartbeats,
  ),
];

const LOOP: readonly Family<Sample>[] = [
  histogram(
    'loop_delay_seconds',
    'How much too late the timer of each tick rang.',
    MILLISECONDS,
    ({ metrics }) => metrics.loopDelay,
  ),
  gauge('inbox_messages', 'Messages that were received and not handled.', ({ status }) => status.inbox),
];

export const FAMILIES: readonly Family<Sample>[] = [
  ...LEADERSHIP,
  ...COMMANDS,
  ...READS,
  ...DISK,
  ...SNAPSHOTS,
  ...NETWORK,
  ...LOOP,
];

/** One value for each peer that has one. */
function ofPeers(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (peer: ServerStatus['transport']['peers'][number]) => number | undefined,
): Family<Sample> {
  return labelled(type, name, help, ({ status }) =>
    Object.entries(status.transport.peers).flatMap(([peer, stats]) => {
      const value = read(stats);
      return value === undefined ? [] : [{ labels: { peer }, value }];
    }),
  );
}

function byCode(counts: Readonly<Record<string, number>>): NumberValue[] {
  const codes = new Set([...FAILURE_CODES, ...Object.keys(counts)]);
  return [...codes].map((code) => ({ labels: { code }, value: counts[code] ?? 0 }));
}
