// What the servers measured, second by second, kept for drawing: bounded, without repeats, in the order of time, and
// brought to the same seconds for all of them.

import { SAMPLES_MAX, type Sample } from '../../../src/dashboard/report.js';

export type SamplesOf = ReadonlyMap<number, readonly Sample[]>;

export class SampleStore {
  readonly #byServer = new Map<number, Sample[]>();

  get all(): SamplesOf {
    return this.#byServer;
  }

  clear(): void {
    this.#byServer.clear();
  }

  /** What is here already, or is older than what is, changes nothing. */
  add(told: Readonly<Record<number, readonly Sample[]>>): void {
    for (const [key, samples] of Object.entries(told)) {
      const id = Number(key);
      const known = this.#byServer.get(id) ?? [];
      const newest = known.at(-1)?.date ?? Number.NEGATIVE_INFINITY;
      known.push(...samples.filter(({ date }) => date > newest));
      known.splice(0, Math.max(known.length - SAMPLES_MAX, 0));
      this.#byServer.set(id, known);
    }
  }

  latest(id: number): Sample | undefined {
    return this.#byServer.get(id)?.at(-1);
  }
}

/** One line of a chart: a value for each second, or none. */
export type Line = (number | null)[];

export interface Lines {
  /** Seconds since 1970. */
  readonly seconds: number[];
  /** Entries committed per second, as the server saw it that saw most. */
  readonly commits: Line;
  /** By server: the 99th percentile of writes to stable storage, in milliseconds; none where nothing was written. */
  readonly syncs: ReadonlyMap<number, Line>;
  /** By server: entries behind the leader, as whoever led then knew it. */
  readonly lags: ReadonlyMap<number, Line>;
}

/** The last `span` seconds before `now` (milliseconds since 1970). */
export function linesOf(samples: SamplesOf, ids: readonly number[], now: number, span: number): Lines {
  const last = Math.floor(now / 1000);
  const seconds = Array.from({ length: span }, (_, nth) => last - span + 1 + nth);
  const empty = (): Line => seconds.map(() => null);
  const commits = empty();
  const syncs = new Map(ids.map((id) => [id, empty()]));
  const lags = new Map(ids.map((id) => [id, empty()]));
  for (const [id, own] of samples) {
    for (const { date, commits: committed, syncs: written, p99, lags: told = {} } of own) {
      const at = Math.floor(date / 1000) - (last - span + 1);
      if (at < 0 || at >= span) continue;
      raise(commits, at, committed);
      if (written > 0) raise(syncs.get(id), at, p99);
      for (const [peer, lag] of Object.entries(told)) raise(lags.get(Number(peer)), at, lag);
    }
  }
  return {
    seconds,
    commits: bridged(commits),
    syncs,
    lags: new Map([...lags].map(([id, line]) => [id, bridged(line)])),
  };
}

function raise(line: Line | undefined, at: number, value: number): void {
  if (line !== undefined) line[at] = Math.max(line[at] ?? 0, value);
}

/** A sample now and then falls into the second of its neighbour: one empty second is no hole. */
function bridged(line: Line): Line {
  return line.map((value, nth) => value ?? (line[nth + 1] == null ? null : (line[nth - 1] ?? null)));
}
