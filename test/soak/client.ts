// One client of a soak: appends and reads, one at a time, wherever it believes the leader to be. Asks again only while it
// is certain that nothing was done; says that it does not know where it does not.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '@waldb/testkit';
import type { Ledger } from './ledger.js';
import type { Request } from './protocol.js';
import { NoAnswerError, RefusedError } from './server-process.js';
import type { SoakCluster } from './soak-cluster.js';

/** How long a client tries to have one operation answered. */
const PATIENCE_MS = 8000;
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
  #items = 0;
  #target: number | undefined;

  constructor(options: {
    readonly name: string;
    readonly cluster: SoakCluster;
    readonly ledger: Ledger;
    readonly random: SeededRandom;
    /** It waits up to so long between two operations. */
    readonly thinkMs: number;
  }) {
    this.#name = options.name;
    this.#cluster = options.cluster;
    this.#ledger = options.ledger;
    this.#random = options.random;
    this.#thinkMs = options.thinkMs;
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
    this.#items += 1;
    const key = this.#takeKey();
    const item = `${this.#name}-${this.#items}`;
    const command = `${key} ${item}`;
    this.#ledger.sent.add(command);
    this.#ledger.history.invoke(this.#name, key, { type: 'append', item });
    const outcome = await this.#untilCertain({ type: 'append', key, item });
    if (outcome.type === 'ok') this.#ledger.acknowledged.add(command);
    if (outcome.type === 'fail') this.#ledger.refused.add(command);
    this.#note(outcome);
    return outcome.type === 'ok';
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

  async #untilCertain(request: Request): Promise<Outcome> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      try {
        return { type: 'ok', result: await this.#cluster.ask(this.#pickTarget(), request, ASK_MS) };
      } catch (error) {
        if (!isNothingDone(error)) {
          this.#target = undefined;
          return { type: 'unknown' };
        }
        this.#target = error instanceof RefusedError ? error.refusal.leader : undefined;
      }
      await sleep(RETRY_MS);
    }
    return { type: 'fail' };
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
