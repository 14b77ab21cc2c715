// An entry is encoded once in its life: these bytes are what the leader writes to its log, what it sends, and what the
// follower writes (docs/protocol.md, "Entries").
//
//   0x94        array of four
//   tag         0 normal · 1 noop · 2 config     (tags from 3 are records of the write-ahead log)
//   term        unsigned, shortest form
//   index       unsigned, shortest form
//   command     binary, shortest header

import type { EntryKind, Index, LogEntry, Term } from '../types.js';
import {
  binHeaderSize,
  MsgpackReader,
  uintSize,
  writeBinHeader,
  writeFixArrayHeader,
  writeUint,
} from './msgpack.js';

/** The first record tag that is not an entry: free for a log's own records. */
export const ENTRY_TAG_END = 3;

const ENTRY_FIELDS = 4;
const KINDS: readonly EntryKind[] = ['normal', 'noop', 'config'];
const TAGS: Readonly<Record<EntryKind, number>> = { normal: 0, noop: 1, config: 2 };

/** Bytes of an entry's encoding. */
export function encodedEntrySize(term: Term, index: Index, commandBytes: number): number {
  return 2 + uintSize(term) + uintSize(index) + binHeaderSize(commandBytes) + commandBytes;
}

/** The encoded size of an entry, whether or not it carries its encoding. */
export function entryBytes(entry: LogEntry): number {
  return entry.encoded?.length ?? encodedEntrySize(entry.term, entry.index, entry.command.length);
}

/** Makes an entry that owns its bytes: `command` is copied into `encoded`, and the entry's command is a view of it. */
export function encodeEntry(source: Omit<LogEntry, 'encoded'>): LogEntry {
  const { term, index, command } = source;
  const encoded = new Uint8Array(encodedEntrySize(term, index, command.length));
  return encodeEntryInto(encoded, 0, source);
}

/** Writes an entry's encoding at `start`, where there is room for it; returns the offset behind it. */
export function writeEntry(target: Uint8Array, start: number, entry: Omit<LogEntry, 'encoded'>): number {
  const { term, index, kind, command } = entry;
  let offset = writeFixArrayHeader(target, start, ENTRY_FIELDS);
  target[offset++] = TAGS[kind];
  offset = writeUint(target, offset, term);
  offset = writeUint(target, offset, index);
  offset = writeBinHeader(target, offset, command.length);
  target.set(command, offset);
  return offset + command.length;
}

/** Like `encodeEntry`, in a slab that many entries share; the entry's bytes are views of it. */
export function encodeEntryInto(
  slab: Uint8Array,
  start: number,
  source: Omit<LogEntry, 'encoded'>,
): LogEntry {
  const { term, index, kind, command } = source;
  const end = writeEntry(slab, start, source);
  return {
    term,
    index,
    kind,
    command: slab.subarray(end - command.length, end),
    encoded: slab.subarray(start, end),
  };
}

/** The entry's encoding, made now if it does not carry one. */
export function entryEncoding(entry: LogEntry): Uint8Array {
  return entry.encoded ?? (encodeEntry(entry).encoded as Uint8Array); // encodeEntry always sets it
}

/** Reads one entry; its bytes are views of the reader's input. Errors: `ENCODING`. */
export function readEntry(reader: MsgpackReader): LogEntry {
  const start = reader.offset;
  reader.tuple(ENTRY_FIELDS, 'entry');
  const kind = KINDS[reader.uint('entry.tag')];
  if (kind === undefined) throw reader.invalid('entry.tag', 'unknown');
  const term = reader.uint('entry.term');
  const index = reader.uint('entry.index');
  if (index === 0) throw reader.invalid('entry.index', 'zero');
  const command = reader.binary('entry.command');
  return { term, index, kind, command, encoded: reader.bytes.subarray(start, reader.offset) };
}

/** Reads exactly one entry from `bytes`, as views of them. Errors: `ENCODING`. */
export function decodeEntry(bytes: Uint8Array): LogEntry {
  const reader = new MsgpackReader(bytes);
  const entry = readEntry(reader);
  reader.end('entry');
  return entry;
}
