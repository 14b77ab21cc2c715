// The replies of an entry as bytes, for the sessions of whoever proposes entries of the store himself. JSON: plain replies
// are themselves, every other kind is a pair of its tag and its content.

import type { ResultCodec } from '@waldb/runtime';
import {
  ErrorReply,
  MapReply,
  NilArrayReply,
  PushReply,
  type Reply,
  ReplySequence,
  SetReply,
  StatusReply,
  VerbatimReply,
} from '../resp/reply.js';
import type { EntryReplies } from './kv-state-machine.js';

type Plain = string | number | null | readonly [tag: string, content: unknown];

/** To be given to `RaftServer.start` as `sessionResults`. */
export const entryReplies: ResultCodec<EntryReplies> = {
  encode: (replies) => Buffer.from(JSON.stringify(replies.map(toPlain))),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()).map(fromPlain),
};

function toPlain(reply: Reply): Plain {
  if (reply === null || typeof reply === 'string' || typeof reply === 'number') return reply;
  if (typeof reply === 'bigint') return ['integer', String(reply)];
  if (reply instanceof StatusReply) return ['status', reply.text];
  if (reply instanceof ErrorReply) return ['error', reply.text];
  if (reply instanceof VerbatimReply) return ['verbatim', reply.text];
  if (reply instanceof MapReply)
    return ['map', reply.entries.map(([key, value]) => [toPlain(key), toPlain(value)])];
  if (reply instanceof SetReply) return ['set', reply.members.map(toPlain)];
  // Only connections make these; no entry is answered with one.
  const isOfConnection =
    reply instanceof PushReply || reply instanceof ReplySequence || reply instanceof NilArrayReply;
  if (isOfConnection) throw new Error('not a reply of an entry');
  return ['array', reply.map(toPlain)];
}

function fromPlain(plain: Plain): Reply {
  if (plain === null || typeof plain === 'string' || typeof plain === 'number') return plain;
  const [tag, content] = plain;
  // The contents are what `toPlain` made of that tag: the bytes are the server's own, checked by log and snapshot.
  const text = content as string;
  const list = content as readonly Plain[];
  switch (tag) {
    case 'integer':
      return BigInt(text);
    case 'status':
      return new StatusReply(text);
    case 'error':
      return new ErrorReply(text);
    case 'verbatim':
      return new VerbatimReply(text);
    case 'map': {
      const pairs = content as readonly (readonly [Plain, Plain])[]; // as above
      return new MapReply(pairs.map(([key, value]) => [fromPlain(key), fromPlain(value)] as const));
    }
    case 'set':
      return new SetReply(list.map(fromPlain));
    case 'array':
      return list.map(fromPlain);
    default:
      throw new Error(`a reply of kind ${String(tag)} is not known`);
  }
}
