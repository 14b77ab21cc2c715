// A server's metrics for Prometheus, through prom-client: `import { registerMetrics } from '@waldb/runtime/prometheus'`.
// Its own entry point, so that nobody needs prom-client who does not scrape. Values are read when they are asked for;
// between two scrapes nothing is done.

import { type Metric, type Registry, type RegistryContentType, register } from 'prom-client';
import type { ServerMetrics } from './observe/server-metrics.js';
import type { ServerStatus } from './observe/server-status.js';
import {
  FAMILIES,
  type Family,
  type HistogramValue,
  type Labels,
  type Sample,
} from './prometheus/families.js';

/** What of a server is read: a `RaftServer`, whatever its state machine answers. */
export interface MeasuredServer {
  status(): ServerStatus;
  metrics(): ServerMetrics;
}

interface ExposedValue {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/**
 * Registers everything that docs/metrics.md lists. Returns what takes it out of the registry again; until then the
 * registry keeps the server in memory. One server for each registry: give each of several servers in one process a
 * registry of its own, with `setDefaultLabels({ server: '1' })`. Errors: prom-client's, where a name is taken.
 *
 * ```ts
 * const registry = new Registry();
 * registerMetrics(server, registry);
 * response.setHeader('content-type', registry.contentType).end(await registry.metrics());
 * ```
 */
export function registerMetrics(
  server: MeasuredServer,
  registry: Registry<RegistryContentType> = register,
): () => void {
  const takeSample = samplesOf(server);
  for (const family of FAMILIES) registry.registerMetric(asMetric(family, takeSample));
  return () => {
    for (const { name } of FAMILIES) registry.removeSingleMetric(name);
  };
}

/** A registry asks for all its metrics in one go: they share one look at the server. */
function samplesOf(server: MeasuredServer): () => Sample {
  let current: Sample | undefined;
  return () => {
    if (current === undefined) {
      current = { status: server.status(), metrics: server.metrics() };
      queueMicrotask(() => {
        current = undefined;
      });
    }
    return current;
  };
}

function asMetric(family: Family, takeSample: () => Sample): Metric {
  const { name, help, type } = family;
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    // A registry writes what `get` gives under the name of that moment: OpenMetrics has another one for counters.
    get: async () => ({
      name: metric.name,
      help,
      type,
      aggregator: 'sum',
      values: exposed(family, takeSample()),
    }),
  };
  // A registry reads the name and calls `get`, and nothing else; prom-client's own classes count by themselves, and
  // what is counted already is not to be counted twice.
  return metric as unknown as Metric;
}

function exposed(family: Family, sample: Sample): ExposedValue[] {
  if (family.type !== 'histogram') return [...family.read(sample)];
  return family.read(sample).flatMap((value) => exposedHistogram(family.name, value, family.scale));
}

/** Buckets are cumulated, as Prometheus wants them: each counts what is at or below its bound. */
function exposedHistogram(name: string, { labels, data }: HistogramValue, scale: number): ExposedValue[] {
  let below = 0;
  const buckets = data.bounds.map((bound, i) => {
    below += data.counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bound * scale) }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: data.count },
    { metricName: `${name}_sum`, labels, value: data.sum * scale },
    { metricName: `${name}_count`, labels, value: data.count },
  ];
}
