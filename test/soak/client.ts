// One client of a soak: appends and reads, one at a time, wherever it believes the leader to be. With a session it asks
// again until it is answered, whatever may have come of its earlier tries; without one only while it is certain that
// nothing was done. Says that it does not know where it does not.

import { setTimeout as sleep } from 'node:timers/promises';
import { Session } from '@waldb/runtime';
import type { SeededRandom } from '@waldb/testkit';
import type { Ledger } from './ledger.js';
import type { OpenedSession, Request } from './protocol.js';
import { NoAnswerError, RefusedError } from './server-process.js';
import type { SoakCluster } from './soak-cluster.js';

/** How long a client tries to have one operation answered. */
const PATIENCE_MS = 8000;
/** With a session, which makes it safe to ask on. */
const SESSION_PATIENCE_MS = 30_000;
/** Longer than any fault lasts. */
const SESSION_TTL_MS = 120_000;
const ASK_MS = 4000;
const RETRY_MS = 20;
const READ_SHARE = 0.35;

type Outcome =
  | { readonly type: 'ok'; readonly result: unknown }
  | { readonly type: 'fail' }
  | { readonly type: 'unknown' };

export class SoakClient {
  readonly #name: string;
  readonly #cluster: SoakCluster;
  readonly #ledger: Ledger;
  readonly #random: SeededRandom;
  readonly #thinkMs: number;
  readonly #hasSession: boolean;
  #session: Session | undefined;
  #items = 0;
  #target: number | undefined;

  constructor(options: {
    readonly name: string;
    readonly cluster: SoakCluster;
    readonly ledger: Ledger;
    readonly random: SeededRandom;
    /** It waits up to so long between two operations. */
    readonly thinkMs: number;
    readonly hasSession: boolean;
  }) {
    this.#name = options.name;
    this.#cluster = options.cluster;
    this.#ledger = options.ledger;
    this.#random = options.random;
    this.#thinkMs = options.thinkMs;
    this.#hasSession = options.hasSession;
  }

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.#random.chance(READ_SHARE)) await this.#read();
      else await this.append();
      await sleep(this.#random.real(0, this.#thinkMs));
    }
  }

  /** Whether it was acknowledged. */
  async append(): Promise<boolean> {
    if (this.#hasSession && !(await this.#openSession())) return false;
    this.#items += 1;
    const key = this.#takeKey();
    const item = `${this.#name}-${this.#items}`;
    const command = `${key} ${item}`;
    this.#ledger.sent.add(command);
    this.#ledger.history.invoke(this.#name, key, { type: 'append', item });
    const outcome = await this.#appendOne(key, item);
    if (outcome.type === 'ok') this.#ledger.acknowledged.add(command);
    if (outcome.type === 'fail') this.#ledger.refused.add(command);
    this.#note(outcome);
    return outcome.type === 'ok';
  }

  async #appendOne(key: string, item: string): Promise<Outcome> {
    const session = this.#session;
    if (session === undefined) return this.#untilCertain({ type: 'append', key, item });
    const request = session.next();
    const outcome = await this.#untilAnswered({ type: 'append', key, item, session: request });
    if (outcome.type === 'ok') session.settle(request);
    else this.#session = undefined; // its request is still open: the next one begins with a new session
    return outcome;
  }

  async #openSession(): Promise<boolean> {
    if (this.#session !== undefined) return true;
    const outcome = await this.#untilAnswered({ type: 'openSession', ttlMs: SESSION_TTL_MS });
    if (outcome.type !== 'ok') return false;
    this.#session = new Session(outcome.result as OpenedSession); // our own program
    return true;
  }

  /** From any server: followers read as truly as the leader. */
  async #read(): Promise<void> {
    const key = this.#takeKey();
    const ids = this.#cluster.runningIds;
    if (ids.length === 0) return;
    this.#ledger.history.invoke(this.#name, key, { type: 'read' });
    try {
      const result = await this.#cluster.ask(this.#random.pick(ids), { type: 'read', key }, ASK_MS);
      this.#note({ type: 'ok', result });
    } catch {
      this.#note({ type: 'fail' }); // a read without an answer has changed nothing and told nothing
    }
  }

  /** Asks again only where nothing was done. */
  #untilCertain(request: Request): Promise<Outcome> {
    return this.#untilIt(request, { patienceMs: PATIENCE_MS, isRepeatable: false });
  }

  /** Asks again whatever came of it. */
  #untilAnswered(request: Request): Promise<Outcome> {
    return this.#untilIt(request, { patienceMs: SESSION_PATIENCE_MS, isRepeatable: true });
  }

  async #untilIt(
    request: Request,
    { patienceMs, isRepeatable }: { readonly patienceMs: number; readonly isRepeatable: boolean },
  ): Promise<Outcome> {
    const deadline = performance.now() + patienceMs;
    let isCertain = true;
    while (performance.now() < deadline && (isCertain || isRepeatable)) {
      try {
        return { type: 'ok', result: await this.#cluster.ask(this.#pickTarget(), request, ASK_MS) };
      } catch (error) {
        isCertain &&= isNothingDone(error);
        this.#target = error instanceof RefusedError ? error.refusal.leader : undefined;
      }
      await sleep(RETRY_MS);
    }
    return { type: isCertain ? 'fail' : 'unknown' };
  }

  #pickTarget(): number {
    const ids = this.#cluster.runningIds;
    if (this.#target === undefined || !ids.includes(this.#target)) {
      this.#target = ids.length === 0 ? undefined : this.#random.pick(ids);
    }
    return this.#target ?? 0;
  }

  #takeKey(): string {
    return this.#ledger.takeKey(this.#random.real(0, 1));
  }

  #note(outcome: Outcome): void {
    if (outcome.type === 'ok') this.#ledger.ok(this.#name, outcome.result);
    else if (outcome.type === 'fail') this.#ledger.fail(this.#name);
    else this.#ledger.unknown(this.#name);
  }
}

function isNothingDone(error: unknown): boolean {
  if (error instanceof RefusedError) return !error.refusal.mayHaveBeenApplied;
  if (error instanceof NoAnswerError) return !error.wasSent;
  throw error;
}
