// What a server counts, measures and publishes, over real servers.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LogEntry } from '@waldb/core';
import { WAL_CHANNELS } from '@waldb/wal';
import { describe, expect, it } from 'vitest';
import { SERVER_CHANNELS, type ServerMessage, SLOW_APPLY_MS } from '../src/index.js';
import { Cluster, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

type ChannelName = keyof typeof SERVER_CHANNELS;

/** What is published about the servers of one cluster, by channel, while `act` runs. */
async function published(
  clusterId: string,
  act: () => Promise<void>,
): Promise<Record<ChannelName, object[]>> {
  const names = Object.keys(SERVER_CHANNELS) as ChannelName[];
  const heard = Object.fromEntries(names.map((name) => [name, [] as object[]])) as Record<
    ChannelName,
    object[]
  >;
  const listeners = names.map((name) => {
    const listen = (message: unknown): void => {
      const about = message as ServerMessage;
      if (about.clusterId === clusterId) heard[name].push(about);
    };
    subscribe(SERVER_CHANNELS[name], listen);
    return () => unsubscribe(SERVER_CHANNELS[name], listen);
  });
  try {
    await act();
  } finally {
    for (const stop of listeners) stop();
  }
  return heard;
}

describe('the metrics of a server', () => {
  it('I1.5 count commands and their batches, what was applied where, and reads with their rounds', async () => {
    const cluster = await Cluster.start(3);
    const { id, server } = await cluster.leader();
    await Promise.all(Array.from({ length: 300 }, (_, i) => server.propose(bytes(String(i)))));
    await Promise.all(Array.from({ length: 40 }, () => server.read('linearizable')));
    await cluster.agreeOn(300);
    const { proposals, entries, reads, log, loopDelay } = server.metrics();
    expect(proposals).toMatchObject({ accepted: 300, failed: {}, duration: { count: 300 } });
    expect(proposals.batchCommands.sum).toBe(300);
    expect(proposals.batchCommands.count).toBeLessThan(300);
    expect(proposals.batchCommands.max).toBeGreaterThan(1);
    expect(entries).toMatchObject({ committed: 300, applied: 300, slowApplies: 0 });
    expect(entries.applyDuration.count).toBeGreaterThan(0);
    expect(reads.answered).toBe(40);
    expect(reads.rounds).toBeGreaterThan(0);
    expect(reads.rounds).toBeLessThan(40);
    expect(log.syncMillisecondsBuckets.count).toBeGreaterThan(0);
    await expect.poll(() => server.metrics().loopDelay.count, WAIT).toBeGreaterThan(loopDelay.count);
    for (const [other, { server: follower }] of cluster.members) {
      const metrics = follower.metrics();
      expect(metrics.leaderChanges).toBeGreaterThan(0);
      expect(metrics.entries).toMatchObject({ committed: 300, applied: 300 });
      if (other !== id) expect(metrics.proposals).toMatchObject({ accepted: 0, duration: { count: 0 } });
      await expect
        .poll(() => Object.keys(follower.metrics().peers), WAIT)
        .toEqual(cluster.ids.filter((peer) => peer !== other).map(String));
    }
  });

  it('count refusals and failures by their code, commands and reads apart', async () => {
    const cluster = await Cluster.start(3, { limits: { proposalsMax: 10 } });
    const leader = await cluster.leader();
    const follower = cluster.member(cluster.ids.find((id) => id !== leader.id) ?? 0).server;
    await follower.propose(bytes('x')).catch(() => {});
    expect(follower.metrics().proposals).toMatchObject({ accepted: 1, failed: { NOT_LEADER: 1 } });
    const { server } = leader;
    await Promise.allSettled(Array.from({ length: 25 }, () => server.propose(bytes('x'))));
    await server.propose(bytes('x'), { signal: AbortSignal.abort() }).catch(() => {});
    expect(server.metrics().proposals).toMatchObject({ accepted: 10, failed: { BUSY: 15, ABORTED: 1 } });
    for (const id of cluster.ids) if (id !== leader.id) await cluster.closeOne(id);
    await server.read('linearizable').catch(() => {});
    await server.propose(bytes('x')).catch(() => {});
    const { reads, proposals } = server.metrics();
    expect(Object.values(reads.failed)).toEqual([1]);
    expect(Object.values(proposals.failed).reduce((sum, count) => sum + count)).toBe(17);
  });

  it('count the calls in which the state machine took its time', async () => {
    class SlowMachine extends ListMachine {
      override async apply(entries: readonly LogEntry[]): Promise<readonly number[]> {
        await new Promise((resolve) => setTimeout(resolve, SLOW_APPLY_MS + 50));
        return super.apply(entries);
      }
    }
    const cluster = await Cluster.start(1, { stateMachine: new SlowMachine() });
    const { server } = await cluster.leader();
    await server.propose(bytes('x'));
    const { entries, proposals } = server.metrics();
    expect(entries).toMatchObject({ committed: 1, applied: 1, slowApplies: 1 });
    expect(proposals.duration.max).toBeGreaterThan(SLOW_APPLY_MS);
    expect(entries.applyDuration.max).toBeGreaterThan(SLOW_APPLY_MS);
  });
});

describe('the channels of a server', () => {
  it('tell of each command from its acceptance to its outcome, and of what happens to the server', async () => {
    const cluster = await Cluster.start(3);
    const { id, server } = await cluster.leader();
    const about = { clusterId: server.clusterId, server: id };
    const heard = await published(server.clusterId, async () => {
      await server.propose(bytes('first'));
      const { proposalAccepted, proposalSettled, batch } = SERVER_CHANNELS;
      expect(
        [proposalAccepted, proposalSettled, batch].every((name) => name.startsWith('waldb:server:')),
      ).toBe(true);
      await cluster.agreeOn(1);
      await server.transferLeadership(cluster.ids.find((other) => other !== id) ?? 0);
      await server.propose(bytes('second')).catch(() => {});
    });
    expect(heard.proposalAccepted).toEqual([
      { ...about, bytes: 5 },
      { ...about, bytes: 6 },
    ]);
    const milliseconds = expect.any(Number);
    expect(heard.proposalSettled).toEqual([
      { ...about, code: undefined, mayHaveBeenApplied: true, milliseconds },
      { ...about, code: 'NOT_LEADER', mayHaveBeenApplied: false, milliseconds },
    ]);
    expect(heard.batch).toMatchObject([{ ...about, commands: 1 }]);
    const { first } = heard.batch[0] as { first: number };
    expect(heard.apply).toEqual(
      expect.arrayContaining(
        cluster.ids.map((member) => ({
          ...about,
          server: member,
          first,
          last: first,
          entries: 1,
          milliseconds,
        })),
      ),
    );
    expect(heard.commit).toContainEqual({ ...about, index: first });
    expect(heard.roleChange).toContainEqual({ ...about, role: 'follower', term: expect.any(Number) });
    expect(heard.leaderChange.length).toBeGreaterThan(0);
    expect(heard.loopDelay.length).toBeGreaterThan(0);
  });

  it('are all in the page that explains them', () => {
    const page = readFileSync(fileURLToPath(new URL('../../../docs/metrics.md', import.meta.url)), 'utf8');
    const rows = [...page.matchAll(/^\| `(waldb:[a-z:-]+)` \|/gm)].map(([, name = '']) => name);
    expect(rows.sort()).toEqual([...Object.values(SERVER_CHANNELS), ...Object.values(WAL_CHANNELS)].sort());
  });

  it('say nothing to nobody: what is heard begins with the subscription and ends with it', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    await server.propose(bytes('before'));
    const heard = await published(server.clusterId, async () => {
      await server.propose(bytes('during'));
    });
    await server.propose(bytes('after'));
    expect(heard.proposalAccepted).toHaveLength(1);
    expect(heard.proposalSettled).toHaveLength(1);
  });
});
