// Asks the other servers for their reports, once a beat, while somebody looks. One question at a time for each of them; an
// answer that does not come is told, and nothing of the last one is taken for the present. Whatever they answer is
// bounded, and is believed no more than it has to be: a report of another cluster, or of another server, is none.

import type { Clock } from '@waldb/io';
import { type AdminTrust, askAdmin } from '../admin/ask-admin.js';
import { type ReportAnswer, SAMPLES_MAX, type Sample, type ServerReport } from './report.js';

/** More servers than a cluster has: what is told of addresses is not believed without end. */
const PEERS_MAX = 64;
const ANSWER_MS_MAX = 2500;
/** Ten minutes of a leader of nine with all lags, and more. */
const ANSWER_BYTES_MAX = 512 * 1024;

/** Where the others are: admin addresses by id. */
export type Whereabouts = ReadonlyMap<number, string>;

/** Asks a server for what is new since `since`. Errors: anything, with a message for people. */
export type AskReport = (address: string, since: number) => Promise<ReportAnswer>;

export interface PeersWatchOptions {
  readonly cluster: string;
  readonly clock: Clock;
  readonly ask: AskReport;
  /** A report has arrived; dates are as the peer has them, `shift` makes ours of them. */
  readonly onAnswer: (answer: ReportAnswer, shift: number) => void;
}

export interface PeerKnowledge {
  readonly report: ServerReport | undefined;
  /** By our clock. */
  readonly reportedAt: number | undefined;
  /** Why the last question has no answer; undefined where it has one. */
  readonly why: string | undefined;
  /** Dates by our clock. */
  readonly samples: readonly Sample[];
}

interface Peer {
  address: string;
  isAsked: boolean;
  /** The newest sample that is here, by the peer's clock. */
  since: number;
  known: PeerKnowledge;
}

export const NOTHING_KNOWN: PeerKnowledge = {
  report: undefined,
  reportedAt: undefined,
  why: 'not asked yet',
  samples: [],
};

export class PeersWatch {
  readonly #options: PeersWatchOptions;
  readonly #peers = new Map<number, Peer>();

  constructor(options: PeersWatchOptions) {
    this.#options = options;
  }

  of(id: number): PeerKnowledge | undefined {
    return this.#peers.get(id)?.known;
  }

  /** Resolves once all that had no question open have answered or failed. Never rejects. */
  async askAll(whereabouts: Whereabouts): Promise<void> {
    for (const id of this.#peers.keys()) if (!whereabouts.has(id)) this.#peers.delete(id);
    const wanted = [...whereabouts].slice(0, PEERS_MAX);
    await Promise.all(wanted.map(([id, address]) => this.#ask(id, this.#peerAt(id, address))));
  }

  #peerAt(id: number, address: string): Peer {
    const peer = this.#peers.get(id) ?? { address, isAsked: false, since: 0, known: NOTHING_KNOWN };
    peer.address = address;
    this.#peers.set(id, peer);
    return peer;
  }

  async #ask(id: number, peer: Peer): Promise<void> {
    if (peer.isAsked) return;
    peer.isAsked = true;
    const { ask, clock, cluster, onAnswer } = this.#options;
    const askedAt = clock.date();
    try {
      const answer = await ask(peer.address, peer.since);
      if (answer.id !== id) throw new Error(`server ${answer.id} answers at its address`);
      if (answer.cluster !== cluster) throw new Error('another cluster answers at its address');
      const now = clock.date();
      // Half of the way is behind it when it answers.
      const shift = Math.round((askedAt + now) / 2 - answer.date);
      this.#learn(peer, answer, { shift, now });
      onAnswer(answer, shift);
    } catch (error) {
      peer.known = { ...peer.known, why: error instanceof Error ? error.message : String(error) };
    } finally {
      peer.isAsked = false;
    }
  }

  #learn(
    peer: Peer,
    answer: ReportAnswer,
    { shift, now }: { readonly shift: number; readonly now: number },
  ): void {
    const { samples, spells: _told, ...report } = answer;
    // One that was started again with its clock set back tells of a past that would never become new.
    const fresh = samples.map((sample) => ({ ...sample, date: sample.date + shift }));
    peer.since = Math.min(samples.at(-1)?.date ?? peer.since, report.date);
    peer.known = {
      report,
      reportedAt: now,
      why: undefined,
      samples: [...peer.known.samples, ...fresh].slice(-SAMPLES_MAX),
    };
  }
}

/** Of the admin port of the other one. `trust` says how, each time. */
export function askOverHttp(trust: () => AdminTrust | undefined): AskReport {
  return async (address, since) => {
    const limits = { answerMsMax: ANSWER_MS_MAX, answerBytesMax: ANSWER_BYTES_MAX };
    const path = `/dashboard/report?since=${since}`;
    const { status, text } = await askAdmin(address, path, { trust: trust(), ...limits });
    if (status === 404) throw new Error('it is of a version without a dashboard');
    if (status !== 200) throw new Error(`it answers with ${status}`);
    return JSON.parse(text) as ReportAnswer; // of the program's own making; who it is of is looked at
  };
}
