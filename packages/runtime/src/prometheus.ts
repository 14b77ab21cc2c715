// A server's metrics for Prometheus, through prom-client: `import { registerMetrics } from '@waldb/runtime/prometheus'`.
// Its own entry point, so that nobody needs prom-client who does not scrape. Values are read when they are asked for;
// between two scrapes nothing is done.

import { type Registry, type RegistryContentType, register } from 'prom-client';
import type { ServerMetrics } from './observe/server-metrics.js';
import type { ServerStatus } from './observe/server-status.js';
import { FAMILIES, type Sample } from './prometheus/families.js';
import { registerFamilies } from './prometheus/register-families.js';

// For what counts beside a server, in the same way: a store on top of it.
export {
  counter,
  type Family,
  gauge,
  type HistogramValue,
  histogram,
  type Labels,
  labelled,
  labelledHistogram,
  MILLISECONDS,
  type NumberValue,
} from './prometheus/family.js';
export { registerFamilies } from './prometheus/register-families.js';

/** What of a server is read: a `RaftServer`, whatever its state machine answers. */
export interface MeasuredServer {
  status(): ServerStatus;
  metrics(): ServerMetrics;
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
  const take = (): Sample => ({ status: server.status(), metrics: server.metrics() });
  return registerFamilies(FAMILIES, take, registry);
}
