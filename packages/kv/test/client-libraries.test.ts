// The commands through the client libraries that people use, against a whole server in this process.

import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StoreNode } from './store-node.js';

let node: StoreNode;
let ioredis: Redis;

function nodeRedis(protocol: 2 | 3) {
  return createClient({ socket: { host: '127.0.0.1', port: node.port }, RESP: protocol });
}

let resp2: Awaited<ReturnType<ReturnType<typeof nodeRedis>['connect']>>;
let resp3: typeof resp2;

beforeAll(async () => {
  node = await StoreNode.start();
  ioredis = new Redis({ host: '127.0.0.1', port: node.port });
  resp2 = (await nodeRedis(2).connect()) as typeof resp2;
  resp3 = (await nodeRedis(3).connect()) as typeof resp2;
});
afterAll(async () => {
  ioredis.disconnect();
  resp2.destroy();
  resp3.destroy();
  await node.close();
});
beforeEach(async () => {
  await ioredis.flushall();
});

/** Waits for a condition; the test's own time limit ends a wait in vain. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('ioredis', () => {
  it('strings', async () => {
    expect(await ioredis.set('a', '1', 'EX', 100, 'NX')).toBe('OK');
    expect(await ioredis.set('a', '2', 'NX')).toBeNull();
    expect(await ioredis.set('a', '2', 'PX', 100_000, 'XX', 'GET')).toBe('1');
    expect(await ioredis.setex('b', 100, 'x')).toBe('OK');
    expect(await ioredis.psetex('b', 100_000, 'y')).toBe('OK');
    expect(await ioredis.setnx('b', 'z')).toBe(0);
    expect(await ioredis.getset('b', 'z')).toBe('y');
    expect(await ioredis.getex('b', 'EX', 100)).toBe('z');
    expect(await ioredis.append('b', 'zz')).toBe(3);
    expect(await ioredis.strlen('b')).toBe(3);
    expect(await ioredis.setrange('b', 1, '--')).toBe(3);
    expect(await ioredis.getrange('b', 0, 1)).toBe('z-');
    expect(await ioredis.getdel('b')).toBe('z--');
    expect(await ioredis.incr('n')).toBe(1);
    expect(await ioredis.incrby('n', 41)).toBe(42);
    expect(await ioredis.decrby('n', 2)).toBe(40);
    expect(await ioredis.incrbyfloat('n', 0.5)).toBe('40.5');
    expect(await ioredis.mset({ x: '1', y: '2' })).toBe('OK');
    expect(await ioredis.msetnx({ x: '3', z: '4' })).toBe(0);
    expect(await ioredis.mget('x', 'y', 'none')).toEqual(['1', '2', null]);
    const bytes = Buffer.from([0, 255, 13, 10]);
    await ioredis.set(bytes, bytes);
    expect(await ioredis.getBuffer(bytes)).toEqual(bytes);
  });

  it('keys', async () => {
    await ioredis.mset({ a: '1', b: '2' });
    expect(await ioredis.exists('a', 'b', 'c')).toBe(2);
    expect(await ioredis.type('a')).toBe('string');
    expect(await ioredis.rename('a', 'c')).toBe('OK');
    await expect(ioredis.rename('a', 'c')).rejects.toThrow('ERR no such key');
    expect(await ioredis.renamenx('c', 'b')).toBe(0);
    expect(await ioredis.copy('b', 'd')).toBe(1);
    expect(await ioredis.dbsize()).toBe(3);
    expect(['b', 'c', 'd']).toContain(await ioredis.randomkey());
    expect(await ioredis.keys('[bc]')).toEqual(['b', 'c']);
    expect(await ioredis.unlink('b', 'c', 'd')).toBe(3);
    expect(await ioredis.randomkey()).toBeNull();
  });

  it('SCAN finds every key once, and those of a prefix alone', async () => {
    const all = Array.from({ length: 500 }, (_, nth) => `${nth % 2 === 0 ? 'even' : 'odd'}:${nth}`);
    await ioredis.mset(all.flatMap((key) => [key, '1']));
    const found: string[] = [];
    for await (const keys of ioredis.scanStream({ count: 37 })) found.push(...(keys as string[]));
    expect(found).toEqual([...all].sort());
    const even: string[] = [];
    for await (const keys of ioredis.scanStream({ match: 'even:*' })) even.push(...(keys as string[]));
    expect(even).toEqual(all.filter((key) => key.startsWith('even')).sort());
    await expect(ioredis.scan('1')).rejects.toThrow('begin again with 0');
  });

  it('a key expires although nothing is written, and is told as expired', async () => {
    const listener = ioredis.duplicate();
    const events: string[] = [];
    listener.on('message', (channel, message) => events.push(`${channel} ${message}`));
    await listener.subscribe('__keyevent@0__:expired', '__keyspace@0__:gone');
    await ioredis.set('gone', '1', 'PX', 50);
    await ioredis.set('stays', '1', 'EX', 100);
    // GETs are no entries of the log: what makes it expire is the leader's sweep.
    await until(async () => (await ioredis.get('gone')) === null);
    expect(await ioredis.ttl('gone')).toBe(-2);
    expect(await ioredis.ttl('stays')).toBeGreaterThan(90);
    await until(() => events.length === 4);
    expect(events).toEqual([
      '__keyspace@0__:gone set',
      '__keyspace@0__:gone expire',
      '__keyspace@0__:gone expired',
      '__keyevent@0__:expired gone',
    ]);
    expect(await ioredis.dbsize()).toBe(1);
    listener.disconnect();
  });

  it('EXPIRE and its conditions', async () => {
    await ioredis.set('a', '1');
    expect(await ioredis.pttl('a')).toBe(-1);
    expect(await ioredis.expire('a', 100, 'XX')).toBe(0);
    expect(await ioredis.expire('a', 100, 'NX')).toBe(1);
    expect(await ioredis.expire('a', 50, 'GT')).toBe(0);
    expect(await ioredis.pexpireat('a', 4_000_000_000_123)).toBe(1);
    expect(await ioredis.pexpiretime('a')).toBe(4_000_000_000_123);
    expect(await ioredis.persist('a')).toBe(1);
    expect(await ioredis.expireat('a', 1)).toBe(1);
    expect(await ioredis.exists('a')).toBe(0);
  });

  it('MULTI', async () => {
    const replies = await ioredis.multi().set('a', '1').incr('a').echo('hi').get('a').exec();
    expect(replies).toEqual([
      [null, 'OK'],
      [null, 2],
      [null, 'hi'],
      [null, '2'],
    ]);
    const mixed = await ioredis.multi().set('t', 'text').incr('t').get('t').exec();
    expect(mixed?.map(([error, reply]) => error?.message ?? reply)).toEqual([
      'OK',
      'ERR value is not an integer or out of range',
      'text',
    ]);
    const broken = ioredis.multi().set('t', 'other').call('nothing').exec();
    await expect(broken).rejects.toThrow('EXECABORT');
    expect(await ioredis.get('t')).toBe('text');
  });

  it('WATCH: a hundred increments by read and write, of ten clients at a time, lose nothing', async () => {
    const clients = Array.from({ length: 10 }, () => ioredis.duplicate());
    await Promise.all(
      clients.map(async (client) => {
        for (let done = 0; done < 10; ) {
          await client.watch('n');
          const present = Number((await client.get('n')) ?? 0);
          const replies = await client
            .multi()
            .set('n', present + 1)
            .exec();
          if (replies !== null) done += 1;
        }
      }),
    );
    expect(await ioredis.get('n')).toBe('100');
    for (const client of clients) client.disconnect();
  });

  it('PUBLISH reaches channels and patterns', async () => {
    const listener = ioredis.duplicate();
    const heard: string[] = [];
    listener.on('message', (channel, message) => heard.push(`${channel} ${message}`));
    listener.on('pmessage', (pattern, channel, message) => heard.push(`${pattern} ${channel} ${message}`));
    await listener.subscribe('news');
    await listener.psubscribe('n*');
    expect(await ioredis.publish('news', 'hello')).toBe(2);
    expect(await ioredis.publish('other', 'hello')).toBe(0);
    await until(() => heard.length === 2);
    expect(heard).toEqual(['news hello', 'n* news hello']);
    expect(await ioredis.pubsub('CHANNELS')).toEqual(['news']);
    listener.disconnect();
  });

  it('connections', async () => {
    const other = ioredis.duplicate();
    await other.client('SETNAME', 'other');
    const id = await other.client('ID');
    expect(await ioredis.client('LIST')).toContain(`id=${id} `);
    expect(await ioredis.client('KILL', 'ID', id)).toBe(1);
    await until(async () => !String(await ioredis.client('LIST')).includes(`id=${id} `));
    expect(await ioredis.call('ROLE')).toEqual(['master', expect.any(Number), []]);
    expect(await ioredis.wait(1, 100)).toBe(0);
    expect(await ioredis.time()).toHaveLength(2);
    expect(await ioredis.config('SET', 'notify-keyspace-events', 'Ex')).toBe('OK');
    expect(await ioredis.config('GET', 'notify-keyspace-events')).toEqual(['notify-keyspace-events', 'xE']);
    await ioredis.config('SET', 'notify-keyspace-events', 'AKE');
    expect(await ioredis.info('keyspace')).toContain('Keyspace');
    other.disconnect();
  });
});

describe.each([2, 3] as const)('node-redis with RESP%i', (protocol) => {
  const client = () => (protocol === 2 ? resp2 : resp3);

  it('strings, times, transactions', async () => {
    expect(await client().set('a', '1', { expiration: { type: 'EX', value: 100 } })).toBe('OK');
    expect(await client().ttl('a')).toBeGreaterThan(90);
    expect(await client().incrBy('a', 5)).toBe(6);
    expect(await client().mGet(['a', 'b'])).toEqual(['6', null]);
    expect(await client().expireTime('a')).toBeGreaterThan(1_600_000_000);
    expect(await client().multi().set('b', '2').get('b').exec()).toEqual(['OK', '2']);
    expect(await client().exists(['a', 'b'])).toBe(2);
    await expect(
      client()
        .incr('a')
        .then(() => client().sendCommand(['GET'])),
    ).rejects.toThrow('wrong number');
  });

  it('scans and subscribes', async () => {
    await client().mSet(Object.fromEntries(Array.from({ length: 50 }, (_, nth) => [`k${nth}`, '1'])));
    const found: string[] = [];
    for await (const keys of client().scanIterator({ MATCH: 'k*', COUNT: 7 })) found.push(...keys);
    expect(found).toHaveLength(50);
    const listener = await client().duplicate().connect();
    const heard: string[] = [];
    await listener.pSubscribe('__keyspace@0__:*', (message, channel) => heard.push(`${channel} ${message}`));
    await client().set('k1', '2');
    await client().del('k1');
    await until(() => heard.length === 2);
    expect(heard).toEqual(['__keyspace@0__:k1 set', '__keyspace@0__:k1 del']);
    listener.destroy();
  });
});
