// The messages ever sent, with what the specification puts into them: an append's or a snapshot's entries are taken from
// the sender's log as it was, not from the trace. A network may lose, repeat and delay, so nothing is ever taken out.

import type { Conf, Log } from './log-chain.js';
import type { LineMessage, ServerName } from './trace-line.js';

export interface SentMessage {
  readonly message: LineMessage;
  /** Of an append or a snapshot: the sender's log up to the last entry that the message carries. */
  readonly log: Log;
  /** Of a snapshot: the configuration in force at its index. */
  readonly conf: Conf | undefined;
}

export class Messages {
  readonly #sent = new Map<string, SentMessage>();
  readonly #to = new Map<ServerName, SentMessage[]>();

  /** Errors: none; returns false when the same words were sent before with other entries behind them. */
  add(sent: SentMessage): boolean {
    const key = keyOf(sent.message);
    const known = this.#sent.get(key);
    if (known !== undefined) return known.log === sent.log;
    this.#sent.set(key, sent);
    const { to } = sent.message;
    const inbox = this.#to.get(to);
    if (inbox === undefined) this.#to.set(to, [sent]);
    else inbox.push(sent);
    return true;
  }

  find(message: LineMessage): SentMessage | undefined {
    return this.#sent.get(keyOf(message));
  }

  sentTo(server: ServerName): readonly SentMessage[] {
    return this.#to.get(server) ?? [];
  }
}

export function keyOf({
  type,
  term,
  from,
  to,
  index,
  logTerm,
  entries,
  commit,
  reject,
  context,
}: LineMessage): string {
  return `${type} ${term} ${from} ${to} ${index} ${logTerm} ${entries} ${commit} ${reject} ${context}`;
}

export function describeMessage(message: LineMessage): string {
  const { type, from, to, term, index, logTerm, entries, commit, reject } = message;
  const more = Object.entries({ index, logTerm, entries, commit, reject })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name} ${String(value)}`);
  return `${type} ${from} -> ${to} term ${term}${more.join('')}`;
}
