// Client commands at the leader: checked first, then staged in one append. A refused proposal has changed nothing.

import { encodedEntrySize, encodeEntryInto } from '../codec/entry.js';
import { RaftError } from '../raft-error.js';
import type { Index, LogEntry } from '../types.js';
import type { LeaderState } from './role.js';
import type { RaftState } from './state.js';

/** Errors: `NOT_LEADER`, `TRANSFER_IN_PROGRESS`, `QUOTA_EXCEEDED`, `TOO_LARGE`. */
export function propose(raft: RaftState, commands: readonly Uint8Array[]): void {
  const leader = requireLeader(raft);
  if (commands.length === 0) return;
  refuseDuringTransfer(leader);
  const first = raft.log.lastIndex() + 1;
  const bytes = batchBytes(raft, first, commands);
  checkQuota(raft, leader, bytes);
  const entries = encodeBatch(raft, first, commands, bytes);
  stage(raft, entries);
  const lastIndex = first + entries.length - 1;
  leader.uncommitted.push({ lastIndex, bytes });
  leader.uncommittedBytes += bytes;
  raft.emit({ type: 'proposed', first, last: lastIndex, term: raft.term });
}

/** Errors: `NOT_LEADER`. */
export function requireLeader(raft: RaftState): LeaderState {
  const { leaderState, leader } = raft;
  if (leaderState !== undefined) return leaderState;
  const where = leader === undefined ? 'no leader is known' : `the leader is server ${leader}`;
  throw new RaftError('NOT_LEADER', `server ${raft.id} does not lead: ${where}`, { leader });
}

/** Errors: `TRANSFER_IN_PROGRESS`. */
export function refuseDuringTransfer(leader: LeaderState): void {
  if (leader.transfer === undefined) return;
  const { to } = leader.transfer;
  throw new RaftError('TRANSFER_IN_PROGRESS', `leadership is being handed to server ${to}`, { to });
}

function checkQuota(raft: RaftState, leader: LeaderState, bytes: number): void {
  if (raft.diskFull) {
    throw new RaftError('QUOTA_EXCEEDED', 'the disk of the log is full', { reason: 'diskFull' });
  }
  const { uncommittedBytes } = leader;
  const { maxUncommittedBytes } = raft.config;
  // A lone proposal above the limit passes: it could never be made otherwise.
  if (uncommittedBytes === 0 || uncommittedBytes + bytes <= maxUncommittedBytes) return;
  throw new RaftError(
    'QUOTA_EXCEEDED',
    `${uncommittedBytes} proposed bytes are not committed yet, and ${bytes} more would pass maxUncommittedBytes (${maxUncommittedBytes})`,
    { reason: 'uncommittedBytes', uncommittedBytes, bytes, maxUncommittedBytes },
  );
}

function batchBytes(raft: RaftState, first: Index, commands: readonly Uint8Array[]): number {
  let bytes = 0;
  for (let i = 0; i < commands.length; i++) {
    bytes += encodedEntrySize(raft.term, first + i, (commands[i] as Uint8Array).length); // i < length
  }
  return bytes;
}

/** One slab for the batch: the commands are copied once, and each entry is a view. */
function encodeBatch(
  raft: RaftState,
  first: Index,
  commands: readonly Uint8Array[],
  bytes: number,
): LogEntry[] {
  const { term } = raft;
  const slab = new Uint8Array(bytes);
  const entries: LogEntry[] = [];
  let offset = 0;
  for (let i = 0; i < commands.length; i++) {
    const command = commands[i] as Uint8Array; // i < length
    const entry = encodeEntryInto(slab, offset, { term, index: first + i, kind: 'normal', command });
    offset += entry.encoded?.length ?? 0;
    entries.push(entry);
  }
  return entries;
}

/** A log may have a limit for one entry; it says so before anything is staged. */
function stage(raft: RaftState, entries: readonly LogEntry[]): void {
  try {
    raft.stageAppend(entries);
  } catch (error) {
    if (codeOf(error) !== 'WAL_TOO_LARGE') throw error;
    throw new RaftError(
      'TOO_LARGE',
      error instanceof Error ? error.message : String(error),
      {},
      { cause: error },
    );
  }
}

/** The stable code of a log's error, whichever class it is of. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
