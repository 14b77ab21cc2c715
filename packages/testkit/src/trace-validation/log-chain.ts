// Logs as chains: an entry knows the one before it, and the same history is the same object. So two logs agree up to an
// index exactly when they reach the same entry there, logs are copied by reference, and what the specification calls Log
// Matching is the one place where entries are made.

import type { ServerName } from './trace-line.js';

export interface Conf {
  readonly voters: readonly ServerName[];
  readonly votersOutgoing: readonly ServerName[];
  readonly learners: readonly ServerName[];
}

/** An entry with everything before it. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  /** The configuration that this entry brings, if it is one. */
  readonly conf: Conf | undefined;
  readonly before: Entry | undefined;
  /** The newest entry with a configuration, this one included. */
  readonly confEntry: Entry | undefined;
}

export type Log = Entry | undefined;

class Made implements Entry {
  readonly index: number;
  readonly term: number;
  readonly conf: Conf | undefined;
  readonly before: Entry | undefined;
  readonly confEntry: Entry | undefined;

  constructor(before: Log, index: number, term: number, conf: Conf | undefined) {
    this.index = index;
    this.term = term;
    this.conf = conf;
    this.before = before;
    this.confEntry = conf === undefined ? before?.confEntry : this;
  }
}

/** Every entry of a trace, made once. */
export class Entries {
  readonly #made = new Map<string, Entry>();

  /**
   * The entry of `term` behind `before`. Undefined where another history has an entry of this index and term already:
   * two leaders of one term, or one that wrote twice (§5.3).
   */
  append(before: Log, term: number, conf: Conf | undefined): Entry | undefined {
    const index = lengthOf(before) + 1;
    const key = `${index}/${term}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known.before === before && isSame(known.conf, conf) ? known : undefined;
    const entry = new Made(before, index, term, conf);
    this.#made.set(key, entry);
    return entry;
  }

  /** The entry that somebody made with this index and term. */
  find(index: number, term: number): Entry | undefined {
    return this.#made.get(`${index}/${term}`);
  }
}

export function lengthOf(log: Log): number {
  return log === undefined ? 0 : log.index;
}

export function lastTermOf(log: Log): number {
  return log === undefined ? 0 : log.term;
}

/** The log cut to `length`, which is at most its own. */
export function prefix(log: Log, length: number): Log {
  let entry = log;
  while (entry !== undefined && entry.index > length) entry = entry.before;
  return entry;
}

export function entryAt(log: Log, index: number): Entry | undefined {
  const entry = prefix(log, index);
  return entry?.index === index ? entry : undefined;
}

export function termAt(log: Log, index: number): number | undefined {
  return index === 0 ? 0 : entryAt(log, index)?.term;
}

/** How far two logs are the same. */
export function commonLength(a: Log, b: Log): number {
  let x = prefix(a, lengthOf(b));
  let y = prefix(b, lengthOf(a));
  while (x !== y) {
    x = x?.before;
    y = y?.before;
  }
  return lengthOf(x);
}

/** The entries of `log` behind `from`, oldest first. */
export function entriesBehind(log: Log, from: number): Entry[] {
  const found: Entry[] = [];
  for (let entry = log; entry !== undefined && entry.index > from; entry = entry.before) found.push(entry);
  return found.reverse();
}

function isSame(a: Conf | undefined, b: Conf | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameConf(a, b);
}

export function sameConf(a: Conf, b: Conf): boolean {
  return (
    sameNames(a.voters, b.voters) &&
    sameNames(a.votersOutgoing, b.votersOutgoing) &&
    sameNames(a.learners, b.learners)
  );
}

function sameNames(a: readonly ServerName[], b: readonly ServerName[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}

/** Whether `agree` holds of a majority of each half (§6). */
export function isQuorum({ voters, votersOutgoing }: Conf, agree: (server: ServerName) => boolean): boolean {
  const isMajority = (servers: readonly ServerName[]): boolean =>
    servers.filter(agree).length * 2 > servers.length;
  return isMajority(voters) && (votersOutgoing.length === 0 || isMajority(votersOutgoing));
}

export function isMember(conf: Conf, server: ServerName): boolean {
  return isVoterOf(conf, server) || conf.learners.includes(server);
}

export function membersOf({ voters, votersOutgoing, learners }: Conf): readonly ServerName[] {
  return [...voters, ...votersOutgoing, ...learners];
}

export function isVoterOf({ voters, votersOutgoing }: Conf, server: ServerName): boolean {
  return voters.includes(server) || votersOutgoing.includes(server);
}
