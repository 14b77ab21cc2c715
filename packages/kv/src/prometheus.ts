// The store's metrics for Prometheus, through prom-client: `import { registerStoreMetrics } from '@waldb/kv/prometheus'`.
// Those of the server that replicates it are `registerMetrics` of `@waldb/runtime/prometheus`. Names and labels change
// with a new major version only; docs/metrics.md says what each is good for.

import {
  counter,
  type Family,
  gauge,
  labelled,
  labelledHistogram,
  MILLISECONDS,
  registerFamilies,
} from '@waldb/runtime/prometheus';
import { type Registry, type RegistryContentType, register } from 'prom-client';
import type { ServerStatistics } from './command/command-context.js';
import type { CommandStatistics } from './server/command-statistics.js';
import type { RespServer } from './server/resp-server.js';

interface Sample {
  readonly server: ServerStatistics;
  readonly commands: CommandStatistics;
}

const KEYS: readonly Family<Sample>[] = [
  gauge(
    'store_keys',
    'Keys, with those that have expired and are not removed yet.',
    ({ server }) => server.keys,
  ),
  gauge('store_expiring_keys', 'Keys that have a time to expire.', ({ server }) => server.expiringKeys),
  gauge(
    'store_data_bytes',
    'Bytes of all keys and values, without what holding them costs.',
    ({ server }) => server.dataBytes,
  ),
  counter(
    'store_expired_keys_total',
    'Keys that were removed because their time had come.',
    ({ server }) => server.expiredKeys,
  ),
  labelled(
    'counter',
    'store_key_lookups_total',
    'Keys that reads asked this server for, by whether they were there.',
    ({ server: { keyHits, keyMisses } }) => [
      { labels: { result: 'hit' }, value: keyHits },
      { labels: { result: 'miss' }, value: keyMisses },
    ],
  ),
];

const REQUESTS: readonly Family<Sample>[] = [
  counter(
    'store_requests_total',
    'Requests that clients sent, those that were refused among them.',
    ({ server }) => server.commandsProcessed,
  ),
  labelled('counter', 'store_commands_total', 'Commands that were taken, by name.', ({ commands }) =>
    [...commands.commands()].map(([command, { calls }]) => ({ labels: { command }, value: calls })),
  ),
  labelled(
    'counter',
    'store_command_failures_total',
    'Commands that were refused or answered with an error, by name.',
    ({ commands }) =>
      [...commands.commands()].map(([command, { rejected, failed }]) => ({
        labels: { command },
        value: rejected + failed,
      })),
  ),
  labelled('counter', 'store_errors_total', 'Errors that clients were answered, by code.', ({ commands }) =>
    [...commands.errors()].map(([code, value]) => ({ labels: { code }, value })),
  ),
  labelledHistogram(
    'store_request_duration_seconds',
    'From the arrival of a request to the moment its reply left, by kind.',
    MILLISECONDS,
    ({ commands }) =>
      Object.entries(commands.durations()).map(([kind, data]) => ({ labels: { kind }, data })),
  ),
  gauge(
    'store_proposed_bytes',
    'Bytes of writes that were taken and are not answered.',
    ({ server }) => server.proposedBytes,
  ),
];

const CLIENTS: readonly Family<Sample>[] = [
  gauge('store_clients', 'Connections of clients.', ({ server }) => server.connections),
  gauge('store_clients_max', 'Connections that are let in at most.', ({ server }) => server.connectionsMax),
  gauge('store_blocked_clients', 'Clients that wait in WAIT.', ({ server }) => server.blockedClients),
  gauge(
    'store_subscribed_clients',
    'Clients that listen to channels or patterns.',
    ({ server }) => server.subscribers,
  ),
  counter(
    'store_connections_total',
    'Connections that were let in.',
    ({ server }) => server.connectionsAccepted,
  ),
  counter(
    'store_connections_refused_total',
    'Connections that were turned away because there were too many.',
    ({ server }) => server.connectionsRefused,
  ),
  counter(
    'store_subscribers_closed_total',
    'Clients that were cut off because they did not take what they were told.',
    ({ server }) => server.subscribersClosed,
  ),
  counter('store_received_bytes_total', 'Bytes from clients.', ({ server }) => server.bytesReceived),
  counter('store_sent_bytes_total', 'Bytes to clients.', ({ server }) => server.bytesSent),
];

const FAMILIES: readonly Family<Sample>[] = [...KEYS, ...REQUESTS, ...CLIENTS];

/**
 * Registers what docs/metrics.md lists of the store. Returns what takes it out of the registry again. One store for each
 * registry. Errors: prom-client's, where a name is taken.
 *
 * ```ts
 * const registry = new Registry();
 * registerMetrics(raft, registry);
 * registerStoreMetrics(respServer, registry);
 * ```
 */
export function registerStoreMetrics(
  server: RespServer,
  registry: Registry<RegistryContentType> = register,
): () => void {
  const take = (): Sample => ({ server: server.statistics(), commands: server.commandStatistics });
  return registerFamilies(FAMILIES, take, registry);
}
