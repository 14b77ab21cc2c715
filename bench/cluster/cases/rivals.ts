// The same load on every store in every round, each time in another order: whatever else the machine does falls on all.

import { type Line, line, peerLine, type Target } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import type { Generator } from '../load/generator.js';
import type { LoadReport, LoadTask } from '../load/tasks.js';
import type { Store } from '../stores/store.js';

export type StoreLoad = Omit<LoadTask, 'protocol' | 'port'>;

/** What the generator saw, and what the store's servers took of the CPU for each answer. */
export interface StoreReport extends LoadReport {
  /** Microseconds; undefined where the machine does not tell. */
  readonly serverCpuUs: number | undefined;
}

/** By the store's name, a report for each round. */
export type Reports = ReadonlyMap<string, readonly StoreReport[]>;

/**
 * A server that has been up for a while: V8 compiles the last of the hot code after some hundred thousand requests, which a
 * single client would take minutes to send.
 */
export async function warmUp(
  stores: readonly Store[],
  { generator, warmMs }: { readonly generator: Generator; readonly warmMs: number },
): Promise<void> {
  if (warmMs === 0) return;
  for (const { protocol, port } of stores) {
    await generator.run({ protocol, port, operation: 'set', clients: 64, valueBytes: 128, ms: warmMs });
  }
}

export async function measureStores(
  stores: readonly Store[],
  load: StoreLoad,
  context: { readonly generator: Generator; readonly rounds: number },
): Promise<Reports> {
  const reports = new Map<string, StoreReport[]>(stores.map(({ name }) => [name, []]));
  for (let round = -1; round < context.rounds; round++) {
    const first = (round + stores.length) % stores.length;
    for (const store of [...stores.slice(first), ...stores.slice(0, first)]) {
      const { protocol, port } = store;
      const before = store.cpuSeconds();
      const report = await context.generator.run({ ...load, protocol, port });
      const after = store.cpuSeconds();
      const isKnown = before !== undefined && after !== undefined;
      const serverCpuUs = isKnown ? ((after - before) * 1e6) / report.calls : undefined;
      if (round >= 0) reports.get(store.name)?.push({ ...report, serverCpuUs });
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
    ...cpuLine(rounds, store, what, make),
  ];
}

/** Of all servers of the store together. */
function cpuLine(rounds: readonly StoreReport[], store: string, what: string, make: typeof peerLine): Line[] {
  const costs = rounds.map(({ serverCpuUs }) => serverCpuUs).filter((cost) => cost !== undefined);
  const [unit] = what.split('/');
  return costs.length === 0 ? [] : [make(`${store} CPU of its servers, each of ${unit}`, 'us', costs)];
}

export function rateRatio(reports: Reports, over: string, target?: Target): Line {
  const rates = (store: string): number[] => (reports.get(store) ?? []).map(({ perSecond }) => perSecond);
  return line(`waldb / ${over}`, 'ratio', ratios(rates('waldb'), rates(over)), target);
}
