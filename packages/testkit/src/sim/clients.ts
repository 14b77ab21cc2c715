// The users of the cluster: they propose commands that are all different, ask for linearizable reads at any server,
// and have snapshots taken. They believe what a server says about leading and are often wrong.

import type { SeededRandom } from './seeded-random.js';
import type { SimulatedServer } from './server.js';
import type { World } from './world.js';

const BATCH_MAX = 6;
const COMMAND_ID_BYTES = 4;
const CONTEXT_BYTES = 4;

export class Clients {
  readonly #world: World;
  readonly #random: SeededRandom;
  #isStopped = false;
  #commands = 0;
  #reads = 0;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork();
  }

  begin(): void {
    const { propose, batch, read, snapshot } = this.#world.scenario.clients;
    this.#every(propose, () => this.#atLeader((leader) => this.propose(leader)));
    if (batch !== undefined) this.#every(batch, () => this.#atLeader((leader) => this.#proposeBatch(leader)));
    if (read !== undefined) this.#every(read, () => this.#read());
    if (snapshot !== undefined) this.#every(snapshot, () => this.#anyRunning()?.takeSnapshot());
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Proposes a fresh command at `server` and returns it. */
  propose(server: SimulatedServer): Uint8Array {
    const command = this.#command();
    server.receive({ type: 'propose', command });
    return command;
  }

  #proposeBatch(server: SimulatedServer): void {
    const commands = Array.from({ length: this.#random.between(1, BATCH_MAX) }, () => this.#command());
    server.receive({ type: 'proposeBatch', commands });
  }

  #read(): void {
    const server = this.#random.chance(0.5) ? this.#leader() : this.#anyRunning();
    if (server === undefined) return;
    this.#reads += 1;
    const context = new Uint8Array(CONTEXT_BYTES);
    new DataView(context.buffer).setUint32(0, this.#reads);
    server.receive({ type: 'read', context });
  }

  /** Unique by its first bytes; the rest varies the size. */
  #command(): Uint8Array {
    this.#commands += 1;
    const { commandBytesMax } = this.#world.scenario;
    const command = new Uint8Array(this.#random.between(COMMAND_ID_BYTES, commandBytesMax));
    new DataView(command.buffer).setUint32(0, this.#commands);
    return command;
  }

  #every(mean: number, act: () => void): void {
    this.#world.queue.after(this.#random.wait(mean), () => {
      if (this.#isStopped) return;
      act();
      this.#every(mean, act);
    });
  }

  #atLeader(act: (leader: SimulatedServer) => void): void {
    const server = this.#random.chance(0.9) ? this.#leader() : this.#anyRunning();
    if (server !== undefined) act(server);
  }

  #leader(): SimulatedServer | undefined {
    const leaders = [...this.#world.servers.values()].filter((server) => server.role === 'leader');
    return leaders.length === 0 ? undefined : this.#random.pick(leaders);
  }

  #anyRunning(): SimulatedServer | undefined {
    const running = [...this.#world.servers.values()].filter((server) => server.isRunning);
    return running.length === 0 ? undefined : this.#random.pick(running);
  }
}
