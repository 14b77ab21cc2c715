// Writes a reply as RESP2 or RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/), as a latin1 string.

import {
  ErrorReply,
  MapReply,
  NilArrayReply,
  OK,
  PushReply,
  type Reply,
  ReplySequence,
  SetReply,
  StatusReply,
  type VerbatimReply,
} from './reply.js';

/** The version of the protocol that a connection has chosen with HELLO; 2 until then. */
export type ProtocolVersion = 2 | 3;

const OK_ENCODED = '+OK\r\n';
const NIL_ARRAY_ENCODED = { 2: '*-1\r\n', 3: '_\r\n' } as const;
const NIL_ENCODED = { 2: '$-1\r\n', 3: '_\r\n' } as const;

/** The reply's bytes, one per character. */
export function encodeReply(reply: Reply, protocol: ProtocolVersion): string {
  if (reply === OK) return OK_ENCODED;
  if (typeof reply === 'string') return `$${reply.length}\r\n${reply}\r\n`;
  if (typeof reply === 'number' || typeof reply === 'bigint') return `:${reply}\r\n`;
  if (reply === null) return NIL_ENCODED[protocol];
  if (reply instanceof StatusReply) return `+${oneLine(reply.text)}\r\n`;
  if (reply instanceof ErrorReply) return `-${oneLine(reply.text)}\r\n`;
  if (reply instanceof NilArrayReply) return NIL_ARRAY_ENCODED[protocol];
  return encodeAggregate(reply, protocol);
}

function encodeAggregate(
  reply: readonly Reply[] | MapReply | SetReply | PushReply | ReplySequence | VerbatimReply,
  protocol: ProtocolVersion,
): string {
  if (isArray(reply)) return encodeSequence('*', reply, protocol);
  if (reply instanceof SetReply) return encodeSequence(protocol === 3 ? '~' : '*', reply.members, protocol);
  if (reply instanceof MapReply) return encodeMap(reply, protocol);
  if (reply instanceof PushReply) return encodeSequence(protocol === 3 ? '>' : '*', reply.members, protocol);
  if (reply instanceof ReplySequence) return reply.replies.map((one) => encodeReply(one, protocol)).join('');
  if (protocol === 2) return `$${reply.text.length}\r\n${reply.text}\r\n`;
  return `=${reply.text.length + 4}\r\ntxt:${reply.text}\r\n`;
}

function encodeSequence(sign: '*' | '~' | '>', members: readonly Reply[], protocol: ProtocolVersion): string {
  let encoded = `${sign}${members.length}\r\n`;
  for (const member of members) encoded += encodeReply(member, protocol);
  return encoded;
}

function encodeMap(map: MapReply, protocol: ProtocolVersion): string {
  let encoded = protocol === 3 ? `%${map.entries.length}\r\n` : `*${map.entries.length * 2}\r\n`;
  for (const [key, value] of map.entries) {
    encoded += encodeReply(key, protocol);
    encoded += encodeReply(value, protocol);
  }
  return encoded;
}

/** `Array.isArray` does not narrow a readonly array out of a union. */
function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

/** Simple strings and errors end at the first line break: one inside would let a client's text forge a reply. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text;
}
