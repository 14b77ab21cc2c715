// Whoever runs the cluster: adds, promotes and removes servers, changes the whole membership by joint consensus,
// leaves a joint configuration, moves leadership to sensible and to odd targets. Often in the middle of trouble.
//
// A server that a request names is always started, before or shortly after; so a quorum stays possible, whatever
// configuration the cluster arrives at.

import type { Event, NodeId } from '@waldb/core';
import type { Adversary } from './adversary.js';
import type { SeededRandom } from './seeded-random.js';
import { SimulatedServer } from './server.js';
import type { World } from './world.js';

/** An id that no server has. */
const NOBODY: NodeId = 31;

/** How likely the leader is struck down soon after it took a change. */
const STRIKE_CHANCE = 0.25;

export class Operator {
  readonly #world: World;
  readonly #random: SeededRandom;
  readonly #adversary: Adversary;
  readonly #spares: readonly NodeId[];
  #isStopped = false;

  constructor(world: World, adversary: Adversary) {
    this.#world = world;
    this.#adversary = adversary;
    this.#random = world.random.fork();
    this.#spares = world.scenario.spares;
  }

  begin(): void {
    const { membership, transfer } = this.#world.scenario.clients;
    if (membership !== undefined) this.#every(membership, (leader) => this.#changeMembership(leader));
    if (transfer !== undefined) this.#every(transfer, (leader) => this.#transfer(leader));
  }

  stop(): void {
    this.#isStopped = true;
  }

  #changeMembership(leader: SimulatedServer): void {
    const event = this.#someChange(leader);
    for (const id of namedBy(event)) this.#startJoiner(id, leader);
    leader.receive(event);
    if (this.#world.scenario.faults.includes('crash') && this.#random.chance(STRIKE_CHANCE)) {
      this.#world.queue.after(this.#random.wait(20), () => {
        if (!this.#isStopped) this.#adversary.crash(leader);
      });
    }
  }

  #someChange(leader: SimulatedServer): Event {
    const { configuration } = leader;
    const everybody = [...this.#world.servers.keys(), ...this.#spares];
    const anybody = this.#random.pick(everybody);
    const outsider = everybody.find(
      (id) => !configuration.voters.includes(id) && !configuration.learners.includes(id),
    );
    if (configuration.votersOutgoing.length > 0 && this.#random.chance(0.35)) return { type: 'leaveJoint' };
    switch (this.#random.below(8)) {
      case 0:
        return { type: 'addLearner', id: outsider ?? anybody };
      case 1:
        return { type: 'addServer', id: outsider ?? anybody, address: `at-${anybody}` };
      case 2:
      case 3:
        return { type: 'promoteLearner', id: configuration.learners[0] ?? anybody };
      case 4:
        return { type: 'removeServer', id: this.#random.pick([...configuration.voters, leader.id, anybody]) };
      case 5:
        return { type: 'removeServer', id: anybody };
      default:
        return this.#wholeChange(everybody);
    }
  }

  #wholeChange(everybody: readonly NodeId[]): Event {
    const voters = this.#random.some([...new Set(everybody)], 0.6);
    const rest = everybody.filter((id) => !voters.includes(id));
    return {
      type: 'changeMembership',
      voters,
      learners: [...new Set(this.#random.some(rest, 0.4))],
      autoLeave: this.#random.chance(0.5),
    };
  }

  /** A joining server names the present voters, as this leader sees them, and itself as a learner. */
  #startJoiner(id: NodeId, leader: SimulatedServer): void {
    const { servers, queue } = this.#world;
    if (servers.has(id) || id === NOBODY) return;
    const { voters, votersOutgoing } = leader.configuration;
    const peers = [...new Set([...voters, ...votersOutgoing])].filter((peer) => peer !== id);
    const server = new SimulatedServer({ id, peers, learners: [id] }, this.#world);
    servers.set(id, server);
    if (this.#random.chance(0.5)) server.start();
    else queue.after(this.#random.wait(40), () => server.start());
  }

  #transfer(leader: SimulatedServer): void {
    if (this.#random.chance(0.1)) return leader.receive({ type: 'abortTransfer' });
    const { voters, learners } = leader.configuration;
    const to = this.#random.chance(0.8)
      ? this.#random.pick(voters)
      : this.#random.pick([...this.#world.servers.keys(), ...learners, leader.id, NOBODY]);
    this.#world.coverage.hit('transfers asked');
    if (this.#adversary.isPartitioned) this.#world.coverage.hit('transfer during a partition');
    leader.receive({ type: 'transferLeadership', to });
  }

  #every(mean: number, act: (leader: SimulatedServer) => void): void {
    this.#world.queue.after(this.#random.wait(mean), () => {
      if (this.#isStopped) return;
      const leaders = [...this.#world.servers.values()].filter((server) => server.role === 'leader');
      if (leaders.length > 0) act(this.#random.pick(leaders));
      this.#every(mean, act);
    });
  }
}

/** The servers that must exist for `event` to make sense. */
function namedBy(event: Event): readonly NodeId[] {
  switch (event.type) {
    case 'addLearner':
    case 'addServer':
      return [event.id];
    case 'changeMembership':
      return [...event.voters, ...(event.learners ?? [])];
    default:
      return [];
  }
}
