// Every command of the table through ioredis and node-redis, on a cluster of three servers: what has keys through the cluster clients,
// which find the leader by themselves, and all of it on a connection to the leader.

import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { keysOf, withSubcommands } from '../src/command/command.js';
import { COMMANDS } from '../src/command/command-table.js';
import { BY_METHODS, CASES, type CommandCase } from './command-cases.js';
import { StoreCluster } from './store-cluster.js';

let cluster: StoreCluster;
let ioredisCluster: Cluster;
let nodeRedisCluster: ReturnType<typeof nodeRedisClusterOf>;

function nodeRedisClusterOf(nodes: readonly { readonly host: string; readonly port: number }[]) {
  return createCluster({
    rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })),
    RESP: 2,
  });
}

beforeAll(async () => {
  cluster = await StoreCluster.start();
  const nodes = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  ioredisCluster = new Cluster(nodes);
  nodeRedisCluster = nodeRedisClusterOf(nodes);
  await nodeRedisCluster.connect();
});
afterAll(async () => {
  ioredisCluster?.disconnect();
  nodeRedisCluster?.destroy();
  await cluster?.close();
});
beforeEach(async () => {
  await ioredisCluster.flushall();
});

/** Sends one request; each library in its own way. */
type Send = (words: readonly string[]) => Promise<unknown>;

function leaderPort(): number {
  const { leader } = cluster;
  if (leader === undefined) throw new Error('the cluster has lost its leader');
  return leader.port;
}

/** On a connection of its own to the leader. */
const LIBRARIES: Readonly<Record<string, (use: (send: Send) => Promise<void>) => Promise<void>>> = {
  ioredis: async (use) => {
    const client = new Redis({ host: '127.0.0.1', port: leaderPort() });
    try {
      await use(([name = '', ...args]) => client.call(name, ...args));
    } finally {
      client.disconnect();
    }
  },
  'node-redis': async (use) => {
    const client = createClient({ socket: { host: '127.0.0.1', port: leaderPort() }, RESP: 2 });
    client.on('error', () => undefined); // QUIT
    await client.connect();
    try {
      await use((words) => client.sendCommand([...words]));
    } finally {
      client.destroy();
    }
  },
};

/** Through clients that learn from the cluster where to send it. */
const CLUSTER_LIBRARIES: Readonly<Record<string, Send>> = {
  ioredis: ([name = '', ...args]) => ioredisCluster.call(name, ...args),
  'node-redis': (words) => nodeRedisCluster.sendCommand(words[1], false, [...words]),
};

async function check(send: Send, { before = [], send: words, gives }: CommandCase): Promise<void> {
  for (const request of before) await send(request);
  const given = await send(words).catch((error: unknown) => error);
  if (gives instanceof Error) expect(String(given)).toContain(gives.message);
  else expect(given).toEqual(gives);
}

const all = [...withSubcommands(COMMANDS.values())].filter(
  (command) => command.kind !== 'container' || command.alone !== undefined,
);

it('every command of the table has a case', () => {
  const covered = new Set([...Object.keys(CASES), ...BY_METHODS]);
  expect(all.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  const names = new Set(all.map(({ name }) => name));
  expect([...covered].filter((name) => !names.has(name))).toEqual([]);
});

describe.each(['ioredis', 'node-redis'])('%s', (library) => {
  it.each(Object.keys(CASES))('%s', async (name) => {
    for (const one of CASES[name] ?? []) {
      await ioredisCluster.flushall();
      await LIBRARIES[library]?.((send) => check(send, one));
    }
  });

  it('finds the leader for every command with a key in the first place', async () => {
    for (const command of all) {
      for (const one of CASES[command.name] ?? []) {
        const isStateful = command.kind === 'transaction';
        if (isStateful || keysOf(command, one.send)[0] !== one.send[1]) continue;
        await ioredisCluster.flushall();
        await check(CLUSTER_LIBRARIES[library] as Send, one);
      }
    }
  });
});

it('messages reach subscribers of every server, through both libraries', async () => {
  const heard: string[] = [];
  const listeners: { close(): void }[] = [];
  for (const { port } of cluster.nodes) {
    const first = new Redis({ host: '127.0.0.1', port });
    first.on('message', (channel, message) => heard.push(`${port} ioredis ${channel} ${message}`));
    first.on('pmessage', (_, channel, message) =>
      heard.push(`${port} ioredis pattern ${channel} ${message}`),
    );
    await first.subscribe('news', 'left');
    await first.psubscribe('n*');
    await first.unsubscribe('left');
    const second = createClient({ socket: { host: '127.0.0.1', port } });
    await second.connect();
    await second.subscribe('news', (message, channel) =>
      heard.push(`${port} node-redis ${channel} ${message}`),
    );
    await second.pSubscribe('left*', () => heard.push('must not be heard'));
    await second.pUnsubscribe('left*');
    await second.subscribe('left', () => heard.push('must not be heard'));
    await second.unsubscribe('left');
    await first.punsubscribe('none');
    listeners.push({ close: () => first.disconnect() }, { close: () => second.destroy() });
  }
  await LIBRARIES.ioredis?.(async (send) => {
    await send(['PUBLISH', 'left', 'no']);
    await send(['PUBLISH', 'news', 'yes']);
  });
  while (heard.length < 9) await new Promise((resolve) => setTimeout(resolve, 5));
  const expected = cluster.nodes.flatMap(({ port }) => [
    `${port} ioredis news yes`,
    `${port} ioredis pattern news yes`,
    `${port} node-redis news yes`,
  ]);
  expect([...heard].sort()).toEqual(expected.sort());
  for (const listener of listeners) listener.close();
});
