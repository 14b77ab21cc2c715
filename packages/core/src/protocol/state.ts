// The one mutable state of a node, and the few ways in which every concern may change it: emit an action, send a
// message, stage a mutation of the log. The concerns themselves are the other files of this folder.

import type { Action } from '../action.js';
import { assert } from '../assert.js';
import { decodeConfiguration } from '../codec/configuration.js';
import type { ResolvedConfig } from '../config.js';
import { isVoter } from '../membership/configuration.js';
import type { Message } from '../message.js';
import type { RaftLog } from '../raft-log.js';
import { Random } from '../random.js';
import type { Configuration, Index, LogEntry, NodeId, Role, Snapshot, Term } from '../types.js';
import { Durability } from './durability.js';
import { type Effect, Gate } from './gate.js';
import { ForwardedReads } from './read-queue.js';
import type { FollowerState, LeaderState, RoleState } from './role.js';

export class RaftState {
  readonly config: ResolvedConfig;
  readonly log: RaftLog;
  readonly durability: Durability;
  readonly gate: Gate = new Gate();
  readonly forwardedReads: ForwardedReads = new ForwardedReads();

  term: Term;
  votedFor: NodeId | undefined;
  role: RoleState = { role: 'follower', leader: undefined, canvass: undefined };
  commitIndex: Index;
  lastApplied: Index;
  /** In force: the newest in the log, committed or not (§6). */
  configuration: Configuration;
  /** Where it stands in the log; 0 for the initial one. */
  configurationIndex: Index;

  /** The newest configuration that is known, from others, to be committed without this server; 0 for none. */
  removedAt: Index = 0;

  /** Ticks since the leader was heard, a vote was given or a campaign began. */
  electionElapsed = 0;
  electionTimeout: number;
  /** Newest time that an event carried, in ms; undefined until one did. */
  now: number | undefined;
  /** When a leader was last heard, by `now`; after a restart, the first `now` (leases, docs/protocol.md). */
  leaderHeardAt: number | undefined;
  /** Ticks for which staged work has waited for the disk without any of it becoming durable. */
  stallElapsed = 0;
  /** Inline durability: the last barrier found the disk full, and is tried again. */
  diskFull = false;
  /** Where the state machine last was when the driver was asked for a snapshot. */
  snapshotHintIndex: Index = 0;

  #actions: Action[] = [];
  readonly #random: Random;
  #reported: { role: Role; term: Term; leader: NodeId | undefined };

  /** `log` is synced: what it holds counts as durable. */
  constructor(config: ResolvedConfig, log: RaftLog) {
    this.config = config;
    this.log = log;
    this.#random = new Random(config.seed);
    this.durability = new Durability(log.stagedSeq(), log.lastIndex());
    const { term, votedFor } = log.hardState();
    this.term = term;
    this.votedFor = votedFor;
    this.commitIndex = Math.max(log.snapshotIndex(), config.applied);
    this.lastApplied = this.commitIndex;
    const { configuration, index } = this.configurationAt(log.lastIndex());
    this.configuration = configuration;
    this.configurationIndex = index;
    this.electionTimeout = this.#drawTimeout();
    this.#reported = { role: this.publicRole, term, leader: undefined };
  }

  // ---- asking ----

  get id(): NodeId {
    return this.config.id;
  }

  get leaderState(): LeaderState | undefined {
    return this.role.role === 'leader' ? this.role : undefined;
  }

  /** The leader of the present term, if known. */
  get leader(): NodeId | undefined {
    switch (this.role.role) {
      case 'leader':
        return this.id;
      case 'follower':
        return this.role.leader;
      case 'candidate':
        return undefined;
    }
  }

  get publicRole(): Role {
    if (this.role.role !== 'follower') return this.role.role;
    return this.mayCampaign ? 'follower' : 'learner';
  }

  /**
   * A voter of the configuration in force, or, while that is not known to be committed, of the one before: until its
   * removal is committed a server may campaign. A leader that staged its own removal, crashed, and came back with the
   * longest log would otherwise lock the cluster: nobody else could win, and it would not try (thesis §4.2.2; P83).
   *
   * The one before *is* committed, whatever the commit index says: a leader appends a configuration only then. A
   * restarted server has forgotten its commit index, so nothing older may be asked.
   *
   * A server that was removed and has not got the entry that says so cannot win, and does not try (docs/protocol.md, 7).
   */
  get mayCampaign(): boolean {
    if (this.configurationIndex < this.removedAt) return false;
    if (isVoter(this.configuration, this.id)) return true;
    if (this.configurationIndex <= this.commitIndex) return false;
    return isVoter(this.configurationAt(this.configurationIndex - 1).configuration, this.id);
  }

  /** The configuration in force at `index`, which is not below the snapshot's, and where it stands. */
  configurationAt(index: Index): { readonly configuration: Configuration; readonly index: Index } {
    const snapshot = this.log.snapshot();
    assert(
      index >= (snapshot?.index ?? 0),
      'a configuration is looked up where the log or the snapshot knows it',
    );
    const at = this.log.configIndexBefore(index);
    if (at > (snapshot?.index ?? 0)) {
      const entry = this.log.entry(at);
      assert(
        entry !== undefined && entry.kind === 'config',
        'configIndexBefore names a config entry of the log',
      );
      return { configuration: decodeConfiguration(entry.command), index: at };
    }
    if (snapshot !== undefined) return { configuration: snapshot.configuration, index: snapshot.index };
    return { configuration: this.config.initialConfiguration, index: 0 };
  }

  /**
   * Whether `configurationAt(index)` is what the cluster agreed on. A server that joined was only told whom to listen
   * to: until its log or a snapshot says more, that is no configuration to hand on to anybody.
   */
  knowsConfigurationAt(index: Index): boolean {
    if (!this.config.initialConfiguration.learners.includes(this.id)) return true;
    return this.log.snapshotIndex() > 0 || this.log.configIndexBefore(index) > 0;
  }

  // ---- emitting ----

  emit(action: Action): void {
    this.#actions.push(action);
  }

  /** How much this step has decided so far. */
  get actionCount(): number {
    return this.#actions.length;
  }

  /** Hands over what this step has decided so far. */
  takeActions(): Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /** Sends at once: for what promises nothing that a crash could take back. */
  send(message: Message): void {
    this.emit({ type: 'send', to: message.to, message });
  }

  /** Sends once everything staged so far is durable. */
  sendGated(message: Message): void {
    this.holdEffect({ type: 'send', message });
  }

  holdEffect(effect: Effect): void {
    this.gate.hold(this.log.stagedSeq(), this.term, effect);
  }

  /** Tells the driver when role, term or leader differ from what it was told last. */
  reportRole(): void {
    const { publicRole: role, term, leader } = this;
    const told = this.#reported;
    if (role === told.role && term === told.term && leader === told.leader) return;
    this.#reported = { role, term, leader };
    this.emit({ type: 'roleChanged', role, term, leader });
  }

  // ---- staging ----

  stageHardState(term: Term, votedFor: NodeId | undefined): void {
    assert(term >= this.term, 'terms never fall');
    assert(
      term > this.term || this.votedFor === undefined || this.votedFor === votedFor,
      'one vote per term',
    );
    this.log.setHardState({ term, votedFor });
    this.term = term;
    this.votedFor = votedFor;
    this.durability.staged(this.log.stagedSeq(), this.log.lastIndex());
  }

  /** Appends entries that follow the log's last; a configuration among them is in force from now on. */
  stageAppend(entries: readonly LogEntry[]): void {
    const config = entries.findLast((entry) => entry.kind === 'config');
    const configuration = config === undefined ? undefined : decodeConfiguration(config.command);
    this.log.append(entries);
    this.durability.staged(this.log.stagedSeq(), this.log.lastIndex());
    if (config !== undefined && configuration !== undefined)
      this.adoptConfiguration(configuration, config.index);
  }

  /** Removes every index at or above `from`; a configuration among them is no longer in force. */
  stageTruncate(from: Index): void {
    assert(from > this.commitIndex, 'what is committed is never truncated');
    this.log.truncate(from);
    this.durability.clamp(from - 1);
    this.durability.staged(this.log.stagedSeq(), this.log.lastIndex());
    if (this.configurationIndex < from) return;
    const { configuration, index } = this.configurationAt(from - 1);
    this.adoptConfiguration(configuration, index);
  }

  /** Replaces the log by a snapshot that it does not reach. */
  stageInstall(snapshot: Snapshot): void {
    this.log.applySnapshot(snapshot);
    this.durability.clamp(this.lastApplied);
    this.durability.staged(this.log.stagedSeq(), this.log.lastIndex());
    this.adoptConfiguration(snapshot.configuration, snapshot.index);
  }

  adoptConfiguration(configuration: Configuration, index: Index): void {
    this.configuration = configuration;
    this.configurationIndex = index;
    this.leaderState?.tracker.configure(configuration, this.log.lastIndex() + 1);
    this.emit({ type: 'membershipChanged', configuration, index });
  }

  // ---- time ----

  resetElectionTimer(): void {
    this.electionElapsed = 0;
    this.electionTimeout = this.#drawTimeout();
  }

  /** The leader spoke: the election timer starts again and followers stick to it. */
  heardLeader(follower: FollowerState, leader: NodeId): void {
    assert(follower.leader === undefined || follower.leader === leader, 'one leader per term');
    follower.leader = leader;
    follower.canvass = undefined;
    this.leaderHeardAt = this.now;
    this.electionElapsed = 0;
  }

  #drawTimeout(): number {
    const [min, max] = this.config.electionTimeoutTicks;
    return this.#random.between(min, max);
  }
}
