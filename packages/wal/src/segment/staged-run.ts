// Reads records back that are staged and not yet on disk: a run of neighbours, copied out of the buffers that they wait
// in. Nothing outside the log ever refers to those.

import { type Index, type LogEntry, MsgpackReader } from '@waldb/core';
import { EntryCursor } from '../format/entry-cursor.js';
import { FRAME_HEADER_BYTES } from '../format/frame.js';
import { readRecord } from '../format/record.js';
import type { StagedFrame } from './staging.js';

/** A frame and the buffer that it lies in. */
export interface PlacedFrame {
  readonly bytes: Uint8Array;
  readonly frame: StagedFrame;
}

/**
 * The entries from `index` on of the frame that holds it, as far as no later frame truncates them; `undefined` when no
 * frame holds it. `newestFirst`: of two that hold the same index, the newer one counts.
 */
export function stagedRun(newestFirst: Iterable<PlacedFrame>, index: Index): LogEntry[] | undefined {
  let keptThrough = Number.POSITIVE_INFINITY;
  for (const { bytes, frame } of newestFirst) {
    const { firstIndex, entryCount, truncateFrom, resetTo } = frame.effects;
    const last = Math.min(firstIndex + entryCount - 1, keptThrough);
    if (entryCount > 0 && index >= firstIndex && index <= last) return decode(bytes, frame, index, last);
    keptThrough = Math.min(keptThrough, (truncateFrom ?? Number.POSITIVE_INFINITY) - 1);
    if (resetTo !== undefined) keptThrough = 0;
  }
  return undefined;
}

function decode(bytes: Uint8Array, frame: StagedFrame, first: Index, last: Index): LogEntry[] {
  const start = frame.start + FRAME_HEADER_BYTES;
  const payload = bytes.slice(start, start + frame.payloadBytes);
  const cursor = new EntryCursor();
  const entries: LogEntry[] = [];
  for (let at = 0; at < payload.length; ) {
    if (cursor.read(payload, at)) {
      if (cursor.index >= first && cursor.index <= last) entries.push(cursor.entry(payload));
      at = cursor.end;
    } else {
      const reader = new MsgpackReader(payload, at);
      readRecord(reader);
      at = reader.offset;
    }
  }
  return entries;
}
