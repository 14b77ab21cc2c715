// A configuration's encoding: the command of a `config` entry, and a part of a snapshot.
//
//   array of six: voters, learners, votersOutgoing, learnersNext (arrays of ids), autoLeave,
//   addresses (array of id, address, id, address ..., by rising id)

import { checked, SERVERS_MAX } from '../membership/configuration.js';
import { RaftError } from '../raft-error.js';
import type { Configuration, NodeId } from '../types.js';
import { MsgpackReader, MsgpackWriter } from './msgpack.js';

export function writeConfiguration(writer: MsgpackWriter, configuration: Configuration): void {
  writer.arrayHeader(6);
  writeIds(writer, configuration.voters);
  writeIds(writer, configuration.learners);
  writeIds(writer, configuration.votersOutgoing);
  writeIds(writer, configuration.learnersNext);
  writer.boolean(configuration.autoLeave);
  const ids = Object.keys(configuration.addresses)
    .map(Number)
    .sort((a, b) => a - b);
  writer.arrayHeader(ids.length * 2);
  for (const id of ids) writer.uint(id).string(configuration.addresses[id] ?? '');
}

/** Errors: `ENCODING`, also for a configuration that could never be in force. */
export function readConfiguration(reader: MsgpackReader): Configuration {
  reader.tuple(6, 'configuration');
  const voters = readIds(reader, 'voters');
  const learners = readIds(reader, 'learners');
  const votersOutgoing = readIds(reader, 'votersOutgoing');
  const learnersNext = readIds(reader, 'learnersNext');
  const autoLeave = reader.boolean('autoLeave');
  const fields = reader.arrayHeader('addresses');
  if (fields % 2 !== 0 || fields > SERVERS_MAX * 2) throw reader.invalid('addresses', 'not a list of pairs');
  const addresses: Record<NodeId, string> = {};
  for (let i = 0; i < fields; i += 2) addresses[reader.uint('address.id')] = reader.string('address');
  try {
    return checked({ voters, learners, votersOutgoing, learnersNext, autoLeave, addresses });
  } catch (error) {
    throw new RaftError('ENCODING', 'a configuration that could never be in force', {}, { cause: error });
  }
}

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new MsgpackWriter();
  writeConfiguration(writer, configuration);
  return writer.finish();
}

/** Errors: `ENCODING`. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new MsgpackReader(bytes);
  const configuration = readConfiguration(reader);
  reader.end('configuration');
  return configuration;
}

function writeIds(writer: MsgpackWriter, ids: readonly NodeId[]): void {
  writer.arrayHeader(ids.length);
  for (const id of ids) writer.uint(id);
}

function readIds(reader: MsgpackReader, what: string): NodeId[] {
  const length = reader.arrayHeader(what);
  if (length > SERVERS_MAX) throw reader.invalid(what, `more than ${SERVERS_MAX} servers`);
  const ids: NodeId[] = [];
  for (let i = 0; i < length; i++) {
    const id = reader.uint(what);
    if (id <= (ids.at(-1) ?? 0)) throw reader.invalid(what, 'not a rising list of ids');
    ids.push(id);
  }
  return ids;
}
