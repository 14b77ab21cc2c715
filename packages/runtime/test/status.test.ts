// What a server says of itself when it is asked.

import { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RUNTIME_LIMITS } from '../src/index.js';
import { Cluster, startServer, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

describe('status', () => {
  it('is plain data: it is the same after a way through JSON, on a leader and on a follower', async () => {
    const cluster = await Cluster.start(3);
    const { server } = await cluster.leader();
    await server.propose(bytes('x'));
    for (const { server: each } of cluster.members.values()) {
      const status = each.status();
      expect(JSON.parse(JSON.stringify(status))).toEqual(status);
      expect(JSON.parse(JSON.stringify(each.metrics()))).toEqual(each.metrics());
    }
  });

  it('of a leader shows how far each peer is, when it was last heard, and what the log takes', async () => {
    const cluster = await Cluster.start(3);
    const { id, server } = await cluster.leader();
    await Promise.all(Array.from({ length: 10 }, () => server.propose(bytes('x'))));
    const others = cluster.ids.filter((other) => other !== id);
    const { lastIndex } = server.status();
    for (const peer of others) {
      await expect
        .poll(() => server.status().leadership?.peers[peer], WAIT)
        .toMatchObject({
          state: 'replicate',
          matchIndex: lastIndex,
          lag: 0,
          lastContactMs: expect.any(Number),
        });
    }
    expect(Object.keys(server.status().leadership?.peers ?? {}).sort()).toEqual(others.map(String).sort());
    expect(server.status()).toMatchObject({
      appliedIndex: lastIndex,
      durableIndex: lastIndex,
      limits: DEFAULT_RUNTIME_LIMITS,
      proposals: 0,
      reads: 0,
      changes: 0,
      sessions: 0,
      isDiskFull: false,
      failure: undefined,
      log: { segments: 1, stagedBytes: 0 },
    });
    expect(server.status().log.bytes).toBeGreaterThan(0);
    expect(server.status().log.cachedBytes).toBeGreaterThan(0);
    const [gone = 0] = others;
    await cluster.closeOne(gone);
    await server.propose(bytes('y'));
    await expect.poll(() => server.status().leadership?.peers[gone]?.lag, WAIT).toBe(1);
    const { lastContactMs = 0 } = server.status().leadership?.peers[gone] ?? {};
    await expect
      .poll(() => server.status().leadership?.peers[gone]?.lastContactMs, WAIT)
      .toBeGreaterThan(lastContactMs);
  });

  it('counts what waits, and says so in the words of the limits', async () => {
    const cluster = await Cluster.start(3, { limits: { proposalsMax: 5 } });
    const { server } = await cluster.leader();
    await server.propose(bytes('first')); // before that a leader takes no change
    const pending = Array.from({ length: 5 }, () => server.propose(bytes('x')));
    const change = server.addLearner(9, '127.0.0.1:9');
    const read = server.read('linearizable');
    expect(server.status()).toMatchObject({
      proposals: 5,
      reads: 1,
      changes: 1,
      limits: { proposalsMax: 5 },
    });
    await Promise.all([...pending, change, read]);
    expect(server.status()).toMatchObject({ proposals: 0, reads: 0, changes: 0 });
  });

  it('is there after the server has stopped, and says why', async () => {
    const machine = new ListMachine();
    machine.apply = () => {
      throw new Error('no such thing');
    };
    const cluster = await Cluster.start(1, { stateMachine: machine });
    const { server } = await cluster.leader();
    await server.propose(bytes('x')).catch(() => {});
    expect(server.status().failure).toMatchObject({ code: 'STATE_MACHINE' });
    expect(server.status().failure?.message).toContain('no such thing');
    await server.close();
    expect(server.status()).toMatchObject({ id: 1, proposals: 0, failure: { code: 'STATE_MACHINE' } });
    expect(server.metrics().proposals.failed).toEqual({ STATE_MACHINE: 1 });
  });

  it('is there after the log has failed, which nobody can read any more', async () => {
    const vfs = new FaultVfs();
    vfs.mkdir('/data');
    const { server } = await startServer({
      id: 1,
      directory: '/data',
      bootstrap: { members: { 1: '127.0.0.1:1' } },
      listen: '127.0.0.1:0',
      vfs,
      log: { segmentBytes: 64 * 1024 },
    });
    await expect.poll(() => server.status().leadership?.isReady, WAIT).toBe(true);
    await server.propose(bytes('kept'));
    const { commitIndex, term } = server.status();
    vfs.faults = ({ type }) => (type === 'writeDurably' ? { type: 'error', code: 'EIO' } : undefined);
    await expect(server.propose(bytes('lost'))).rejects.toMatchObject({ code: 'STORAGE' });
    expect(server.status()).toMatchObject({
      isHalted: true,
      role: 'follower',
      leader: undefined,
      term,
      commitIndex,
      failure: { code: 'STORAGE' },
    });
    expect(server.metrics().proposals.failed).toEqual({ STORAGE: 1 });
  });
});
