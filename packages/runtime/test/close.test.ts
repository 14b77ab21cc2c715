// How a server leaves: what it finishes, whom it hands over to, and that it never waits for ever.

import type { LogEntry } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { type RaftServer, RuntimeError, type SessionRequest } from '../src/index.js';
import { Cluster, type TestOptions, WAIT } from './support/cluster.js';
import { bytes, ListMachine } from './support/list-machine.js';

/** So long that within a test nobody finds out by a timeout that a leader is gone. */
const PATIENT: TestOptions = { electionTimeoutTicks: [100, 6000], heartbeatTicks: 2 };

/** Resolves when `to` leads. */
async function leadBy(cluster: Cluster, to: number): Promise<RaftServer<number>> {
  const { server, id } = await cluster.leader();
  if (id !== to) await server.transferLeadership(to);
  return cluster.member(to).server;
}

describe('a graceful close', () => {
  it('W51 a leader hands over first: when its close is done another one leads, without an election timeout', async () => {
    // On a busy machine a leader may wait for an answer for longer than it would go on without: this one goes on.
    const steadfast = { raft: { checkQuorum: false } };
    const cluster = await Cluster.start(3, {}, (id) => (id === 1 ? steadfast : PATIENT));
    const leader = await leadBy(cluster, 1);
    const { term } = leader;
    await leader.propose(bytes('a'));
    await cluster.closeOne(1);
    const others = [...cluster.members.values()];
    const next = others.find(({ server }) => server.isLeader);
    expect(next?.server.term).toBe(term + 1);
    expect(await next?.server.propose(bytes('b'))).toBe(2);
  });

  it('finishes what was proposed before it, and takes nothing after', async () => {
    const cluster = await Cluster.start(3, { limits: { batchCommandsMax: 8 } });
    const { server, id } = await cluster.leader();
    const before = Array.from({ length: 200 }, (_, i) => server.propose(bytes(String(i))));
    const reads = Array.from({ length: 10 }, () => server.read('linearizable'));
    const closed = cluster.closeOne(id);
    const refusal = { code: 'CLOSED', mayHaveBeenApplied: false };
    await expect(server.propose(bytes('late'))).rejects.toMatchObject(refusal);
    await expect(server.read('eventual')).rejects.toMatchObject(refusal);
    await expect(server.openSession()).rejects.toMatchObject(refusal);
    expect(await Promise.all(before)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    await Promise.all(reads);
    await closed;
    expect(await cluster.agreeOn(200)).not.toContain('late');
  });

  it('is over in time, or when it is hurried, with nobody there to take over', async () => {
    const cluster = await Cluster.start(3, { closeTimeoutMs: 200 });
    const leader = await leadBy(cluster, 1);
    await cluster.closeOne(2, { transfer: false });
    await cluster.closeOne(3, { transfer: false });
    const lost = leader.propose(bytes('lost')).catch((error: unknown) => error);
    await cluster.closeOne(1);
    const codes = ['CLOSED', 'LEADERSHIP_LOST', 'NOT_LEADER'];
    const refusal = await lost;
    expect(refusal).toBeInstanceOf(RuntimeError);
    expect(codes).toContain((refusal as RuntimeError).code);
    await Promise.all(cluster.ids.map((id) => cluster.startOne(id)));
    const again = await cluster.leader();
    expect(await again.server.propose(bytes('a'))).toBeGreaterThan(0);
  });

  it.each(['signal', 'second call'])('waits no more when it is told so by its %s', async (by) => {
    const machine = new (class extends ListMachine {
      isCalled = false;
      release: () => void = () => {};
      override async apply(entries: readonly LogEntry[]): Promise<readonly number[]> {
        this.isCalled = true;
        await new Promise<void>((resolve) => {
          this.release = resolve;
        });
        return super.apply(entries);
      }
    })();
    const cluster = await Cluster.start(1, { stateMachine: machine, closeTimeoutMs: 3600_000 });
    const { server } = await cluster.leader();
    const outcome = server.propose(bytes('a')).catch((error: unknown) => error);
    await expect.poll(() => machine.isCalled, WAIT).toBe(true);
    const controller = new AbortController();
    const closed = server.close({ signal: controller.signal });
    if (by === 'signal') controller.abort();
    else void server.close({ transfer: false });
    expect(await outcome).toMatchObject({ code: 'CLOSED', mayHaveBeenApplied: true });
    machine.release();
    await closed;
  });

  it('a rolling restart under load loses no request that a client with a session tries again', async () => {
    const cluster = await Cluster.start(3, { requestTimeoutMs: 5000 });
    const first = await cluster.leader();
    let done = 0;
    let isOver = false;
    const expected: string[] = [];
    const clients = Array.from({ length: 8 }, async (_, client) => {
      const session = await first.server.openSession();
      for (let i = 0; !isOver; i++) {
        const request = session.next();
        const item = `${client}/${i}`;
        expected.push(item);
        await insist(cluster, item, request);
        session.settle(request);
        done += 1;
      }
    });
    for (const id of cluster.ids) {
      const mark = done;
      await expect.poll(() => done, WAIT).toBeGreaterThan(mark + 50);
      await cluster.closeOne(id);
      await cluster.startOne(id);
      await cluster.leader();
    }
    isOver = true;
    await Promise.all(clients);
    const items = await cluster.agreeOn(expected.length);
    expect([...items].sort()).toEqual(expected.sort());
  });
});

async function insist(cluster: Cluster, item: string, request: SessionRequest): Promise<void> {
  for (;;) {
    const leader = [...cluster.members.values()].find(({ server }) => server.isLeader);
    try {
      await leader?.server.propose(bytes(item), { session: request });
      if (leader !== undefined) return;
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code === 'SESSION_EXPIRED') throw error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
