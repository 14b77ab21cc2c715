// How two servers meet (docs/transport-format.md, "Hello"): a preamble that never changes, so that any version can read
// it, then one hello each way, before anything else. Checks who is there; must never let a message by before that.
//
//   preamble   0          8            10           12       16
//              +----------+------------+------------+--------+
//              | magic    | versionMin | versionMax | crc    |
//              | 8 bytes  | u16 LE     | u16 LE     | u32 LE |
//              +----------+------------+------------+--------+
//
//   hello      array: clusterId (string), from, to (ids), logId (string), address (string), purpose (absent or nil
//              for messages, 1 for one snapshot), removedAt (index; absent or nil for 0), memberSince (index; absent
//              for 0); what follows is ignored
//   refusal    array: code (string), sentence (string); what follows is ignored

import { type Index, MsgpackReader, MsgpackWriter, type NodeId, RaftError } from '@waldb/core';
import { checksum } from '@waldb/io';
import { CONTROL_PAYLOAD_BYTES_MAX, frameHeader } from './frame.js';
import { printable } from './printable.js';
import { TransportError } from './transport-error.js';

/** Who a server says it is. */
export interface Hello {
  readonly clusterId: string;
  readonly from: NodeId;
  /** Whom it means to talk to. */
  readonly to: NodeId;
  readonly logId: string;
  /** Where it can be dialled, as its configuration writes it; opaque here. */
  readonly address: string;
  /** What the connection is for, where that is not messages. */
  readonly purpose?: 'snapshot';
  /** The newest configuration that the sender knows to be committed, if it does not have the receiver. */
  readonly removedAt?: Index;
  /** The mark of the sender's own membership, in a configuration that is committed and on its disk. */
  readonly memberSince?: Index;
}

/** What a server says of itself to everybody. */
export interface Introduction {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly logId: string;
  readonly address: () => string;
  /** The newest configuration that is known to be committed, if it does not have `id`; else 0. */
  readonly absenceOf: (id: NodeId) => Index;
  /** The mark of this server's own membership, once that is committed and on its disk; else 0. */
  readonly memberSince: () => Index;
}

export const PREAMBLE_BYTES = 16;
/** Largest payload of a hello or a refusal, and of anything before a hello was accepted. */
export const HELLO_BYTES_MAX: number = CONTROL_PAYLOAD_BYTES_MAX;

const VERSION_MIN = 1;
const VERSION_MAX = 1;
// The line ends and the control character show a text-mode channel that would damage everything else.
const MAGIC = Uint8Array.from([0x57, 0x41, 0x4c, 0x44, 0x42, 0x0d, 0x0a, 0x1a]); // WALDB\r\n SUB
const CHECKED_BYTES = 12;
/** How a TLS connection begins: a record of this type, of a version 3.x. */
const TLS_HANDSHAKE = 0x16;
const TLS_MAJOR = 3;
const SENTENCE_LENGTH_MAX = 500;
const PURPOSE_SNAPSHOT = 1;
/** What every hello has; the rest may be missing from the end. */
const FIELDS_MIN = 5;
const CLUSTER_ID_LENGTH_MAX = 64;

export function encodePreamble(): Uint8Array {
  const preamble = new Uint8Array(PREAMBLE_BYTES);
  preamble.set(MAGIC);
  const view = new DataView(preamble.buffer);
  view.setUint16(8, VERSION_MIN, true);
  view.setUint16(10, VERSION_MAX, true);
  view.setUint32(12, checksum(preamble.subarray(0, CHECKED_BYTES)), true);
  return preamble;
}

/** The version to speak: the newest that both know. Errors: `NOT_WALDB`, `TLS_UNEXPECTED`, `VERSION_UNSUPPORTED`. */
export function agreeVersion(preamble: Uint8Array): number {
  const view = new DataView(preamble.buffer, preamble.byteOffset, PREAMBLE_BYTES);
  const isOurs =
    MAGIC.every((byte, i) => preamble[i] === byte) &&
    view.getUint32(12, true) === checksum(preamble.subarray(0, CHECKED_BYTES));
  if (!isOurs && preamble[0] === TLS_HANDSHAKE && preamble[1] === TLS_MAJOR) {
    throw new TransportError('TLS_UNEXPECTED', 'The other end speaks TLS, and this server does not.');
  }
  if (!isOurs) throw new TransportError('NOT_WALDB', 'The other end is not a waldb server.');
  const theirMin = view.getUint16(8, true);
  const theirMax = view.getUint16(10, true);
  const version = Math.min(theirMax, VERSION_MAX);
  if (version < theirMin || version < VERSION_MIN) {
    throw new TransportError(
      'VERSION_UNSUPPORTED',
      `The other end speaks versions ${theirMin} to ${theirMax} of the protocol, this one ${VERSION_MIN} to ${VERSION_MAX}.`,
      { theirMin, theirMax, ourMin: VERSION_MIN, ourMax: VERSION_MAX },
    );
  }
  return version;
}

export function encodeHello(hello: Hello): Uint8Array {
  const writer = new MsgpackWriter();
  const { purpose, removedAt = 0, memberSince = 0 } = hello;
  const optional = [purpose === 'snapshot' ? PURPOSE_SNAPSHOT : 0, removedAt, memberSince];
  const said = optional.findLastIndex((value) => value > 0) + 1;
  writer.arrayHeader(FIELDS_MIN + said);
  writer.string(hello.clusterId).uint(hello.from).uint(hello.to).string(hello.logId).string(hello.address);
  for (const value of optional.slice(0, said)) {
    if (value > 0) writer.uint(value);
    else writer.nil();
  }
  return writer.finish();
}

/** What a server says to `to`, for messages or for one snapshot. */
export function helloTo(to: NodeId, ours: Introduction, purpose?: 'snapshot'): Hello {
  const { clusterId, nodeId, logId, address } = ours;
  return {
    ...{ clusterId, from: nodeId, to, logId, address: address() },
    ...(purpose && { purpose }),
    removedAt: ours.absenceOf(to),
    memberSince: ours.memberSince(),
  };
}

/** Everything that one side says before it has heard the other: its preamble and its hello. */
export function greeting(hello: Hello): Uint8Array[] {
  const payload = encodeHello(hello);
  return [encodePreamble(), frameHeader('hello', payload), payload];
}

/** Errors: `MESSAGE_INVALID`. */
export function decodeHello(payload: Uint8Array): Hello {
  return decodePayload('hello', () => {
    const reader = new MsgpackReader(payload);
    const length = reader.arrayHeader('hello');
    if (length < FIELDS_MIN) throw reader.invalid('hello', `shorter than ${FIELDS_MIN} elements`);
    const hello = {
      clusterId: reader.string('hello.clusterId'),
      from: reader.uint('hello.from'),
      to: reader.uint('hello.to'),
      logId: reader.string('hello.logId'),
      address: reader.string('hello.address'),
    };
    const optional = (nth: number, name: string): number =>
      length < FIELDS_MIN + nth ? 0 : (reader.uintOrNil(name) ?? 0);
    const purpose = optional(1, 'hello.purpose');
    if (purpose !== 0 && purpose !== PURPOSE_SNAPSHOT)
      throw reader.invalid('hello.purpose', 'none that this version knows');
    const removedAt = optional(2, 'hello.removedAt');
    const memberSince = optional(3, 'hello.memberSince');
    return {
      ...hello,
      ...(purpose === 0 ? {} : { purpose: 'snapshot' }),
      ...(removedAt === 0 ? {} : { removedAt }),
      ...(memberSince === 0 ? {} : { memberSince }),
    };
  });
}

/** Why we leave: an error of any of our packages. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Tells the other end why it is being left; after it there is nothing more. `isFirst`: nothing was said before. */
export function refusalFrame({ code, message }: Refusal, isFirst: boolean): Uint8Array[] {
  const writer = new MsgpackWriter();
  const payload = writer.arrayHeader(2).string(code).string(message.slice(0, SENTENCE_LENGTH_MAX)).finish();
  const frame = [frameHeader('refusal', payload), payload];
  return isFirst ? [encodePreamble(), ...frame] : frame;
}

/** What the other end said. Errors: `MESSAGE_INVALID`. */
export function decodeRefusal(payload: Uint8Array): TransportError {
  return decodePayload('refusal', () => {
    const reader = new MsgpackReader(payload);
    if (reader.arrayHeader('refusal') < 2) throw reader.invalid('refusal', 'shorter than two elements');
    const theirCode = printable(reader.string('refusal.code'), SENTENCE_LENGTH_MAX);
    const sentence = printable(reader.string('refusal.sentence'), SENTENCE_LENGTH_MAX);
    return new TransportError('REFUSED', `The other end refused the connection: ${sentence}`, { theirCode });
  });
}

/** Whether `theirs` is the peer that `ours` is for. Errors: `CLUSTER_MISMATCH`, `ID_MISMATCH`. */
export function checkHello(
  ours: { clusterId: string; nodeId: NodeId; peer: NodeId | undefined },
  theirs: Hello,
): void {
  if (theirs.clusterId !== ours.clusterId) {
    const named = printable(theirs.clusterId, CLUSTER_ID_LENGTH_MAX);
    throw new TransportError(
      'CLUSTER_MISMATCH',
      `Server ${theirs.from} belongs to cluster ${named}, this one to ${ours.clusterId}.`,
      { theirs: named, ours: ours.clusterId },
    );
  }
  if (ours.peer !== undefined && theirs.from !== ours.peer) {
    throw new TransportError(
      'ID_MISMATCH',
      `Server ${theirs.from} answered where server ${ours.peer} was expected.`,
      {
        expected: ours.peer,
        found: theirs.from,
      },
    );
  }
  if (theirs.to !== ours.nodeId || theirs.from === ours.nodeId || theirs.from === 0) {
    throw new TransportError(
      'ID_MISMATCH',
      `Server ${theirs.from} means to talk to server ${theirs.to}, and this is server ${ours.nodeId}.`,
      { from: theirs.from, to: theirs.to, ours: ours.nodeId },
    );
  }
}

/** Runs a decoder over what a peer sent; what cannot be read is a `TransportError`. */
export function decodePayload<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    throw new TransportError('MESSAGE_INVALID', `A ${what} cannot be read: ${error.message}.`, error.detail, {
      cause: error,
    });
  }
}
