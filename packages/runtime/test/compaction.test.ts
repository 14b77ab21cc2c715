// When a server saves its state machine by itself, what it keeps below, and a disk that stands still.

import { describe, expect, it } from 'vitest';
import type { RuntimeError } from '../src/index.js';
import { StallWatch } from '../src/loop/stall-watch.js';
import { CompactionPolicy } from '../src/snapshot/compaction-policy.js';
import { Cluster, WAIT } from './support/cluster.js';
import { type DiskSwitches, switchableDisk } from './support/disk.js';
import { bytes } from './support/list-machine.js';

describe('the compaction policy', () => {
  const options = { snapshotThresholdBytes: 1000, snapshotKeepEntries: 50, snapshotKeepBytes: 200 };

  it('asks at the threshold, once, and again only after as much', () => {
    const policy = new CompactionPolicy(options);
    expect([
      policy.applied(9, 999),
      policy.applied(1, 1),
      policy.applied(9, 999),
      policy.applied(1, 1),
    ]).toEqual([false, true, false, true]);
    policy.takeKeepEntries();
    expect([policy.applied(9, 999), policy.applied(1, 1)]).toEqual([false, true]);
  });

  it('0 never asks', () => {
    const policy = new CompactionPolicy({ ...options, snapshotThresholdBytes: 0 });
    expect(policy.applied(1, 1e12)).toBe(false);
  });

  it('keeps as many entries as both bounds allow, by their average size', () => {
    const policy = new CompactionPolicy(options);
    policy.applied(100, 100);
    expect(policy.takeKeepEntries()).toBe(50);
    policy.applied(100, 2000);
    expect(policy.takeKeepEntries()).toBe(10);
    policy.applied(1, 5000);
    expect(policy.takeKeepEntries()).toBe(0);
    expect(policy.takeKeepEntries()).toBe(50);
  });

  it('over servers: large entries are saved by their bytes, and the log below goes but for its tail', async () => {
    const cluster = await Cluster.start(3, { snapshotThresholdBytes: 100_000, snapshotKeepBytes: 20_000 });
    const { server } = await cluster.leader();
    for (let i = 0; i < 150; i++) await server.propose(bytes('x'.repeat(1000)));
    for (const { server: each } of cluster.members.values()) {
      await expect.poll(() => each.status().snapshotIndex, WAIT).toBeGreaterThanOrEqual(90);
      const { firstIndex, snapshotIndex } = each.status();
      const kept = snapshotIndex + 1 - firstIndex;
      expect(kept).toBeGreaterThan(10);
      expect(kept).toBeLessThan(21);
    }
  });
});

describe('a disk that stands still', () => {
  it('is noticed once for each stall, and not while anything becomes durable', () => {
    const watch = new StallWatch(3);
    const told = [
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0],
      [4, 1],
      [5, 1],
      [6, 2],
      [6, 2],
      [6, 2],
      [6, 2],
      [6, 6],
    ].map(([staged = 0, durable = 0]) => watch.tick(staged, durable));
    expect(told.flatMap((isTold, tick) => (isTold ? [tick] : []))).toEqual([2, 9]);
    expect(watch.isStalled).toBe(false);
  });

  it('P66 a leader with one steps down and says so; another leads, and the first one is back when its disk is', async () => {
    const disk: DiskSwitches = { isBroken: false, isStuck: false };
    const cluster = await Cluster.start(3, {}, (id) =>
      id === 1 ? { vfs: switchableDisk(disk), blocksForQuickDisk: false } : {},
    );
    const first = await cluster.leader();
    if (first.id !== 1) await first.server.transferLeadership(1);
    const { server, machine } = cluster.member(1);
    await expect.poll(() => server.status().leadership?.isReady, WAIT).toBe(true);
    const troubles: string[] = [];
    server.on('trouble', ({ code }: RuntimeError) => troubles.push(code));
    disk.isStuck = true;
    const outcome = server.propose(bytes('a')).catch((error: RuntimeError) => error.code);
    await expect.poll(() => troubles, WAIT).toEqual(['STORAGE_STALLED']);
    await expect.poll(() => server.isLeader, WAIT).toBe(false);
    const others = [2, 3].map((id) => cluster.member(id).server);
    await expect.poll(() => others.some((other) => other.isLeader), WAIT).toBe(true);
    const next = others.find((other) => other.isLeader);
    await next?.propose(bytes('b'));
    disk.isStuck = false;
    await outcome;
    await expect.poll(() => machine.items.at(-1), WAIT).toBe('b');
  });

  it('under a follower disturbs nobody', async () => {
    const disk: DiskSwitches = { isBroken: false, isStuck: false };
    const cluster = await Cluster.start(3, {}, (id) =>
      id === 1 ? { vfs: switchableDisk(disk), blocksForQuickDisk: false } : {},
    );
    const { id, server } = await cluster.leader();
    if (id === 1) await server.transferLeadership(2);
    const leader = await cluster.leader();
    const { term } = leader.server;
    const troubles: string[] = [];
    cluster.member(1).server.on('trouble', ({ code }: RuntimeError) => troubles.push(code));
    disk.isStuck = true;
    for (let i = 0; i < 5; i++) await leader.server.propose(bytes(String(i)));
    await expect.poll(() => troubles, WAIT).toEqual(['STORAGE_STALLED']);
    await leader.server.propose(bytes('last'));
    expect(leader.server.term).toBe(term);
    expect(leader.server.isLeader).toBe(true);
    disk.isStuck = false;
    await expect.poll(() => cluster.member(1).machine.items.at(-1), WAIT).toBe('last');
    expect(cluster.member(1).server.term).toBe(term);
  });
});
