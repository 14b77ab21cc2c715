// What this server says of itself for the dashboard, from its status.

import type { PeerProgress, ServerStatus } from '@waldb/runtime';
import type { PeerReport, ServerReport } from './report.js';
import { mapValues } from './sampler.js';

export interface ReportFacts {
  readonly status: ServerStatus;
  readonly version: string;
  readonly uptimeMs: number;
  readonly date: number;
  /** Bytes of the log for each entry, of late. */
  readonly entryBytes: number;
}

export function ownReport({ status, version, uptimeMs, date, entryBytes }: ReportFacts): ServerReport {
  const { id, clusterId, role, membership, term, leader, leadership } = status;
  const { snapshotIndex, snapshotBytes, firstIndex, appliedIndex, commitIndex, durableIndex, lastIndex } =
    status;
  const bytes = status.log.bytes;
  return {
    ...{ id, cluster: clusterId, version, uptimeMs, date, role, membership, term, leader },
    log: {
      snapshotIndex,
      snapshotBytes,
      firstIndex,
      appliedIndex,
      commitIndex,
      durableIndex,
      lastIndex,
      bytes,
    },
    trouble: troubleOf(status),
    isReady: leadership?.isReady ?? false,
    peers: mapValues(leadership?.peers ?? {}, (peer) => peerReport(peer, entryBytes)),
  };
}

function peerReport({ matchIndex, lag, state, lastContactMs }: PeerProgress, entryBytes: number): PeerReport {
  return { matchIndex, lag, lagBytes: Math.round(lag * entryBytes), state, lastContactMs };
}

function troubleOf({ failure, membership, isDiskFull, fetchingSnapshot }: ServerStatus): string | undefined {
  if (failure !== undefined) return `stopped: ${failure.code}`;
  if (membership === 'removed') return 'removed from the cluster';
  if (membership === 'joining') return 'waits to be added';
  if (isDiskFull) return 'disk full';
  if (fetchingSnapshot === undefined) return undefined;
  const { bytes, bytesTotal } = fetchingSnapshot;
  const percent = bytesTotal === 0 ? 0 : Math.floor((100 * bytes) / bytesTotal);
  return `gets a snapshot, ${percent} %`;
}
