// The dashboard's side in the server: measures this server always, asks the others while somebody looks, and tells the
// pages once a beat and at every change of leader. Must never be in the way of the server itself: one short turn a
// second, and nothing that grows.

import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '@waldb/io';
import type { RaftServer } from '@waldb/runtime';
import type { Logger } from 'pino';
import { clusterView, type Sight, whereaboutsOf } from './cluster-view.js';
import { EventStreams } from './event-streams.js';
import { LeaderHistory, LeaderLedger } from './leader-history.js';
import { ownReport } from './own-report.js';
import { type AskReport, PeersWatch } from './peers-watch.js';
import { BEAT_MS, type DashboardState, type ReportAnswer, type Sample, type ServerReport } from './report.js';
import { Sampler } from './sampler.js';

/** What of a server is looked at here. */
export type Watched = Pick<RaftServer<unknown>, 'status' | 'metrics' | 'on'>;

export interface DashboardOptions {
  readonly raft: Watched;
  readonly clock: Clock;
  readonly version: string;
  /** Of the process, in milliseconds. */
  readonly uptimeMs: () => number;
  /** Whether a token may be given to change anything. */
  readonly takesToken: boolean;
  readonly logger: Pick<Logger, 'warn'>;
  readonly ask: AskReport;
}

export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #sampler: Sampler;
  readonly #history = new LeaderHistory();
  readonly #ledger = new LeaderLedger();
  readonly #peers: PeersWatch;
  readonly #streams: EventStreams;
  readonly #endings: (() => void)[];
  /** The date of the newest sample that pages were told of, by server. */
  readonly #told = new Map<number, number>();
  #beat: Timer;
  #isNewsPending = false;
  #isClosed = false;

  constructor(options: DashboardOptions) {
    const { raft, clock, logger, ask } = options;
    this.#options = options;
    this.#sampler = new Sampler(raft, clock);
    this.#streams = new EventStreams(clock, logger);
    this.#peers = new PeersWatch({
      ask,
      clock,
      cluster: raft.status().clusterId,
      onAnswer: ({ spells, date }, shift) => this.#ledger.add(spells, { shift, date: date + shift }),
    });
    const { leader, term } = raft.status();
    this.#history.heard(leader, term, clock.date());
    this.#endings = [
      raft.on('leaderChange', (event) => {
        this.#history.heard(event.leader, event.term, clock.date());
        this.#tellSoon();
      }),
      raft.on('roleChange', () => this.#tellSoon()),
      raft.on('membershipChange', () => this.#tellSoon()),
    ];
    this.#beat = clock.setTimer(BEAT_MS, this.#onBeat, { isBackground: true });
  }

  /** What this server says of itself; samples after `since`. */
  report(since: number): ReportAnswer {
    return { ...this.#own(), samples: this.#sampler.since(since), spells: this.#history.spells };
  }

  get isFull(): boolean {
    return this.#streams.isFull;
  }

  /** Tells a page all that is known, and what is new as long as it listens; to be asked only while there is room. */
  async stream(response: ServerResponse): Promise<void> {
    // Whoever comes first after a while is shown what happened meanwhile, by those that answer quickly.
    if (this.#streams.open === 0) await this.#askBriefly();
    if (this.#isClosed || response.destroyed) return;
    await this.#streams.begin(response, () => this.#state(() => 0));
  }

  close(): void {
    this.#isClosed = true;
    this.#beat.cancel();
    for (const end of this.#endings) end();
    this.#sampler.close();
    this.#streams.close();
  }

  readonly #onBeat = (): void => {
    this.#beat = this.#options.clock.setTimer(BEAT_MS, this.#onBeat, { isBackground: true });
    this.#sampler.take();
    if (this.#streams.open > 0) void this.#askAndTell();
  };

  async #askAndTell(): Promise<void> {
    await this.#askBriefly();
    this.#tell();
  }

  /** Whoever answers quickly is shown as of now; who does not holds nobody up for longer than half a beat. */
  async #askBriefly(): Promise<void> {
    const { raft, clock } = this.#options;
    const { addresses } = raft.status();
    const asked = this.#peers.askAll(whereaboutsOf({ own: this.#own(), addresses }));
    const pause = new Promise<void>((resolve) => {
      clock.setTimer(BEAT_MS / 2, resolve, { isBackground: true });
    });
    await Promise.race([asked, pause]);
  }

  /** Things come together: a new leader is a new role, too. They are told together, in the next turn. */
  #tellSoon(): void {
    if (this.#isNewsPending || this.#isClosed) return;
    this.#isNewsPending = true;
    this.#options.clock.defer(() => {
      this.#isNewsPending = false;
      if (this.#streams.open > 0 && !this.#isClosed) void this.#askAndTell();
    });
  }

  #tell(): void {
    if (this.#isClosed) return;
    const state = this.#state((id) => this.#told.get(id) ?? 0);
    for (const [id, samples] of Object.entries(state.samples)) {
      const last = samples.at(-1)?.date;
      if (last !== undefined) this.#told.set(Number(id), last);
    }
    this.#streams.tell(state);
  }

  #own(): ServerReport {
    const { raft, version, uptimeMs, clock } = this.#options;
    const { entryBytes } = this.#sampler;
    return ownReport({
      status: raft.status(),
      version,
      uptimeMs: uptimeMs(),
      date: clock.date(),
      entryBytes,
    });
  }

  #state(since: (id: number) => number): DashboardState {
    const { raft, version, takesToken } = this.#options;
    const { configuration, addresses } = raft.status();
    const own = this.#own();
    const sight: Sight = { own, addresses, members: configuration, known: (id) => this.#peers.of(id) };
    const view = clusterView(sight);
    const { leader, term, servers } = view;
    const { id, cluster, date } = own;
    this.#ledger.add(this.#history.spells, { shift: 0, date });
    const isSeen = servers.some(
      (server) => server.id === leader && (server.reach === 'self' || server.reach === 'answers'),
    );
    return {
      ...{ id, cluster, version, date, takesToken },
      ...view,
      spells: this.#ledger.spells(leader !== undefined && isSeen ? { leader, term } : undefined),
      samples: Object.fromEntries(
        servers.map((server) => [server.id, this.#samplesOf(server.id, since(server.id))]),
      ),
      pages: { open: this.#streams.open, cut: this.#streams.cut },
    };
  }

  #samplesOf(id: number, since: number): readonly Sample[] {
    if (id === this.#options.raft.status().id) return this.#sampler.since(since);
    return (this.#peers.of(id)?.samples ?? []).filter(({ date }) => date > since);
  }
}
