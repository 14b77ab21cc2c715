// One seed, one run: builds the cluster that the seed describes, lets the faults rage for a bounded number of events
// under the eyes of the invariants, then ends all faults and demands that the cluster comes to life and agrees.

import type { Message } from '@waldb/core';
import { type InvariantViolation, unexpectedError } from '../invariants/invariant.js';
import type { DutyLimits } from '../invariants/leader-duties.js';
import type { PaceLimits } from '../invariants/paced-output.js';
import { InvariantSuite } from '../invariants/suite.js';
import type { MessageLimits } from '../invariants/truthful-messages.js';
import { Adversary } from './adversary.js';
import { codecCarrier, identityCarrier } from './carrier.js';
import { Clients } from './clients.js';
import { Coverage } from './coverage.js';
import { CoverageWatcher } from './coverage-watcher.js';
import { EventQueue } from './event-queue.js';
import { Network } from './network.js';
import { Operator } from './operator.js';
import { RunDigest } from './run-digest.js';
import { makeScenario, type Scenario } from './scenario.js';
import { SeededRandom } from './seeded-random.js';
import { SimulatedServer } from './server.js';
import { Settlement } from './settlement.js';
import { SnapshotCourier } from './snapshot-courier.js';
import { Trace } from './trace.js';
import type { NodeFactory, World } from './world.js';

/** Between two whole scans, in events. */
const SCAN_EVERY = 1_000;

export interface RunOptions {
  readonly makeNode: NodeFactory;
  readonly trace?: boolean;
  /** Replaces parts of what the seed describes. */
  readonly scenario?: Partial<Scenario>;
}

export interface RunResult {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly violation: InvariantViolation | undefined;
  readonly coverage: Coverage;
  /** Equal for two runs that went the same way. */
  readonly digest: number;
  readonly events: number;
  /** Empty unless asked for. */
  readonly trace: readonly string[];
}

/** Runs one seed. Never throws for what a node does wrong: that is the result's `violation`. */
export function runSeed(seed: number, options: RunOptions): RunResult {
  return new Simulation(seed, options).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #adversary: Adversary;
  readonly #clients: Clients;
  readonly #operator: Operator;
  readonly #digest: RunDigest = new RunDigest();
  #events = 0;

  constructor(seed: number, options: RunOptions) {
    this.#scenario = { ...makeScenario(seed), ...options.scenario };
    this.#world = makeWorld(this.#scenario, options, this.#digest);
    this.#adversary = new Adversary(this.#world);
    this.#clients = new Clients(this.#world);
    this.#operator = new Operator(this.#world, this.#adversary);
    makeServers(this.#world);
  }

  run(): RunResult {
    const violation = this.#observe();
    const { coverage, trace } = this.#world;
    coverage.hit('proposals acknowledged', this.#world.suite.acknowledgedProposals);
    if (violation !== undefined) trace?.note(`!! ${violation.message}`);
    return {
      seed: this.#scenario.seed,
      scenario: this.#scenario,
      violation,
      coverage,
      digest: this.#digest.value,
      events: this.#events,
      trace: trace?.lines ?? [],
    };
  }

  #observe(): InvariantViolation | undefined {
    try {
      this.#rage();
      this.#settle();
      this.#world.suite.finished([...this.#world.servers.values()]);
      return undefined;
    } catch (thrown) {
      return unexpectedError(thrown, 'outside a step');
    }
  }

  #rage(): void {
    const { servers, suite } = this.#world;
    for (const server of servers.values()) server.start();
    this.#adversary.begin();
    this.#clients.begin();
    this.#operator.begin();
    while (this.#events < this.#scenario.eventsMax && this.#next()) {
      if (this.#events % SCAN_EVERY === 0) suite.scanned([...servers.values()]);
    }
  }

  #settle(): void {
    this.#world.trace?.note('-- the faults end');
    this.#operator.stop();
    this.#clients.stop();
    this.#world.isCalm = true;
    this.#world.network.repair();
    this.#adversary.stop();
    const settlement = new Settlement(this.#world, this.#clients);
    settlement.begin();
    while (!settlement.isReached) {
      settlement.checkTime();
      this.#next();
    }
  }

  #next(): boolean {
    this.#events += 1;
    return this.#world.queue.runNext();
  }
}

function makeWorld(scenario: Scenario, options: RunOptions, digest: RunDigest): World {
  // Apart from the generator that drew the scenario, so that overriding a part of it does not shift the rest.
  const random = new SeededRandom(scenario.seed + 0x1000_0000_0000);
  const queue = new EventQueue();
  const coverage = new Coverage();
  const servers = new Map<number, SimulatedServer>();
  const suite = new InvariantSuite({
    servers,
    initialConfiguration: {
      voters: scenario.voters,
      learners: scenario.learners,
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
      addresses: {},
    },
    ...limitsOf(scenario),
    watchers: [(history) => new CoverageWatcher(coverage, history, servers), () => digest],
  });
  const trace = options.trace === true ? new Trace(() => queue.now) : undefined;
  const courier = new SnapshotCourier(scenario, queue, random.fork(), servers);
  const network = new Network(scenario.network, {
    queue,
    coverage,
    random: random.fork(),
    carrier: scenario.usesCodec ? codecCarrier : identityCarrier,
    deliver: (message: Message) => courier.deliver(message),
  });
  const { makeNode } = options;
  return { scenario, queue, network, suite, coverage, trace, random, servers, makeNode, isCalm: false };
}

function limitsOf({ protocol }: Scenario): MessageLimits & PaceLimits & DutyLimits {
  return {
    maxBatchEntries: protocol.maxBatchEntries,
    maxInflightMessages: protocol.maxInflightMessages,
    snapshotRetryTicks: protocol.snapshotRetryTicks,
    checkQuorum: protocol.checkQuorum,
    electionTimeoutTicksMin: protocol.electionTimeoutTicks[0],
    diskStallTicks: protocol.diskStallTicks,
  };
}

function makeServers(world: World): void {
  const { voters, learners } = world.scenario;
  for (const id of [...voters, ...learners]) {
    const peers = voters.filter((voter) => voter !== id);
    world.servers.set(id, new SimulatedServer({ id, peers, learners }, world));
  }
}
