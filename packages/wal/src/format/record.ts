// The records in a frame's payload, one MessagePack array after another (docs/wal-format.md, "Records"):
//
//   [0..2, term, index, command]                        an entry, encoded by core: normal, noop, config
//   [3, term, votedFor or nil]                          the hard state from here on
//   [4, from]                                           every index >= from is gone
//   [5, index, term, resets, file bytes, payload crc]   the snapshot from here on; `resets` drops the whole log
//   [6, index, term]                                    every index <= index is given up
//   [7, lsn, data]                                      a record of a plain log; read as an entry of term 0

import {
  binHeaderSize,
  ENTRY_TAG_END,
  type HardState,
  type Index,
  type LogEntry,
  MsgpackReader,
  MsgpackWriter,
  readEntry,
  type Term,
  uintSize,
  writeBinHeader,
  writeFixArrayHeader,
  writeUint,
} from '@waldb/core';

const TAG_HARD_STATE = ENTRY_TAG_END;
const TAG_TRUNCATE = ENTRY_TAG_END + 1;
const TAG_SNAPSHOT = ENTRY_TAG_END + 2;
const TAG_COMPACT = ENTRY_TAG_END + 3;
const TAG_PLAIN = ENTRY_TAG_END + 4;

/** A snapshot's place and the facts by which its file is recognised. */
export interface SnapshotRef {
  readonly index: Index;
  readonly term: Term;
  readonly fileBytes: number;
  readonly payloadCrc: number;
}

export type LogRecord =
  | { readonly type: 'entry'; readonly entry: LogEntry }
  | { readonly type: 'hardState'; readonly state: HardState }
  | { readonly type: 'truncate'; readonly from: Index }
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotRef; readonly resets: boolean }
  | { readonly type: 'compact'; readonly index: Index; readonly term: Term };

/** Bytes of a plain log's record. */
export function plainRecordBytes(lsn: number, dataBytes: number): number {
  return 2 + uintSize(lsn) + binHeaderSize(dataBytes) + dataBytes;
}

/** Writes a plain log's record at `start`, where there is room for it; returns the offset behind it. */
export function writePlainRecord(target: Uint8Array, start: number, lsn: number, data: Uint8Array): number {
  let offset = writeFixArrayHeader(target, start, 3);
  target[offset++] = TAG_PLAIN;
  offset = writeUint(target, offset, lsn);
  offset = writeBinHeader(target, offset, data.length);
  target.set(data, offset);
  return offset + data.length;
}

/** A record that is not an entry: those are few, so they are built one by one. */
export type StateRecord = Exclude<LogRecord, { type: 'entry' }>;

export function encodeStateRecord(record: StateRecord): Uint8Array {
  const writer = new MsgpackWriter();
  switch (record.type) {
    case 'hardState': {
      const { term, votedFor } = record.state;
      writer.arrayHeader(3).uint(TAG_HARD_STATE).uint(term);
      if (votedFor === undefined) writer.nil();
      else writer.uint(votedFor);
      break;
    }
    case 'truncate':
      writer.arrayHeader(2).uint(TAG_TRUNCATE).uint(record.from);
      break;
    case 'snapshot': {
      const { index, term, fileBytes, payloadCrc } = record.snapshot;
      writer.arrayHeader(6).uint(TAG_SNAPSHOT).uint(index).uint(term).boolean(record.resets);
      writer.uint(fileBytes).uint(payloadCrc);
      break;
    }
    case 'compact':
      writer.arrayHeader(3).uint(TAG_COMPACT).uint(record.index).uint(record.term);
      break;
  }
  return writer.finish();
}

/** Reads one record; an entry's bytes are views of the reader's input. Errors: `RaftError` `ENCODING`. */
export function readRecord(reader: MsgpackReader): LogRecord {
  const start = reader.offset;
  const fields = reader.arrayHeader('record');
  const tag = reader.uint('record.tag');
  if (tag < ENTRY_TAG_END) {
    reader.offset = start;
    return { type: 'entry', entry: readEntry(reader) };
  }
  const expect = (count: number): void => {
    if (fields !== count) throw reader.invalid('record', `not ${count} fields`);
  };
  switch (tag) {
    case TAG_HARD_STATE:
      expect(3);
      return {
        type: 'hardState',
        state: { term: reader.uint('term'), votedFor: reader.uintOrNil('votedFor') },
      };
    case TAG_TRUNCATE:
      expect(2);
      return { type: 'truncate', from: reader.uint('from') };
    case TAG_SNAPSHOT: {
      expect(6);
      const index = reader.uint('snapshot.index');
      const term = reader.uint('snapshot.term');
      const resets = reader.boolean('snapshot.resets');
      const fileBytes = reader.uint('snapshot.fileBytes');
      const payloadCrc = reader.uint('snapshot.payloadCrc');
      return { type: 'snapshot', snapshot: { index, term, fileBytes, payloadCrc }, resets };
    }
    case TAG_COMPACT:
      expect(3);
      return { type: 'compact', index: reader.uint('index'), term: reader.uint('term') };
    case TAG_PLAIN: {
      expect(3);
      const index = reader.uint('lsn');
      if (index === 0) throw reader.invalid('lsn', 'zero');
      const command = reader.binary('data');
      return { type: 'entry', entry: { term: 0, index, kind: 'normal', command } };
    }
    default:
      throw reader.invalid('record.tag', 'unknown');
  }
}

/** Every record of a payload, in order. Errors: `RaftError` `ENCODING`. */
export function* readRecords(payload: Uint8Array): Generator<LogRecord, void, void> {
  const reader = new MsgpackReader(payload);
  while (reader.offset < payload.length) yield readRecord(reader);
}
