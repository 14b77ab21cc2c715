// Counts and measures what a server does, and publishes it for whoever subscribes (server-channels.ts). Called on every
// path there is: a call without subscribers is a few additions and comparisons. Must never throw, never decide
// anything, and never grow with the number of requests.

import type { Index, NodeId, Role, Term } from '@waldb/core';
import { type Clock, DURATION_MS, Histogram, type HistogramShape } from '@waldb/io';
import type { WalMetrics } from '@waldb/wal';
import type { RuntimeError, RuntimeErrorCode } from '../runtime-error.js';
import {
  CHANNELS,
  type ProposalAcceptedMessage,
  type ProposalSettledMessage,
  type ServerMessage,
  type ServerMessages,
} from './server-channels.js';
import type { SnapshotEvent } from './server-events.js';
import {
  type PeerMetrics,
  type ServerMetrics,
  SLOW_APPLY_MS,
  type SnapshotMetrics,
} from './server-metrics.js';

/** From 1 to 4096 commands of one batch. */
const BATCH_COMMANDS: HistogramShape = { smallest: 1, bounds: 13 };

class SnapshotCounter {
  readonly #duration = new Histogram(DURATION_MS);
  #count = 0;
  #bytes = 0;

  add({ bytes, milliseconds }: SnapshotEvent): void {
    this.#count += 1;
    this.#bytes += bytes ?? 0;
    if (milliseconds !== undefined) this.#duration.record(milliseconds);
  }

  data(): SnapshotMetrics {
    return { count: this.#count, bytes: this.#bytes, duration: this.#duration.data() };
  }
}

export class MetricsRecorder {
  readonly #about: ServerMessage;
  readonly #clock: Clock;
  readonly #proposalDuration = new Histogram(DURATION_MS);
  readonly #batchCommands = new Histogram(BATCH_COMMANDS);
  readonly #applyDuration = new Histogram(DURATION_MS);
  readonly #loopDelay = new Histogram(DURATION_MS);
  readonly #roundTrips = new Map<NodeId, Histogram>();
  readonly #snapshots = {
    taken: new SnapshotCounter(),
    sent: new SnapshotCounter(),
    received: new SnapshotCounter(),
    restored: new SnapshotCounter(),
  };
  readonly #failedProposals = new Map<RuntimeErrorCode, number>();
  readonly #failedReads = new Map<RuntimeErrorCode, number>();
  #accepted = 0;
  #committed = 0;
  #applied = 0;
  #slowApplies = 0;
  #readRounds = 0;
  #answeredReads = 0;
  #leaderChanges = 0;

  constructor(about: ServerMessage, clock: Clock) {
    this.#about = about;
    this.#clock = clock;
  }

  proposalAccepted(bytes: number): void {
    this.#accepted += 1;
    if (!CHANNELS.proposalAccepted.hasSubscribers) return;
    const { clusterId, server } = this.#about;
    const message: ProposalAcceptedMessage = { clusterId, server, bytes };
    CHANNELS.proposalAccepted.publish(message);
  }

  proposalApplied(milliseconds: number): void {
    this.#proposalDuration.record(milliseconds);
    if (!CHANNELS.proposalSettled.hasSubscribers) return;
    const { clusterId, server } = this.#about;
    const message: ProposalSettledMessage = {
      clusterId,
      server,
      code: undefined,
      mayHaveBeenApplied: true,
      milliseconds,
    };
    CHANNELS.proposalSettled.publish(message);
  }

  /** `startedAt` is undefined where the command was refused at once. */
  proposalFailed({ code, mayHaveBeenApplied }: RuntimeError, startedAt: number | undefined): void {
    addOne(this.#failedProposals, code);
    if (!CHANNELS.proposalSettled.hasSubscribers) return;
    const milliseconds = startedAt === undefined ? undefined : this.#clock.now() - startedAt;
    this.#publish('proposalSettled', { code, mayHaveBeenApplied, milliseconds });
  }

  batchPlaced(first: Index, term: Term, commands: number): void {
    this.#batchCommands.record(commands);
    if (!CHANNELS.batch.hasSubscribers) return;
    this.#publish('batch', { first, last: first + commands - 1, term, commands });
  }

  /** The commit index has risen. */
  committed(index: Index): void {
    if (CHANNELS.commit.hasSubscribers) this.#publish('commit', { index });
  }

  /** Commands of the log are committed and go to the state machine. */
  commandsCommitted(count: number): void {
    this.#committed += count;
  }

  /** One call of the state machine has ended well. */
  applied(call: { first: Index; last: Index; entries: number; milliseconds: number }): void {
    this.#applied += call.entries;
    this.#applyDuration.record(call.milliseconds);
    if (call.milliseconds > SLOW_APPLY_MS) this.#slowApplies += 1;
    if (CHANNELS.apply.hasSubscribers) this.#publish('apply', call);
  }

  readRoundStarted(): void {
    this.#readRounds += 1;
  }

  readsAnswered(count: number): void {
    this.#answeredReads += count;
  }

  readFailed({ code }: RuntimeError): void {
    addOne(this.#failedReads, code);
  }

  leaderChanged(leader: NodeId | undefined, term: Term): void {
    if (leader !== undefined) this.#leaderChanges += 1;
    if (CHANNELS.leaderChange.hasSubscribers) this.#publish('leaderChange', { leader, term });
  }

  roleChanged(role: Role, term: Term): void {
    if (CHANNELS.roleChange.hasSubscribers) this.#publish('roleChange', { role, term });
  }

  snapshot(event: SnapshotEvent): void {
    this.#snapshots[event.step].add(event);
    if (CHANNELS.snapshot.hasSubscribers) this.#publish('snapshot', event);
  }

  roundTrip(peer: NodeId, milliseconds: number): void {
    const histogram = this.#roundTrips.get(peer) ?? new Histogram(DURATION_MS);
    this.#roundTrips.set(peer, histogram);
    histogram.record(milliseconds);
    if (CHANNELS.roundTrip.hasSubscribers) this.#publish('roundTrip', { peer, milliseconds });
  }

  loopDelayed(milliseconds: number): void {
    this.#loopDelay.record(milliseconds);
    if (CHANNELS.loopDelay.hasSubscribers) this.#publish('loopDelay', { milliseconds });
  }

  /** Peers that are not among these are gone: nothing is kept of them. */
  summary(log: WalMetrics, peerIds: ReadonlySet<NodeId>): ServerMetrics {
    for (const id of this.#roundTrips.keys()) if (!peerIds.has(id)) this.#roundTrips.delete(id);
    const peers: Record<NodeId, PeerMetrics> = {};
    for (const [id, roundTrip] of this.#roundTrips) peers[id] = { roundTrip: roundTrip.data() };
    const { taken, sent, received, restored } = this.#snapshots;
    return {
      leaderChanges: this.#leaderChanges,
      proposals: {
        accepted: this.#accepted,
        failed: Object.fromEntries(this.#failedProposals),
        duration: this.#proposalDuration.data(),
        batchCommands: this.#batchCommands.data(),
      },
      entries: {
        committed: this.#committed,
        applied: this.#applied,
        applyDuration: this.#applyDuration.data(),
        slowApplies: this.#slowApplies,
      },
      reads: {
        rounds: this.#readRounds,
        answered: this.#answeredReads,
        failed: Object.fromEntries(this.#failedReads),
      },
      snapshots: {
        taken: taken.data(),
        sent: sent.data(),
        received: received.data(),
        restored: restored.data(),
      },
      peers,
      loopDelay: this.#loopDelay.data(),
      log,
    };
  }

  /** For what happens once per batch or more seldom: spreading costs a microsecond, thirty times a literal. */
  #publish<Name extends keyof ServerMessages>(
    name: Name,
    message: Omit<ServerMessages[Name], keyof ServerMessage>,
  ): void {
    CHANNELS[name].publish({ ...this.#about, ...message });
  }
}

function addOne<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
