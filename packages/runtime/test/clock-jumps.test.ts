// Clocks that jump under servers that run: what rests on them stays right, and what does not takes no notice.

import type { LogEntry } from '@waldb/core';
import { describe, expect, it, vi } from 'vitest';
import type { ApplyContext, RaftServer, Session } from '../src/index.js';
import { Cluster, type Member, WAIT } from './support/cluster.js';
import { JumpingClock } from './support/jumping-clock.js';
import { bytes, ListMachine } from './support/list-machine.js';

const HOUR = 3600_000;
const DAY = 24 * HOUR;

/** Keeps the logged time of each command. */
class TimedList extends ListMachine {
  readonly times: number[] = [];

  override apply(entries: readonly LogEntry[], context?: ApplyContext): readonly number[] {
    entries.forEach((_entry, nth) => {
      this.times.push(context?.timeOf(nth) ?? 0);
    });
    return super.apply(entries) as readonly number[]; // it answers at once
  }
}

async function start(raft = {}) {
  const clocks = new Map<number, JumpingClock>();
  const machines = new Map<number, TimedList>();
  const cluster = await Cluster.start(3, { raft }, (id) => {
    const clock = new JumpingClock();
    const stateMachine = new TimedList();
    clocks.set(id, clock);
    machines.set(id, stateMachine);
    return { clock, stateMachine };
  });
  const leader = await cluster.leader();
  const clockOf = (id: number): JumpingClock => clocks.get(id) as JumpingClock; // every server has one
  return { cluster, clockOf, machines, leader, clock: clockOf(leader.id) };
}

/** Asks until it is applied: leadership may be lost on the way. */
async function proposeSomewhere(cluster: Cluster, text: string): Promise<void> {
  await vi.waitFor(async () => {
    const leader = [...cluster.members.values()].find(({ server }: Member) => server.isLeader);
    if (leader === undefined) throw new Error('no leader');
    await leader.server.propose(bytes(text), { timeoutMs: 5000 });
  }, WAIT);
}

function retry(server: RaftServer<number>, session: Session) {
  const request = { cluster: server.clusterId, session: session.id, sequence: 1, acknowledged: 0 };
  return server.propose(bytes('once'), { session: request });
}

function isRising(times: readonly number[]): boolean {
  return times.every((time, nth) => nth === 0 || time >= (times[nth - 1] ?? 0));
}

describe('the monotonic clock jumps forth', () => {
  it('F3.4 on a follower: one late tick, no election, and no connection is given up', async () => {
    const { cluster, clockOf, leader } = await start();
    const { term } = leader.server;
    const others = cluster.ids.filter((id) => id !== leader.id);
    for (const id of [...others, ...others]) {
      clockOf(id).jump(HOUR);
      await leader.server.propose(bytes(`after ${id}`));
    }
    await cluster.agreeOn(4);
    expect(others.map((id) => cluster.member(id).server.leader)).toEqual([leader.id, leader.id]);
    expect(leader.server.term).toBe(term);
  });

  it('on the leader: sessions expire by as much, no command is applied twice, and commands go on', async () => {
    const { cluster, clock, leader } = await start();
    const { server } = leader;
    const session = await server.openSession({ ttlMs: 60_000 });
    expect(await retry(server, session)).toBe(1);
    clock.jump(HOUR);
    await expect(retry(server, session)).rejects.toMatchObject({
      code: expect.stringMatching(/SESSION_EXPIRED|LEADERSHIP_LOST|NOT_LEADER|TIMEOUT/),
    });
    await proposeSomewhere(cluster, 'after');
    const items = await cluster.agreeOn(2);
    expect(items).toEqual(['once', 'after']);
  });

  it('P116 on a leader with a lease: it is over, and the next read asks a majority', async () => {
    const { cluster, clock, leader } = await start({ readPolicy: 'lease' });
    const { server } = leader;
    await server.propose(bytes('a'));
    const rounds = () => server.metrics().reads.rounds;
    await vi.waitFor(async () => {
      const before = rounds();
      await server.read('lease');
      expect(rounds()).toBe(before);
    }, WAIT);
    clock.jump(HOUR);
    const before = rounds();
    await server.read('lease').catch(() => {}); // it may as well lose its leadership over an hour
    expect(rounds()).toBe(before + 1);
    await proposeSomewhere(cluster, 'b');
  });
});

describe('the date jumps', () => {
  it('back: logged time goes on, and a session with it', async () => {
    const { cluster, clock, leader, machines } = await start();
    const { server } = leader;
    const session = await server.openSession({ ttlMs: 60_000 });
    await server.propose(bytes('a'), { session });
    clock.jumpDate(-DAY);
    await server.propose(bytes('b'), { session });
    await server.keepSession(session);
    expect(await server.propose(bytes('c'), { session })).toBe(3);
    await cluster.agreeOn(3);
    for (const { times } of machines.values()) expect([times.length, isRising(times)]).toEqual([3, true]);
  });

  it('forth: what is expired is expired everywhere, nothing twice, and a new session lives on, also when the date is put right', async () => {
    const { cluster, clock, leader, machines } = await start();
    const { server } = leader;
    const session = await server.openSession({ ttlMs: 60_000 });
    expect(await retry(server, session)).toBe(1);
    clock.jumpDate(DAY);
    await expect(retry(server, session)).rejects.toMatchObject({
      code: 'SESSION_EXPIRED',
      mayHaveBeenApplied: true,
    });
    const next = await server.openSession({ ttlMs: 60_000 });
    expect(await server.propose(bytes('b'), { session: next })).toBe(2);
    clock.jumpDate(-DAY);
    expect(await server.propose(bytes('c'), { session: next })).toBe(3);
    // A leader whose date never jumped takes over: the log's time is ahead of it, and goes on.
    const heir = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await server.transferLeadership(heir);
    const { server: successor } = await cluster.leader();
    expect(await successor.propose(bytes('d'), { session: next })).toBe(4);
    expect(await cluster.agreeOn(4)).toEqual(['once', 'b', 'c', 'd']);
    const [first, ...rest] = [...machines.values()].map(({ times }) => times);
    for (const times of rest) expect(times).toEqual(first);
    expect(isRising(first ?? [])).toBe(true);
  });
});
