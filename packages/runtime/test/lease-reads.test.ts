import { describe, expect, it, vi } from 'vitest';
import { Cluster, WAIT } from './support/cluster.js';
import { bytes } from './support/list-machine.js';

describe('lease reads', () => {
  it('P116: a leader under a lease starts no round, and shows what was acknowledged before; a follower asks it', async () => {
    const cluster = await Cluster.start(3, { raft: { readPolicy: 'lease' } });
    const leader = await cluster.leader();
    await leader.server.propose(bytes('a'));
    const roundless = async (): Promise<boolean> => {
      const { rounds } = leader.server.metrics().reads;
      await leader.server.read('lease');
      return leader.server.metrics().reads.rounds === rounds;
    };
    // The lease begins with the first round that a majority has answered.
    await vi.waitFor(async () => expect(await roundless()).toBe(true), WAIT);
    for (const item of ['b', 'c', 'd']) {
      const length = await leader.server.propose(bytes(item));
      await leader.server.read('lease');
      expect(cluster.member(leader.id).machine.items).toHaveLength(length);
    }
    const follower = cluster.ids.find((id) => id !== leader.id) as number; // there are three
    await cluster.member(follower).server.read('lease');
    expect(cluster.member(follower).machine.items).toEqual(['a', 'b', 'c', 'd']);
  });

  it('P116: a read that is to be linearizable asks a majority under a lease as well, also for a follower', async () => {
    const cluster = await Cluster.start(3, { raft: { readPolicy: 'lease' } });
    const leader = await cluster.leader();
    const { server, machine } = leader;
    await server.propose(bytes('a'));
    const roundless = async (): Promise<boolean> => {
      const { rounds } = server.metrics().reads;
      await server.read('lease');
      return server.metrics().reads.rounds === rounds;
    };
    await vi.waitFor(async () => expect(await roundless()).toBe(true), WAIT);
    const { rounds } = server.metrics().reads;
    await server.read('linearizable');
    expect(server.metrics().reads.rounds).toBe(rounds + 1);
    expect(machine.items).toEqual(['a']);
    const others = cluster.ids.filter((id) => id !== leader.id);
    cluster.links.partition([[leader.id], others]);
    // It still holds the lease, or has none any more and asks: either way nobody confirms.
    await expect(server.read('linearizable', { timeoutMs: 100 })).rejects.toMatchObject({
      code: expect.stringMatching(/TIMEOUT|LEADERSHIP_LOST|NOT_LEADER/),
    });
  });

  it('P116: without leases the same read asks a majority', async () => {
    const cluster = await Cluster.start(3);
    const { server } = await cluster.leader();
    await server.propose(bytes('a'));
    const { rounds } = server.metrics().reads;
    await server.read('lease');
    expect(server.metrics().reads.rounds).toBe(rounds + 1);
  });
});
