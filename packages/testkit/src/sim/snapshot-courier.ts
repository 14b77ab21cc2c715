// The driver's part in snapshots that travel by reference: the message waits while the receiver fetches the file, and
// is handed to the node only once that file is there; the sender is told how it went, mostly.

import type { InstallSnapshot, Message, NodeId } from '@waldb/core';
import type { EventQueue } from './event-queue.js';
import type { Scenario } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimulatedServer } from './server.js';

const FETCH_MS_MAX = 80;
const FETCH_FAILS = 0.2;
const REPORT_LOST = 0.2;

export class SnapshotCourier {
  readonly #scenario: Scenario;
  readonly #queue: EventQueue;
  readonly #random: SeededRandom;
  readonly #servers: ReadonlyMap<NodeId, SimulatedServer>;

  constructor(
    scenario: Scenario,
    queue: EventQueue,
    random: SeededRandom,
    servers: ReadonlyMap<NodeId, SimulatedServer>,
  ) {
    this.#scenario = scenario;
    this.#queue = queue;
    this.#random = random;
    this.#servers = servers;
  }

  deliver(message: Message): void {
    if (message.type === 'installSnapshot' && this.#scenario.snapshotsBy === 'reference')
      return this.#fetch(message);
    this.#servers.get(message.to)?.receive({ type: 'message', message });
  }

  #fetch(message: InstallSnapshot): void {
    const receiver = this.#servers.get(message.to);
    const life = receiver?.life;
    this.#queue.after(this.#random.real(0, FETCH_MS_MAX), () => {
      const ok = receiver?.isRunning === true && receiver.life === life && !this.#random.chance(FETCH_FAILS);
      if (ok) receiver.receive({ type: 'message', message });
      if (this.#random.chance(REPORT_LOST)) return;
      this.#servers.get(message.from)?.receive({ type: 'snapshotStatus', to: message.to, ok });
    });
  }
}
