// One line of text for each message, action, event and state, so that tests, traces and logs read alike.
// Terms are written t3, indexes plain, servers S1, an entry index/term: `S1->S2 append t3 after 4/t2: 5/t3 commit 4`.

import type { Action } from './action.js';
import { decodeConfiguration } from './codec/configuration.js';
import type { Event } from './event.js';
import type { Message } from './message.js';
import { RaftError } from './raft-error.js';
import type { NodeStatus } from './status.js';
import type { Configuration, LogEntry, NodeId } from './types.js';

/** Bytes of a command or context that are shown before it is cut. */
const SHOWN_BYTES_MAX = 24;

export function describeMessage(message: Message): string {
  return `S${message.from}->S${message.to} ${messageBody(message)}`;
}

function messageBody(m: Message): string {
  switch (m.type) {
    case 'requestVote':
      return `requestVote t${m.term} last ${m.lastLogIndex}/t${m.lastLogTerm}${m.transfer ? ' transfer' : ''}`;
    case 'preVote':
      return `preVote t${m.term} last ${m.lastLogIndex}/t${m.lastLogTerm}`;
    case 'requestVoteReply':
    case 'preVoteReply':
      return `${m.type} t${m.term} ${m.voteGranted ? 'granted' : 'refused'}`;
    case 'appendEntries': {
      const entries = m.entries.length === 0 ? 'nothing' : m.entries.map(describeEntry).join(' ');
      return `append t${m.term} after ${m.prevLogIndex}/t${m.prevLogTerm}: ${entries} commit ${m.leaderCommit}`;
    }
    case 'appendEntriesReply':
      if (m.success) return `appendReply t${m.term} match ${m.matchIndex}`;
      return `appendReply t${m.term} refused ${m.prevLogIndex} hint ${m.hintIndex}/t${m.hintTerm}`;
    case 'heartbeat':
      return `heartbeat t${m.term} round ${m.round} commit ${m.leaderCommit}`;
    case 'heartbeatReply':
      return `heartbeatReply t${m.term} round ${m.round}`;
    case 'installSnapshot': {
      const { index, term, configuration, data } = m.snapshot;
      return `installSnapshot t${m.term} at ${index}/t${term} ${describeConfiguration(configuration)} ${data.length} B`;
    }
    case 'installSnapshotReply':
      return `installSnapshotReply t${m.term} of ${m.snapshotIndex} ${m.success ? `match ${m.matchIndex}` : 'refused'}`;
    case 'timeoutNow':
      return `timeoutNow t${m.term}`;
    case 'readIndex':
      return `readIndex t${m.term} #${m.request}`;
    case 'readIndexReply':
      return `readIndexReply t${m.term} #${m.request} ${m.index === 0 ? 'refused' : `at ${m.index}`}`;
  }
}

export function describeAction(action: Action): string {
  switch (action.type) {
    case 'send':
      return `send ${describeMessage(action.message)}`;
    case 'apply':
      return `apply ${action.entries.map(describeEntry).join(' ')}`;
    case 'proposed':
      return `proposed ${range(action.first, action.last)} t${action.term}`;
    case 'commit':
      return `commit ${action.index}/t${action.term}`;
    case 'snapshot':
      return `snapshot wanted at ${action.index}/t${action.term}`;
    case 'restoreSnapshot':
      return `restore snapshot ${action.snapshot.index}/t${action.snapshot.term}`;
    case 'membershipChanged':
      return `membership ${describeConfiguration(action.configuration)} at ${action.index}`;
    case 'readReady':
      return `read ready ${describeBytes(action.context)} at ${action.index}`;
    case 'readFailed':
      return `read failed ${describeBytes(action.context)}: ${action.reason}`;
    case 'roleChanged':
      return `${action.role} t${action.term} leader ${server(action.leader)}`;
    case 'transferFailed':
      return `transfer to S${action.to} failed: ${action.reason}`;
  }
}

export function describeEvent(event: Event): string {
  switch (event.type) {
    case 'tick':
    case 'leaveJoint':
    case 'abortTransfer':
      return event.type;
    case 'message':
      return `receive ${describeMessage(event.message)}`;
    case 'propose':
      return `propose ${describeBytes(event.command)}`;
    case 'proposeBatch':
      return `propose ${event.commands.map(describeBytes).join(' ')}`;
    case 'snapshot':
      return `snapshot taken at ${event.index}, ${event.data.length} B, keep ${event.keepEntries ?? 0}`;
    case 'addServer':
    case 'addLearner':
    case 'removeServer':
    case 'promoteLearner':
      return `${event.type} S${event.id}`;
    case 'changeMembership':
      return `changeMembership voters ${ids(event.voters)} learners ${ids(event.learners ?? [])}`;
    case 'transferLeadership':
      return `transferLeadership to S${event.to}`;
    case 'read':
      return `read ${describeBytes(event.context)}`;
    case 'durable':
      return `durable ${event.seq}`;
    case 'storageFailed':
      return `storage failed: ${event.error instanceof Error ? event.error.message : String(event.error)}`;
    case 'snapshotStatus':
      return `snapshot to S${event.to} ${event.ok ? 'delivered' : 'failed'}`;
    case 'snapshotProgress':
      return `snapshot to S${event.to} comes along`;
    case 'unreachable':
      return `S${event.id} unreachable`;
    case 'removed':
      return `told of removal at ${event.index}`;
  }
}

/** `5/t3` with what it carries where that is short: `5/t3"x=1"`, `4/t3 noop`, `6/t3 config 1 2 3`. */
export function describeEntry(entry: LogEntry): string {
  const position = `${entry.index}/t${entry.term}`;
  switch (entry.kind) {
    case 'normal':
      return `${position}${describeBytes(entry.command)}`;
    case 'noop':
      return `${position}(noop)`;
    case 'config':
      return `${position}(config ${describeConfigCommand(entry.command)})`;
  }
}

/** `1 2 3`, joint `1 2 4 & 1 2 3`, learners `1 2 3 +4`. */
export function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const joint = votersOutgoing.length > 0 ? ` & ${ids(votersOutgoing)}` : '';
  const plus = learners.map((id) => ` +${id}`).join('');
  const next = learnersNext.map((id) => ` ~${id}`).join('');
  return `[${ids(voters)}${joint}${plus}${next}]`;
}

/** The state of a node in a few lines: the node, then a line for each peer of a leader. */
export function describeStatus(status: NodeStatus): string {
  const { id, role, term, leader, firstIndex, lastIndex, commitIndex, lastApplied, durableIndex } = status;
  const lines = [
    `S${id} ${role} t${term} vote ${server(status.votedFor)} leader ${server(leader)} ` +
      `log ${range(firstIndex, lastIndex)} durable ${durableIndex} commit ${commitIndex} applied ${lastApplied} ` +
      `snapshot ${status.snapshotIndex} ${describeConfiguration(status.configuration)}${status.isHalted ? ' halted' : ''}`,
  ];
  for (const [peer, progress] of status.leadership?.peers ?? []) {
    const { state, matchIndex, nextIndex, isPaused, inflightMessages } = progress;
    const flags = `${isPaused ? ' paused' : ''}${inflightMessages > 0 ? ` inflight ${inflightMessages}` : ''}`;
    lines.push(`  S${peer} ${state} match ${matchIndex} next ${nextIndex}${flags}`);
  }
  return lines.join('\n');
}

function describeConfigCommand(command: Uint8Array): string {
  try {
    return describeConfiguration(decodeConfiguration(command));
  } catch (error) {
    if (error instanceof RaftError) return 'unreadable';
    throw error;
  }
}

/** Printable text in quotes, anything else in hex. */
function describeBytes(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, SHOWN_BYTES_MAX);
  const cut = bytes.length > SHOWN_BYTES_MAX ? `... ${bytes.length} B` : '';
  const isText = shown.every((byte) => byte >= 0x20 && byte < 0x7f);
  if (isText) return `"${String.fromCharCode(...shown)}"${cut}`;
  return `<${[...shown].map((byte) => byte.toString(16).padStart(2, '0')).join('')}>${cut}`;
}

function range(first: number, last: number): string {
  if (last < first) return 'empty';
  return first === last ? `${first}` : `${first}..${last}`;
}

function ids(list: readonly NodeId[]): string {
  return list.join(' ');
}

function server(id: NodeId | undefined): string {
  return id === undefined ? 'none' : `S${id}`;
}
