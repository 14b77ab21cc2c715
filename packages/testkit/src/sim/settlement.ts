// Liveness, once the faults have ended: within a bounded number of ticks there is a leader, it commits a fresh
// proposal, every member of its configuration has applied it, and every read was answered or failed.

import type { Configuration, NodeId } from '@waldb/core';
import { InvariantViolation } from '../invariants/invariant.js';
import type { Clients } from './clients.js';

import type { SimulatedServer } from './server.js';
import { TICK_MS } from './timing.js';
import { describeServer } from './trace.js';
import type { World } from './world.js';

/** Rounds of the longest election timeout in which an election must have succeeded. */
const ELECTIONS_MAX = 60;
/** Ticks allowed for each entry that the slowest server may lack. */
const CATCH_UP_TICKS = 12;
const CHECK_EVERY_MS = 5 * TICK_MS;

export class Settlement {
  readonly #world: World;
  readonly #clients: Clients;
  #deadline = 0;
  #isReached = false;
  /** The leader that was given a fresh proposal, its term, and the index that must be reached. */
  #asked: { readonly leader: NodeId; readonly term: number; readonly index: number } | undefined;

  constructor(world: World, clients: Clients) {
    this.#world = world;
    this.#clients = clients;
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  begin(): void {
    const { scenario, queue, suite } = this.#world;
    const timeoutMax = scenario.protocol.electionTimeoutTicks[1];
    const ticks = timeoutMax * ELECTIONS_MAX + suite.history.commitIndex * CATCH_UP_TICKS;
    this.#deadline = queue.now + ticks * TICK_MS;
    this.#checkSoon();
  }

  /** Throws when the time allowed is over. */
  checkTime(): void {
    const { queue, servers, suite } = this.#world;
    if (queue.now <= this.#deadline) return;
    throw new InvariantViolation('liveness', 'the faults are over and the cluster still does not agree', {
      asked: this.#asked,
      unansweredReads: suite.unansweredReads,
      servers: [...servers.values()].map(describeServer),
    });
  }

  /**
   * Without pre-vote and check-quorum nothing keeps a removed server from disturbing the others for ever (§6); there
   * it is switched off, as an operator would. Needed are the members of the newest committed configuration, and of one
   * that its members may still commit.
   */
  #retireTheRemoved(): void {
    const { scenario, servers, suite } = this.#world;
    if (scenario.protocol.preVote || scenario.protocol.checkQuorum) return;
    const { history } = suite;
    const committed = history.configurationAt(history.commitIndex);
    const needed = new Set<NodeId>(membersOf(committed));
    for (const id of membersOf(committed)) {
      const server = servers.get(id);
      if (server === undefined || server.log.lastIndex < history.commitIndex) continue;
      for (const member of membersOf(server.configuration)) needed.add(member);
    }
    for (const server of servers.values()) if (!needed.has(server.id)) server.crash();
  }

  #checkSoon(): void {
    this.#world.queue.after(CHECK_EVERY_MS, () => {
      this.#retireTheRemoved();
      this.#advance();
      if (!this.#isReached) this.#checkSoon();
    });
  }

  #advance(): void {
    const leader = this.#newestLeader();
    if (leader === undefined) return;
    const asked = this.#asked;
    if (asked === undefined || asked.leader !== leader.id || asked.term !== leader.term)
      return this.#ask(leader);
    if (leader.commitIndex < asked.index || this.#world.suite.unansweredReads > 0) return;
    this.#isReached = membersOf(leader.configuration).every((id) => {
      const member = this.#world.servers.get(id);
      return (
        member !== undefined &&
        member.appliedByMachine >= asked.index &&
        member.commitIndex === leader.commitIndex
      );
    });
  }

  #ask(leader: SimulatedServer): void {
    const { configuration, term } = leader;
    if (configuration.votersOutgoing.length > 0 && !configuration.autoLeave)
      leader.receive({ type: 'leaveJoint' });
    const before = leader.log.lastIndex;
    this.#clients.propose(leader);
    if (leader.role !== 'leader' || leader.term !== term || leader.log.lastIndex === before) return;
    this.#asked = { leader: leader.id, term, index: leader.log.lastIndex };
  }

  #newestLeader(): SimulatedServer | undefined {
    let newest: SimulatedServer | undefined;
    for (const server of this.#world.servers.values()) {
      if (server.role === 'leader' && server.term > (newest?.term ?? 0)) newest = server;
    }
    return newest;
  }
}

function membersOf({ voters, votersOutgoing, learners }: Configuration): NodeId[] {
  return [...voters, ...votersOutgoing, ...learners];
}
