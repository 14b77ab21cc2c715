// Every request is settled exactly once: answered, refused or given up with an error that says what may have become of
// it. One that a living server has had for longer than any timeout and never settled is lost; and so is a client.

import type { ClientOperation, FinalServer } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';

export class SettledRequests implements ClusterCheck {
  readonly name: string = 'settled-requests';
  readonly #patienceMs: number;
  readonly #open: Map<number, ClientOperation> = new Map();
  readonly #settled: Set<number> = new Set();

  /** `patienceMs` is longer than any request waits, of simulated time. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  clientBegan(operation: ClientOperation): void {
    this.#open.set(operation.number, operation);
  }

  clientEnded(operation: ClientOperation): void {
    const { number } = operation;
    if (this.#settled.has(number) || !this.#open.delete(number))
      hold(false, this.name, 'a request was settled twice, or was never made', () => ({ operation }));
    this.#settled.add(number);
  }

  finished(servers: readonly FinalServer[], at: number): void {
    for (const operation of this.#open.values()) {
      const { server } = operation;
      const isAlive = servers.some(({ life }) => life.id === server.id && life.life === server.life);
      if (!isAlive || at - operation.at < this.#patienceMs) continue;
      hold(false, this.name, 'a server has never settled a request', () => ({ operation, at }));
    }
  }
}
