// What Prometheus and INFO tell of the store: counted over real connections.

import { readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RespServer } from '../src/index.js';
import { registerStoreMetrics } from '../src/prometheus.js';
import { LocalReplica } from './local-replica.js';
import { RawClient, request } from './raw-client.js';

const PAGE = new URL('../../../docs/metrics.md', import.meta.url);

let replica: LocalReplica;
let server: RespServer;
let client: RawClient;
let registry: Registry;

beforeEach(async () => {
  replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
  client = await RawClient.connect(server.port);
  registry = new Registry();
  registerStoreMetrics(server, registry);
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

/** Values by name with labels, as they are written. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const text = await registry.metrics();
  const samples = [...text.matchAll(/^(waldb_store_\w+(?:\{[^}]*\})?) (\S+)$/gm)];
  return new Map(samples.map(([, series = '', value]) => [series, Number(value)]));
}

async function info(section: string): Promise<string[]> {
  const text = await client.ask('INFO', section);
  return text.split('\r\n').filter((line) => /^[a-z]/.test(line));
}

describe('the metrics of the store', () => {
  it('are each in the page that explains them, with type and labels, and the page explains no others', async () => {
    await client.ask('SET', 'a'); // an error that never was has no series
    const text = await registry.metrics();
    const labels = new Map(
      [...text.matchAll(/^(waldb_store_[a-z_]+?)(?:_(?:bucket|sum|count))?\{([a-z]+)="/gm)].map(
        ([, name = '', label = '']) => [name, `{${label}}`],
      ),
    );
    const told = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(
      ([, name = '', type]) => `${name}${labels.get(name) ?? ''} ${type}`,
    );
    const rows = readFileSync(PAGE, 'utf8').matchAll(/^\| `(waldb_store_[^`]+)` \| ([a-z]+) \|/gm);
    expect(told.sort()).toEqual([...rows].map(([, series, type]) => `${series} ${type}`).sort());
    expect(labels.size).toBe(5);
  });

  it('count keys, commands, errors, clients and bytes', async () => {
    await client.ask('SET', 'a', '1');
    await client.ask('SET', 'b', '2', 'EX', '100');
    await client.ask('MGET', 'a', 'b', 'c');
    await client.ask('GET', 'a', 'b');
    await client.ask('SET', 'a', 'x', 'NX', 'XX');
    await client.ask('NOTHING');
    await client.ask('CLIENT', 'ID');
    const listener = await RawClient.connect(server.port);
    listener.send(request('SUBSCRIBE', 'news'));
    await listener.expect('*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n');
    const values = await scrape();
    const expected = {
      waldb_store_keys: 2,
      waldb_store_expiring_keys: 1,
      waldb_store_data_bytes: 4,
      'waldb_store_key_lookups_total{result="hit"}': 2,
      'waldb_store_key_lookups_total{result="miss"}': 1,
      // With the ECHO that ends each answer.
      waldb_store_requests_total: 15,
      'waldb_store_commands_total{command="set"}': 3,
      'waldb_store_commands_total{command="mget"}': 1,
      'waldb_store_commands_total{command="client|id"}': 1,
      'waldb_store_command_failures_total{command="set"}': 1,
      'waldb_store_command_failures_total{command="get"}': 1,
      'waldb_store_errors_total{code="ERR"}': 3,
      'waldb_store_request_duration_seconds_count{kind="write"}': 3,
      'waldb_store_request_duration_seconds_count{kind="read"}': 1,
      'waldb_store_request_duration_seconds_count{kind="local"}': 9,
      waldb_store_clients: 2,
      waldb_store_subscribed_clients: 1,
      waldb_store_connections_total: 2,
      waldb_store_connections_refused_total: 0,
    };
    expect(Object.fromEntries([...values].filter(([series]) => series in expected))).toEqual(expected);
    listener.destroy();
    expect(values.get('waldb_store_received_bytes_total')).toBeGreaterThan(100);
    expect(values.get('waldb_store_sent_bytes_total')).toBeGreaterThan(50);
    // A command that was refused before it was looked at was not taken.
    expect(values.get('waldb_store_commands_total{command="get"}')).toBe(0);
  });

  it('count the time that a write waits for its majority', async () => {
    replica.hold();
    client.send(request('SET', 'a', '1'));
    await expect.poll(async () => (await scrape()).get('waldb_store_commands_total{command="set"}')).toBe(1);
    const waited = new Promise((resolve) => setTimeout(resolve, 50));
    await waited;
    expect((await scrape()).get('waldb_store_request_duration_seconds_count{kind="write"}')).toBe(0);
    replica.release();
    await client.expect('+OK\r\n');
    const values = await scrape();
    expect(values.get('waldb_store_request_duration_seconds_count{kind="write"}')).toBe(1);
    // Timers may ring a little early, on another clock than the one that is read.
    expect(values.get('waldb_store_request_duration_seconds_sum{kind="write"}')).toBeGreaterThan(0.04);
  });

  it('leave the registry when they are told to', async () => {
    const other = new Registry();
    registerStoreMetrics(server, other)();
    expect(await other.metrics()).toBe('\n');
  });
});

describe('INFO', () => {
  it('tells commands and errors in the form that tools read', async () => {
    await client.ask('GET', 'a');
    await client.ask('GET');
    await client.ask('SET', 'a', 'x', 'NX', 'XX');
    const commands = await info('commandstats');
    expect(commands.filter((line) => !line.startsWith('cmdstat_echo:'))).toEqual([
      expect.stringMatching(
        /^cmdstat_get:calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=1,failed_calls=0$/,
      ),
      expect.stringMatching(
        /^cmdstat_set:calls=1,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=1$/,
      ),
      expect.stringMatching(
        /^cmdstat_info:calls=1,usec=0,usec_per_call=0\.00,rejected_calls=0,failed_calls=0$/,
      ),
    ]);
    expect(await info('errorstats')).toEqual(['errorstat_ERR:count=2']);
    expect(await info('stats')).toEqual(
      expect.arrayContaining(['keyspace_hits:0', 'keyspace_misses:1', 'total_commands_processed:11']),
    );
  });

  it('tells commands to those who ask for them or for everything', async () => {
    const has = async (...words: string[]) => (await client.ask('INFO', ...words)).includes('# Commandstats');
    expect(await has()).toBe(false);
    expect(await has('default')).toBe(false);
    expect(await has('default', 'commandstats')).toBe(true);
    expect(await has('ALL')).toBe(true);
    expect(await has('everything')).toBe(true);
  });
});
