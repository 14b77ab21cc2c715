// The same load on every store in every round, each time in another order: whatever else the machine does falls on all.

import { type Line, line, peerLine, type Target } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import type { Generator } from '../load/generator.js';
import type { LoadReport, LoadTask } from '../load/tasks.js';
import type { Store } from '../stores/store.js';

export type StoreLoad = Omit<LoadTask, 'protocol' | 'port'>;

/** By the store's name, a report for each round. */
export type Reports = ReadonlyMap<string, readonly LoadReport[]>;

/** A server that has been up for a while: code that is compiled while it runs takes some ten thousand requests. */
const WARMING_ROUNDS = 4;

export async function measureStores(
  stores: readonly Store[],
  load: StoreLoad,
  context: { readonly generator: Generator; readonly rounds: number },
): Promise<Reports> {
  const reports = new Map<string, LoadReport[]>(stores.map(({ name }) => [name, []]));
  for (let round = -1; round < context.rounds; round++) {
    const first = (round + stores.length) % stores.length;
    for (const store of [...stores.slice(first), ...stores.slice(0, first)]) {
      const { protocol, port } = store;
      const ms = round < 0 ? load.ms * WARMING_ROUNDS : load.ms;
      const report = await context.generator.run({ ...load, protocol, port, ms });
      if (round >= 0) reports.get(store.name)?.push(report);
    }
  }
  return reports;
}

/** A store's figures: how many and how long. */
export function figures(
  reports: Reports,
  store: string,
  what: string,
  targets: { readonly p50Ms?: Target } = {},
): Line[] {
  const rounds = reports.get(store) ?? [];
  const make = store === 'waldb' ? line : peerLine;
  return [
    make(
      `${store} ${what}`,
      'entries/s',
      rounds.map(({ perSecond }) => perSecond),
    ),
    make(
      `${store} p50`,
      'ms',
      rounds.map(({ p50Ms }) => p50Ms),
      ...(targets.p50Ms === undefined || store !== 'waldb' ? [] : [targets.p50Ms]),
    ),
    make(
      `${store} p99`,
      'ms',
      rounds.map(({ p99Ms }) => p99Ms),
    ),
  ];
}

export function rateRatio(reports: Reports, over: string, target?: Target): Line {
  const rates = (store: string): number[] => (reports.get(store) ?? []).map(({ perSecond }) => perSecond);
  return line(`waldb / ${over}`, 'ratio', ratios(rates('waldb'), rates(over)), target);
}
