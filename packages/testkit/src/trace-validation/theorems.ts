// What follows from the specification for all servers together: there is one history of what is committed (state machine
// safety), and every leader has what was committed before its term (leader completeness, §5.4). A trace whose every line
// is legal cannot break these, so a break here means that a rule was transcribed wrongly.

import { type Conf, type Entry, entryAt, isMember, type Log, lengthOf, membersOf } from './log-chain.js';
import type { Refusal } from './outcome.js';
import { refuse } from './own-actions.js';
import type { ServerState } from './server-state.js';
import type { ServerName } from './trace-line.js';

interface Commit {
  readonly entry: Entry;
  /** The term of the leader that counted. */
  readonly term: number;
}

interface Leadership {
  readonly server: ServerName;
  /** Its log when it was elected. */
  readonly log: Log;
}

export class Theorems {
  readonly #leaders = new Map<number, Leadership>();
  /** What leaders committed by counting, in the order of the trace. */
  readonly #commits: Commit[] = [];
  /** The longest history of which all is committed. */
  #committed: Entry | undefined;
  /** Members that a committed configuration was without, and that have not begun anew since. */
  readonly #hasBeenRemoved = new Set<ServerName>();
  /** Servers whose disk was lost, and that have not begun anew since. */
  readonly #hasLostDisk = new Set<ServerName>();
  #founding: Conf | undefined;

  leaderOf(term: number): ServerName | undefined {
    return this.#leaders.get(term)?.server;
  }

  /**
   * Whether this id may begin on an empty disk: the newest committed configuration is without it, or one since it last began
   * was. It may have been added again by then, and that committed, before its new process has written a line.
   */
  mayBeginAnew(server: ServerName): boolean {
    if (this.#hasLostDisk.has(server)) return true;
    const conf = this.#committed?.confEntry?.conf;
    return conf !== undefined && (this.#hasBeenRemoved.has(server) || !isMember(conf, server));
  }

  noteDiskLost(server: ServerName): void {
    this.#hasLostDisk.add(server);
  }

  /** On an empty disk. Founders know the first configuration, which no entry brings; who joins is in none yet. */
  noteBeginning(server: ServerName, conf: Conf): void {
    this.#hasBeenRemoved.delete(server);
    this.#hasLostDisk.delete(server);
    if (conf.voters.includes(server)) this.#founding ??= conf;
  }

  /** Before a leader is believed. */
  elected({ name, term, log }: ServerState): Refusal | undefined {
    const lost = this.#commits.find((commit) => commit.term < term && !holds(log, commit.entry));
    return lost === undefined ? undefined : incomplete(name, term, lost);
  }

  noteElected({ name, term, log }: ServerState): void {
    this.#leaders.set(term, { server: name, log });
  }

  /** Before a commit index is believed. */
  committed({ log, commit, role, term, name }: ServerState): Refusal | undefined {
    const entry = entryAt(log, commit);
    const known = this.#committed;
    if (entry === undefined || (known !== undefined && !isOneHistory(known, entry)))
      return refuse('state-machine-safety', 'one history is committed everywhere', `${name} commits another`);
    if (role !== 'StateLeader') return undefined;
    for (const [later, leader] of this.#leaders)
      if (later > term && !holds(leader.log, entry)) return incomplete(leader.server, later, { entry, term });
    return undefined;
  }

  noteCommitted({ log, commit, role, term }: ServerState): void {
    const entry = entryAt(log, commit);
    if (entry === undefined) return;
    if (entry.index > lengthOf(this.#committed)) {
      this.#noteRemoved(this.#committed, entry);
      this.#committed = entry;
    }
    if (role !== 'StateLeader') return;
    // The newest commit of a term stands for the older ones.
    if (this.#commits.at(-1)?.term === term) this.#commits.pop();
    this.#commits.push({ entry, term });
  }

  /** Of all configurations that became committed together, each takes its place after the one before. */
  #noteRemoved(known: Log, entry: Entry): void {
    const newer: Conf[] = [];
    let at = entry.confEntry;
    for (; at !== undefined && at.index > lengthOf(known); at = at.before?.confEntry)
      if (at.conf !== undefined) newer.unshift(at.conf);
    let former = at?.conf ?? this.#founding;
    for (const conf of newer) {
      const members = former === undefined ? [] : membersOf(former);
      for (const server of members) if (!isMember(conf, server)) this.#hasBeenRemoved.add(server);
      former = conf;
    }
  }
}

function isOneHistory(a: Entry, b: Entry): boolean {
  return a.index < b.index ? holds(b, a) : holds(a, b);
}

function holds(log: Log, entry: Entry): boolean {
  return entryAt(log, entry.index) === entry;
}

function incomplete(server: ServerName, term: number, { entry, term: committedIn }: Commit): Refusal {
  return refuse(
    'leader-completeness',
    `entry ${entry.index} of term ${entry.term} was committed in term ${committedIn}: later leaders have it`,
    `${server}, leader of term ${term}, has not`,
  );
}
