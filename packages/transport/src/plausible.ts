// Messages that are whole, and say what no server of ours can mean. A peer that has gone mad is believed by Raft within
// its role; what is checked here is what would stop the receiver for good: an entry that its log cannot hold, and
// numbers so large that there would be no next one.

import type { Message } from '@waldb/core';
import { TransportError } from './transport-error.js';

/**
 * Largest term and index that is believed: reached after nine thousand years of a thousand elections in a second, and
 * far enough from the largest safe integer that counting on from there never ends.
 */
export const POSITION_MAX: number = 2 ** 48;

/** Every field, of whatever message, that is a term or an index. */
const POSITIONS = [
  'term',
  'prevLogIndex',
  'prevLogTerm',
  'leaderCommit',
  'lastLogIndex',
  'lastLogTerm',
  'matchIndex',
  'hintIndex',
  'hintTerm',
  'snapshotIndex',
  'index',
] as const;

/** Errors: `MESSAGE_INVALID`. */
export function checkPlausible(message: Message, entryBytesMax: number): void {
  const fields: Partial<Record<(typeof POSITIONS)[number], unknown>> = message;
  for (const name of POSITIONS) checkPosition(message, name, fields[name]);
  if (message.type === 'installSnapshot') {
    checkPosition(message, 'snapshot.index', message.snapshot.index);
    checkPosition(message, 'snapshot.term', message.snapshot.term);
  }
  if (message.type !== 'appendEntries') return;
  const last = message.entries.at(-1); // the others are below it: their order was checked when they were read
  if (last !== undefined) checkPosition(message, 'entry.index', last.index);
  for (const entry of message.entries) {
    const entryBytes = entry.encoded?.length ?? entry.command.length;
    if (entryBytes <= entryBytesMax) continue;
    throw new TransportError(
      'MESSAGE_INVALID',
      `The entry of index ${entry.index} has ${entryBytes} bytes; the log of this server takes ${entryBytesMax}.`,
      { index: entry.index, entryBytes, entryBytesMax },
    );
  }
}

function checkPosition(message: Message, name: string, value: unknown): void {
  if (typeof value !== 'number' || value <= POSITION_MAX) return;
  throw new TransportError(
    'MESSAGE_INVALID',
    `A ${message.type} has ${value} as its ${name}: no server of ours has come that far.`,
    { message: message.type, field: name, value, max: POSITION_MAX },
  );
}
