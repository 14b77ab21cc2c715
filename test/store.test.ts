// The store as its users meet it: real processes, real disks, a Redis client that knows nothing of waldb, and kill -9.

import { spawnSync } from 'node:child_process';
import { Cluster, Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterProcess, freePorts, gone, makeDirectory, stopAll } from './support/cluster-process.js';

/** Starting processes, elections and disks under load take their time; nothing here is a measurement. */
const GENEROUS_MS = 180_000;

let cluster: ClusterProcess;
let directory: string;
const clients: Cluster[] = [];

beforeEach(async () => {
  directory = makeDirectory();
  cluster = new ClusterProcess({ directory, port: await freePorts(3) });
  await cluster.allReady();
}, GENEROUS_MS);

afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  await stopAll();
}, GENEROUS_MS);

/** A cluster client that is told of the given ports only. */
function connect(ports: readonly number[] = cluster.ports): Cluster {
  const client = new Cluster(
    ports.map((port) => ({ host: '127.0.0.1', port })),
    {
      clusterRetryStrategy: () => 100,
      retryDelayOnClusterDown: 100,
      retryDelayOnFailover: 100,
      redisOptions: { maxRetriesPerRequest: null },
    },
  );
  // Connections break in these tests; commands tell whether it matters.
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

describe('a cluster of three processes', () => {
  it(
    'takes a client through any of its ports',
    async () => {
      for (const port of cluster.ports) {
        const client = connect([port]);
        await client.set(`through ${port}`, `value ${port}`);
        for (const other of cluster.ports) {
          await connect([other]).set(`from ${other}`, '1');
          expect(await client.get(`from ${other}`)).toBe('1');
        }
      }
      const reader = connect();
      for (const port of cluster.ports) expect(await reader.get(`through ${port}`)).toBe(`value ${port}`);
    },
    GENEROUS_MS,
  );

  it(
    'kill -9 of the leader: reads and writes go on, the server comes back',
    async () => {
      const client = connect();
      await client.set('before', 'kept');
      const { leader, pids } = cluster.last;
      const pid = pids.get(leader) ?? 0;
      const killedAt = performance.now();
      process.kill(pid, 'SIGKILL');
      await untilOk(() => client.set('after', 'written'));
      const writtenAfterMs = performance.now() - killedAt;
      expect(await client.get('before')).toBe('kept');
      expect(await client.get('after')).toBe('written');
      console.log(
        `kill -9 of the leader: the next write was acknowledged after ${writtenAfterMs.toFixed(0)} ms`,
      );

      const again = await cluster.ready(
        (ready) => ready.leader !== leader && ready.pids.size === 3 && ready.pids.get(leader) !== pid,
      );
      expect(again.pids.get(again.leader)).toBe(pids.get(again.leader));
      expect(cluster.output).toMatch(`server ${leader} ended (SIGKILL); it is started again`);
      expect(await client.get('after')).toBe('written');
    },
    GENEROUS_MS,
  );

  it(
    'kill -9 of everything under load: every acknowledged key is there after a restart',
    async () => {
      const client = connect();
      const acknowledged = new Map<string, string>();
      let isKilled = false;
      const writers = Array.from({ length: 20 }, async (_, writer) => {
        for (let nth = 0; !isKilled; nth++) {
          const key = `key ${writer} ${nth}`;
          const value = `value ${writer} ${nth}`.repeat(1 + (nth % 40));
          // A write that fails was not acknowledged; it may be there or not.
          const reply = await Promise.race([client.set(key, value), killed]).catch(() => undefined);
          if (reply === 'OK') acknowledged.set(key, value);
        }
      });
      await until(() => acknowledged.size > 500);
      process.kill(cluster.pid, 'SIGKILL');
      for (const pid of cluster.last.pids.values()) process.kill(pid, 'SIGKILL');
      isKilled = true;
      endKilled();
      client.disconnect();
      await Promise.all(writers);
      await Promise.all([...cluster.last.pids.values()].map(gone));

      cluster = new ClusterProcess({ directory, port: cluster.port });
      await cluster.ready();
      const reader = connect();
      const missing: string[] = [];
      for (const [key, value] of acknowledged) if ((await reader.get(key)) !== value) missing.push(key);
      expect(missing).toEqual([]);
      console.log(`kill -9 of everything: ${acknowledged.size} acknowledged keys, all there`);
    },
    GENEROUS_MS,
  );

  it(
    'W51 SIGTERM loses nothing, ends every server and exits with 0',
    async () => {
      const client = connect();
      await Promise.all(Array.from({ length: 500 }, (_, nth) => client.set(`key ${nth}`, String(nth))));
      client.disconnect();
      const pids = [...cluster.last.pids.values()];
      cluster.signal('SIGTERM');
      expect(await cluster.ended()).toBe(0);
      await Promise.all(pids.map(gone));

      cluster = new ClusterProcess({ directory, port: cluster.port });
      await cluster.ready();
      const reader = connect();
      for (let nth = 0; nth < 500; nth++) expect(await reader.get(`key ${nth}`)).toBe(String(nth));
    },
    GENEROUS_MS,
  );

  it(
    'a server that missed more than the log keeps gets a snapshot; its state then survives a restart',
    async () => {
      cluster.signal('SIGTERM');
      await cluster.ended();
      // A snapshot for every 200 entries; the tail that the runtime keeps below it is 1024 entries.
      cluster = new ClusterProcess({ directory, port: cluster.port, args: ['--snapshot-entries', '200'] });
      await cluster.allReady();
      const client = connect();
      await client.set('early', 'bird');
      const { leader, pids } = cluster.last;
      const follower = [1, 2, 3].find((id) => id !== leader) ?? 0;
      const pid = pids.get(follower) ?? 0;
      process.kill(pid, 'SIGSTOP');
      // One after the other: each is an entry of its own.
      for (let nth = 0; nth < 1500; nth++) await client.set(`key ${nth % 100}`, String(nth));
      process.kill(pid, 'SIGKILL');
      process.kill(pid, 'SIGCONT');
      await cluster.ready((ready) => ready.pids.size === 3 && ready.pids.get(follower) !== pid);
      await untilReads(
        cluster.port + follower - 1,
        new Map([
          ['key 99', '1499'],
          ['early', 'bird'],
        ]),
      );

      cluster.signal('SIGTERM');
      expect(await cluster.ended()).toBe(0);
      cluster = new ClusterProcess({ directory, port: cluster.port });
      await cluster.allReady();
      for (const port of cluster.ports)
        await untilReads(
          port,
          new Map([
            ['key 99', '1499'],
            ['early', 'bird'],
          ]),
        );
    },
    GENEROUS_MS,
  );

  it(
    'servers end when their supervisor is killed',
    async () => {
      const pids = [...cluster.last.pids.values()];
      cluster.signal('SIGKILL');
      await Promise.all(pids.map(gone));
      cluster = new ClusterProcess({ directory, port: cluster.port });
      await cluster.allReady();
    },
    GENEROUS_MS,
  );

  it(
    'redis-benchmark runs SET and GET without an error',
    async () => {
      const port = cluster.port + cluster.last.leader - 1;
      const args = ['-p', String(port), '-t', 'set,get', '-n', '20000', '-c', '20', '-r', '1000', '--csv'];
      const run = spawnSync('redis-benchmark', args, { encoding: 'utf8' });
      if (run.error === undefined) {
        console.log(`redis-benchmark: ${run.stdout.trim().replaceAll('\n', ' | ')}`);
        expect(run.stderr).not.toMatch(/error/i);
        expect(run.stdout).toMatch(/"SET","[\d.]+"/);
        expect(run.stdout).toMatch(/"GET","[\d.]+"/);
        expect(run.status).toBe(0);
      } else {
        console.log(`redis-benchmark is not here (${run.error.message}): the same load runs through ioredis`);
        await benchmarkLoad();
      }
      expect(await connect().dbsize()).toBeGreaterThan(0);
    },
    GENEROUS_MS,
  );
});

/** Waits until the server at `port` itself, whatever it is, holds these values. */
async function untilReads(port: number, expected: ReadonlyMap<string, string>): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  try {
    await client.call('READONLY');
    for (const [key, value] of expected) {
      while ((await client.get(key).catch(() => undefined)) !== value) await pause(20);
    }
  } finally {
    client.disconnect();
  }
}

/** What redis-benchmark does: 20 connections, 20000 SETs, then 20000 GETs. */
async function benchmarkLoad(): Promise<void> {
  const connections = Array.from({ length: 20 }, () => connect());
  for (const command of ['set', 'get'] as const) {
    await Promise.all(
      connections.map(async (client, writer) => {
        for (let nth = 0; nth < 1000; nth++) {
          const key = `key:${(writer * 1000 + nth) % 1000}`;
          const reply = command === 'set' ? await client.set(key, 'xxx') : await client.get(key);
          expect(reply).toBe(command === 'set' ? 'OK' : 'xxx');
        }
      }),
    );
  }
}

let endKilled: () => void = () => undefined;
const killed = new Promise<undefined>((resolve) => {
  endKilled = () => resolve(undefined);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

/** Asks again until it works: what a client of a cluster does while a leader is elected. */
async function untilOk(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      if ((await write()) === 'OK') return;
    } catch {
      // The outcome is unknown, or there is no leader: SET can be repeated.
    }
    await pause(20);
  }
}
