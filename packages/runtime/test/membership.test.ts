// Membership while the cluster works: growing, replacing, shrinking, moving, all at once. Commands go on all the time, and
// each one that was acknowledged is there once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CatchUpProgress, RuntimeError } from '../src/index.js';
import { Cluster, freeAddresses, type Member, WAIT } from './support/cluster.js';
import { type DiskSwitches, switchableDisk } from './support/disk.js';
import { bytes } from './support/list-machine.js';

/** Proposes, one after the other, to whoever leads; what may have been applied is not asked again. */
class Load {
  readonly acknowledged: string[] = [];
  readonly #cluster: Cluster;
  #isStopped = false;
  readonly #done: Promise<void>;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#done = this.#run();
  }

  async stop(): Promise<string[]> {
    this.#isStopped = true;
    await this.#done;
    return this.acknowledged;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isStopped; i++) {
      const leader = [...this.#cluster.members.values()].find(({ server }) => server.isLeader);
      try {
        await leader?.server.propose(bytes(`c${i}`));
        if (leader !== undefined) this.acknowledged.push(`c${i}`);
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Every running server shows the same, and of what was acknowledged nothing is missing or there twice. */
async function expectAll(cluster: Cluster, acknowledged: readonly string[]): Promise<void> {
  const last = await (await leaderOf(cluster)).server.propose(bytes('end'));
  const items = await cluster.agreeOn(last);
  expect(new Set(items).size).toBe(items.length);
  const present = new Set(items);
  expect(acknowledged.filter((item) => !present.has(item))).toEqual([]);
}

/** Whoever leads in the newest term; servers that wait to be added, or were removed, have no say. */
async function leaderOf(cluster: Cluster): Promise<Member & { id: number }> {
  let found: (Member & { id: number }) | undefined;
  await expect
    .poll(() => {
      found = [...cluster.members]
        .filter(([, { server }]) => server.status().leadership?.isReady)
        .map(([id, member]) => ({ id, ...member }))
        .sort((a, b) => b.server.term - a.server.term)[0];
      return found;
    }, WAIT)
    .toBeDefined();
  return found as Member & { id: number }; // the poll has seen it
}

/** Asks whoever leads until it is done; steps that were taken stay taken. */
async function ask(
  cluster: Cluster,
  request: (leader: Member & { id: number }) => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      return await request(await leaderOf(cluster));
    } catch (error) {
      const codes = ['NOT_LEADER', 'LEADERSHIP_LOST', 'NOT_READY', 'CONFIG_IN_PROGRESS', 'TIMEOUT'];
      if (!(error instanceof RuntimeError) || !codes.includes(error.code)) throw error;
    }
  }
}

async function grow(cluster: Cluster, id: number): Promise<void> {
  const { address } = await cluster.startJoining(id);
  await ask(cluster, ({ server }) => server.addServer(id, address));
}

async function shrink(cluster: Cluster, id: number): Promise<void> {
  await ask(cluster, async ({ server }) => {
    if (server.status().configuration.voters.includes(id)) await server.removeServer(id);
  });
  await cluster.closeOne(id);
}

describe('under load', () => {
  it('H1.1 H2.1-H2.5 H5.1 P70 P79 one server grows to three and five, a dead one is replaced, and it shrinks to three and one', async () => {
    const cluster = await Cluster.start(1, { snapshotThreshold: 50, snapshotKeepEntries: 10 });
    await leaderOf(cluster);
    const load = new Load(cluster);
    await expect.poll(() => load.acknowledged.length, WAIT).toBeGreaterThan(120);
    for (const id of [2, 3, 4, 5]) await grow(cluster, id);
    const first = await leaderOf(cluster);
    expect(first.server.status().configuration.voters).toEqual([1, 2, 3, 4, 5]);
    const dead = [5, 4].find((id) => id !== first.id) ?? 0;
    await cluster.closeOne(dead);
    cluster.wipe(dead);
    await ask(cluster, ({ server }) => server.removeServer(dead));
    await grow(cluster, 6);
    for (const id of [1, 6, 2]) await shrink(cluster, id);
    const rest = [...cluster.members.keys()];
    expect((await leaderOf(cluster)).server.status().configuration).toMatchObject({
      voters: rest,
      learners: [],
    });
    await shrink(cluster, rest[0] ?? 0);
    await expectAll(cluster, await load.stop());
    expect((await leaderOf(cluster)).server.status().configuration.voters).toEqual(rest.slice(1));
  });

  it('P72 P73 a whole new set of servers takes over at once, the leader being none of it', async () => {
    const cluster = await Cluster.start(3);
    await leaderOf(cluster);
    const load = new Load(cluster);
    const joined = [];
    for (const id of [4, 5, 6]) joined.push(await cluster.startJoining(id));
    for (const { server, address } of joined) {
      await ask(cluster, ({ server: leader }) => leader.addLearner(server.id, address).catch(unlessThere));
      await ask(cluster, ({ server: leader }) => leader.waitUntilCaughtUp(server.id));
    }
    await ask(cluster, async ({ server }) => {
      if (server.status().configuration.voters.includes(1)) {
        await server.changeMembership({ voters: [4, 5, 6] }).catch(unlessBehind);
        if (server.status().configuration.voters.includes(1)) throw new RuntimeError('TIMEOUT', 'again');
      }
    });
    for (const id of [1, 2, 3]) {
      await expect.poll(() => cluster.member(id).server.status().membership, WAIT).toBe('removed');
      await cluster.closeOne(id);
    }
    await expectAll(cluster, await load.stop());
    expect((await leaderOf(cluster)).server.status().configuration).toMatchObject({
      voters: [4, 5, 6],
      votersOutgoing: [],
    });
  });
});

describe('adding', () => {
  it('P82 tells how far the new server has come, and promotes it only when it has caught up', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await leaderOf(cluster);
    await Promise.all(Array.from({ length: 50 }, (_, i) => server.propose(bytes(String(i)))));
    const seen: CatchUpProgress[] = [];
    const { address } = await cluster.startJoining(2);
    await server.addServer(2, address, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ id: 2, isCaughtUp: true });
    expect(server.status().configuration.voters).toEqual([1, 2]);
    await expect(server.addServer(2, address)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('H4.1 a server that nobody hears of stays a learner and holds up nothing; asked again it goes on', async () => {
    const cluster = await Cluster.start(1, { requestTimeoutMs: 500 });
    const { server } = await leaderOf(cluster);
    const [address = ''] = await freeAddresses(1);
    await expect(server.addServer(2, address)).rejects.toMatchObject({
      code: 'NOT_CAUGHT_UP',
      mayHaveBeenApplied: true,
    });
    expect(server.status().configuration).toMatchObject({ voters: [1], learners: [2] });
    expect(await server.propose(bytes('a'))).toBe(1);
    await expect(server.addServer(2, address, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    // It turns up somewhere else: the address is put right on the way.
    const joined = await cluster.startJoining(2);
    await server.addServer(2, joined.address, { timeoutMs: WAIT.timeout });
    expect(server.status()).toMatchObject({
      configuration: { voters: [1, 2] },
      addresses: { 2: joined.address },
    });
  });

  it('ends when it is aborted, and when leadership does', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await leaderOf(cluster);
    const [address = ''] = await freeAddresses(1);
    const abort = new AbortController();
    const adding = server.addServer(2, address, { signal: abort.signal, onProgress: () => abort.abort() });
    await expect(adding).rejects.toMatchObject({ code: 'ABORTED' });
    const waiting = server.waitUntilCaughtUp(2);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await cluster.closeOne(1);
    await refused;
  });

  it('P70 a learner is no way to demote a voter by mistake: that has a name of its own', async () => {
    const cluster = await Cluster.start(3);
    const { server, id } = await leaderOf(cluster);
    const [voter = 0] = cluster.ids.filter((other) => other !== id);
    const refused = { code: 'CONFIG_INVALID', mayHaveBeenApplied: false };
    await expect(server.addLearner(voter, cluster.addresses[voter] ?? '')).rejects.toMatchObject(refused);
    expect(server.status().configuration.voters).toEqual([1, 2, 3]);
    await server.demoteVoter(voter);
    expect(server.status().configuration.learners).toEqual([voter]);
    await expect(server.demoteVoter(voter)).rejects.toMatchObject(refused);
    await expect(cluster.member(voter).server.demoteVoter(id)).rejects.toMatchObject({ code: 'NOT_LEADER' });
    await server.addServer(voter, cluster.addresses[voter] ?? '');
    expect(server.status().configuration).toMatchObject({ voters: [1, 2, 3], learners: [] });
  });

  it('a new voter of a whole configuration needs an address', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await leaderOf(cluster);
    await expect(server.changeMembership({ voters: [1, 2] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(server.changeAddress(9, '127.0.0.1:1')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(server.status().configuration.voters).toEqual([1]);
  });
});

describe('a server', () => {
  it('that lost its disk comes back under its id, also to one that was away while it was removed and added', async () => {
    const cluster = await Cluster.start(5);
    const leader = await leaderOf(cluster);
    const [wiped = 0, away = 0] = cluster.ids.filter((id) => id !== leader.id);
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    await cluster.closeOne(away);
    await cluster.closeOne(wiped);
    cluster.wipe(wiped);
    await ask(cluster, ({ server }) => server.removeServer(wiped));
    const { address } = await cluster.startJoining(wiped);
    await ask(cluster, ({ server }) => server.addServer(wiped, address));
    const [other = 0] = cluster.ids.filter((id) => id !== leader.id && id !== wiped && id !== away);
    await cluster.closeOne(other);
    await cluster.startOne(away);
    // With the leader and the one that was wiped, the one that was away makes the majority: it has to believe in both.
    await cluster.closeOne(cluster.ids.find((id) => ![leader.id, wiped, away, other].includes(id)) ?? 0);
    await expectAll(cluster, ['a']);
    const { server } = cluster.member(away);
    await expect.poll(() => server.status().transport.peers[wiped]?.state, WAIT).toBe('connected');
  });

  it('that lost its disk leads those who were away while it was removed and added, wherever it is now', async () => {
    const cluster = await Cluster.start(4);
    const leader = await leaderOf(cluster);
    const [wiped = 0, away = 0] = cluster.ids.filter((id) => id !== leader.id);
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    await cluster.closeOne(away);
    await ask(cluster, ({ server }) => server.removeServer(wiped));
    await cluster.closeOne(wiped);
    cluster.wipe(wiped);
    const { server, address } = await cluster.startJoining(wiped);
    await ask(cluster, (present) => present.server.addServer(wiped, address));
    await ask(cluster, (present) => present.server.transferLeadership(wiped));
    await expect.poll(() => server.status().leadership?.isReady, WAIT).toBe(true);
    const returned = await cluster.startOne(away);
    await expect.poll(() => returned.server.leader, WAIT).toBe(wiped);
    expect(server.term).toBe(returned.server.term);
    await server.propose(bytes('b'));
    expect(await cluster.agreeOn(2)).toEqual(['a', 'b']);
  });

  it('that is removed and added again in one breath is a new member all the same', async () => {
    const cluster = await Cluster.start(3);
    const leader = await leaderOf(cluster);
    const [again = 0] = cluster.ids.filter((id) => id !== leader.id);
    const address = cluster.addresses[again] ?? '';
    const removing = leader.server.removeServer(again);
    await Promise.all([removing, leader.server.addLearner(again, address)]);
    expect(leader.server.status().configuration.addresses[again]).toMatch(/#\d+$/);
  });

  it('whose disk stands still forgets no log for a removal that is committed and not on its own disk', async () => {
    const disk: DiskSwitches = { isBroken: false, isStuck: false };
    const slow = 4;
    const cluster = await Cluster.start(4, {}, (id) =>
      id === slow ? { vfs: switchableDisk(disk), blocksForQuickDisk: false } : {},
    );
    const first = await leaderOf(cluster);
    if (first.id === slow) await first.server.transferLeadership(1);
    const leader = await leaderOf(cluster);
    const [gone = 0] = cluster.ids.filter((id) => id !== leader.id && id !== slow);
    const knows = () =>
      new RegExp(`"${gone}":`).test(readFileSync(join(cluster.root, `${slow}`, 'peers'), 'utf8'));
    await expect.poll(knows, WAIT).toBe(true);
    disk.isStuck = true;
    await leader.server.removeServer(gone);
    const { server } = cluster.member(slow);
    const removedAt = leader.server.commitIndex;
    await leader.server.propose(bytes('a'));
    await leader.server.propose(bytes('b'));
    await expect.poll(() => server.commitIndex, WAIT).toBeGreaterThan(removedAt);
    expect(knows()).toBe(true);
    disk.isStuck = false;
    await expect.poll(knows, WAIT).toBe(false);
  });

  it('that moves is found at its new address', async () => {
    const cluster = await Cluster.start(3);
    const leader = await leaderOf(cluster);
    const moved = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await cluster.closeOne(moved);
    const [address = ''] = await freeAddresses(1);
    await leader.server.changeAddress(moved, address);
    await cluster.startOne(moved, { listen: address, advertise: address });
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    expect(leader.server.status().addresses[moved]).toBe(address);
  });

  it.each([
    ['by its own word', true],
    ['by what its log says', false],
  ])(
    'that moves is answered at its new address by whoever was away meanwhile: %s',
    async (_, isAdvertised) => {
      const cluster = await Cluster.start(3);
      const first = await leaderOf(cluster);
      const [moved = 0, away = 0] = cluster.ids.filter((id) => id !== first.id);
      await cluster.closeOne(away);
      const [address = ''] = await freeAddresses(1);
      await first.server.changeAddress(moved, address);
      await cluster.closeOne(moved);
      await cluster.startOne(moved, { listen: address, ...(isAdvertised && { advertise: address }) });
      await first.server.propose(bytes('a'));
      await first.server.transferLeadership(moved);
      await cluster.closeOne(first.id);
      // The log of this one, and so its configuration, is of before the move; and there is nobody else to count on.
      await cluster.startOne(away);
      const { server } = cluster.member(moved);
      await expect
        .poll(() => server.propose(bytes('b'), { timeoutMs: 1_000 }).catch(() => 0), WAIT)
        .toBeGreaterThan(0);
    },
  );
});

function unlessThere(error: RuntimeError): void {
  if (error.code !== 'CONFIG_INVALID') throw error;
}

function unlessBehind(error: RuntimeError): void {
  if (error.code !== 'NOT_CAUGHT_UP') throw error;
}
