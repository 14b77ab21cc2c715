// What follows from the specification for all servers together: there is one history of what is committed (state machine
// safety), and every leader has what was committed before its term (leader completeness, §5.4). A trace whose every line
// is legal cannot break these, so a break here means that a rule was transcribed wrongly.

import { type Entry, entryAt, isMember, type Log, lengthOf } from './log-chain.js';
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

  leaderOf(term: number): ServerName | undefined {
    return this.#leaders.get(term)?.server;
  }

  /** Whether the newest configuration that is committed anywhere is without this server. */
  hasRemoved(server: ServerName): boolean {
    const conf = this.#committed?.confEntry?.conf;
    return conf !== undefined && !isMember(conf, server);
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
    if (entry.index > lengthOf(this.#committed)) this.#committed = entry;
    if (role !== 'StateLeader') return;
    // The newest commit of a term stands for the older ones.
    if (this.#commits.at(-1)?.term === term) this.#commits.pop();
    this.#commits.push({ entry, term });
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
