// How a message reads in a protocol trace: its kind in an event's name, and its fields.

import type { Message } from '../message.js';
import type { LogEntry } from '../types.js';
import type { TermRun, TraceMessage, TraceMessageKind } from './trace-line.js';

export function traceMessageKind(message: Message): TraceMessageKind {
  switch (message.type) {
    case 'requestVote':
      return 'RequestVoteRequest';
    case 'requestVoteReply':
      return 'RequestVoteResponse';
    case 'appendEntries':
    case 'heartbeat':
      return 'AppendEntriesRequest';
    case 'appendEntriesReply':
    case 'heartbeatReply':
      return 'AppendEntriesResponse';
    case 'installSnapshot':
      return 'Snapshot';
    case 'installSnapshotReply':
      return 'SnapshotResponse';
    case 'preVote':
    case 'preVoteReply':
    case 'timeoutNow':
    case 'readIndex':
    case 'readIndexReply':
      return 'Other';
  }
}

export function traceMessage(message: Message): TraceMessage {
  const { term } = message;
  const ends = { term, from: String(message.from), to: String(message.to) };
  switch (message.type) {
    case 'requestVote':
      return { type: 'MsgVote', ...ends, index: message.lastLogIndex, logTerm: message.lastLogTerm };
    case 'requestVoteReply':
      return { type: 'MsgVoteResp', ...ends, reject: !message.voteGranted };
    case 'preVote':
      return { type: 'MsgPreVote', ...ends, index: message.lastLogIndex, logTerm: message.lastLogTerm };
    case 'preVoteReply':
      return { type: 'MsgPreVoteResp', ...ends, reject: !message.voteGranted };
    case 'appendEntries':
      return {
        type: 'MsgApp',
        ...ends,
        index: message.prevLogIndex,
        logTerm: message.prevLogTerm,
        entries: message.entries.length,
        terms: termRuns(message.entries),
        commit: message.leaderCommit,
      };
    case 'appendEntriesReply':
      return { type: 'MsgAppResp', ...ends, index: message.matchIndex, reject: !message.success };
    case 'heartbeat':
      return { type: 'MsgHeartbeat', ...ends, commit: message.leaderCommit, context: String(message.round) };
    case 'heartbeatReply':
      return { type: 'MsgHeartbeatResp', ...ends, context: String(message.round) };
    case 'installSnapshot':
      return { type: 'MsgSnap', ...ends, index: message.snapshot.index, logTerm: message.snapshot.term };
    case 'installSnapshotReply':
      return { type: 'MsgSnapStatus', ...ends, index: message.matchIndex, reject: !message.success };
    case 'timeoutNow':
      return { type: 'MsgTimeoutNow', ...ends };
    case 'readIndex':
      return { type: 'MsgReadIndex', ...ends, context: `${message.incarnation}/${message.request}` };
    case 'readIndexReply':
      return { type: 'MsgReadIndexResp', ...ends, context: `${message.incarnation}/${message.request}` };
  }
}

/** Terms never fall along a log, so runs say it shortly. */
export function termRuns(entries: readonly Pick<LogEntry, 'term'>[]): TermRun[] {
  const runs: [term: number, count: number][] = [];
  for (const { term } of entries) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] === term) last[1] += 1;
    else runs.push([term, 1]);
  }
  return runs;
}
