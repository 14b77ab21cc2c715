// The page that Prometheus scrapes: everything of the server and of the store, and what Node says of their process (CPU,
// memory, garbage collection).

import type { RespServer } from '@waldb/kv';
import { registerStoreMetrics } from '@waldb/kv/prometheus';
import { type MeasuredServer, registerMetrics } from '@waldb/runtime/prometheus';
import { collectDefaultMetrics, Registry } from 'prom-client';

/** Gives the text of each scrape. For the one server of a process: what it says of the process is of all of it. */
export function metricsPage(raft: MeasuredServer, store: RespServer): () => Promise<string> {
  const registry = new Registry();
  registerMetrics(raft, registry);
  registerStoreMetrics(store, registry);
  collectDefaultMetrics({ register: registry });
  return () => registry.metrics();
}
