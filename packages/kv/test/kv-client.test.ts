// The store without a socket, on a whole server in this process.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { calls, KvClient, raftReplica } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { StoreNode } from './store-node.js';

let node: StoreNode;
let client: KvClient;

beforeAll(async () => {
  node = await StoreNode.start();
  client = new KvClient({ replica: raftReplica(node.raft), stateMachine: node.stateMachine });
});
afterAll(async () => {
  client.close();
  await node.close();
});
beforeEach(() => client.run(calls.flushAll()));

describe('KvClient', () => {
  it('has the commands, typed', async () => {
    expect(await client.set('ä', 'ö')).toBe(true);
    expect(await client.get('ä')).toBe('ö');
    expect(await client.getBytes('ä')).toEqual(Buffer.from('ö'));
    expect(await client.set('ä', 'x', { ifAbsent: true })).toBe(false);
    expect(await client.set('ä', 'x', { ifEqual: 'no' })).toBe(false);
    expect(await client.set('ä', 'x', { ifEqual: 'ö', px: 60_000 })).toBe(true);
    expect(await client.pTtl('ä')).toBeGreaterThan(50_000);
    expect(await client.persist('ä')).toBe(true);
    expect([await client.pTtl('ä'), await client.pTtl('none')]).toEqual([null, undefined]);
    expect(await client.getSet('ä', 'y')).toBe('x');
    expect(await client.getEx('ä', { pxat: 4e12 })).toBe('y');
    expect(await client.getDel('ä')).toBe('y');
    expect(await client.incrBy('n', 2n ** 62n)).toBe(2n ** 62n);
    expect(await client.run(calls.incrByFloat('f', '0.1'))).toBe('0.1');
    expect(await client.run(calls.incrByFloat('f', '0.2'))).toBe('0.3');
    await client.mSet(new Map([['a', '1'], ['b', '2']])); // biome-ignore format: one line
    expect(await client.mGet(['a', 'none', 'b'])).toEqual(['1', undefined, '2']);
    expect(await client.append('a', '2')).toBe(2);
    expect(await client.del('a', 'b', 'none')).toBe(2);
    expect(await client.exists('a', 'n')).toBe(1);
    expect(await client.dbSize()).toBe(2);
  });

  it('says what is wrong', async () => {
    await client.set('text', 'x');
    await expect(client.incrBy('text')).rejects.toMatchObject({
      code: 'COMMAND_REFUSED',
      message: 'The command cannot be carried out: value is not an integer or out of range.',
    });
    expect(() => client.set('a', 'b', { px: 0 })).toThrow(RangeError);
    expect(() => client.set('a', 'b', { px: 1, pxat: 2 })).toThrow(RangeError);
    expect(() => client.set('a', 'b', { ifAbsent: true, ifPresent: true })).toThrow(RangeError);
    const replica = new LocalReplica();
    replica.failure = new Error('it failed');
    const failing = new KvClient({ replica, stateMachine: replica.stateMachine });
    await expect(failing.get('a')).rejects.toBe(replica.failure);
    await expect(failing.set('a', '1')).rejects.toBe(replica.failure);
    failing.close();
  });

  it('what is asked in one turn shares an entry', async () => {
    const replica = new LocalReplica();
    const local = new KvClient({ replica, stateMachine: replica.stateMachine });
    const sums = await Promise.all(Array.from({ length: 100 }, () => local.incrBy('n')));
    expect(sums.map(Number)).toEqual(Array.from({ length: 100 }, (_, nth) => nth + 1));
    expect(replica.proposals).toBe(1);
    local.close();
  });

  it('multi gives each result its type and place', async () => {
    const [wasSet, sum, value] = await client.multi([
      calls.set('n', '1'),
      calls.incrBy('n', 4),
      calls.get('n'),
    ]);
    expect([wasSet, sum, value]).toEqual([true, 5n, '5']);
    const mixed = client.multi([calls.set('text', 'x'), calls.incrBy('text')]);
    await expect(mixed).rejects.toMatchObject({ code: 'COMMAND_REFUSED' });
    expect(await client.get('text')).toBe('x');
  });

  it('transactions of many at a time lose nothing', async () => {
    const transfer = async (): Promise<void> => {
      await client.transaction(
        ['from', 'to'],
        async () => {
          const [from = '100', to = '0'] = await client.mGet(['from', 'to']);
          return [calls.set('from', String(Number(from) - 1)), calls.set('to', String(Number(to) + 1))];
        },
        { attemptsMax: 1000 },
      );
    };
    await Promise.all(Array.from({ length: 20 }, transfer));
    expect(await client.mGet(['from', 'to'])).toEqual(['80', '20']);
  });

  it('a transaction gives up after its attempts, and one whose body throws changes nothing', async () => {
    const disturbed = client.transaction(
      ['k'],
      async () => {
        await client.incrBy('k');
        return [calls.set('done', '1')];
      },
      { attemptsMax: 3 },
    );
    await expect(disturbed).rejects.toMatchObject({ code: 'TRANSACTION_CONFLICT' });
    expect(await client.mGet(['k', 'done'])).toEqual(['3', undefined]);
    const thrown = client.transaction(['k'], () => Promise.reject(new Error('mine')));
    await expect(thrown).rejects.toThrow('mine');
  });

  it('scans in order, by prefix and by pattern', async () => {
    const names = Array.from({ length: 300 }, (_, nth) => `user*:${nth}`);
    await client.mSet([...names, 'user', 'other'].map((name) => [name, '1'] as const));
    const all = async (keys: AsyncIterable<string>): Promise<string[]> => {
      const found: string[] = [];
      for await (const key of keys) found.push(key);
      return found;
    };
    expect(await all(client.scan({ prefix: 'user*:', count: 7 }))).toEqual([...names].sort());
    expect(await all(client.scan({ match: '*er' }))).toEqual(['other', 'user']);
  });

  it('watches end with the loop, and tell what is written by anybody', async () => {
    const events: string[] = [];
    const watch = client.watch({ prefix: 'w:' });
    const one = client.watch({ key: 'w:1' });
    await client.set('w:1', '1');
    await client.set('other', '1');
    await client.set('w:2', '1', { px: 20 });
    for await (const { event, key } of watch) {
      events.push(`${event} ${key}`);
      if (event === 'expired') break;
    }
    expect(events).toEqual(['set w:1', 'set w:2', 'expire w:2', 'expired w:2']);
    expect(await one.next()).toEqual({ done: false, value: { event: 'set', key: 'w:1' } });
    await one.return?.();
    expect(await one.next()).toEqual({ done: true, value: undefined });
  });

  it('messages come as they are applied', async () => {
    const messages = client.subscribe('news.*');
    await client.publish('news.ä', 'ö');
    await client.publish('other', 'x');
    await client.publish('news.b', '2');
    expect((await messages.next()).value).toEqual({ channel: 'news.ä', message: 'ö' });
    expect((await messages.next()).value).toEqual({ channel: 'news.b', message: '2' });
    await messages.return?.();
  });

  it('a watch that is not read is told so, after what it has kept', async () => {
    const replica = new LocalReplica();
    const small = new KvClient({ replica, stateMachine: replica.stateMachine, watchEventsMax: 2 });
    const watch = small.watch();
    for (const key of ['a', 'b', 'c']) await small.set(key, '1');
    expect([(await watch.next()).value.key, (await watch.next()).value.key]).toEqual(['a', 'b']);
    await expect(watch.next()).rejects.toMatchObject({ code: 'WATCH_OVERFLOW' });
    expect((await watch.next()).done).toBe(true);
    small.close();
  });
});
