// What the parts of a run share, and the seams at which a test may put something else in.

import type {
  Action,
  Configuration,
  Durability,
  Event,
  Index,
  NodeId,
  RaftConfig,
  RaftLog,
  Role,
  Term,
} from '@waldb/core';
import type { InvariantSuite } from '../invariants/suite.js';
import type { Coverage } from './coverage.js';
import type { EventQueue } from './event-queue.js';
import type { Network } from './network.js';
import type { Scenario } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedServer } from './server.js';
import type { Trace } from './trace.js';

/** What the simulator uses of a RaftNode: its events and its read-only accessors. */
export interface ProtocolNode {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: NodeId | undefined;
  readonly commitIndex: Index;
  readonly lastApplied: Index;
  readonly configuration: Configuration;
  readonly hasUnapplied: boolean;
  status(): { readonly durableSeq: number };
  step(event: Event): Action[];
}

export type NodeFactory = (config: RaftConfig, log: RaftLog, durability: Durability) => ProtocolNode;

export interface World {
  readonly scenario: Scenario;
  readonly queue: EventQueue;
  readonly network: Network;
  readonly suite: InvariantSuite;
  readonly coverage: Coverage;
  readonly trace: Trace | undefined;
  readonly random: SeededRandom;
  readonly servers: Map<NodeId, SimulatedServer>;
  readonly makeNode: NodeFactory;
  /** The faults are over; what is slow by choice is quick from now on. */
  isCalm: boolean;
}
