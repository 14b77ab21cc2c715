// The wire form of messages (docs/protocol.md, "Wire"): one MessagePack array
//
//   [version, tag, from, to, term, ...fields of the type, in the order of the table below]
//
// Entries stand inside as they stand in the log: their encodings are copied, never made again. What arrives is
// untrusted: it is checked for shape, bounds and the order of its entries before anything else sees it.

import type { InstallSnapshot, Message, MessageType } from '../message.js';
import { RaftError } from '../raft-error.js';
import type { LogEntry, NodeId, Term } from '../types.js';
import { readConfiguration, writeConfiguration } from './configuration.js';
import { entryBytes, entryEncoding, readEntry } from './entry.js';
import { MsgpackReader, MsgpackWriter } from './msgpack.js';

/** Raised when the meaning of any field changes; a receiver refuses what it does not know. */
export const MESSAGE_VERSION = 1;

/** Entries in one message: small ones take many times their bytes once they are read, and a stranger decides how many. */
export const MESSAGE_ENTRIES_MAX = 65_536;

const ENVELOPE_FIELDS = 5;
/** Room for the envelope and the fields of any message without entries, context or snapshot. */
const HEADER_BYTES = 80;

type Fields = Omit<Message, 'type' | 'from' | 'to' | 'term'>;

interface Layout<M extends Message> {
  readonly fields: number;
  write(writer: MsgpackWriter, message: M): void;
  read(reader: MsgpackReader, term: Term): Omit<M, 'type' | 'from' | 'to' | 'term'>;
}

const LAYOUTS: { readonly [T in MessageType]: Layout<Extract<Message, { type: T }>> } = {
  requestVote: {
    fields: 3,
    write: (writer, m) => writer.uint(m.lastLogIndex).uint(m.lastLogTerm).boolean(m.transfer),
    read: (reader) => ({
      lastLogIndex: reader.uint('lastLogIndex'),
      lastLogTerm: reader.uint('lastLogTerm'),
      transfer: reader.boolean('transfer'),
    }),
  },
  requestVoteReply: {
    fields: 1,
    write: (writer, m) => writer.boolean(m.voteGranted),
    read: (reader) => ({ voteGranted: reader.boolean('voteGranted') }),
  },
  preVote: {
    fields: 2,
    write: (writer, m) => writer.uint(m.lastLogIndex).uint(m.lastLogTerm),
    read: (reader) => ({
      lastLogIndex: reader.uint('lastLogIndex'),
      lastLogTerm: reader.uint('lastLogTerm'),
    }),
  },
  preVoteReply: {
    fields: 1,
    write: (writer, m) => writer.boolean(m.voteGranted),
    read: (reader) => ({ voteGranted: reader.boolean('voteGranted') }),
  },
  appendEntries: {
    fields: 4,
    write: (writer, m) => {
      writer.uint(m.prevLogIndex).uint(m.prevLogTerm).uint(m.leaderCommit).arrayHeader(m.entries.length);
      for (const entry of m.entries) writer.raw(entryEncoding(entry));
    },
    read: readAppendEntries,
  },
  appendEntriesReply: {
    fields: 5,
    write: (writer, m) =>
      writer.boolean(m.success).uint(m.prevLogIndex).uint(m.matchIndex).uint(m.hintIndex).uint(m.hintTerm),
    read: (reader) => ({
      success: reader.boolean('success'),
      prevLogIndex: reader.uint('prevLogIndex'),
      matchIndex: reader.uint('matchIndex'),
      hintIndex: reader.uint('hintIndex'),
      hintTerm: reader.uint('hintTerm'),
    }),
  },
  heartbeat: {
    fields: 2,
    write: (writer, m) => writer.uint(m.leaderCommit).uint(m.round),
    read: (reader) => ({ leaderCommit: reader.uint('leaderCommit'), round: reader.uint('round') }),
  },
  heartbeatReply: {
    fields: 1,
    write: (writer, m) => writer.uint(m.round),
    read: (reader) => ({ round: reader.uint('round') }),
  },
  installSnapshot: {
    fields: 4,
    write: (writer, { snapshot }) => {
      writer.uint(snapshot.index).uint(snapshot.term);
      writeConfiguration(writer, snapshot.configuration);
      writer.binary(snapshot.data);
    },
    read: readInstallSnapshot,
  },
  installSnapshotReply: {
    fields: 3,
    write: (writer, m) => writer.uint(m.snapshotIndex).boolean(m.success).uint(m.matchIndex),
    read: (reader) => ({
      snapshotIndex: reader.uint('snapshotIndex'),
      success: reader.boolean('success'),
      matchIndex: reader.uint('matchIndex'),
    }),
  },
  timeoutNow: { fields: 0, write: () => {}, read: () => ({}) },
  readIndex: {
    fields: 2,
    write: (writer, m) => writer.uint(m.incarnation).uint(m.request),
    read: (reader) => ({
      incarnation: reader.uint('incarnation'),
      request: reader.uint('request'),
    }),
  },
  readIndexReply: {
    fields: 3,
    write: (writer, m) => writer.uint(m.incarnation).uint(m.request).uint(m.index),
    read: (reader) => ({
      incarnation: reader.uint('incarnation'),
      request: reader.uint('request'),
      index: reader.uint('index'),
    }),
  },
};

/** A message's tag is its place here: new types are added at the end. */
const TYPES: readonly MessageType[] = [
  'requestVote',
  'requestVoteReply',
  'preVote',
  'preVoteReply',
  'appendEntries',
  'appendEntriesReply',
  'heartbeat',
  'heartbeatReply',
  'installSnapshot',
  'installSnapshotReply',
  'timeoutNow',
  'readIndex',
  'readIndexReply',
];

/** The message's bytes. The result owns them. */
export function encodeMessage(message: Message): Uint8Array {
  // The table's row for a type takes that type's messages.
  const layout = LAYOUTS[message.type] as unknown as Layout<Message>;
  const writer = new MsgpackWriter(HEADER_BYTES + payloadBytes(message));
  writer.arrayHeader(ENVELOPE_FIELDS + layout.fields);
  writer.uint(MESSAGE_VERSION).uint(TYPES.indexOf(message.type));
  writer.uint(message.from).uint(message.to).uint(message.term);
  layout.write(writer, message);
  return writer.finish();
}

/**
 * Reads one message; nothing may follow it. Entries are views of `bytes`, which must not change afterwards.
 * Errors: `ENCODING`, for any input that is not a message.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new MsgpackReader(bytes);
  const length = reader.arrayHeader('message');
  const version = reader.uint('version');
  if (version !== MESSAGE_VERSION) {
    throw new RaftError('ENCODING', `message version ${version} is not known here (${MESSAGE_VERSION})`, {
      version,
    });
  }
  const type = TYPES[reader.uint('message.tag')];
  if (type === undefined) throw reader.invalid('message.tag', 'unknown');
  const layout = LAYOUTS[type];
  if (length !== ENVELOPE_FIELDS + layout.fields) throw reader.invalid('message', `not a ${type}`);
  const from = readServer(reader, 'from');
  const to = readServer(reader, 'to');
  const term = reader.uint('term');
  const fields: Fields = layout.read(reader, term);
  reader.end('message');
  return { type, from, to, term, ...fields } as Message; // the row of `type` has read the fields of `type`
}

function readServer(reader: MsgpackReader, what: string): NodeId {
  const id = reader.uint(what);
  if (id === 0) throw reader.invalid(what, 'zero');
  return id;
}

/** Entries follow `prevLogIndex` one by one, their terms never fall, and none is of a term after the sender's. */
function readAppendEntries(
  reader: MsgpackReader,
  term: Term,
): Omit<Extract<Message, { type: 'appendEntries' }>, 'type' | 'from' | 'to' | 'term'> {
  const prevLogIndex = reader.uint('prevLogIndex');
  const prevLogTerm = reader.uint('prevLogTerm');
  const leaderCommit = reader.uint('leaderCommit');
  const count = reader.arrayHeader('entries');
  if (count > MESSAGE_ENTRIES_MAX) throw reader.invalid('entries', `more than ${MESSAGE_ENTRIES_MAX}`);
  const entries: LogEntry[] = [];
  let previousTerm = prevLogTerm;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(reader);
    if (entry.index !== prevLogIndex + 1 + i) throw reader.invalid('entry.index', 'out of order');
    if (entry.term < previousTerm || entry.term > term) throw reader.invalid('entry.term', 'out of order');
    previousTerm = entry.term;
    entries.push(entry);
  }
  return { prevLogIndex, prevLogTerm, leaderCommit, entries };
}

function readInstallSnapshot(reader: MsgpackReader, term: Term): Pick<InstallSnapshot, 'snapshot'> {
  const index = reader.uint('snapshot.index');
  if (index === 0) throw reader.invalid('snapshot.index', 'zero');
  const snapshotTerm = reader.uint('snapshot.term');
  if (snapshotTerm > term) throw reader.invalid('snapshot.term', "after the sender's");
  const configuration = readConfiguration(reader);
  const data = new Uint8Array(reader.binary('snapshot.data')); // a copy: it outlives the input
  return { snapshot: { index, term: snapshotTerm, configuration, data } };
}

function payloadBytes(message: Message): number {
  switch (message.type) {
    case 'appendEntries': {
      let bytes = 0;
      for (const entry of message.entries) bytes += entryBytes(entry);
      return bytes;
    }
    case 'installSnapshot':
      return message.snapshot.data.length;
    case 'readIndex':
    case 'readIndexReply':
    case 'requestVote':
    case 'requestVoteReply':
    case 'preVote':
    case 'preVoteReply':
    case 'appendEntriesReply':
    case 'heartbeat':
    case 'heartbeatReply':
    case 'installSnapshotReply':
    case 'timeoutNow':
      return 0;
  }
}
