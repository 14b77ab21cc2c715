// Puts families into a registry of prom-client. Values are read when they are asked for; between two scrapes nothing is
// done.

import type { Metric, Registry, RegistryContentType } from 'prom-client';
import type { Family, HistogramValue, Labels } from './family.js';

interface ExposedValue {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Returns what takes the families out of the registry again. Errors: prom-client's, where a name is taken. */
export function registerFamilies<Sample>(
  families: readonly Family<Sample>[],
  take: () => Sample,
  registry: Registry<RegistryContentType>,
): () => void {
  const takeSample = sampleOfScrape(take);
  for (const family of families) registry.registerMetric(asMetric(family, takeSample));
  return () => {
    for (const { name } of families) registry.removeSingleMetric(name);
  };
}

/** A registry asks for all its metrics in one go: they share one sample. */
function sampleOfScrape<Sample>(take: () => Sample): () => Sample {
  let current: { readonly sample: Sample } | undefined;
  return () => {
    if (current === undefined) {
      current = { sample: take() };
      queueMicrotask(() => {
        current = undefined;
      });
    }
    return current.sample;
  };
}

function asMetric<Sample>(family: Family<Sample>, takeSample: () => Sample): Metric {
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

function exposed<Sample>(family: Family<Sample>, sample: Sample): ExposedValue[] {
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
