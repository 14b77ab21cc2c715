// What servers do when the network between them is broken: cut, silent in one direction, bridged by one server, slow; and
// what comes of snapshots in such a network. Real servers, disks and sockets.

import { describe, expect, it } from 'vitest';
import { Cluster, WAIT } from './support/cluster.js';
import { bytes } from './support/list-machine.js';

const HELD = { type: 'held' } as const;

/** Commands one after the other, as a client that waits for each. */
async function proposeAll(
  server: { propose(command: Uint8Array): Promise<number> },
  items: readonly string[],
): Promise<void> {
  await Promise.all(items.map((item) => server.propose(bytes(item))));
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

describe('a broken network', () => {
  it('D3.3 X7 P10 P95 a leader that is cut off loses its office and its tail; what the others committed stays', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const old = await cluster.leader();
    await old.server.propose(bytes('kept'));
    const others = cluster.ids.filter((id) => id !== old.id);
    cluster.links.isolate(old.id);
    const lost = Promise.allSettled(numbered('lost', 20).map((item) => old.server.propose(bytes(item))));
    await expect.poll(() => old.server.isLeader, WAIT).toBe(false);
    for (const outcome of await lost) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'LEADERSHIP_LOST', mayHaveBeenApplied: true },
      });
    }
    const next = await cluster.leader(others);
    await proposeAll(next.server, numbered('new', 20));
    // Nothing of the log is left to send: the one that comes back is given the snapshot, against its own tail.
    const snapshotIndex = await next.server.snapshot();
    await next.server.propose(bytes('last'));
    cluster.links.heal();
    await cluster.agreeOn(22);
    expect(old.machine.items).toEqual(['kept', ...numbered('new', 20), 'last']);
    expect(old.server.status().snapshotIndex).toBe(snapshotIndex);
  });

  it('P114 a read at a leader that is cut off is refused, never answered with what it holds', async () => {
    const cluster = await Cluster.start(3);
    const old = await cluster.leader();
    await old.server.propose(bytes('a'));
    cluster.links.isolate(old.id, HELD);
    const read = old.server.read('linearizable');
    const others = cluster.ids.filter((id) => id !== old.id);
    const outcome = expect(read).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' });
    const next = await cluster.leader(others);
    await next.server.propose(bytes('b'));
    await outcome;
    cluster.links.heal();
    await cluster.leader();
    await old.server.read('linearizable');
    expect(old.machine.items).toEqual(['a', 'b']);
  });

  it.each(['deaf', 'mute'])(
    'P65 P60 a leader that is %s to all others is replaced, and follows when it is well again',
    async (kind) => {
      const cluster = await Cluster.start(3);
      const old = await cluster.leader();
      const others = cluster.ids.filter((id) => id !== old.id);
      for (const other of others) {
        if (kind === 'deaf') cluster.links.set(other, old.id, HELD);
        else cluster.links.set(old.id, other, HELD);
      }
      const next = await cluster.leader(others);
      expect(next.id).not.toBe(old.id);
      await next.server.propose(bytes('a'));
      await expect.poll(() => old.server.isLeader, WAIT).toBe(false);
      cluster.links.heal();
      const final = await cluster.leader();
      await final.server.propose(bytes('b'));
      expect(await cluster.agreeOn(2)).toEqual(['a', 'b']);
    },
  );

  it('P62 P67 a follower that hears nobody disturbs nobody: neither while it is deaf nor when it is back', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const { term } = leader.server;
    const deaf = cluster.ids.find((id) => id !== leader.id) ?? 0;
    for (const other of cluster.ids) if (other !== deaf) cluster.links.set(other, deaf, HELD);
    await expect.poll(() => cluster.member(deaf).server.leader, WAIT).toBeUndefined();
    await proposeAll(leader.server, numbered('a', 10));
    cluster.links.heal();
    await cluster.agreeOn(10);
    expect(leader.server.isLeader).toBe(true);
    expect(cluster.member(deaf).server.term).toBe(term);
  });

  it('P65 two halves joined by one server alone have one leader and go on', async () => {
    const cluster = await Cluster.start(5);
    await cluster.leader();
    cluster.links.partition([
      [1, 2, 3],
      [3, 4, 5],
    ]);
    // Somebody is followed by three, the bridge among them; whoever it is, commands are taken.
    const proposed = async (): Promise<number> => {
      for (const { server } of cluster.members.values()) {
        if (server.isLeader) return server.propose(bytes('x'), { timeoutMs: 2000 }).catch(() => 0);
      }
      return 0;
    };
    await expect.poll(proposed, WAIT).toBeGreaterThan(0);
    const leaders = [...cluster.members.values()].filter(({ server }) => server.status().leadership?.isReady);
    expect(new Set(leaders.map(({ server }) => server.term)).size).toBe(leaders.length);
    cluster.links.heal();
    const leader = await cluster.leader();
    await leader.server.propose(bytes('last'));
    await expect
      .poll(
        () => new Set([...cluster.members.values()].map(({ machine }) => machine.items.join())).size,
        WAIT,
      )
      .toBe(1);
  });

  it('P25 P26 messages that come late and in bursts: everything is applied once, in order, everywhere', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    for (const from of cluster.ids) {
      for (const to of cluster.ids)
        if (from !== to) cluster.links.set(from, to, { type: 'delayed', ms: 3 * to + from });
    }
    const [slow = 0] = cluster.ids.filter((id) => id !== leader.id);
    for (let round = 0; round < 5; round++) {
      cluster.links.set(leader.id, slow, HELD);
      await proposeAll(leader.server, numbered(`${round}.`, 20));
      cluster.links.set(leader.id, slow, { type: 'delayed', ms: 2 });
    }
    cluster.links.heal();
    await cluster.agreeOn(100);
    for (const { machine } of cluster.members.values()) {
      expect(new Set(machine.items).size).toBe(100);
      expect(machine.indexes).toEqual([...machine.indexes].sort((a, b) => a - b));
    }
  });
});

describe('snapshots in a broken network', () => {
  it('P96 P97 one that is not reached holds up nobody; it is brought back from a log that was given up wholly', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const away = cluster.ids.find((id) => id !== leader.id) ?? 0;
    cluster.links.isolate(away, HELD);
    await proposeAll(leader.server, numbered('a', 30));
    const index = await leader.server.snapshot();
    expect(leader.server.status()).toMatchObject({
      snapshotIndex: index,
      firstIndex: index + 1,
      lastIndex: index,
    });
    await proposeAll(leader.server, numbered('b', 30));
    await leader.server.snapshot();
    cluster.links.heal();
    const { server, machine } = cluster.member(away);
    await expect.poll(() => machine.items, WAIT).toEqual([...numbered('a', 30), ...numbered('b', 30)]);
    const last = await cluster.leader();
    await last.server.propose(bytes('last'));
    await cluster.agreeOn(61);
    // Each entry came once, by the snapshot or by the log.
    expect(machine.indexes.every((at) => at > server.status().snapshotIndex)).toBe(true);
  });

  it('P92 one that is cut off in the middle, again and again, is given the snapshot in the end', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const away = cluster.ids.find((id) => id !== leader.id) ?? 0;
    cluster.links.isolate(away);
    const large = 'x'.repeat(100_000);
    for (let i = 0; i < 30; i++) await leader.server.propose(bytes(`${i}${large}`));
    await leader.server.snapshot();
    const { machine } = cluster.member(away);
    for (let round = 0; round < 6; round++) {
      // So slow that it cannot come through before the next cut; how far it gets differs from round to round.
      for (const other of cluster.ids) {
        if (other !== away) cluster.links.setBoth(other, away, { type: 'delayed', ms: 40 });
      }
      const before = cluster.member(away).server.status().transport.receivedMessages;
      await expect
        .poll(() => cluster.member(away).server.status().transport.receivedMessages, WAIT)
        .toBeGreaterThan(before);
      cluster.links.isolate(away);
    }
    cluster.links.heal();
    await expect.poll(() => machine.items.length, WAIT).toBe(30);
    expect(machine.items.map((item) => Number.parseInt(item, 10))).toEqual(
      Array.from({ length: 30 }, (_, i) => i),
    );
    const last = await cluster.leader();
    await last.server.propose(bytes('last'));
    await cluster.agreeOn(31);
  });

  it('P94 H5.1 H5.3 the members at its index come with it: a learner is known to who was away, and after a restart', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const away = cluster.ids.find((id) => id !== leader.id) ?? 0;
    cluster.links.isolate(away);
    const joined = await cluster.startJoining(4);
    await leader.server.addLearner(4, joined.address);
    await proposeAll(leader.server, numbered('a', 20));
    await expect.poll(() => joined.machine.items.length, WAIT).toBe(20);
    await leader.server.snapshot();
    cluster.links.heal();
    await cluster.agreeOn(20);
    const members = { voters: [1, 2, 3], learners: [4] };
    expect(cluster.member(away).server.status().configuration).toMatchObject(members);
    await cluster.closeOne(away);
    const again = await cluster.startOne(away);
    expect(again.server.status().configuration).toMatchObject(members);
    expect(again.machine.items.length).toBe(20);
    expect(again.server.addressOf(4)?.peer).toBeDefined();
  });

  it('P91 P93 H3.3 who comes back from a snapshot of its own while a newer one is on its way applies nothing twice', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const behind = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await proposeAll(leader.server, numbered('a', 20));
    await cluster.agreeOn(20);
    const own = await cluster.member(behind).server.snapshot();
    await cluster.closeOne(behind);
    for (let round = 0; round < 3; round++) {
      await proposeAll(leader.server, numbered(`${round}.`, 20));
      await leader.server.snapshot();
    }
    const again = await cluster.startOne(behind);
    expect(again.machine.items).toHaveLength(20);
    const commands = proposeAll(leader.server, numbered('z', 20));
    await commands;
    await cluster.agreeOn(100);
    expect(own).toBeLessThan(again.server.status().snapshotIndex);
    expect(new Set(again.machine.items).size).toBe(100);
    expect(new Set(again.machine.indexes).size).toBe(again.machine.indexes.length);
  });

  it('H1.4 H4.1 H4.5 the leader dies while it brings up a new server: the next one goes on with it', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const first = await cluster.leader();
    await proposeAll(first.server, numbered('a', 30));
    await first.server.snapshot();
    const joined = await cluster.startJoining(4);
    // It is taken in, and nothing reaches it.
    for (const id of [1, 2, 3]) cluster.links.setBoth(id, 4, HELD);
    await first.server.addLearner(4, joined.address);
    await expect(first.server.promoteLearner(4)).rejects.toMatchObject({ code: 'NOT_CAUGHT_UP' });
    expect(joined.machine.items).toEqual([]);
    await cluster.closeOne(first.id);
    cluster.links.heal();
    const others = [1, 2, 3].filter((id) => id !== first.id);
    const next = await cluster.leader(others);
    await next.server.propose(bytes('last'));
    await expect.poll(() => joined.machine.items, WAIT).toEqual([...numbered('a', 30), 'last']);
    expect(joined.server.status().role).toBe('learner');
    const promoted = (): Promise<string> =>
      next.server.promoteLearner(4).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    await expect.poll(promoted, WAIT).toBe('done');
  });

  it('H5.2 P78 a learner never counts: without a majority of voters nothing is committed, however many learners there are', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const joined = [await cluster.startJoining(4), await cluster.startJoining(5)];
    for (const { server, address } of joined) await leader.server.addLearner(server.id, address);
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    cluster.links.partition([[leader.id, 4, 5], cluster.ids.filter((id) => id !== leader.id && id < 4)]);
    await expect(leader.server.propose(bytes('b'))).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' });
    for (const { machine, server } of joined) {
      expect(machine.items).toEqual(['a']);
      expect(server.status().role).toBe('learner');
    }
    cluster.links.heal();
    const next = await cluster.leader();
    await next.server.propose(bytes('c'));
    await expect.poll(() => joined.map(({ machine }) => machine.items.at(-1)), WAIT).toEqual(['c', 'c']);
  });
});
