// Asks the other servers for their reports, once a beat, while somebody looks. One question at a time for each of them; an
// answer that does not come is told, and nothing of the last one is taken for the present. Whatever they answer is
// bounded, and is believed no more than it has to be: a report of another cluster, or of another server, is none.

import type { Clock } from '@waldb/io';
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

/** By HTTP, from the admin port of the other one. */
export const askOverHttp: AskReport = async (address, since) => {
  const url = `http://${address}/dashboard/report?since=${since}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX), redirect: 'error' }).catch(
    (error: Error & { cause?: NodeJS.ErrnoException }) => {
      throw new Error(whyUnanswered(error), { cause: error });
    },
  );
  const text = await textOf(response);
  if (response.status === 404) throw new Error('it is of a version without a dashboard');
  if (response.status !== 200) throw new Error(`it answers with ${response.status}`);
  return JSON.parse(text) as ReportAnswer; // of the program's own making; who it is of is looked at
};

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error('its report is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function whyUnanswered({ name, cause, message }: Error & { cause?: NodeJS.ErrnoException }): string {
  if (name === 'TimeoutError') return `no answer for ${ANSWER_MS_MAX / 1000} s`;
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens at its admin port';
  return cause?.code ?? message;
}
