// What Prometheus reads from real servers.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerMetrics } from '../src/prometheus.js';
import { Cluster, WAIT } from './support/cluster.js';
import { labelsIn, metricRows, names, parse } from './support/exposition.js';
import { bytes } from './support/list-machine.js';

describe('the metrics for Prometheus', () => {
  it('have names, types and helps that stay as they are', async () => {
    const cluster = await Cluster.start(1);
    const registry = new Registry();
    registerMetrics(cluster.member(1).server, registry);
    const { families } = parse(await registry.metrics());
    await expect(`${families.join('\n')}\n`).toMatchFileSnapshot('../testdata/prometheus-families.txt');
  });

  it('are each in the page that explains them, with type and labels, and the page explains no others', async () => {
    const cluster = await Cluster.start(3);
    const registry = new Registry();
    registerMetrics((await cluster.leader()).server, registry);
    const told = parse(await registry.metrics());
    // Those of the store are its package's.
    const rows = metricRows().filter(({ name }) => !name.startsWith('waldb_store_'));
    const types = told.families.filter((line) => line.startsWith('# TYPE')).map((line) => line.slice(7));
    expect(rows.map(({ name, type }) => `${name} ${type}`).sort()).toEqual(types.sort());
    // What nothing was counted of yet, as an error that never was, has no series.
    const explained = new Map(rows.map(({ name, labels }) => [name, labels]));
    const labelled = [...labelsIn(told)];
    expect(labelled.filter(([, labels]) => labels !== '').length).toBeGreaterThan(8);
    expect(labelled.filter(([name, labels]) => explained.get(name) !== labels)).toEqual([]);
  });

  it('are all that the dashboard asks for', async () => {
    const cluster = await Cluster.start(1);
    const registry = new Registry();
    registerMetrics(cluster.member(1).server, registry);
    const known = new Set(names(parse(await registry.metrics())));
    const path = new URL('../../../docs/grafana-dashboard.json', import.meta.url);
    const asked = readFileSync(fileURLToPath(path), 'utf8').match(/waldb_(?!store_)[a-z_]+/g) ?? [];
    expect(asked.length).toBeGreaterThan(15);
    expect(
      asked.filter((name) => !known.has(name) && !known.has(name.replace(/_(?:bucket|sum|count)$/, ''))),
    ).toEqual([]);
  });

  it('count what a cluster does under load, and agree with each other', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const registries = new Map(
      cluster.ids.map((id) => {
        const registry = new Registry();
        registry.setDefaultLabels({ server: String(id) });
        registerMetrics(cluster.member(id).server, registry);
        return [id, registry] as const;
      }),
    );
    const scrape = async (id: number) => {
      const { values } = parse((await registries.get(id)?.metrics()) ?? '');
      // Every value carries the default label; without it the series are easier to name.
      return new Map([...values].map(([series, value]) => [unlabelled(series, id), value]));
    };
    const before = await scrape(leader.id);
    await Promise.all(Array.from({ length: 500 }, (_, i) => leader.server.propose(bytes(`item ${i}`))));
    await leader.server.read('linearizable');
    await leader.server.snapshot();
    await cluster.agreeOn(500);
    const after = await scrape(leader.id);
    const rise = (series: string) => (after.get(series) ?? Number.NaN) - (before.get(series) ?? Number.NaN);
    expect(rise('waldb_proposals_accepted_total')).toBe(500);
    expect(rise('waldb_proposals_committed_total')).toBe(500);
    expect(rise('waldb_proposals_applied_total')).toBe(500);
    expect(rise('waldb_commit_duration_seconds_count')).toBe(500);
    expect(rise('waldb_batch_commands_sum')).toBe(500);
    expect(rise('waldb_wal_written_entries_total')).toBe(500);
    expect(rise('waldb_wal_written_bytes_total')).toBeGreaterThan(500 * 8);
    expect(rise('waldb_wal_fsync_duration_seconds_count')).toBeGreaterThan(0);
    expect(rise('waldb_apply_duration_seconds_count')).toBeGreaterThan(0);
    expect(rise('waldb_read_indexes_total')).toBe(1);
    expect(rise('waldb_reads_answered_total')).toBe(1);
    expect(rise('waldb_snapshots_total{step="taken"}')).toBe(1);
    expect(rise('waldb_snapshot_bytes_total{step="taken"}')).toBeGreaterThan(500 * 8);
    expect(rise('waldb_commit_index')).toBe(500);
    expect(after.get('waldb_is_leader')).toBe(1);
    expect(after.get('waldb_members{kind="voter"}')).toBe(3);
    const followers = cluster.ids.filter((id) => id !== leader.id);
    for (const peer of followers) {
      expect(rise(`waldb_network_peer_sent_bytes_total{peer="${peer}"}`)).toBeGreaterThan(500 * 8);
      expect(rise(`waldb_network_peer_received_bytes_total{peer="${peer}"}`)).toBeGreaterThan(0);
      expect(after.get(`waldb_peer_connected{peer="${peer}"}`)).toBe(1);
      expect(after.get(`waldb_peer_lag_entries{peer="${peer}"}`)).toBe(0);
      await expect
        .poll(
          async () =>
            (await scrape(leader.id)).get(`waldb_peer_round_trip_time_seconds_count{peer="${peer}"}`),
          WAIT,
        )
        .toBeGreaterThan(0);
      const follower = await scrape(peer);
      expect(follower.get('waldb_is_leader')).toBe(0);
      expect(follower.get('waldb_has_leader')).toBe(1);
      expect(follower.get('waldb_proposals_applied_total')).toBe(500);
      expect(follower.get('waldb_proposals_accepted_total')).toBe(0);
    }
  });

  it('have histograms whose buckets rise to their count', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    await Promise.all(Array.from({ length: 100 }, () => server.propose(bytes('x'))));
    const registry = new Registry();
    registerMetrics(server, registry);
    const { values } = parse(await registry.metrics());
    const buckets = [...values].filter(([series]) =>
      series.startsWith('waldb_commit_duration_seconds_bucket'),
    );
    expect(buckets[0]?.[0]).toBe('waldb_commit_duration_seconds_bucket{le="0.0000625"}');
    expect(buckets.at(-1)).toEqual(['waldb_commit_duration_seconds_bucket{le="+Inf"}', 100]);
    const counts = buckets.map(([, count]) => count);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(values.get('waldb_commit_duration_seconds_count')).toBe(100);
    expect(values.get('waldb_commit_duration_seconds_sum')).toBeGreaterThan(0);
  });

  it('show a server that has stopped, and are gone once they are taken out of the registry', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    const registry = new Registry();
    const remove = registerMetrics(server, registry);
    expect(parse(await registry.metrics()).values.get('waldb_is_stopped')).toBe(0);
    await server.close();
    expect(parse(await registry.metrics()).values.get('waldb_is_stopped')).toBe(1);
    expect(() => registerMetrics(server, registry)).toThrow('already been registered');
    remove();
    expect(await registry.metrics()).toBe('\n');
    registerMetrics(server, registry);
  });

  it('are the same in OpenMetrics, whose counters have no suffix in their name', async () => {
    const cluster = await Cluster.start(1);
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    registerMetrics(cluster.member(1).server, registry);
    const text = await registry.metrics();
    expect(text).toContain('# TYPE waldb_proposals_accepted counter\nwaldb_proposals_accepted_total 0\n');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });
});

function unlabelled(series: string, server: number): string {
  return series
    .replace(`server="${server}"`, '')
    .replace(/,(?=\})|\{\}/, '')
    .replace('{,', '{');
}
