import { describe, expect, it } from 'vitest';
import { RuntimeError } from '../src/index.js';
import { Cluster } from './support/cluster.js';
import { bytes } from './support/list-machine.js';

describe('three servers', () => {
  it('elect a leader, replicate commands, and give the state machine’s results', async () => {
    const cluster = await Cluster.start(3);
    const { server } = await cluster.leader();
    const results = await Promise.all(['a', 'b', 'c'].map((item) => server.propose(bytes(item))));
    expect(results).toEqual([1, 2, 3]);
    expect(await cluster.agreeOn(3)).toEqual(['a', 'b', 'c']);
  });

  it('I3.2 a write on a follower is refused with the leader’s address, for peers and for clients', async () => {
    const cluster = await Cluster.start(3);
    for (const id of cluster.ids) await cluster.closeOne(id);
    for (const id of cluster.ids) await cluster.startOne(id);
    const leader = await cluster.leader();
    const follower = cluster.ids.find((id) => id !== leader.id) as number;
    const refusal = await cluster
      .member(follower)
      .server.propose(bytes('x'))
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RuntimeError);
    expect(refusal).toMatchObject({
      code: 'NOT_LEADER',
      mayHaveBeenApplied: false,
      detail: { leader: leader.id, leaderAddress: cluster.addresses[leader.id] },
    });
  });

  it('a leader that goes away is replaced, and nothing acknowledged is lost', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    await first.server.propose(bytes('before'));
    await cluster.closeOne(first.id);
    const second = await cluster.leader();
    expect(second.id).not.toBe(first.id);
    expect(await second.server.propose(bytes('after'))).toBe(2);
    await cluster.startOne(first.id);
    expect(await cluster.agreeOn(2)).toEqual(['before', 'after']);
  });

  it('all restarted: everything acknowledged is there again', async () => {
    const cluster = await Cluster.start(3);
    const { server } = await cluster.leader();
    const items = Array.from({ length: 500 }, (_, i) => `item ${i}`);
    await Promise.all(items.map((item) => server.propose(bytes(item))));
    for (const id of cluster.ids) await cluster.closeOne(id);
    for (const id of cluster.ids) await cluster.startOne(id);
    await cluster.leader();
    expect(await cluster.agreeOn(items.length)).toEqual(items);
  });
});
