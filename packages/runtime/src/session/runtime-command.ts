// Commands of the runtime's own, in the log beside the user's (docs/server.md, "In the log"). An ordinary command is
// logged as it is and costs one look at its first byte; C1, which MessagePack never uses, marks everything else:
//
//   C1 00 <command>                                            a user's command that begins with C1
//   C1 01 time ttlMs sessionsMax sessionResultsMax             openSession
//   C1 02 time session sequence acknowledged <command>         sessionCommand
//   C1 03 time session acknowledged                            keepSession
//   C1 04 time session                                         closeSession
//   C1 05 time                                                 clock
//
// Numbers are MessagePack unsigned integers. Must never change what an existing type means: old logs are read for ever.

import { type Index, MsgpackReader, uintSize, writeUint } from '@waldb/core';
import { RuntimeError } from '../runtime-error.js';

export interface OpenSession {
  readonly type: 'openSession';
  readonly time: number;
  readonly ttlMs: number;
  /** Sessions there may be, this one included. */
  readonly sessionsMax: number;
  /** Results that this one may have kept at a time. */
  readonly sessionResultsMax: number;
}

export interface SessionCommand {
  readonly type: 'sessionCommand';
  readonly time: number;
  readonly session: Index;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly command: Uint8Array;
}

export type RuntimeCommand =
  | { readonly type: 'user'; readonly command: Uint8Array }
  | OpenSession
  | SessionCommand
  | {
      readonly type: 'keepSession';
      readonly time: number;
      readonly session: Index;
      readonly acknowledged: number;
    }
  | { readonly type: 'closeSession'; readonly time: number; readonly session: Index }
  | { readonly type: 'clock'; readonly time: number };

const MARK = 0xc1;
const HEAD_BYTES = 2;
const EMPTY = new Uint8Array();

const TYPE_BYTES: Readonly<Record<RuntimeCommand['type'], number>> = {
  user: 0,
  openSession: 1,
  sessionCommand: 2,
  keepSession: 3,
  closeSession: 4,
  clock: 5,
};

/** Whether a logged command is anything but a user's command as it is. */
export function isMarked(command: Uint8Array): boolean {
  return command[0] === MARK;
}

/** A user's command as it is logged: itself, but for the rare one that looks like one of the runtime's. */
export function loggedCommand(command: Uint8Array): Uint8Array {
  return isMarked(command) ? encodeRuntimeCommand({ type: 'user', command }) : command;
}

export function encodeRuntimeCommand(command: RuntimeCommand): Uint8Array {
  const numbers = numbersOf(command);
  const payload = 'command' in command ? command.command : EMPTY;
  let bytes = HEAD_BYTES + payload.length;
  for (const number of numbers) bytes += uintSize(number);
  const encoded = new Uint8Array(bytes);
  encoded[0] = MARK;
  encoded[1] = TYPE_BYTES[command.type];
  let offset = HEAD_BYTES;
  for (const number of numbers) offset = writeUint(encoded, offset, number);
  encoded.set(payload, offset);
  return encoded;
}

/** Reads a marked command; its payload is a view. Errors: `ENTRY_UNSUPPORTED`. */
export function decodeRuntimeCommand(bytes: Uint8Array): RuntimeCommand {
  const reader = new MsgpackReader(bytes, HEAD_BYTES);
  const type = bytes[1];
  try {
    switch (type) {
      case TYPE_BYTES.user:
        return { type: 'user', command: bytes.subarray(HEAD_BYTES) };
      case TYPE_BYTES.openSession:
        return whole(reader, {
          type: 'openSession',
          time: reader.uint('time'),
          ttlMs: reader.uint('ttlMs'),
          sessionsMax: reader.uint('sessionsMax'),
          sessionResultsMax: reader.uint('sessionResultsMax'),
        });
      case TYPE_BYTES.sessionCommand:
        return readSessionCommand(reader);
      case TYPE_BYTES.keepSession:
        return whole(reader, {
          type: 'keepSession',
          time: reader.uint('time'),
          session: reader.uint('session'),
          acknowledged: reader.uint('acknowledged'),
        });
      case TYPE_BYTES.closeSession:
        return whole(reader, {
          type: 'closeSession',
          time: reader.uint('time'),
          session: reader.uint('session'),
        });
      case TYPE_BYTES.clock:
        return whole(reader, { type: 'clock', time: reader.uint('time') });
    }
  } catch (cause) {
    throw unsupported(type, cause);
  }
  throw unsupported(type, undefined);
}

function numbersOf(command: RuntimeCommand): readonly number[] {
  switch (command.type) {
    case 'user':
      return [];
    case 'openSession':
      return [command.time, command.ttlMs, command.sessionsMax, command.sessionResultsMax];
    case 'sessionCommand':
      return [command.time, command.session, command.sequence, command.acknowledged];
    case 'keepSession':
      return [command.time, command.session, command.acknowledged];
    case 'closeSession':
      return [command.time, command.session];
    case 'clock':
      return [command.time];
  }
}

function readSessionCommand(reader: MsgpackReader): SessionCommand {
  const time = reader.uint('time');
  const session = reader.uint('session');
  const sequence = reader.uint('sequence');
  const acknowledged = reader.uint('acknowledged');
  const command = reader.bytes.subarray(reader.offset);
  return { type: 'sessionCommand', time, session, sequence, acknowledged, command };
}

function whole<Command>(reader: MsgpackReader, command: Command): Command {
  reader.end('command');
  return command;
}

function unsupported(type: number | undefined, cause: unknown): RuntimeError {
  return new RuntimeError(
    'ENTRY_UNSUPPORTED',
    `The log holds an entry of type ${String(type)}, which this version does not understand.`,
    { detail: { type }, cause },
  );
}
