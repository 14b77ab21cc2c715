// A deterministic cluster: RaftNodes over queues in memory and disks that the test holds (StagedLog). Nothing happens
// but what the test says: ticks, deliveries, flushes, crashes. Message loss, delay, duplication, partitions and
// one-way links are filters between send and delivery.
//
// It watches Raft's promises in every step, whatever the test is about: one leader per term, a commit index that never
// falls, the same entry wherever an index is committed, and state machines that apply the same in the same order.

import {
  type Action,
  type Durability,
  describeEntry,
  describeMessage,
  describeStatus,
  type Event,
  type Index,
  type LogEntry,
  type Message,
  type NodeId,
  type RaftConfig,
  RaftNode,
  type Snapshot,
  type Term,
} from '../../src/index.js';
import { bytes } from './node.js';
import { type Crash, StagedLog } from './staged-log.js';

/** What becomes of a message at the moment it is sent. `hold` keeps it until `release`. */
export type Fate = 'deliver' | 'drop' | 'hold';

type NodeConfig = Partial<Omit<RaftConfig, 'id' | 'peers'>>;

export interface ClusterOptions {
  /** The voters: their number (1 to n), or their ids. */
  readonly voters: number | readonly NodeId[];
  readonly learners?: readonly NodeId[];
  /** Default `inline`. */
  readonly durability?: Durability;
  /** Options of every node, or of each. */
  readonly config?: NodeConfig | ((id: NodeId) => NodeConfig);
  /** Logs to begin with; the others are empty. */
  readonly logs?: ReadonlyMap<NodeId, StagedLog>;
}

/** Deliveries in one `settle` beyond which the cluster is taken to chatter without end. */
const DELIVERIES_MAX = 200_000;

interface Server {
  readonly config: RaftConfig;
  node: RaftNode<StagedLog>;
  isUp: boolean;
  life: number;
  /** What came out since `takeActions`. */
  actions: Action[];
  /** What this life's state machine was given. */
  applied: LogEntry[];
  restored: Snapshot | undefined;
}

export class Cluster {
  /** Sent and to be delivered, oldest first. */
  readonly queue: Message[] = [];
  /** Held back by `fate`, oldest first. */
  readonly held: Message[] = [];
  /** Decides about every message that no partition has dropped. */
  fate: (message: Message) => Fate = () => 'deliver';
  /** Servers whose disk finishes nothing until they are taken out (deferred durability). */
  readonly stalledDisks: Set<NodeId> = new Set();
  readonly #durability: Durability;
  readonly #servers: Map<NodeId, Server> = new Map();
  readonly #cutLinks: Set<string> = new Set();
  readonly #leaders: Map<Term, NodeId> = new Map();
  readonly #committedAnywhere: Map<Index, Term> = new Map();
  readonly #appliedAnywhere: Map<Index, string> = new Map();

  constructor(options: ClusterOptions) {
    const voters = typeof options.voters === 'number' ? upTo(options.voters) : options.voters;
    const learners = options.learners ?? [];
    this.#durability = options.durability ?? 'inline';
    for (const id of [...voters, ...learners]) {
      const own = typeof options.config === 'function' ? options.config(id) : options.config;
      const peers = voters.filter((peer) => peer !== id);
      this.add({ id, peers, learners, ...own }, options.logs?.get(id));
    }
  }

  // ---- servers ----

  get ids(): NodeId[] {
    return [...this.#servers.keys()].sort((a, b) => a - b);
  }

  /** Starts a server that the cluster did not begin with. */
  add(config: RaftConfig, log: StagedLog = new StagedLog()): void {
    const node = RaftNode.withLog(config, log, { durability: this.#durability });
    const { id } = config;
    this.#servers.set(id, {
      config,
      node,
      isUp: true,
      life: 0,
      actions: [],
      applied: [],
      restored: undefined,
    });
  }

  node(id: NodeId): RaftNode<StagedLog> {
    return this.#server(id).node;
  }

  log(id: NodeId): StagedLog {
    return this.node(id).log;
  }

  isUp(id: NodeId): boolean {
    return this.#server(id).isUp;
  }

  /** Stops a server dead: what is on the way to it is lost, and nothing reaches it until `restart`. */
  crash(id: NodeId): void {
    this.#server(id).isUp = false;
    remove(this.queue, ({ to }) => to === id);
  }

  /** Starts the server again (crashing it first) from what the crash left on its disk. */
  restart(id: NodeId, crash: Crash = {}): void {
    this.crash(id);
    const server = this.#server(id);
    const log = server.node.log.crash(crash);
    server.life += 1;
    const config = { ...server.config, incarnation: server.life };
    server.node = RaftNode.withLog(config, log, { durability: this.#durability });
    Object.assign(server, { isUp: true, actions: [], applied: [], restored: log.snapshot() });
  }

  // ---- events ----

  /** Steps one server, sends what it sends, and returns its actions. */
  step(id: NodeId, event: Event): Action[] {
    const server = this.#server(id);
    if (!server.isUp) return [];
    const commitBefore = server.node.commitIndex;
    const actions = server.node.step(event);
    this.#checkCommit(server.node, commitBefore);
    server.actions.push(...actions);
    for (const action of actions) this.#carryOut(server, action);
    this.#checkLeader(server.node);
    return actions;
  }

  tick(id: NodeId, times = 1): Action[] {
    const actions: Action[] = [];
    for (let i = 0; i < times; i++) actions.push(...this.step(id, { type: 'tick' }));
    return actions;
  }

  /** Every server's tick, by rising id, and then everything that follows from it; `times` over. */
  tickAll(times = 1): void {
    for (let i = 0; i < times; i++) {
      for (const id of this.ids) this.tick(id);
      this.settle();
    }
  }

  propose(id: NodeId, ...texts: string[]): Action[] {
    return this.step(id, { type: 'proposeBatch', commands: texts.map(bytes) });
  }

  /** The disk of `id` finishes everything staged, or what is staged through `seq`. */
  flush(id: NodeId, seq?: number): Action[] {
    return this.step(id, { type: 'durable', seq: this.log(id).makeDurable(seq) });
  }

  /** Delivers the oldest message. Returns it, or undefined when none is on the way. */
  deliverNext(): Message | undefined {
    const message = this.queue.shift();
    if (message !== undefined) this.deliver(message);
    return message;
  }

  /** Hands over a message now, whether it was sent or made up, past every filter. */
  deliver(message: Message): Action[] {
    return this.#servers.has(message.to) ? this.step(message.to, { type: 'message', message }) : [];
  }

  /** Delivers and flushes until nothing is on the way and no disk that works has work. */
  settle(): void {
    for (let i = 0; i < DELIVERIES_MAX; i++) {
      if (this.deliverNext() === undefined && !this.#flushSome()) return;
    }
    throw new Error(`the cluster does not come to rest:\n${this.describe()}`);
  }

  // ---- network ----

  /** Only servers of the same group reach each other; what is on the way between groups is lost. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    this.heal();
    for (const from of this.ids) {
      for (const to of this.ids) {
        if (!groups.some((group) => group.includes(from) && group.includes(to))) this.cut(from, to);
      }
    }
  }

  /** Nobody reaches `id` and it reaches nobody. */
  isolate(id: NodeId): void {
    for (const peer of this.ids.filter((other) => other !== id)) {
      this.cut(id, peer);
      this.cut(peer, id);
    }
  }

  /** One way: nothing from `from` reaches `to`. */
  cut(from: NodeId, to: NodeId): void {
    this.#cutLinks.add(`${from}>${to}`);
    remove(this.queue, (message) => message.from === from && message.to === to);
  }

  /** Every link works again. Held messages stay held. */
  heal(): void {
    this.#cutLinks.clear();
  }

  /** Puts held messages back on the way, oldest first; `fate` is not asked again. */
  release(which: (message: Message) => boolean = () => true): Message[] {
    const released = remove(this.held, which);
    this.queue.push(...released);
    return released;
  }

  // ---- leaders ----

  /** Of the servers that are up and think they lead, the one with the highest term. */
  get leader(): NodeId | undefined {
    const leaders = this.ids.filter((id) => this.isUp(id) && this.node(id).isLeader);
    return leaders.sort((a, b) => this.node(b).term - this.node(a).term)[0];
  }

  /** Makes `id` leader, whoever leads now, as a transfer would; by its own timeout when it is the only server. */
  elect(id: NodeId): RaftNode<StagedLog> {
    const node = this.node(id);
    const other = this.ids.find((peer) => peer !== id);
    for (let tries = 0; tries < 20 && !node.isLeader; tries++) {
      if (other === undefined) this.tick(id, 20);
      else this.deliver({ type: 'timeoutNow', from: other, to: id, term: node.term });
      this.settle();
    }
    if (!node.isLeader) throw new Error(`server ${id} was not elected:\n${this.describe()}`);
    return node;
  }

  /** Ticks everybody until somebody leads and everybody who is up and reachable follows. */
  awaitLeader(ticksMax = 1000): NodeId {
    for (let i = 0; i < ticksMax; i++) {
      const { leader } = this;
      if (leader !== undefined && this.node(leader).status().leadership?.isReady === true) return leader;
      this.tickAll();
    }
    throw new Error(`nobody leads after ${ticksMax} ticks:\n${this.describe()}`);
  }

  // ---- looking ----

  /** What `id` did since the last call. */
  takeActions(id: NodeId): Action[] {
    const server = this.#server(id);
    const { actions } = server;
    server.actions = [];
    return actions;
  }

  /** What the state machine of `id` was given in this life (after the snapshot it was restored from). */
  applied(id: NodeId): readonly LogEntry[] {
    return this.#server(id).applied;
  }

  /** The commands that `id` applied, as text. */
  appliedTexts(id: NodeId): string[] {
    return this.applied(id).map(({ command }) => new TextDecoder().decode(command));
  }

  restored(id: NodeId): Snapshot | undefined {
    return this.#server(id).restored;
  }

  describe(): string {
    const states = this.ids.map(
      (id) => `${this.isUp(id) ? '' : 'down '}${describeStatus(this.node(id).status())}`,
    );
    return [
      ...states,
      ...this.queue.slice(0, 20).map((message) => `on the way: ${describeMessage(message)}`),
    ].join('\n');
  }

  // ---- inside ----

  #server(id: NodeId): Server {
    const server = this.#servers.get(id);
    if (server === undefined) throw new Error(`there is no server ${id}`);
    return server;
  }

  #carryOut(server: Server, action: Action): void {
    switch (action.type) {
      case 'send':
        return this.#send(action.message);
      case 'apply':
        for (const entry of action.entries) this.#apply(server, entry);
        return;
      case 'restoreSnapshot':
        server.restored = action.snapshot;
        server.applied = [];
        return;
      default:
        return;
    }
  }

  #send(message: Message): void {
    if (this.#cutLinks.has(`${message.from}>${message.to}`)) return;
    if (this.#servers.get(message.to)?.isUp !== true) return;
    switch (this.fate(message)) {
      case 'deliver':
        this.queue.push(message);
        return;
      case 'hold':
        this.held.push(message);
        return;
      case 'drop':
        return;
    }
  }

  #flushSome(): boolean {
    if (this.#durability === 'inline') return false;
    let worked = false;
    for (const [id, { node, isUp }] of this.#servers) {
      if (!isUp || this.stalledDisks.has(id) || node.status().durableSeq >= node.log.stagedSeq()) continue;
      this.flush(id);
      worked = true;
    }
    return worked;
  }

  #apply(server: Server, entry: LogEntry): void {
    const last = Math.max(server.applied.at(-1)?.index ?? 0, server.restored?.index ?? 0);
    if (entry.index <= last)
      throw new Error(`server ${server.config.id} applied ${entry.index} after ${last}`);
    const text = describeEntry(entry);
    const elsewhere = this.#appliedAnywhere.get(entry.index) ?? text;
    if (elsewhere !== text)
      throw new Error(`server ${server.config.id} applied ${text}, another ${elsewhere}`);
    this.#appliedAnywhere.set(entry.index, text);
    server.applied.push(entry);
  }

  #checkCommit({ id, commitIndex, log }: RaftNode, before: Index): void {
    if (commitIndex < before) throw new Error(`the commit index of server ${id} fell to ${commitIndex}`);
    for (let index = before + 1; index <= commitIndex; index++) {
      const term = log.termAt(index);
      if (term === undefined) continue; // behind a snapshot that was installed
      const elsewhere = this.#committedAnywhere.get(index) ?? term;
      if (elsewhere !== term)
        throw new Error(`${index}/t${term} is committed, elsewhere ${index}/t${elsewhere}`);
      this.#committedAnywhere.set(index, term);
    }
  }

  #checkLeader(node: RaftNode): void {
    if (!node.isLeader) return;
    const known = this.#leaders.get(node.term) ?? node.id;
    if (known !== node.id) throw new Error(`servers ${known} and ${node.id} both lead term ${node.term}`);
    this.#leaders.set(node.term, node.id);
  }
}

function upTo(count: number): NodeId[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Takes out of `list` what matches, in order. */
function remove<Item>(list: Item[], matches: (item: Item) => boolean): Item[] {
  const removed = list.filter(matches);
  const kept = list.filter((item) => !matches(item));
  list.splice(0, list.length, ...kept);
  return removed;
}
