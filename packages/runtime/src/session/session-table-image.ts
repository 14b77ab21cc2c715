// The session table as bytes: the runtime's block of a snapshot (docs/server.md, section 2). MessagePack:
//
//   [ version: 1, time, [ [ id, ttlMs, resultsMax, lastUsed, acknowledged, [ sequence, result | nil, ... ] ], ... ] ]
//
// Sessions and sequences stand in the order of the log, so that the same state is the same bytes on every server.

import { MsgpackReader, MsgpackWriter } from '@waldb/core';
import type { SessionState, Slot, TableContent } from './session-table.js';

const VERSION = 1;
const TABLE_FIELDS = 3;
const SESSION_FIELDS = 6;
const NIL = 0xc0;

export function encodeTable({ time, sessions }: TableContent): Uint8Array {
  const writer = new MsgpackWriter(64 + sessions.size * 64);
  writer.arrayHeader(TABLE_FIELDS).uint(VERSION).uint(time).arrayHeader(sessions.size);
  for (const [id, session] of sessions) {
    const { ttlMs, resultsMax, lastUsed, acknowledged, slots } = session;
    writer.arrayHeader(SESSION_FIELDS).uint(id).uint(ttlMs).uint(resultsMax);
    writer
      .uint(lastUsed)
      .uint(acknowledged)
      .arrayHeader(slots.size * 2);
    for (const [sequence, { result }] of slots) {
      writer.uint(sequence);
      if (result === undefined) writer.nil();
      else writer.binary(result);
    }
  }
  return writer.finish();
}

/** An empty block is the table of a log without any session. Errors: `ENCODING`. */
export function decodeTable(block: Uint8Array): TableContent {
  const sessions = new Map<number, SessionState>();
  if (block.length === 0) return { time: 0, sessions };
  const reader = new MsgpackReader(block);
  reader.tuple(TABLE_FIELDS, 'sessions');
  if (reader.uint('version') !== VERSION) throw reader.invalid('version', 'not one that this server knows');
  const time = reader.uint('time');
  const count = reader.arrayHeader('sessions');
  for (let nth = 0; nth < count; nth++) {
    reader.tuple(SESSION_FIELDS, 'session');
    sessions.set(reader.uint('id'), {
      ttlMs: reader.uint('ttlMs'),
      resultsMax: reader.uint('resultsMax'),
      lastUsed: reader.uint('lastUsed'),
      acknowledged: reader.uint('acknowledged'),
      slots: readSlots(reader),
    });
  }
  reader.end('sessions');
  return { time, sessions };
}

function readSlots(reader: MsgpackReader): Map<number, Slot> {
  const slots = new Map<number, Slot>();
  const length = reader.arrayHeader('results');
  if (length % 2 !== 0) throw reader.invalid('results', 'not pairs');
  for (let nth = 0; nth < length; nth += 2) {
    slots.set(reader.uint('sequence'), { result: readResult(reader), isForgotten: false });
  }
  return slots;
}

/** A copy: the block may be a large buffer that must not live as long as one result of it. */
function readResult(reader: MsgpackReader): Uint8Array | undefined {
  if (reader.bytes[reader.offset] !== NIL) return reader.binary('result').slice();
  reader.offset += 1;
  return undefined;
}
