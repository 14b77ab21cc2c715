// The commands of golden scripts. Each acts on the cluster and returns the lines that are written under it; everything
// a node says is printed by the core's own `describe`, so that scripts, traces and logs read alike.

import {
  type Action,
  type Durability,
  describeAction,
  describeEntry,
  describeMessage,
  describeStatus,
  type Event,
  type Message,
  type NodeId,
  type RaftConfig,
  RaftError,
  type Term,
} from '../../src/index.js';
import { Cluster } from '../support/cluster.js';
import { bytes, logWith } from '../support/node.js';
import type { StagedLog } from '../support/staged-log.js';

/** Ticks within which every election timeout has passed. */
const TIMEOUT_TICKS_MAX = 100;
/** Deliveries after which a story is taken to chatter without end. */
const DELIVERIES_MAX = 10_000;

type Options = Partial<Omit<RaftConfig, 'id' | 'peers'>>;
type Command = (story: Story, words: readonly string[]) => string[];

export class Story {
  readonly logs: Map<NodeId, StagedLog> = new Map();
  #cluster: Cluster | undefined;

  get hasCluster(): boolean {
    return this.#cluster !== undefined;
  }

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error('the story has no cluster yet');
    return this.#cluster;
  }

  begin(cluster: Cluster): void {
    if (this.#cluster !== undefined) throw new Error('the story has a cluster already');
    this.#cluster = cluster;
  }

  run(line: string): string[] {
    const [name = '', ...words] = line.trim().split(/\s+/);
    if (name === 'quietly') {
      this.run(words.join(' '));
      return [];
    }
    const command = COMMANDS[name];
    if (command === undefined) throw new Error(`there is no command ${name}`);
    return command(this, words);
  }

  /** One step of one server: its actions, or why the request was refused. */
  step(id: NodeId, event: Event): string[] {
    return printed(() => this.cluster.step(id, event));
  }
}

const COMMANDS: Readonly<Record<string, Command>> = {
  // ---- beginning ----

  /**
   * `log S1 1 1 2 [term 3] [vote S5]`, before the cluster: S1 starts with entries of these terms, and this hard state.
   * `log [S1 ...]`, later: show entries.
   */
  log(story, words) {
    if (story.hasCluster) return logLines(story.cluster, serverIds(story.cluster, words));
    const [id = '', ...rest] = words;
    const terms = rest.slice(0, rest.findIndex((word) => !/^\d+$/.test(word)) >>> 0).map(whole);
    const [term = '0'] = after(rest, 'term');
    const [vote] = after(rest, 'vote');
    const hardState = { term: whole(term), votedFor: vote === undefined ? undefined : server(vote) };
    story.logs.set(server(id), logWith({ terms, hardState }));
    return [];
  },

  /** `cluster 3 [deferred] [learners 4 5] [option=value ...]`: servers S1 to S3, and how they begin. */
  cluster(story, [voters = '', ...words]) {
    const durability: Durability = words.includes('deferred') ? 'deferred' : 'inline';
    const learners = after(words, 'learners').map(server);
    const config = optionsOf(words);
    story.begin(new Cluster({ voters: whole(voters), learners, durability, config, logs: story.logs }));
    return statusLines(story.cluster, story.cluster.ids);
  },

  /** `server S4 of S1 S2 S3`: a new server that is to join these voters, and knows them only. */
  server({ cluster }, [id = '', ...words]) {
    const peers = after(words, 'of').map(server);
    cluster.add({ id: server(id), peers, learners: [server(id)], ...optionsOf(words) });
    return statusLines(cluster, [server(id)]);
  },

  // ---- time ----

  /** `tick S1 [times]`, or `tick all [times]`: by rising id, without deliveries. */
  tick(story, [who = '', times = '1']) {
    const lines: string[] = [];
    for (let i = 0; i < whole(times); i++) {
      for (const id of serverIds(story.cluster, [who]))
        lines.push(...named(id, story.step(id, { type: 'tick' })));
    }
    return lines;
  },

  /** `timeout S1`: ticks until its election timeout has passed. */
  timeout(story, [id = '']) {
    for (let i = 0; i < TIMEOUT_TICKS_MAX; i++) {
      const actions = story.cluster.tick(server(id));
      if (actions.length > 0) return named(server(id), actions.map(describeAction));
    }
    throw new Error('nothing happened');
  },

  // ---- network ----

  /** `deliver [S1->S2] [type]`: what is on the way now and all that follows from it, oldest first. `*` is anybody. */
  deliver(story, words) {
    return deliver(story, matching(words), DELIVERIES_MAX);
  },

  /** `deliverOne [S1->S2] [type]`: the oldest such message only. */
  deliverOne(story, words) {
    return deliver(story, matching(words), 1);
  },

  /** `drop [S1->S2] [type]`: such messages on the way are lost. */
  drop({ cluster }, words) {
    const matches = matching(words);
    const lost = cluster.queue.filter(matches);
    const kept = cluster.queue.filter((message) => !matches(message));
    cluster.queue.splice(0, cluster.queue.length, ...kept);
    return lost.map((message) => `lost ${describeMessage(message)}`);
  },

  /** `repeat [S1->S2] [type]`: such messages on the way will arrive twice. */
  repeat({ cluster }, words) {
    const twice = cluster.queue.filter(matching(words));
    cluster.queue.push(...twice);
    return twice.map((message) => `again ${describeMessage(message)}`);
  },

  /** `network`: what is on the way. */
  network({ cluster }) {
    return cluster.queue.map(describeMessage);
  },

  /** `cut S1->S2`: from now on nothing that S1 sends reaches S2. */
  cut({ cluster }, [link = '']) {
    const [from = '', to = ''] = link.split('->');
    cluster.cut(server(from), server(to));
    return [];
  },

  /** `isolate S1`: cut off both ways. */
  isolate({ cluster }, [id = '']) {
    cluster.isolate(server(id));
    return [];
  },

  /** `heal`: every link works again. */
  heal({ cluster }) {
    cluster.heal();
    return [];
  },

  /** `settle`: everything is delivered and every disk finishes, until nothing more happens. */
  settle({ cluster }) {
    cluster.settle();
    return [];
  },

  // ---- disk ----

  /** `durable S1 [seq]`: the disk of S1 has finished everything staged, or all up to this seq. */
  durable(story, [id = '', seq]) {
    const through = story.cluster.log(server(id)).makeDurable(seq === undefined ? undefined : whole(seq));
    return story.step(server(id), { type: 'durable', seq: through });
  },

  /** `storageFailed S1`: the driver's write or sync has failed. */
  storageFailed(story, [id = '']) {
    return story.step(server(id), { type: 'storageFailed', error: new Error('input/output error') });
  },

  /** `disk S1 full | works | fails`: what S1's next syncs bring. */
  disk({ cluster }, [id = '', state = '']) {
    const log = cluster.log(server(id));
    log.syncError = diskError(state);
    return [];
  },

  /** `crash S1`: it stops dead, and loses what is not durable. */
  crash({ cluster }, [id = '']) {
    cluster.crash(server(id));
    return [];
  },

  /** `restart S1`: from what is durable. */
  restart({ cluster }, [id = '']) {
    cluster.restart(server(id));
    return statusLines(cluster, [server(id)]);
  },

  // ---- clients and operators ----

  /** `propose S1 x=1 y=2`: one batch. */
  propose(story, [id = '', ...texts]) {
    return story.step(server(id), { type: 'proposeBatch', commands: texts.map(bytes) });
  },

  /** `read S1 context`. */
  read(story, [id = '', context = '']) {
    return story.step(server(id), { type: 'read', context: bytes(context) });
  },

  /** `snapshot S1 at 5 [keep 2]`: the state machine of S1 was saved as of index 5. */
  snapshot(story, [id = '', ...words]) {
    const [index = ''] = after(words, 'at');
    const [keep = '0'] = after(words, 'keep');
    const data = bytes(`state at ${index}`);
    return story.step(server(id), { type: 'snapshot', index: whole(index), data, keepEntries: whole(keep) });
  },

  /** `snapshotFailed S1 S3`: the driver of S1 could not stream a snapshot to S3. */
  snapshotFailed(story, [id = '', to = '']) {
    return story.step(server(id), { type: 'snapshotStatus', to: server(to), ok: false });
  },

  /** `addServer S1 S4`: S1 is asked to add S4 as a voter. The three below read the same. */
  addServer: (story, [id = '', other = '']) =>
    story.step(server(id), { type: 'addServer', id: server(other) }),
  addLearner: (story, [id = '', other = '']) =>
    story.step(server(id), { type: 'addLearner', id: server(other) }),
  removeServer: (story, [id = '', other = '']) =>
    story.step(server(id), { type: 'removeServer', id: server(other) }),
  promoteLearner: (story, [id = '', other = '']) =>
    story.step(server(id), { type: 'promoteLearner', id: server(other) }),

  /** `changeMembership S1 voters S1 S4 [learners S2] [explicit]`: by joint consensus; `explicit` is left by request. */
  changeMembership(story, [id = '', ...words]) {
    return story.step(server(id), {
      type: 'changeMembership',
      voters: after(words, 'voters').map(server),
      learners: after(words, 'learners').map(server),
      autoLeave: !words.includes('explicit'),
    });
  },

  leaveJoint: (story, [id = '']) => story.step(server(id), { type: 'leaveJoint' }),

  /** `transfer S1 S2`: S1 is asked to hand leadership to S2. */
  transfer: (story, [id = '', to = '']) =>
    story.step(server(id), { type: 'transferLeadership', to: server(to) }),

  // ---- looking ----

  /** `status [S1 ...]`. */
  status({ cluster }, words) {
    return statusLines(cluster, serverIds(cluster, words));
  },

  /** `applied S1`: what its state machine was given. */
  applied({ cluster }, [id = '']) {
    const restored = cluster.restored(server(id));
    const entries = cluster.applied(server(id)).map(describeEntry);
    return [...(restored === undefined ? [] : [`snapshot ${restored.index}/t${restored.term}`]), ...entries];
  },
};

// ---- acting ----

function deliver(story: Story, matches: (message: Message) => boolean, limit: number): string[] {
  const { cluster } = story;
  const lines: string[] = [];
  for (let i = 0; i < limit; i++) {
    const at = cluster.queue.findIndex(matches);
    const [message] = at < 0 ? [] : cluster.queue.splice(at, 1);
    if (message === undefined) return lines;
    lines.push(describeMessage(message), ...indented(printed(() => cluster.deliver(message))));
  }
  if (limit === DELIVERIES_MAX) throw new Error('the network does not come to rest');
  return lines;
}

function printed(act: () => readonly Action[]): string[] {
  try {
    return act().map(describeAction);
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
    return [`refused ${error.code}: ${error.message}`];
  }
}

function diskError(state: string): Error | undefined {
  switch (state) {
    case 'works':
      return undefined;
    case 'full':
      return Object.assign(new Error('no space left on device'), { code: 'WAL_FULL' });
    case 'fails':
      return Object.assign(new Error('input/output error'), { code: 'WAL_POISONED' });
    default:
      throw new Error(`a disk is not ${state}`);
  }
}

// ---- printing ----

function statusLines(cluster: Cluster, ids: readonly NodeId[]): string[] {
  return ids.flatMap((id) => {
    const lines = describeStatus(cluster.node(id).status()).split('\n');
    return cluster.isUp(id) ? lines : [`S${id} is down`];
  });
}

function logLines(cluster: Cluster, ids: readonly NodeId[]): string[] {
  return ids.map((id) => {
    const log = cluster.log(id);
    const entries = log.lastIndex() < log.firstIndex() ? [] : log.entries(log.firstIndex(), log.lastIndex());
    const snapshot = log.snapshotIndex() === 0 ? '' : ` snapshot ${log.snapshotIndex()}`;
    return `S${id}${snapshot} ${entries.map(describeEntry).join(' ') || 'empty'}`;
  });
}

function named(id: NodeId, lines: readonly string[]): string[] {
  return lines.map((line) => `S${id} ${line}`);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

// ---- reading a command ----

/** `S3` is server 3. */
function server(word: string): NodeId {
  const id = /^S([1-9]\d*)$/.exec(word)?.[1];
  if (id === undefined) throw new Error(`"${word}" is not a server`);
  return Number(id);
}

/** `all`, nothing, or servers one by one. */
function serverIds(cluster: Cluster, words: readonly string[]): NodeId[] {
  return words.length === 0 || words[0] === 'all' ? cluster.ids : words.map(server);
}

function whole(word: string): number | Term {
  if (!/^\d+$/.test(word)) throw new Error(`"${word}" is not a whole number`);
  return Number(word);
}

/** The words behind `keyword`, up to the next one that begins with a small letter. */
function after(words: readonly string[], keyword: string): string[] {
  const at = words.indexOf(keyword);
  if (at < 0) return [];
  const rest = words.slice(at + 1);
  const end = rest.findIndex((word) => /^[a-z]/.test(word));
  return end < 0 ? rest : rest.slice(0, end);
}

/** `preVote=false electionTimeoutTicks=10..20 maxBatchEntries=2`. */
function optionsOf(words: readonly string[]): Options {
  const pairs = words.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]);
  return Object.fromEntries(pairs.map(([name, value]) => [name, optionValue(value)]));
}

function optionValue(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  const range = value.split('..');
  return range.length === 2 ? range.map(whole) : whole(value);
}

/** `S1->S2`, `*->S2`, a type, both or nothing. */
function matching(words: readonly string[]): (message: Message) => boolean {
  const link = words.find((word) => word.includes('->'));
  const type = words.find((word) => !word.includes('->'));
  const [from = '*', to = '*'] = link?.split('->') ?? [];
  return (message) =>
    (from === '*' || message.from === server(from)) &&
    (to === '*' || message.to === server(to)) &&
    (type === undefined || message.type === type);
}
