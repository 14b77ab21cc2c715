// What a command answers, before it is written as RESP2 or RESP3. Text is latin1: one character is one byte, so that
// any bytes pass through unharmed and a reply is one string that the socket writes without another copy.
//
// The frequent replies are plain values: a string is a bulk string, a number an integer, null a nil.

export type Reply =
  | string
  | number
  | bigint
  | null
  | StatusReply
  | ErrorReply
  | NilArrayReply
  | VerbatimReply
  | MapReply
  | SetReply
  | PushReply
  | ReplySequence
  | readonly Reply[];

/** A simple string, such as `+OK`. */
export class StatusReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An error: a code in capitals, a space, a sentence. It is a value and never thrown. */
export class ErrorReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  /** The first word, by which clients tell errors apart: `ERR`, `WRONGTYPE`, `MOVED`. */
  get code(): string {
    const end = this.text.indexOf(' ');
    return end < 0 ? this.text : this.text.slice(0, end);
  }
}

/** Text for people: a verbatim string in RESP3, a bulk string in RESP2. */
export class VerbatimReply {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A map in RESP3, a flat array in RESP2. */
export class MapReply {
  readonly entries: readonly (readonly [Reply, Reply])[];
  constructor(entries: readonly (readonly [Reply, Reply])[]) {
    this.entries = entries;
  }
}

/** A set in RESP3, an array in RESP2. */
export class SetReply {
  readonly members: readonly Reply[];
  constructor(members: readonly Reply[]) {
    this.members = members;
  }
}

/** What comes without being asked for: a push in RESP3, an array in RESP2. */
export class PushReply {
  readonly members: readonly Reply[];
  constructor(members: readonly Reply[]) {
    this.members = members;
  }
}

/** Several replies to one request, one after the other; none at all for a client that wants none. */
export class ReplySequence {
  readonly replies: readonly Reply[];
  constructor(replies: readonly Reply[]) {
    this.replies = replies;
  }
}

/** Nothing where there could be an array: in RESP2 another nil than that of a string. */
export class NilArrayReply {
  readonly isNilArray = true;
}

export const NIL_ARRAY: NilArrayReply = new NilArrayReply();
export const NO_REPLY: ReplySequence = new ReplySequence([]);
export const QUEUED: StatusReply = new StatusReply('QUEUED');
export const OK: StatusReply = new StatusReply('OK');
export const PONG: StatusReply = new StatusReply('PONG');

export const SYNTAX_ERROR: ErrorReply = new ErrorReply('ERR syntax error');
export const NOT_AN_INTEGER: ErrorReply = new ErrorReply('ERR value is not an integer or out of range');
export const WOULD_OVERFLOW: ErrorReply = new ErrorReply('ERR increment or decrement would overflow');
export const NOT_A_FLOAT: ErrorReply = new ErrorReply('ERR value is not a valid float');
export const WOULD_BE_INFINITE: ErrorReply = new ErrorReply('ERR increment would produce NaN or Infinity');
export const NO_SUCH_KEY: ErrorReply = new ErrorReply('ERR no such key');
export const WRONG_SIZE: ErrorReply = new ErrorReply(
  'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
);
