// What several servers do together: reads, events, membership, snapshots, load.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LogEntry } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '../src/index.js';
import { Cluster, startServer, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

/** Applies nothing until it is released. */
class HeldMachine extends ListMachine {
  isHeld = false;
  #release: () => void = () => {};
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  override async apply(entries: readonly LogEntry[]): Promise<readonly number[]> {
    this.isHeld = true;
    await this.#released;
    return super.apply(entries);
  }

  release(): void {
    this.#release();
  }
}

describe('reads', () => {
  it('P115 linearizable on any server: they see every write that was acknowledged before', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    for (let i = 1; i <= 30; i++) {
      await leader.server.propose(bytes(String(i)));
      const { server, machine } = cluster.member((i % 3) + 1);
      await server.read('linearizable');
      expect(machine.items.length).toBeGreaterThanOrEqual(i);
    }
    await Promise.all(Array.from({ length: 2000 }, () => leader.server.read('lease')));
    expect(leader.server.status().reads).toBe(0);
  });

  it('I3.1 eventual on a follower: answered there, also when there is no leader at all', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    const [one = 0, two = 0] = cluster.ids.filter((id) => id !== leader.id);
    await cluster.closeOne(leader.id);
    await cluster.closeOne(one);
    const { server, machine } = cluster.member(two);
    await expect.poll(() => server.leader, WAIT).toBeUndefined();
    await server.read('eventual');
    expect(machine.items).toEqual(['a']);
    await expect(server.read('linearizable')).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});

describe('events', () => {
  it('F1.9 F4.1 F4.2 F4.3 B5.2 B6.1 B6.2 E1.1 E1.2 E2.1 E3.1 leaders, roles and commits are told on every server, and nothing twice in a row', async () => {
    const cluster = await Cluster.start(3);
    const heard = new Map<number, string[]>();
    for (const [id, { server }] of cluster.members) {
      const lines: string[] = [];
      heard.set(id, lines);
      server.on('leaderChange', ({ leader, term }) => lines.push(`leader ${leader} in ${term}`));
      server.on('roleChange', ({ role }) => lines.push(`role ${role}`));
      server.on('commit', ({ index }) => lines.push(`commit ${index}`));
    }
    const first = await cluster.leader();
    await first.server.propose(bytes('a'));
    const index = first.server.commitIndex;
    const others = cluster.ids.filter((id) => id !== first.id);
    for (const id of others) await expect.poll(() => heard.get(id), WAIT).toContain(`commit ${index}`);
    await cluster.closeOne(first.id);
    const second = await cluster.leader();
    for (const id of others) {
      const lines = heard.get(id) ?? [];
      const leaders = lines.filter((line) => line.startsWith('leader'));
      expect(leaders.at(-1)).toBe(`leader ${second.id} in ${second.server.term}`);
      expect(leaders.at(-2)).toMatch(/^leader undefined/);
      for (let i = 1; i < leaders.length; i++) expect(leaders[i]).not.toBe(leaders[i - 1]);
      const commits = lines.filter((line) => line.startsWith('commit')).map((line) => Number(line.slice(7)));
      expect(commits).toEqual([...new Set(commits)].sort((a, b) => a - b));
    }
    // The role of a step is told before anything that follows from it.
    const won = heard.get(second.id) ?? [];
    const campaign = won.lastIndexOf('role candidate');
    const victory = won.indexOf('role leader', campaign);
    expect(campaign).toBeGreaterThanOrEqual(0);
    expect(victory).toBeGreaterThan(campaign);
    expect(won.slice(victory).some((line) => line.startsWith('commit'))).toBe(true);
    const follower = others.find((id) => id !== second.id) ?? 0;
    expect(heard.get(follower)).not.toContain('role leader');
  });

  it('G3.1 G3.2 a listener may ask for more from inside an event, and one that throws harms nobody', async () => {
    const cluster = await Cluster.start(1);
    const { server, machine } = cluster.member(1);
    const asked: Promise<number>[] = [];
    server.on('leaderChange', () => {
      throw new Error('a listener of the user');
    });
    server.on('leaderChange', ({ leader }) => {
      if (leader === 1) asked.push(server.propose(bytes('from inside')));
    });
    await expect.poll(() => machine.items, WAIT).toEqual(['from inside']);
    expect(await Promise.all(asked)).toEqual([1]);
  });
});

describe('a new leader', () => {
  it('B7.1 what it is asked before it can answer is answered once it can, in order', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    await first.server.propose(bytes('a'));
    const answered: string[] = [];
    const asked: Promise<unknown>[] = [];
    for (const [id, { server, machine }] of cluster.members) {
      if (id === first.id) continue;
      server.on('roleChange', ({ role }) => {
        if (role !== 'leader') return;
        // Its own noop is not committed: it cannot confirm a read yet, nor apply what it is given.
        expect(server.status().leadership?.isReady).toBe(false);
        const item = server.propose(bytes('b'));
        const read = server.read('linearizable').then(() => answered.push(`read ${machine.items[0]}`));
        asked.push(
          item.then((length) => answered.push(`item ${length}`)),
          read,
        );
      });
    }
    await cluster.closeOne(first.id);
    await expect.poll(() => answered.length, WAIT).toBe(2);
    await Promise.all(asked);
    expect(answered.sort()).toEqual(['item 2', 'read a']);
  });
});

describe('load', () => {
  it('I2.2 I4.3 a burst beyond every limit is answered BUSY, what was taken is applied in order, and all is well again', async () => {
    const limits = { proposalsMax: 500, batchCommandsMax: 64 };
    const cluster = await Cluster.start(3, { limits });
    const { server } = await cluster.leader();
    const burst = Array.from({ length: 1000 }, (_, i) => server.propose(bytes(String(i))));
    const outcomes = await Promise.allSettled(burst);
    expect(outcomes.slice(0, 500).every((outcome) => outcome.status === 'fulfilled')).toBe(true);
    for (const outcome of outcomes.slice(500)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'BUSY', mayHaveBeenApplied: false },
      });
    }
    expect(await server.propose(bytes('calm'))).toBe(501);
    expect(await cluster.agreeOn(501)).toEqual([...Array.from({ length: 500 }, (_, i) => String(i)), 'calm']);
  });

  it('the quota of uncommitted bytes holds proposals back, and loses none', async () => {
    const cluster = await Cluster.start(3, { raft: { maxUncommittedBytes: 2000 } });
    const { server } = await cluster.leader();
    const item = 'x'.repeat(100);
    await Promise.all(Array.from({ length: 300 }, () => server.propose(bytes(item))));
    await cluster.agreeOn(300);
  });

  it('I4.1 I4.2 reads and writes from many clients, a leader change in between: no acknowledged write is missed by a later read', async () => {
    const cluster = await Cluster.start(3);
    await cluster.leader();
    let acknowledged = 0;
    let isOver = false;
    const writers = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        const leader = [...cluster.members.values()].find(({ server }) => server.isLeader);
        if (leader === undefined) await new Promise((resolve) => setImmediate(resolve));
        else await leader.server.propose(bytes('w'), { timeoutMs: 5000 }).then(count, () => {});
      }
    });
    const stale: string[] = [];
    const readers = cluster.ids.map(async (id) => {
      while (!isOver) {
        const before = acknowledged;
        const member = cluster.members.get(id);
        const wasRead = await member?.server.read('linearizable', { timeoutMs: 5000 }).then(
          () => true,
          () => false,
        );
        if (member !== undefined && wasRead && member.machine.items.length < before)
          stale.push(`${id}: ${before}`);
        if (!wasRead) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await expect.poll(() => acknowledged, WAIT).toBeGreaterThan(200);
    const leader = await cluster.leader();
    await leader.server.transferLeadership(leader.id === 1 ? 2 : 1);
    const half = acknowledged;
    await expect.poll(() => acknowledged, WAIT).toBeGreaterThan(half + 200);
    isOver = true;
    await Promise.all([...writers, ...readers]);
    expect(stale).toEqual([]);

    function count(): void {
      acknowledged += 1;
    }
  });

  it('I3.3 commands during an election are answered, one way or the other, and an acknowledged one is kept', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    const pending = Array.from({ length: 50 }, (_, i) => first.server.propose(bytes(`before ${i}`)));
    // At once, and with nobody to take over: what this is about comes from a leader that is just gone.
    const closing = cluster.closeOne(first.id, { transfer: false });
    const outcomes = await Promise.allSettled(pending);
    await closing;
    const during = [...cluster.members.values()].map(({ server }) => server.propose(bytes('during')));
    for (const outcome of await Promise.allSettled(during)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'NOT_LEADER' } });
    }
    const second = await cluster.leader();
    await second.server.propose(bytes('after'));
    const kept = second.machine.items;
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') expect(kept).toContain(`before ${i}`);
      else expect(outcome.reason).toMatchObject({ code: 'CLOSED' });
    }
  });

  it('F1.5 F3.3 F4.5 a slow state machine holds up neither ticks nor heartbeats: its leader stays leader', async () => {
    const machines = new Map<number, HeldMachine>();
    const cluster = await Cluster.start(3, {}, (id) => {
      const machine = new HeldMachine();
      machines.set(id, machine);
      return { stateMachine: machine };
    });
    const { server, id } = await cluster.leader();
    const { term } = server;
    const pending = [server.propose(bytes('a')), server.propose(bytes('b'))];
    await expect.poll(() => machines.get(id)?.isHeld, WAIT).toBe(true);
    // Far more rounds than an election timeout takes, while the machine has not moved.
    const round = heartbeatRound();
    await expect.poll(heartbeatRound, WAIT).toBeGreaterThan(round + 50);
    expect(server.status()).toMatchObject({ role: 'leader', term, appliedIndex: 1 });
    for (const machine of machines.values()) machine.release();
    expect(await Promise.all(pending)).toEqual([1, 2]);

    function heartbeatRound(): number {
      return server.status().leadership?.heartbeatRound ?? 0;
    }
  });

  it('one command that is too large is refused alone', async () => {
    const cluster = await Cluster.start(1, { log: { entryBytesMax: 1000 } });
    const { server } = await cluster.leader();
    const outcomes = await Promise.allSettled(
      ['a', 'x'.repeat(2000), 'b'].map((item) => server.propose(bytes(item))),
    );
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: { code: 'TOO_LARGE', mayHaveBeenApplied: false } },
      { status: 'fulfilled', value: 2 },
    ]);
  });

  it('a leader without its majority says that it does not know', async () => {
    const cluster = await Cluster.start(3);
    const { server, id } = await cluster.leader();
    for (const other of cluster.ids) if (other !== id) await cluster.closeOne(other);
    const refusal = await server.propose(bytes('x'), { timeoutMs: 20_000 }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RuntimeError);
    expect(refusal).toMatchObject({ mayHaveBeenApplied: (refusal as RuntimeError).code !== 'NOT_LEADER' });
    expect(['LEADERSHIP_LOST', 'TIMEOUT', 'NOT_LEADER']).toContain((refusal as RuntimeError).code);
  });
});

describe('membership', () => {
  it('H1.1 H2.1-H2.4 H4.3 P70 a learner joins, catches up, is promoted, and carries the cluster on when another is removed', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    await Promise.all(Array.from({ length: 100 }, (_, i) => leader.server.propose(bytes(String(i)))));
    const joined = await cluster.startJoining(4);
    expect(joined.server.status().role).toBe('learner');
    await leader.server.addLearner(4, joined.address);
    await expect.poll(() => joined.machine.items.length, WAIT).toBe(100);
    await expect
      .poll(
        () =>
          leader.server.promoteLearner(4).then(
            () => 'done',
            (error: RuntimeError) => error.code,
          ),
        WAIT,
      )
      .toBe('done');
    await expect.poll(() => joined.server.status().role, WAIT).toBe('follower');
    expect(leader.server.status().configuration.voters).toEqual([1, 2, 3, 4]);
    const removed = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await leader.server.removeServer(removed);
    await cluster.closeOne(removed);
    const another = cluster.ids.find((id) => id !== leader.id && id !== removed) ?? 0;
    await cluster.closeOne(another);
    expect(await leader.server.propose(bytes('last'))).toBe(101);
    await expect.poll(() => joined.machine.items.at(-1), WAIT).toBe('last');
  });

  it('H1.2 H1.3 H1.6 H4.2 H5.4 two join at once, each by the snapshot and then by what follows it', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    await Promise.all(Array.from({ length: 50 }, (_, i) => leader.server.propose(bytes(String(i)))));
    const snapshotIndex = await leader.server.snapshot();
    const joined = await Promise.all([cluster.startJoining(4), cluster.startJoining(5)]);
    await Promise.all(joined.map(({ server, address }) => leader.server.addLearner(server.id, address)));
    await leader.server.propose(bytes('last'));
    await cluster.agreeOn(51);
    for (const { machine, server } of joined) {
      expect(server.status()).toMatchObject({
        role: 'learner',
        snapshotIndex,
        firstIndex: snapshotIndex + 1,
      });
      expect(machine.indexes).toHaveLength(1);
    }
  });

  it('H1.5 H4.4 a server that joins while there is no leader waits, does not campaign, and is found later', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    await first.server.propose(bytes('a'));
    const others = cluster.ids.filter((id) => id !== first.id);
    for (const id of others) await cluster.closeOne(id);
    await expect.poll(() => first.server.isLeader, WAIT).toBe(false);
    const joined = await cluster.startJoining(4);
    const roles: string[] = [];
    joined.server.on('roleChange', ({ role }) => roles.push(role));
    await expect(first.server.addLearner(4, joined.address)).rejects.toMatchObject({ code: 'NOT_LEADER' });
    for (const id of others) await cluster.startOne(id);
    let leader: number | undefined;
    await expect
      .poll(async () => {
        leader = [...cluster.members.values()].find(({ server }) => server.isLeader)?.server.id;
        return (
          leader &&
          cluster
            .member(leader)
            .server.addLearner(4, joined.address)
            .then(
              () => 'added',
              () => 'not yet',
            )
        );
      }, WAIT)
      .toBe('added');
    await expect.poll(() => joined.machine.items, WAIT).toEqual(['a']);
    expect(roles).toEqual([]);
  });

  it('a change is refused where it cannot be, with a code', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const follower = cluster.ids.find((id) => id !== leader.id) ?? 0;
    const { server } = cluster.member(follower);
    await expect(server.removeServer(1)).rejects.toMatchObject({
      code: 'NOT_LEADER',
      detail: { leader: leader.id },
    });
    await expect(leader.server.addServer(4, 'nowhere')).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    await expect(leader.server.promoteLearner(9)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(leader.server.transferLeadership(9)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('P100 leadership is handed over on demand', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    const to = cluster.ids.find((id) => id !== first.id) ?? 0;
    await first.server.transferLeadership(to);
    const second = await cluster.leader();
    expect(second.id).toBe(to);
    expect(await second.server.propose(bytes('x'))).toBe(1);
  });

  it('P71 a leader that removes itself leads until that is committed, and then no more', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    await first.server.removeServer(first.id);
    await expect.poll(() => first.server.isLeader, WAIT).toBe(false);
    await cluster.closeOne(first.id);
    const second = await cluster.leader();
    expect(second.server.status().configuration.voters).toEqual(cluster.ids.filter((id) => id !== first.id));
    expect(await second.server.propose(bytes('x'))).toBe(1);
  });

  it('P81 a server that is removed hears of it, also one that was away, and keeps quiet', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const [near = 0, far = 0] = cluster.ids.filter((id) => id !== leader.id);
    const told: number[] = [];
    cluster.member(near).server.on('removed', ({ index }) => told.push(index));
    await leader.server.removeServer(near);
    await expect.poll(() => told, WAIT).toHaveLength(1);
    expect(cluster.member(near).server.status()).toMatchObject({
      membership: 'removed',
      removedAt: told[0],
      role: 'learner',
      leader: undefined,
    });
    await cluster.closeOne(near);
    // The same for one that learns of it only when it starts again.
    await cluster.startOne(near);
    await expect.poll(() => cluster.member(near).server.status().membership, WAIT).toBe('removed');
    const term = leader.server.term;
    expect(leader.server.status().membership).toBe('member');
    expect(cluster.member(far).server.status()).toMatchObject({ membership: 'member', term });
    await expect(cluster.member(near).server.propose(bytes('x'))).rejects.toMatchObject({
      code: 'NOT_LEADER',
    });
    // Its log is whole, so it may come back as it is.
    await leader.server.addLearner(near, cluster.addresses[near] ?? '');
    await expect.poll(() => cluster.member(near).server.status().membership, WAIT).toBe('member');
  });

  it('P81 a server that had joined and was removed is still a removed one when it is started again', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    const { address } = await cluster.startJoining(2);
    await server.addServer(2, address);
    await expect.poll(() => cluster.member(2).server.status().membership, WAIT).toBe('member');
    await server.removeServer(2);
    await expect.poll(() => cluster.member(2).server.status().membership, WAIT).toBe('removed');
    await cluster.closeOne(2);
    const again = await cluster.startJoining(2);
    await expect.poll(() => again.server.status().membership, WAIT).toBe('removed');
  });

  it('a voter that comes back with an empty directory may not vote again, until it is removed and added', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    await leader.server.propose(bytes('a'));
    await cluster.agreeOn(1);
    const wiped = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await cluster.closeOne(wiped);
    rmSync(join(cluster.root, String(wiped)), { recursive: true });
    const reasons: unknown[] = [];
    const note = (fields: object) => reasons.push('theirCode' in fields ? fields.theirCode : undefined);
    const logger = { debug() {}, info() {}, warn: note, error: note };
    const { server, machine } = await cluster.startOne(wiped, { logger });
    await expect.poll(() => reasons, WAIT).toContain('LOG_REPLACED');
    await leader.server.propose(bytes('b'));
    expect(machine.items).toEqual([]);
    expect(server.leader).toBeUndefined();
    await leader.server.removeServer(wiped);
    await leader.server.addServer(wiped, cluster.addresses[wiped] ?? '');
    await cluster.agreeOn(2);
  });
});

describe('snapshots', () => {
  it('H3.1 give up the log before them, and bring the state back after a restart', async () => {
    const cluster = await Cluster.start(1, { snapshotKeepEntries: 0 });
    const { server } = await cluster.leader();
    await Promise.all(Array.from({ length: 100 }, (_, i) => server.propose(bytes(String(i)))));
    const index = await server.snapshot();
    expect(index).toBe(101);
    await server.propose(bytes('last'));
    expect(server.status()).toMatchObject({ firstIndex: 102, snapshotIndex: 101 });
    await cluster.closeOne(1);
    const { machine } = await cluster.startOne(1);
    expect(machine.items).toHaveLength(100);
    await expect.poll(() => machine.items.length, WAIT).toBe(101);
    expect(machine.indexes).toEqual([102]);
  });

  it('P29 P90 bring a follower back that is behind all that is kept', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const behind = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await leader.server.propose(bytes('0'));
    await cluster.closeOne(behind);
    await Promise.all(Array.from({ length: 99 }, (_, i) => leader.server.propose(bytes(String(i + 1)))));
    await leader.server.snapshot();
    const { machine } = await cluster.startOne(behind);
    await expect.poll(() => machine.items.length, WAIT).toBe(100);
    expect(machine.items).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    // Not by the log: nothing of it was left to send.
    expect(machine.indexes.length).toBeLessThan(10);
    await leader.server.propose(bytes('last'));
    await cluster.agreeOn(101);
  });

  it('are taken by themselves at the threshold, while commands go on', async () => {
    const cluster = await Cluster.start(3, { snapshotThreshold: 50, snapshotKeepEntries: 10 });
    const { server } = await cluster.leader();
    for (let i = 0; i < 400; i++) await server.propose(bytes(String(i)));
    for (const { server: each } of cluster.members.values()) {
      await expect.poll(() => each.status().snapshotIndex, WAIT).toBeGreaterThan(300);
    }
    expect(server.status().firstIndex).toBeGreaterThan(300);
    expect(await cluster.agreeOn(400)).toEqual(Array.from({ length: 400 }, (_, i) => String(i)));
  });

  it('that are too large are refused, and the server goes on', async () => {
    const cluster = await Cluster.start(1, { limits: { snapshotBytesMax: 10 } });
    const { server } = await cluster.leader();
    const errors: RuntimeError[] = [];
    server.on('trouble', (error) => errors.push(error));
    await server.propose(bytes('a long item'));
    await expect(server.snapshot()).rejects.toMatchObject({ code: 'SNAPSHOT_TOO_LARGE' });
    expect(errors.map(({ code }) => code)).toEqual(['SNAPSHOT_TOO_LARGE']);
    expect(await server.propose(bytes('b'))).toBe(2);
  });

  it('show the state of one point, whatever is applied while they are read', async () => {
    const machine = new ListMachine();
    const gate: { open: () => void } = { open: () => {} };
    const snapshot = machine.snapshot.bind(machine);
    machine.snapshot = async function* () {
      const image = snapshot();
      const first = await image[Symbol.asyncIterator]().next();
      await new Promise<void>((resolve) => {
        gate.open = resolve;
      });
      if (first.done !== true) yield first.value;
    };
    const cluster = await Cluster.start(1, { stateMachine: machine, snapshotKeepEntries: 0 });
    const { server } = await cluster.leader();
    await server.propose(bytes('a'));
    const saving = server.snapshot();
    expect(await server.propose(bytes('b'))).toBe(2);
    gate.open();
    expect(await saving).toBe(2);
    await cluster.closeOne(1);
    const { machine: again } = await startServer({
      id: 1,
      directory: join(cluster.root, '1'),
      bootstrap: { members: cluster.addresses },
    });
    expect(again.items).toEqual(['a']);
    await expect.poll(() => again.items, WAIT).toEqual(['a', 'b']);
  });
});
