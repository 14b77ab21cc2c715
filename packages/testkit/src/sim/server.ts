// One simulated server: a RaftNode, its log and state machine, and the driver between them that carries out what the
// node asks for. It may be paused, die at any moment, also inside a log call or between two actions, and start again
// from what its disk kept.

import type {
  Action,
  Configuration,
  Durability,
  Event,
  Index,
  NodeId,
  RaftConfig,
  Role,
  Snapshot,
  Term,
} from '@waldb/core';
import { RaftError } from '@waldb/core';
import { configurationAt } from '../invariants/configuration-in-force.js';
import { type ServerView, type StateBefore, unexpectedError } from '../invariants/invariant.js';
import { DiskDriver } from './disk-driver.js';
import { deepFreeze } from './freeze.js';
import { LogImage, type LogOperation, type LogView } from './log-image.js';
import { countLosses, describeLosses } from './losses.js';
import { durabilityOf } from './scenario.js';
import { ServerClock } from './server-clock.js';
import { SimulatedDiskFailure, SimulatedLog } from './simulated-log.js';
import { type MachineState, StateMachine, snapshotData, stateOf } from './state-machine.js';
import { TICK_MS } from './timing.js';
import type { ProtocolNode, World } from './world.js';

/** Events that wait for a paused server; what comes beyond is lost, as a full socket buffer loses it. */
const INBOX_MAX = 300;
/** Pieces taken between two ticks. */
const APPLY_STEPS_MAX = 8;

const SNAPSHOT_SAVE_MS_MAX = 30;

export interface ServerIdentity {
  readonly id: NodeId;
  /** The other voters, as this server was told at its first start. */
  readonly peers: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

interface Life {
  readonly node: ProtocolNode;
  readonly log: SimulatedLog;
  readonly machine: StateMachine;
  readonly disk: DiskDriver | undefined;
}

export class SimulatedServer implements ServerView {
  readonly id: NodeId;
  readonly initialConfiguration: Configuration;
  life = 0;
  readonly #identity: ServerIdentity;
  readonly #world: World;
  readonly #clock: ServerClock;
  #stable: LogImage = new LogImage();
  #durableMachine: MachineState = { applied: 0, digest: 0 };
  #life: Life | undefined;
  #isPaused = false;
  #isHalted = false;
  #isTickOwed = false;
  #inbox: Event[] = [];
  /** Actions to carry out before the process dies; undefined while it is not to. */
  #actionsUntilCrash: number | undefined;

  constructor(identity: ServerIdentity, world: World) {
    this.id = identity.id;
    this.#identity = identity;
    this.#world = world;
    const { queue, random, scenario } = world;
    this.#clock = new ServerClock(queue, random, scenario.clockDrift);
    this.initialConfiguration = initialConfiguration(identity);
  }

  // ---- what others see ----

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  get durability(): Durability {
    return durabilityOf(this.#world.scenario, this.id);
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get role(): Role {
    const life = this.#life;
    // A process that died in the middle of a step may not be asked for anything that it would have to work out.
    return life === undefined || life.log.crashed ? 'follower' : life.node.role;
  }

  get term(): Term {
    return this.#life?.node.term ?? this.#stable.hardState.term;
  }

  get leader(): NodeId | undefined {
    return this.#life?.node.leader;
  }

  get commitIndex(): Index {
    return this.#life?.node.commitIndex ?? 0;
  }

  get lastApplied(): Index {
    return this.#life?.node.lastApplied ?? 0;
  }

  get configuration(): Configuration {
    const { stable } = this;
    return (
      this.#life?.node.configuration ?? configurationAt(stable, stable.lastIndex, this.initialConfiguration)
    );
  }

  get log(): LogView {
    return this.#life?.log.view ?? this.#stable;
  }

  get stable(): LogView {
    return this.#stable;
  }

  get appliedByMachine(): Index {
    return this.#life?.machine.state.applied ?? 0;
  }

  get pendingOperations(): readonly LogOperation[] {
    return this.#life?.log.pending ?? [];
  }

  // ---- living and dying ----

  start(): void {
    if (this.#life !== undefined) return;
    const { random, suite, makeNode } = this.#world;
    this.life += 1;
    this.#clock.restart(random);
    const log = new SimulatedLog(this.#stable, {
      staged: (operation) => suite.staged(this, operation),
      durable: (operation) => suite.durable(this, operation),
    });
    const machine = this.#recoverMachine(log);
    const { durability } = this;
    const node = makeNode(this.#config(machine), log, durability);
    const disk = durability === 'inline' ? undefined : this.#makeDisk(log);
    this.#life = { node, log, machine, disk };
    this.#world.trace?.note(`S${this.id} starts, life ${this.life}, ${durability}`);
    suite.started(this, machine.state.applied);
    suite.stateReached(this, machine.state.applied, machine.state.digest);
    this.#scheduleTick(this.life, random.real(0, TICK_MS));
  }

  crash(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#world.coverage.hit('crashes');
    if (this.#world.random.chance(0.7)) this.#durableMachine = life.machine.state;
    this.#world.suite.crashed(this);
    const report = life.log.crash(this.#world.random);
    this.#life = undefined;
    countLosses(report, this.#world.coverage);
    this.#world.trace?.note(describeLosses(this, report));
    this.#isPaused = false;
    this.#isHalted = false;
    this.#isTickOwed = false;
    this.#inbox = [];
    this.#actionsUntilCrash = undefined;
  }

  pause(): void {
    if (this.isRunning) this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    const waiting = this.#inbox;
    this.#inbox = [];
    if (this.#isTickOwed) {
      this.#isTickOwed = false;
      this.#scheduleTick(this.life, 0);
    }
    for (const event of waiting) this.receive(event);
  }

  /** The process dies inside the `calls`-th log call from now. */
  crashInsideLog(calls: number): void {
    this.#life?.log.crashInside(calls);
  }

  /** The process dies after carrying out `actions` more actions. */
  crashBetweenActions(actions: number): void {
    if (this.isRunning) this.#actionsUntilCrash = actions;
  }

  // ---- the disk, as the adversary sees it ----

  stallDisk(ms: number): void {
    this.#life?.disk?.stall(ms);
  }

  fillDisk(isFull: boolean): void {
    if (this.#life !== undefined && this.#life.log.health !== 'failing') {
      this.#life.log.health = isFull ? 'full' : 'working';
    }
  }

  failDisk(): void {
    if (this.#life !== undefined) this.#life.log.health = 'failing';
  }

  // ---- events ----

  receive(event: Event): void {
    if (this.#life === undefined) return;
    if (!this.#isPaused) return this.#step(this.#life, event);
    if (this.#inbox.length < INBOX_MAX) this.#inbox.push(event);
  }

  /** A snapshot of the state as it is now; saved, and then told to the node, after a while. */
  takeSnapshot(index: Index = this.lastApplied): void {
    const life = this.life;
    const state = this.#life?.machine.state;
    if (state === undefined || index === 0 || this.#isHalted) return;
    const data = snapshotData(state);
    const { scenario, random, queue, suite } = this.#world;
    suite.stateReached(this, index, state.digest);
    queue.after(random.real(0, SNAPSHOT_SAVE_MS_MAX), () => {
      if (this.life === life)
        this.receive({ type: 'snapshot', index, data, keepEntries: scenario.keepEntries });
    });
  }

  #step(life: Life, event: Event): void {
    const { suite, trace, scenario } = this.#world;
    const before = this.#before(life);
    const stamped = scenario.stampsTime ? this.#clock.stamp(event) : event;
    let actions: Action[] = [];
    let error: RaftError | undefined;
    try {
      actions = life.node.step(stamped);
    } catch (thrown) {
      if (!life.log.crashed) error = this.#understand(thrown, event);
    }
    if (life.log.crashed) return this.#diedInsideLog(event);
    if (error?.code === 'STORAGE' || event.type === 'storageFailed') this.#isHalted = true;
    trace?.step(this, event, actions, error);
    suite.stepped({ server: this, before, event, actions, error, stagedSeq: life.log.stagedSeq() });
    for (const action of actions) {
      if (this.#isTimeToDie()) return;
      this.#execute(life, action);
    }
    life.disk?.wake();
  }

  #execute(life: Life, action: Action): void {
    const { network, suite, scenario } = this.#world;
    switch (action.type) {
      case 'send':
        return network.send(scenario.freezes ? deepFreeze(action.message) : action.message);
      case 'apply':
        life.machine.apply(action.entries);
        return suite.stateReached(this, life.machine.state.applied, life.machine.state.digest);
      case 'restoreSnapshot':
        return this.#restore(life, action.snapshot);
      case 'snapshot':
        return this.takeSnapshot(action.index);
      case 'commit':
      case 'proposed':
      case 'membershipChanged':
      case 'readReady':
      case 'readFailed':
      case 'roleChanged':
      case 'transferFailed':
        return; // watched by the invariants and the coverage
    }
  }

  #restore(life: Life, snapshot: Snapshot): void {
    life.machine.restore(snapshot);
    this.#world.suite.stateReached(this, life.machine.state.applied, life.machine.state.digest);
  }

  #before({ node, log }: Life): StateBefore {
    return {
      role: node.role,
      term: node.term,
      votedFor: log.hardState().votedFor,
      commitIndex: node.commitIndex,
      lastApplied: node.lastApplied,
      lastIndex: log.lastIndex(),
      stagedSeq: log.stagedSeq(),
      configIndex: log.configIndexBefore(log.lastIndex()),
    };
  }

  /** A refusal is an answer, and so is STORAGE when the disk failed; whatever else a node throws is a fault of the node. */
  #understand(thrown: unknown, event: Event): RaftError {
    const root = thrown instanceof RaftError && thrown.code === 'STORAGE' ? thrown.cause : thrown;
    const isAnswer = root instanceof RaftError || root instanceof SimulatedDiskFailure;
    if (isAnswer && thrown instanceof RaftError) return thrown;
    throw unexpectedError(root, `server ${this.id} on ${event.type}`);
  }

  #diedInsideLog(event: Event): void {
    this.#world.trace?.note(`S${this.id} dies inside a log call on ${event.type}`);
    this.#world.coverage.hit('crashes inside a log call');
    this.#dieAndReturn();
  }

  #isTimeToDie(): boolean {
    if (this.#actionsUntilCrash === undefined) return false;
    this.#actionsUntilCrash -= 1;
    if (this.#actionsUntilCrash >= 0) return false;
    this.#world.trace?.note(`S${this.id} dies between two actions`);
    this.#world.coverage.hit('crashes between two actions');
    this.#dieAndReturn();
    return true;
  }

  #dieAndReturn(): void {
    this.crash();
    const { queue, random, coverage } = this.#world;
    queue.after(random.wait(60), () => {
      if (this.isRunning) return;
      coverage.hit('restarts');
      this.start();
    });
  }

  // ---- parts of a life ----

  #config(machine: StateMachine): RaftConfig {
    const { scenario, random } = this.#world;
    return {
      ...scenario.protocol,
      id: this.id,
      peers: this.#identity.peers,
      learners: this.#identity.learners,
      seed: random.next(),
      incarnation: random.next(),
      applied: scenario.hasDurableMachine ? machine.state.applied : 0,
    };
  }

  #recoverMachine(log: SimulatedLog): StateMachine {
    const snapshot = log.snapshot();
    const fromSnapshot = snapshot === undefined ? undefined : stateOf(snapshot);
    const own = this.#world.scenario.hasDurableMachine ? this.#durableMachine : undefined;
    if (own !== undefined && own.applied > (fromSnapshot?.applied ?? 0)) return new StateMachine(own);
    return new StateMachine(fromSnapshot);
  }

  #makeDisk(log: SimulatedLog): DiskDriver {
    const life = this.life;
    return new DiskDriver(log, this.#world, {
      isAlive: () => this.life === life && this.isRunning,
      report: (event) => this.receive(event),
    });
  }

  #scheduleTick(life: number, delay: number): void {
    const { queue, random, scenario } = this.#world;
    queue.after(delay, () => {
      if (this.life !== life || this.#life === undefined) return;
      if (this.#isPaused) {
        this.#isTickOwed = true;
        return;
      }
      this.#step(this.#life, { type: 'tick' });
      this.#applyOn();
      this.#scheduleTick(life, TICK_MS / this.#clock.rate + random.real(0, scenario.tickJitterMs));
    });
  }

  /** Takes what `maxApplyBytes` has left over, a piece at a time, as a driver with nothing else to do does. */
  #applyOn(): void {
    const life = this.#life;
    for (let i = 0; i < APPLY_STEPS_MAX && life !== undefined && life === this.#life; i++) {
      if (!life.node.hasUnapplied) return;
      this.#step(life, { type: 'durable', seq: life.node.status().durableSeq });
    }
  }
}

/** What the node makes of its start-up options while its log knows of no other. */
function initialConfiguration({ id, peers, learners }: ServerIdentity): Configuration {
  const voters = learners.includes(id) ? peers : [...peers, id];
  return {
    voters: voters.toSorted((a, b) => a - b),
    learners,
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses: {},
  };
}
