// What is measured of whole stores. Each case starts its stores anew and leaves nothing behind.

import { atLeast, atMost, type CaseResult, type Line, line, peerLine } from '../../harness/result.js';
import { ratios } from '../../harness/statistics.js';
import type { WorkDirectory } from '../../harness/work-directory.js';
import type { Generator } from '../load/generator.js';
import { runRedisBenchmark } from '../load/redis-benchmark.js';
import { ETCD_VERSION, startEtcd } from '../stores/etcd.js';
import { REDIS_VERSION, startRedis } from '../stores/redis.js';
import type { Store } from '../stores/store.js';
import { startWaldb } from '../stores/waldb.js';
import { figures, measureStores, rateRatio, warmUp } from './rivals.js';

const SERVERS = 3;

export interface ClusterContext {
  readonly work: WorkDirectory;
  readonly generator: Generator;
  readonly rounds: number;
  /** How long each store is under load in each round. */
  readonly ms: number;
  /** How long each store works before it is measured. */
  readonly warmMs: number;
}

export interface ClusterCase {
  readonly name: string;
  readonly title: string;
  run(context: ClusterContext): Promise<Pick<CaseResult, 'lines' | 'notes'>>;
}

const SETS = [
  { clients: 1, etcd: 2, redis: 0.4, p50Ms: 0.6 },
  { clients: 64, etcd: 5, redis: 0.5, p50Ms: 2.5 },
  { clients: 256, etcd: 3.5, redis: 0.55, p50Ms: 7 },
] as const;
const BIG_VALUE_BYTES = 1024;
/** As in a process whose clients share what connects them to the store. */
const CLIENTS_PER_CONNECTION = 16;

export const CLUSTER_CASES: readonly ClusterCase[] = [
  ...SETS.flatMap(({ clients, etcd, redis, p50Ms }) => [
    {
      name: `set-${clients}`,
      title: `SET of 128 bytes, ${clients} client${clients === 1 ? '' : 's'}, three servers`,
      run: (context: ClusterContext) =>
        compareSets(context, { clients, valueBytes: 128, targets: { etcd, redis, p50Ms } }),
    },
    {
      name: `set-${clients}-1k`,
      title: `SET of 1 KiB, ${clients} client${clients === 1 ? '' : 's'}, three servers`,
      run: (context: ClusterContext) => compareSets(context, { clients, valueBytes: BIG_VALUE_BYTES }),
    },
  ]),
  ...SETS.filter(({ clients }) => clients > 1).map(({ clients, etcd }) => ({
    name: `set-${clients}-shared`,
    title: `SET of 128 bytes, ${clients} clients, ${CLIENTS_PER_CONNECTION} on each connection, three servers`,
    run: (context: ClusterContext) =>
      compareSets(context, {
        clients,
        valueBytes: 128,
        clientsPerConnection: CLIENTS_PER_CONNECTION,
        targets: { etcd },
      }),
  })),
  {
    name: 'pipeline',
    title: 'SET of 128 bytes, 64 clients with pipelines of 16, three servers',
    run: pipelines,
  },
  {
    name: 'get-64',
    title: 'GET of 128 bytes, linearizable, 64 clients, three servers',
    run: (context) => compareGets(context, 1),
  },
  {
    name: 'get-64-shared',
    title: `GET of 128 bytes, linearizable, 64 clients, ${CLIENTS_PER_CONNECTION} on each connection, three servers`,
    run: (context) => compareGets(context, CLIENTS_PER_CONNECTION),
  },
  { name: 'open-loop', title: 'SET of 128 bytes by a schedule, three servers', run: openLoop },
  { name: 'alone', title: 'SET of 128 bytes, one client, one server', run: alone },
  {
    name: 'new',
    title: 'SET of 128 bytes, 64 clients, three servers that were just started',
    run: justStarted,
  },
];

async function compareSets(
  context: ClusterContext,
  load: {
    readonly clients: number;
    readonly valueBytes: number;
    readonly clientsPerConnection?: number;
    readonly targets?: { readonly etcd: number; readonly redis?: number; readonly p50Ms?: number };
  },
): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const { targets, ...task } = load;
  return withStores(context, rivals(context), async (stores) => {
    const reports = await measureStores(stores, { ...task, operation: 'set', ms: context.ms }, context);
    const lines: Line[] = figures(
      reports,
      'waldb',
      'SET/s',
      targets?.p50Ms === undefined ? {} : { p50Ms: atMost(targets.p50Ms) },
    );
    for (const name of ['etcd', 'redis'] as const) {
      if (!reports.has(name)) continue;
      lines.push(...figures(reports, name, name === 'etcd' ? 'puts/s' : 'SET/s, one server'));
      const target = targets?.[name];
      lines.push(rateRatio(reports, name, target === undefined ? undefined : atLeast(target)));
    }
    return lines;
  });
}

async function compareGets(
  context: ClusterContext,
  clientsPerConnection: number,
): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const load = { clients: 64, clientsPerConnection, valueBytes: 128, ms: context.ms };
  const starts = [() => startWaldb(context.work, SERVERS), ...etcdIfThere(context)];
  return withStores(context, starts, async (stores) => {
    await measureStores(stores, { ...load, operation: 'set', eachKeyOnce: true }, { ...context, rounds: 0 });
    const reports = await measureStores(stores, { ...load, operation: 'get' }, context);
    const lines = figures(reports, 'waldb', 'GET/s');
    if (reports.has('etcd')) {
      lines.push(...figures(reports, 'etcd', 'ranges/s'), rateRatio(reports, 'etcd', atLeast(3)));
    }
    return lines;
  });
}

const PIPELINED = { clients: 64, pipeline: 16, valueBytes: 128 };
const PIPELINED_REQUESTS = 300_000;

async function pipelines(context: ClusterContext): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  if (REDIS_VERSION === undefined)
    return { lines: [], notes: ['Needs redis-benchmark, which is not installed.'] };
  const starts = [() => startWaldb(context.work, SERVERS), () => startRedis(context.work)];
  return withStores(context, starts, async (stores) => {
    const rates = new Map<string, number[]>(stores.map(({ name }) => [name, []]));
    const requests = Math.round((PIPELINED_REQUESTS * context.ms) / 2000);
    for (let round = -1; round < context.rounds; round++) {
      for (const { name, port } of round % 2 === 0 ? stores : stores.toReversed()) {
        const { perSecond } = await runRedisBenchmark({ ...PIPELINED, port, requests });
        if (round >= 0) rates.get(name)?.push(perSecond);
      }
    }
    const ours = rates.get('waldb') ?? [];
    const theirs = rates.get('redis') ?? [];
    return [
      line('waldb SET/s', 'entries/s', ours, atLeast(130_000)),
      peerLine('redis SET/s, one server', 'entries/s', theirs),
      line('waldb / redis', 'ratio', ratios(ours, theirs), atLeast(0.55)),
    ];
  });
}

const SCHEDULES = [2000, 8000, 16_000];

async function openLoop(context: ClusterContext): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const starts = [() => startWaldb(context.work, SERVERS), ...etcdIfThere(context)];
  return withStores(context, starts, async (stores) => {
    const lines: Line[] = [];
    for (const perSecond of SCHEDULES) {
      const load = { operation: 'set', clients: 256, valueBytes: 128, ms: context.ms, perSecond } as const;
      const reports = await measureStores(stores, load, context);
      for (const { name } of stores) {
        const [, p50, p99] = figures(reports, name, '');
        for (const one of [p50, p99]) {
          if (one !== undefined) lines.push({ ...one, name: `${one.name} at ${perSecond} a second` });
        }
      }
    }
    return lines;
  });
}

async function alone(context: ClusterContext): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const starts = [() => startWaldb(context.work, 1), ...redisIfThere(context)];
  return withStores(context, starts, async (stores) => {
    const load = { operation: 'set', clients: 1, valueBytes: 128, ms: context.ms } as const;
    const reports = await measureStores(stores, load, context);
    const lines = figures(reports, 'waldb', 'SET/s');
    if (reports.has('redis')) {
      // At most 1.3 times as slow.
      lines.push(...figures(reports, 'redis', 'SET/s'), rateRatio(reports, 'redis', atLeast(1 / 1.3)));
    }
    return lines;
  });
}

/** Seconds after the start, and until when. */
const FIRST_SECONDS = [
  [0, 1],
  [1, 2],
  [2, 4],
  [4, 8],
  [8, 16],
  [16, 32],
] as const;

/** What a server does while V8 has not compiled all of it: the others are measured behind that. */
async function justStarted(context: ClusterContext): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const rates = FIRST_SECONDS.map((): number[] => []);
  for (let round = 0; round < Math.min(context.rounds, 3); round++) {
    const store = await startWaldb(context.work, SERVERS);
    try {
      for (const [nth, [from, to]] of FIRST_SECONDS.entries()) {
        const load = { operation: 'set', clients: 64, valueBytes: 128, ms: (to - from) * 1000 } as const;
        const { perSecond } = await context.generator.run({
          ...load,
          protocol: store.protocol,
          port: store.port,
        });
        rates[nth]?.push(perSecond);
      }
    } finally {
      await store.stop();
    }
  }
  const lines = FIRST_SECONDS.map(([from, to], nth) =>
    line(`waldb SET/s, second ${from} to ${to}`, 'entries/s', rates[nth] ?? []),
  );
  return { lines, notes: notes() };
}

// ---- stores ----

type Start = () => Promise<Store>;

function rivals(context: ClusterContext): Start[] {
  return [() => startWaldb(context.work, SERVERS), ...etcdIfThere(context), ...redisIfThere(context)];
}

function etcdIfThere({ work }: ClusterContext): Start[] {
  return ETCD_VERSION === undefined ? [] : [() => startEtcd(work)];
}

function redisIfThere({ work }: ClusterContext): Start[] {
  return REDIS_VERSION === undefined ? [] : [() => startRedis(work)];
}

async function withStores(
  context: ClusterContext,
  starts: readonly Start[],
  measure: (stores: readonly Store[]) => Promise<readonly Line[]>,
): Promise<Pick<CaseResult, 'lines' | 'notes'>> {
  const stores: Store[] = [];
  try {
    for (const start of starts) stores.push(await start());
    await warmUp(stores, context);
    return { lines: await measure(stores), notes: notes() };
  } finally {
    await Promise.all(stores.map((store) => store.stop()));
  }
}

function notes(): string[] {
  const missing = [
    ...(ETCD_VERSION === undefined ? ['etcd'] : []),
    ...(REDIS_VERSION === undefined ? ['redis-server'] : []),
  ];
  const not = missing.length === 0 ? [] : [`Not installed, and so not measured: ${missing.join(', ')}.`];
  return [...not, 'All servers and the load generator share this machine.'];
}
