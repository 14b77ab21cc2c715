// Logs whose beginning is gone: a snapshot and the entries that are left.

import type { Configuration, Index, LogEntry, Snapshot, Term } from '../../src/index.js';
import { bytes, configuration } from './node.js';
import { StagedLog } from './staged-log.js';

/** A snapshot of servers 1, 2, 3 with the data `state`, unless it is said otherwise. */
export function snapshotAt(
  index: Index,
  term: Term,
  more: { readonly configuration?: Configuration; readonly data?: string } = {},
): Snapshot {
  const { configuration: inForce = configuration([1, 2, 3]), data = 'state' } = more;
  return { index, term, configuration: inForce, data: bytes(data) };
}

/** A log as a new process opens it: `entries`, then `snapshot`, then everything through `compacted` given up. */
export function compactedLog(content: {
  readonly entries: readonly LogEntry[];
  readonly snapshot: Snapshot;
  /** Default: the snapshot's index. */
  readonly compacted?: Index;
}): StagedLog {
  const { entries, snapshot, compacted = snapshot.index } = content;
  const log = new StagedLog();
  if (entries.length > 0) log.append(entries);
  log.setHardState({ term: Math.max(log.lastTerm(), snapshot.term), votedFor: undefined });
  log.applySnapshot(snapshot);
  if (compacted > 0) log.compact(compacted);
  log.makeDurable();
  return log.crash();
}
