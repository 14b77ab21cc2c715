// One server of a simulated cluster: its machine, and the `RaftServer` that runs on it, through all its lives. Starts it,
// closes it, and brings it back after it has ended; what ends it is somebody else's doing. The server is the real one, with
// everything real below it but clock, disk and network.

import type { Configuration, NodeId, TraceRecord } from '@waldb/core';
import type { ProtocolTraceSink, RaftServer, RaftServerOptions } from '@waldb/runtime';
import { InvariantViolation } from '../invariants/invariant.js';
import type { Life, MachineEnding } from '../machines/life.js';
import { type Booted, Machine } from '../machines/machine.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { LifeEnding, ServerLife, StartKind } from './cluster-observer.js';
import type { ClusterWorld } from './cluster-world.js';
import { contentsOf } from './disk-contents.js';
import { codesOf, senseOf } from './ending-errors.js';
import { ObservedMachine } from './observed-machine.js';
import { type Origin, wishOf } from './origin.js';
import { refusalsOfNewLogs } from './refused-logs.js';
import { type Release, THIS_RELEASE } from './release.js';
import type { ComparableMachine } from './workload.js';

export const PEER_PORT = 7200;
/** Where each server keeps what it has, on the disk of its machine. */
export const DIRECTORY = '/data';
/** Beyond its own timeout, how long a close may take on the slowest disk. */
const CLOSE_SLACK_MS = 30_000;

/** A life that is not over. */
export interface Running {
  readonly facts: ServerLife;
  readonly life: Life;
  readonly machine: ComparableMachine;
  /** Of the disk, where a newer release may have written it: this one must not change it then. */
  readonly contents: number | undefined;
  /** Undefined while it starts. */
  server: RaftServer<unknown> | undefined;
  isClosing: boolean;
}

/** Where a server begins. */
export function addressOf(id: NodeId): string {
  return `server-${id}:${PEER_PORT}`;
}

export class ClusterServer {
  readonly id: NodeId;
  readonly machine: Machine;
  readonly #world: ClusterWorld;
  readonly #origin: Origin;
  readonly #random: SeededRandom;
  readonly #waiting = new Set<() => void>();
  #running: Running | undefined;
  #lives = 0;
  #hasStarted = false;
  #isStopped = false;
  #isRetired = false;
  #needsReplacement = false;
  /** Faults of its disk that this life has met: without any, none of its errors is explained. */
  #hasMetFault = false;
  #hasMetReadFault = false;
  /** Bytes of its disk were changed, or are gone. */
  isDamaged = false;
  /** Where its next life listens. */
  address: string;
  #hasLostDisk = false;
  /** Which of the world's releases its next life is of. */
  release: number;
  /** Starts that were refused because a newer release had written the disk. */
  refusedAsNewer = 0;
  /** The newest release that was ever started on this disk. */
  #newestRelease = 0;
  /** What its log said of the members when it last did something, committed or not. */
  lastConfiguration: Configuration | undefined;

  constructor(id: NodeId, world: ClusterWorld, origin: Origin) {
    const { simulation, network, scenario } = world;
    this.id = id;
    this.#world = world;
    this.#origin = origin;
    this.release = world.release;
    this.address = addressOf(id);
    this.#random = simulation.random.fork();
    const { disk: diskPace, hasDurableWrites } = scenario;
    this.machine = new Machine({ name: `server-${id}`, simulation, network, diskPace, hasDurableWrites });
    const { clockDrift } = scenario;
    this.machine.clock.setRate(this.#random.real(1 - clockDrift, 1 + clockDrift), simulation.now);
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** Taken out of service for good. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** It refuses its disk, or its peers refuse it; an operator has to put another server in its place. */
  get needsReplacement(): boolean {
    return this.#needsReplacement;
  }

  /** It was started on an empty disk, under the id that it had before. */
  get hasLostDisk(): boolean {
    return this.#hasLostDisk;
  }

  get isFounder(): boolean {
    return this.#origin.type === 'bootstrap';
  }

  /**
   * Loses its power, and its disk with it. Whoever looks after the process starts it again on an empty one, with the wish that it
   * was first started with: a container whose volume was none.
   */
  loseDisk(): void {
    this.machine.end('powerLoss');
    this.machine.disk.replace();
    this.#hasStarted = false;
    this.#newestRelease = 0;
    this.lastConfiguration = undefined;
    this.#hasLostDisk = true;
    this.#world.observer.tell('diskLost', this.id);
  }

  /** The operator has come to know that another server has to take its place. */
  giveUp(): void {
    this.#needsReplacement = true;
  }

  /** An operation of its disk has failed. */
  metFault(isRead: boolean): void {
    this.#hasMetFault = true;
    this.#hasMetReadFault ||= isRead;
  }

  /** Calls back when the present life is over; what is returned takes that back, and says whether it was still to come. */
  whenGone(callback: () => void): () => boolean {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  /** Boots the machine and starts the server, unless it runs or shall not. */
  start(): void {
    if (this.#running !== undefined || this.#isRetired || this.#needsReplacement) return;
    this.#isStopped = false;
    const { simulation, observer, coverage, workload, releases } = this.#world;
    const booted = this.machine.boot();
    const { life } = booted;
    this.#lives += 1;
    this.#hasMetFault = this.machine.disk.capacityBytes < Number.POSITIVE_INFINITY;
    this.#hasMetReadFault = false;
    const facts: ServerLife = { id: this.id, life: this.#lives, startedAt: simulation.now };
    const machine = workload.makeMachine(this.release);
    const contents = this.release < this.#newestRelease ? contentsOf(this.machine.disk.platter) : undefined;
    this.#newestRelease = Math.max(this.#newestRelease, this.release);
    const running: Running = { facts, life, machine, contents, server: undefined, isClosing: false };
    this.#running = running;
    const kind: StartKind = this.#hasStarted ? 'restart' : this.#origin.type;
    coverage.hit('starts');
    const { name } = this.#release;
    this.#log(`starts (${kind}, life ${facts.life}${releases.length > 1 ? `, ${name}` : ''})`);
    life.whenOver((ending) => this.#ended(running, { type: ending === 'kill' ? 'killed' : 'powerLoss' }));
    observer.tell('serverStarting', facts, kind);
    life.at(simulation.now, 'input', () => void this.#start(running, booted));
  }

  /** Starts it again after a while, as a supervisor of processes does. */
  startLater(): void {
    const { simulation, scenario } = this.#world;
    simulation.after(this.#random.real(...scenario.downMs), () => {
      if (!this.#isStopped) this.start();
    });
  }

  /** Closes it as an operator does; resolves when it is gone, whatever came in between. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const running = this.#running;
    if (running === undefined) return;
    if (running.server === undefined) {
      this.machine.end('kill');
      return;
    }
    await this.#close(running, running.server, undefined);
  }

  /** Ends its life at once, and nobody starts it again but by `start`. */
  halt(ending: MachineEnding): void {
    this.#isStopped = true;
    this.machine.end(ending);
  }

  /** It is no member any more, or has been replaced: it never comes back. */
  async retire(): Promise<void> {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#world.coverage.hit('servers retired');
    await this.stop();
  }

  // ---- one life ----

  async #start(running: Running, booted: Booted): Promise<void> {
    const { life, facts } = running;
    const { observer, coverage } = this.#world;
    try {
      const server = await this.#release.start(this.#options(running, booted));
      if (life.isOver) return;
      this.#hasStarted = true;
      running.server = server;
      server.on('error', (error) => {
        if (!life.isOver) this.#failed(running, server, error);
      });
      server.on('trouble', (error) => {
        if (life.isOver) return;
        coverage.hit('troubles');
        this.#log(`trouble ${error.code}: ${error.message}`);
        observer.tell('troubled', facts, error);
      });
      server.on('snapshot', ({ step }) => {
        if (step !== 'sent' && !life.isOver) coverage.hit(`snapshots ${step}`);
      });
      this.#log('started');
      observer.tell('serverStarted', facts, server);
    } catch (error) {
      if (!life.isOver) this.#refused(running, error);
    }
  }

  #options(running: Running, { clock, vfs, network }: Booted): RaftServerOptions<unknown> {
    const { scenario, protocolTrace } = this.#world;
    const { tuning } = scenario;
    const { log, raft, ...others } = tuning;
    const { address } = this;
    return {
      id: this.id,
      directory: DIRECTORY,
      stateMachine: this.#observed(running),
      // A server that has run knows who it is; were its disk empty, it must not begin anew.
      ...(this.#hasStarted ? {} : wishOf(this.#origin)),
      listen: address,
      ...(address !== addressOf(this.id) && { advertise: address }),
      ...others,
      log,
      raft: { ...raft, trace: (record) => this.#stepped(running, record) },
      ...(protocolTrace === undefined ? {} : { protocolTrace: tracing(running.life, protocolTrace) }),
      ...{ clock, vfs, network, seed: this.#random.next() },
      logger: refusalsOfNewLogs(() => {
        if (!running.life.isOver) this.#world.coverage.hit('new logs refused');
      }),
    };
  }

  #observed(running: Running): ObservedMachine {
    const { observer, coverage } = this.#world;
    const { facts, life, machine } = running;
    const digest = (): string | undefined => machine.digest();
    return new ObservedMachine(machine, {
      applied: (entries, results, context) => {
        if (life.isOver) return;
        coverage.hit('entries applied', entries.length);
        observer.tell('applied', facts, entries, results, { digest, context });
      },
      restored: (index) => {
        if (!life.isOver) observer.tell('restored', facts, index, digest);
      },
      snapshotTaken: (index) => {
        if (!life.isOver) observer.tell('snapshotTaken', facts, index, digest);
      },
    });
  }

  #stepped({ life, facts }: Running, record: TraceRecord): void {
    if (life.isOver) return;
    const { simulation, coverage, observer } = this.#world;
    const { event, before, after, actions } = record;
    this.lastConfiguration = after.configuration;
    simulation.note(
      this.id,
      event.type.length,
      actions.length,
      after.term,
      after.commitIndex,
      after.stagedSeq,
    );
    coverage.hit('steps');
    if (after.role === 'leader' && before.role !== 'leader') {
      coverage.hit('elections won');
      this.#log(`leads in term ${after.term}`);
    }
    observer.tell('stepped', facts, record);
  }

  #refused(running: Running, error: unknown): void {
    this.#world.coverage.hit('starts refused');
    this.#log(`refuses to start: ${codesOf(error).join(' < ')} ${String(error)}`);
    if (senseOf(error) === 'newer' && running.contents !== undefined) this.#refusedAsNewer(running.contents);
    else this.#judge('refused to start', error);
    this.#finish(running, { type: 'refused', error: asError(error) });
  }

  /** Somebody has gone back to a release that does not know what is here: it must leave it alone. */
  #refusedAsNewer(contents: number): void {
    this.refusedAsNewer += 1;
    if (this.isDamaged || contentsOf(this.machine.disk.platter) === contents) return;
    const what = `Server ${this.id} was refused its disk as written by a newer release, and has changed it.`;
    this.#world.observer.broken(new InvariantViolation('refusals-change-nothing', what));
  }

  #failed(running: Running, server: RaftServer<unknown>, error: Error): void {
    this.#world.coverage.hit('servers failed');
    this.#log(`fails: ${codesOf(error).join(' < ')} ${error.message}`);
    this.#judge('stopped by itself', error);
    void this.#close(running, server, error);
  }

  async #close(running: Running, server: RaftServer<unknown>, failure: Error | undefined): Promise<void> {
    const { simulation, scenario, observer } = this.#world;
    if (running.isClosing) return this.#gone(running);
    running.isClosing = true;
    const limitMs = (scenario.tuning.closeTimeoutMs ?? 0) + CLOSE_SLACK_MS;
    simulation.after(limitMs, () => {
      if (running.life.isOver || running.life.isPaused || !running.isClosing) return simulation.idle();
      observer.broken(
        new InvariantViolation('close-ends', `Server ${this.id} did not close within ${limitMs} ms.`),
      );
    });
    const closed = server.close(failure === undefined ? {} : { transfer: false }).then(
      (): LifeEnding => (failure === undefined ? { type: 'closed' } : { type: 'failed', error: failure }),
      (error: unknown): LifeEnding => ({ type: 'failed', error: failure ?? asError(error) }),
    );
    const ending = await Promise.race([closed, this.#gone(running)]);
    if (ending === undefined || running.life.isOver) return;
    if (failure === undefined && ending.type === 'failed') this.#judge('failed to close', ending.error);
    this.#log(`is closed (${ending.type})`);
    this.#finish(running, ending);
  }

  #gone(running: Running): Promise<undefined> {
    if (running.life.isOver) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.add(() => resolve(undefined)));
  }

  /** The process ends by itself. */
  #finish(running: Running, ending: LifeEnding): void {
    this.#ended(running, ending);
    this.machine.end('kill');
  }

  /** Once for each life. */
  #ended(running: Running, ending: LifeEnding): void {
    if (this.#running !== running) return;
    this.#running = undefined;
    if (ending.type === 'killed' || ending.type === 'powerLoss') this.#log(`ends: ${ending.type}`);
    this.#world.observer.tell('serverEnded', running.facts, ending, this.#world.simulation.now);
    for (const callback of [...this.#waiting]) callback();
    this.#waiting.clear();
    if (!this.#isStopped && !this.#needsReplacement) this.startLater();
  }

  /** The simulator's own rule of endings: only what was injected explains one. */
  #judge(what: string, error: unknown): void {
    const sense = senseOf(error);
    if (sense === 'damage' && this.isDamaged) {
      this.#needsReplacement = true;
      return;
    }
    // What a read does not give looks like damage once; the next life reads again.
    const isExplained =
      sense === 'damage' ? this.#hasMetReadFault : sense === 'diskTrouble' && this.#hasMetFault;
    if (isExplained) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#world.observer.broken(
      new InvariantViolation(
        'endings-explained',
        `Server ${this.id} ${what} for no injected reason: ${text}`,
        {
          codes: codesOf(error),
        },
      ),
    );
  }

  get #release(): Release {
    return this.#world.releases[this.release] ?? THIS_RELEASE;
  }

  #log(line: string): void {
    this.#world.log?.(`server ${this.id} ${line}`);
  }
}

/** What is left in this process of a server that is dead tells nothing. */
function tracing(life: Life, sink: ProtocolTraceSink): ProtocolTraceSink {
  return (lines) => {
    if (!life.isOver) sink(lines);
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
