// The clients of a simulated cluster: each does one thing at a time, of whichever server it believes in, waits as long as
// it has patience, and tells the observer what it asked and what it was told. They are no part of the cluster: their time
// is the world's, and no fault of a machine stops them.

import type { NodeId } from '@waldb/core';
import type { RaftServer, ReadConsistency, Session } from '@waldb/runtime';
import { InvariantViolation } from '../invariants/invariant.js';
import { SeededRandom } from '../sim/seeded-random.js';
import type { ClientOperation, ClientOutcome } from './cluster-observer.js';
import type { ClusterServer, Running } from './cluster-server.js';
import { type ClusterWorld, leaderOf, runningServers } from './cluster-world.js';
import { isRefusal } from './ending-errors.js';
import { isRuntimeError } from './release.js';
import type { WorkloadCommand } from './workload.js';

/** Beyond its timeout, how long a request may remain unanswered on a server that runs and is not held up. */
const ANSWER_SLACK_MS = 20_000;
const SESSION_TRIES_MAX = 6;

/** How one try of one request ended. `gone`: its server was, before it answered. */
type Answer<Value> =
  | { readonly type: 'value'; readonly value: Value }
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'gone' };

export class ClusterClients {
  readonly #world: ClusterWorld;
  #operations = 0;
  #commands = 0;
  #isStopped = false;
  readonly #clients: Promise<void>[] = [];

  constructor(world: ClusterWorld) {
    this.#world = world;
  }

  start(): void {
    const { scenario, simulation } = this.#world;
    for (let number = 1; number <= scenario.clients.count; number++) {
      this.#clients.push(this.#live(`c${number}`, simulation.random.fork()));
    }
  }

  /** Resolves when each has had the answer that it was waiting for. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
  }

  /** One command that must get through; resolves with whether it did. */
  async tryOne(random: SeededRandom, process: string): Promise<boolean> {
    const server = this.#choose(random, undefined);
    if (server === undefined) return false;
    return (await this.#propose(process, server, random)) === 'done';
  }

  async #live(name: string, random: SeededRandom): Promise<void> {
    const { simulation, scenario } = this.#world;
    const { thinkMs, readShare, sessionShare } = scenario.clients;
    const usesSession = random.chance(sessionShare);
    let session: Session | undefined;
    let lives = 0;
    let believed: NodeId | undefined;
    while (!this.#isStopped) {
      await simulation.wait(random.wait(thinkMs));
      const server = this.#choose(random, believed);
      if (server === undefined || this.#isStopped) continue;
      believed = server.running?.server?.leader ?? server.id;
      // After an unknown outcome a process ends: whatever comes next is somebody else's.
      const process = `${name}.${lives}`;
      let outcome: ClientOutcome['type'];
      if (random.chance(readShare)) outcome = await this.#read(process, server, random);
      else if (usesSession) {
        session ??= await this.#openSession(server, random);
        if (session === undefined) continue;
        outcome = await this.#proposeInSession(process, session, random);
        if (outcome === 'unknown' && random.chance(0.5)) session = undefined;
      } else outcome = await this.#propose(process, server, random);
      if (outcome === 'unknown') lives += 1;
    }
  }

  /** Mostly whoever was said to lead, sometimes anybody. */
  #choose(random: SeededRandom, believed: NodeId | undefined): ClusterServer | undefined {
    const running = runningServers(this.#world);
    if (running.length === 0) return undefined;
    const known = running.find(({ id }) => id === believed);
    return known !== undefined && random.chance(0.8) ? known : random.pick(running);
  }

  /** A session from its beginning to its end, and a request after that. */
  walkSession(process: string, seed: number): void {
    if (!this.#isStopped) this.#clients.push(this.#walkSession(process, new SeededRandom(seed)));
  }

  async #walkSession(process: string, random: SeededRandom): Promise<void> {
    const { coverage, observer, simulation } = this.#world;
    const session = await this.#askAny(random, (server) => this.#openSession(server, random));
    if (session === undefined) return;
    coverage.hit('session walked');
    await this.#proposeInSession(`${process}.0`, session, random);
    if (await this.#succeeds(random, (raft, options) => raft.keepSession(session, options)))
      coverage.hit('sessions kept');
    await simulation.wait(random.wait(300));
    if (!(await this.#succeeds(random, (raft, options) => raft.closeSession(session, options)))) return;
    coverage.hit('sessions closed');
    const outcome = await this.#proposeInSession(`${process}.1`, session, random);
    if (outcome !== 'done') return;
    const what = `A command of session ${session.id} was carried out after the session had been closed.`;
    observer.broken(new InvariantViolation('closed-sessions-end', what));
  }

  /** Of whoever is chosen. */
  async #askAny<Value>(
    random: SeededRandom,
    ask: (server: ClusterServer) => Promise<Value>,
  ): Promise<Value | undefined> {
    const server = this.#choose(random, leaderOf(this.#world)?.id);
    return server && (await ask(server));
  }

  async #succeeds(
    random: SeededRandom,
    start: (raft: RaftServer<unknown>, options: { timeoutMs: number }) => Promise<void>,
  ): Promise<boolean> {
    const answer = await this.#askAny(random, (server) => this.#ask(server, random, start));
    return answer?.type === 'value';
  }

  // ---- the kinds of requests ----

  async #propose(
    process: string,
    server: ClusterServer,
    random: SeededRandom,
  ): Promise<ClientOutcome['type']> {
    const wanted = this.#newCommand(random);
    const operation = this.#begin(process, server, { type: 'propose', ...pick(wanted) });
    if (operation === undefined) return 'refused';
    const answer = await this.#ask(server, random, (raft, options) => raft.propose(wanted.command, options));
    return this.#end(operation, answer, answer.type === 'error' && isRefusal(answer.error));
  }

  /** The same request again and again, of any server, until somebody knows. */
  async #proposeInSession(
    process: string,
    session: Session,
    random: SeededRandom,
  ): Promise<ClientOutcome['type']> {
    const { coverage, simulation } = this.#world;
    const wanted = this.#newCommand(random);
    const server = this.#choose(random, undefined);
    if (server === undefined) return 'refused';
    const request = session.next();
    const operation = this.#begin(process, server, { type: 'propose', ...pick(wanted), session: request });
    if (operation === undefined) return 'refused';
    let isUncertain = false;
    let answer: Answer<unknown> = { type: 'gone' };
    for (let tries = 0; tries < SESSION_TRIES_MAX; tries++) {
      const asked: ClusterServer | undefined = tries === 0 ? server : this.#choose(random, asLeader(answer));
      if (tries > 0) {
        coverage.hit('session retries');
        await simulation.wait(random.wait(50));
      }
      if (asked?.running?.server === undefined) continue;
      answer = await this.#ask(asked, random, (raft, options) =>
        raft.propose(wanted.command, { ...options, session: request }),
      );
      if (answer.type === 'value' || isSettled(answer)) break;
      isUncertain ||= answer.type === 'gone' || !isRefusal(answer.error);
    }
    coverage.hit('session proposals');
    // What is not settled is not given up: the session keeps its result, and the client may ask again.
    if (answer.type === 'value') session.settle(request);
    const isRefused = answer.type === 'error' && isRefusal(answer.error) && !isUncertain;
    return this.#end(operation, answer, isRefused);
  }

  async #openSession(server: ClusterServer, random: SeededRandom): Promise<Session | undefined> {
    const answer = await this.#ask(server, random, (raft, options) =>
      raft.openSession({ ...options, ttlMs: random.pick([1_000, 60_000]) }),
    );
    return answer.type === 'value' ? answer.value : undefined;
  }

  async #read(process: string, server: ClusterServer, random: SeededRandom): Promise<ClientOutcome['type']> {
    const { workload, coverage, scenario } = this.#world;
    const { read: draw } = workload;
    const { running } = server;
    if (draw === undefined || running === undefined) return 'refused';
    const wanted = draw(random);
    const consistency = this.#consistency(random, scenario.clients.usesLeaseReads);
    const operation = this.#begin(process, server, { type: 'read', ...pick(wanted), consistency });
    if (operation === undefined) return 'refused';
    const answer = await this.#ask(server, random, async (raft, options) => {
      await raft.read(consistency, options);
      return running.machine.answer?.(wanted);
    });
    coverage.hit(answer.type === 'value' ? 'reads done' : 'reads failed');
    if (answer.type === 'value' && consistency !== 'linearizable') coverage.hit(`${consistency} reads`);
    // A read changes nothing, however it ends.
    return this.#end(operation, answer, answer.type === 'error' && isRuntimeError(answer.error));
  }

  #consistency(random: SeededRandom, usesLease: boolean): ReadConsistency {
    if (random.chance(0.1)) return 'eventual';
    return usesLease && random.chance(0.5) ? 'lease' : 'linearizable';
  }

  #newCommand(random: SeededRandom): WorkloadCommand {
    this.#commands += 1;
    return this.#world.workload.command(random, this.#commands);
  }

  // ---- one try ----

  async #ask<Value>(
    server: ClusterServer,
    random: SeededRandom,
    start: (
      raft: RaftServer<unknown>,
      options: { timeoutMs: number; signal?: AbortSignal },
    ) => Promise<Value>,
  ): Promise<Answer<Value>> {
    const { simulation, scenario, coverage } = this.#world;
    const { running } = server;
    const raft = running?.server;
    if (running === undefined || raft === undefined) return { type: 'gone' };
    const { timeoutMs: range, abortShare } = scenario.clients;
    const timeoutMs = random.real(...range);
    const stop = random.chance(abortShare) ? new AbortController() : undefined;
    if (stop !== undefined) {
      coverage.hit('requests aborted');
      simulation.after(random.real(0, timeoutMs), () => stop.abort(new Error('The client left.')));
    }
    const options = { timeoutMs, ...(stop && { signal: stop.signal }) };
    return await new Promise((resolve) => {
      const waiting = { forget: server.whenGone(() => resolve({ type: 'gone' })) };
      const end = (answer: Answer<Value>): void => {
        waiting.forget();
        waiting.forget = hasForgotten; // whoever looks much later must not keep all of this until then
        if (!running.life.isOver) resolve(answer);
      };
      this.#expectAnswer(running, timeoutMs, waiting);
      // As if it had come in over a connection: when the machine comes to it.
      running.life.at(simulation.now, 'input', () => {
        start(raft, options).then(
          (value) => end({ type: 'value', value }),
          (error: unknown) => end({ type: 'error', error }),
        );
      });
    });
  }

  /** Every request is answered in its time, as long as its server runs: nobody is left waiting for ever. */
  #expectAnswer(running: Running, timeoutMs: number, waiting: { readonly forget: () => boolean }): void {
    const { simulation, observer } = this.#world;
    const look = (): void => {
      simulation.idle();
      if (running.life.isOver || !waiting.forget()) return;
      if (running.life.isPaused) simulation.after(ANSWER_SLACK_MS, look);
      else {
        const what = `Server ${running.facts.id} left a request unanswered for ${timeoutMs + ANSWER_SLACK_MS} ms.`;
        observer.broken(new InvariantViolation('requests-answered', what));
      }
    };
    simulation.after(timeoutMs + ANSWER_SLACK_MS, look);
  }

  #begin(
    process: string,
    server: ClusterServer,
    what: Pick<ClientOperation, 'type' | 'key' | 'input' | 'consistency' | 'session'>,
  ): ClientOperation | undefined {
    const facts = server.running?.facts;
    if (facts === undefined) return undefined;
    this.#operations += 1;
    const at = this.#world.simulation.now;
    const operation: ClientOperation = { number: this.#operations, process, server: facts, ...what, at };
    this.#world.observer.tell('clientBegan', operation);
    return operation;
  }

  #end(operation: ClientOperation, answer: Answer<unknown>, isRefused: boolean): ClientOutcome['type'] {
    const { coverage, observer, simulation } = this.#world;
    const outcome = outcomeOf(answer, isRefused, simulation.now);
    if (operation.type === 'propose') coverage.hit(`proposals ${outcome.type}`);
    observer.tell('clientEnded', operation, outcome);
    return outcome.type;
  }
}

function hasForgotten(): boolean {
  return false;
}

function outcomeOf(answer: Answer<unknown>, isRefused: boolean, at: number): ClientOutcome {
  if (answer.type === 'value') return { type: 'done', output: answer.value, at };
  const error = answer.type === 'error' && isRuntimeError(answer.error) ? answer.error : undefined;
  if (isRefused && error !== undefined) return { type: 'refused', error, at };
  return { type: 'unknown', error, at };
}

function asLeader(answer: Answer<unknown>): NodeId | undefined {
  return answer.type === 'error' && isRuntimeError(answer.error) ? answer.error.detail.leader : undefined;
}

/** Asking again would not change the answer. */
function isSettled(answer: Answer<unknown>): boolean {
  if (answer.type !== 'error' || !isRuntimeError(answer.error)) return false;
  return answer.error.code === 'SESSION_EXPIRED' || answer.error.code === 'RESULT_FORGOTTEN';
}

function pick({ key, input }: { readonly key: string; readonly input: unknown }): {
  readonly key: string;
  readonly input: unknown;
} {
  return { key, input };
}
