// Sessions over real servers: a command that is retried is applied once, whatever happens in between.

import type { LogEntry } from '@waldb/core';
import { NodeClock } from '@waldb/io';
import { describe, expect, it } from 'vitest';
import { RuntimeError, Session, type SessionRequest } from '../../src/index.js';
import type { ApplyContext } from '../../src/state-machine.js';
import { Cluster, type TestOptions, WAIT } from '../support/cluster.js';
import { bytes, ListMachine } from '../support/list-machine.js';

/** A clock whose date is what the test says it is ahead of the true one. */
class ShiftedClock extends NodeClock {
  offset = 0;

  override date(): number {
    return super.date() + this.offset;
  }
}

async function single(options: TestOptions = {}) {
  const cluster = await Cluster.start(1, options);
  return { cluster, ...(await cluster.leader()) };
}

/** What a client does: the same request again and again, on whoever leads, until it is answered. */
async function insist(cluster: Cluster, item: string, request: SessionRequest): Promise<number> {
  for (;;) {
    const leader = [...cluster.members.values()].find(({ server }) => server.isLeader);
    try {
      if (leader !== undefined)
        return await leader.server.propose(bytes(item), { session: request, timeoutMs: 5000 });
    } catch (error) {
      if (error instanceof RuntimeError && error.code === 'SESSION_EXPIRED') throw error;
      if (!(error instanceof RuntimeError)) throw error;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a retried command', () => {
  it('is applied once and answered alike, also when both are under way at a time', async () => {
    const { server, machine } = await single();
    const session = await server.openSession();
    const request = session.next();
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
    const twice = session.next();
    const both = [1, 2].map(() => server.propose(bytes('b'), { session: twice }));
    expect(await Promise.all(both)).toEqual([2, 2]);
    expect(machine.items).toEqual(['a', 'b']);
  });

  it('several requests of one session may be under way, and be applied in another order than that of their numbers', async () => {
    const { server, machine } = await single();
    const session = await server.openSession();
    const requests = Array.from({ length: 20 }, () => session.next()).reverse();
    const results = await Promise.all(
      requests.map((request) => server.propose(bytes(String(request.sequence)), { session: request })),
    );
    const again = await Promise.all(
      requests.map((request) => server.propose(bytes(String(request.sequence)), { session: request })),
    );
    expect(again).toEqual(results);
    expect(machine.items).toHaveLength(20);
  });

  it('over failovers: sixteen clients that insist have each command applied once, on every server', async () => {
    const cluster = await Cluster.start(3, { snapshotThreshold: 40, snapshotKeepEntries: 5 });
    const first = await cluster.leader();
    const clients = await Promise.all(Array.from({ length: 16 }, () => first.server.openSession()));
    let done = 0;
    const work = clients.map(async (session, client) => {
      for (let i = 0; i < 30; i++) {
        const request = session.next();
        // The impatient kind of client: two attempts at a time.
        const item = `${client}/${i}`;
        const [one, two] = await Promise.all([
          insist(cluster, item, request),
          insist(cluster, item, request),
        ]);
        expect(two).toBe(one);
        session.settle(request);
        done += 1;
      }
    });
    for (const mark of [100, 200, 300]) {
      await expect.poll(() => done, WAIT).toBeGreaterThan(mark);
      const leader = await cluster.leader();
      await cluster.closeOne(leader.id);
      await cluster.startOne(leader.id);
    }
    await Promise.all(work);
    const items = await cluster.agreeOn(16 * 30);
    expect(new Set(items).size).toBe(16 * 30);
  });

  it('W34 is known to a server that was brought up by a snapshot', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const away = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await cluster.closeOne(away);
    const session = await leader.server.openSession();
    const request = session.next();
    expect(await leader.server.propose(bytes('a'), { session: request })).toBe(1);
    await leader.server.snapshot();
    await cluster.startOne(away);
    await cluster.agreeOn(1);
    await leader.server.transferLeadership(away);
    const { server, machine } = cluster.member(away);
    await expect.poll(() => server.status().leadership?.isReady, WAIT).toBe(true);
    expect(machine.indexes).toEqual([]); // by snapshot, not by the log
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
    expect(await server.propose(bytes('b'), { session })).toBe(2);
    expect(machine.items).toEqual(['a', 'b']);
  });

  it('a client that was restarted goes on with the session that it saved', async () => {
    const { server, machine } = await single();
    const session = await server.openSession();
    const request = session.next();
    const saved = JSON.stringify({ session, request });
    await server.propose(bytes('a'), { session: request });
    const restarted = JSON.parse(saved);
    expect(await server.propose(bytes('a'), { session: restarted.request })).toBe(1);
    const again = new Session(restarted.session);
    again.settle(restarted.request);
    expect(await server.propose(bytes('b'), { session: again })).toBe(2);
    expect(machine.items).toEqual(['a', 'b']);
  });

  it('a session that makes its own requests names the one to retry with', async () => {
    const { server } = await single({ limits: { proposalsMax: 1 } });
    const session = await server.openSession();
    const [first, second] = await Promise.allSettled([
      server.propose(bytes('a'), { session }),
      server.propose(bytes('b'), { session }),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: 1 });
    expect(second).toMatchObject({ reason: { code: 'BUSY', detail: { session: { sequence: 2 } } } });
    const { detail } = (second as PromiseRejectedResult).reason as RuntimeError;
    const request = detail.session as SessionRequest;
    expect(await server.propose(bytes('b'), { session: request })).toBe(2);
    session.settle(request);
    expect(session.unsettled).toBe(0);
  });
});

describe('a session that is gone', () => {
  it('has nothing applied: expired by a date that jumps forward, closed, or never opened', async () => {
    const clock = new ShiftedClock();
    const { server, machine } = await single({ clock });
    const session = await server.openSession({ ttlMs: 10_000 });
    const kept = await server.openSession({ ttlMs: 10 * 3600_000 });
    const request = session.next();
    await server.propose(bytes('a'), { session: request });
    clock.offset = 3600_000;
    const refusal = { code: 'SESSION_EXPIRED', mayHaveBeenApplied: true };
    await expect(server.propose(bytes('a'), { session: request })).rejects.toMatchObject(refusal);
    await expect(server.keepSession(session)).rejects.toMatchObject(refusal);
    expect(await server.propose(bytes('b'), { session: kept })).toBe(2);
    await server.closeSession(kept);
    await expect(server.propose(bytes('c'), { session: kept })).rejects.toMatchObject(refusal);
    await expect(
      server.propose(bytes('c'), {
        session: { cluster: server.clusterId, session: 4711, sequence: 1, acknowledged: 0 },
      }),
    ).rejects.toMatchObject(refusal);
    expect(machine.items).toEqual(['a', 'b']);
  });

  it('of another cluster is unknown, whoever has its id here', async () => {
    const { server, machine } = await single();
    const session = await server.openSession();
    const request = session.next();
    const foreign = { ...request, cluster: 'another' };
    const refusal = { code: 'SESSION_EXPIRED', mayHaveBeenApplied: true, detail: { cluster: 'another' } };
    await expect(server.propose(bytes('a'), { session: foreign })).rejects.toMatchObject(refusal);
    const saved = new Session({ ...session.toJSON(), cluster: 'another' });
    await expect(server.keepSession(saved)).rejects.toMatchObject(refusal);
    await expect(server.closeSession(saved)).rejects.toMatchObject(refusal);
    expect(await server.propose(bytes('b'), { session: request })).toBe(1);
    expect(machine.items).toEqual(['b']);
  });

  it('a date that jumps back takes nothing back: what is kept stays, what is expired stays so', async () => {
    const clock = new ShiftedClock();
    const { server, machine } = await single({ clock });
    const session = await server.openSession({ ttlMs: 10_000 });
    const request = session.next();
    await server.propose(bytes('a'), { session: request });
    clock.offset = -3600_000;
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
    clock.offset = 3600_000;
    const code = { code: 'SESSION_EXPIRED' };
    await expect(server.propose(bytes('a'), { session: request })).rejects.toMatchObject(code);
    clock.offset = 0;
    await expect(server.propose(bytes('a'), { session: request })).rejects.toMatchObject(code);
    expect(machine.items).toEqual(['a']);
  });

  it('a leader whose date is far behind revives nothing and expires nothing', async () => {
    const offsets: Record<number, number> = { 1: 0, 2: -3600_000, 3: 3600_000 };
    const cluster = await Cluster.start(3, {}, (id) => {
      const clock = new ShiftedClock();
      clock.offset = offsets[id] ?? 0;
      return { clock };
    });
    const times: number[] = [];
    for (const id of [3, 2, 1]) {
      const { server, id: leading } = await cluster.leader();
      if (leading !== id) await server.transferLeadership(id);
      const leader = cluster.member(id);
      await expect.poll(() => leader.server.status().leadership?.isReady, WAIT).toBe(true);
      const session = await leader.server.openSession({ ttlMs: 30_000 });
      await leader.server.propose(bytes(String(id)), { session });
      times.push(session.id);
    }
    expect(await cluster.agreeOn(3)).toEqual(['3', '2', '1']);
    const { server } = await cluster.leader();
    for (const id of times) {
      const request = { cluster: server.clusterId, session: id, sequence: 1, acknowledged: 0 };
      expect(await server.propose(bytes('again'), { session: request })).toBe(times.indexOf(id) + 1);
    }
  });
});

describe('limits', () => {
  it('of sessions, results and bytes are answered BUSY with their name, and a retry still gets through', async () => {
    const limits = {
      sessionsMax: 2,
      sessionResultsMax: 2,
      sessionBytesMax: 100_000,
      sessionTtlMsMax: 1000_000,
    };
    const { server, machine } = await single({ limits });
    const session = await server.openSession();
    await server.openSession();
    await expect(server.openSession()).rejects.toMatchObject({
      code: 'BUSY',
      mayHaveBeenApplied: false,
      detail: { limit: 'sessionsMax', max: 2 },
    });
    await expect(server.openSession({ ttlMs: 1000_001 })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    const requests = [session.next(), session.next(), session.next()];
    const [one, two, three] = requests.map(
      (request) => () => server.propose(bytes(String(request.sequence)), { session: request }),
    );
    await one?.();
    await two?.();
    const full = { code: 'BUSY', mayHaveBeenApplied: false, detail: { limit: 'sessionResultsMax' } };
    await expect(three?.()).rejects.toMatchObject(full);
    expect(await one?.()).toBe(1);
    for (const request of requests.slice(0, 2)) session.settle(request);
    expect(await server.propose(bytes('4'), { session })).toBe(3);
    expect(await three?.()).toBe(4);
    await expect(one?.()).rejects.toMatchObject({
      code: 'RESULT_FORGOTTEN',
      mayHaveBeenApplied: true,
      detail: { reason: 'acknowledged' },
    });
    expect(machine.items).toEqual(['1', '2', '4', '3']);
  });

  it('of bytes refuse before anything is logged, and not what is answered already', async () => {
    const { server } = await single({ limits: { sessionBytesMax: 90 } });
    const session = await server.openSession();
    const request = session.next();
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
    const { commitIndex } = server;
    const full = { code: 'BUSY', detail: { limit: 'sessionBytesMax', max: 90 } };
    await expect(server.propose(bytes('b'), { session })).rejects.toMatchObject(full);
    await expect(server.openSession()).rejects.toMatchObject(full);
    expect(server.commitIndex).toBe(commitIndex);
    expect(await server.propose(bytes('a'), { session: request })).toBe(1);
  });

  it('of bytes hold with many requests under way: what is not refused is applied, and results without room are not kept', async () => {
    const sessionBytesMax = 1000;
    const { server, machine } = await single({
      limits: { sessionBytesMax },
      sessionResults: { encode: () => new Uint8Array(100), decode: () => -1 },
    });
    const session = await server.openSession();
    const requests = Array.from({ length: 200 }, () => session.next());
    const outcomes = await Promise.allSettled(
      requests.map((request) => server.propose(bytes(String(request.sequence)), { session: request })),
    );
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(new Set(refused.map(({ detail }) => detail.limit))).toEqual(new Set(['sessionBytesMax']));
    // A session of 64 bytes, and 16 for each request.
    expect(machine.items).toHaveLength(58);
    expect(refused).toHaveLength(142);
    expect(server.status().sessionBytes).toBeLessThanOrEqual(sessionBytesMax);
    const retries = requests
      .slice(0, 58)
      .map((request) => server.propose(bytes('again'), { session: request }).catch(({ code }) => code));
    expect(new Set(await Promise.all(retries))).toContain('RESULT_FORGOTTEN');
    expect(machine.items).toHaveLength(58);
  });

  it('a request that is none is refused at once', async () => {
    const { server } = await single();
    for (const request of [
      { cluster: server.clusterId, session: 0, sequence: 1, acknowledged: 0 },
      { cluster: server.clusterId, session: 1, sequence: 1, acknowledged: 1 },
      { cluster: server.clusterId, session: 1, sequence: 1.5, acknowledged: 0 },
    ]) {
      const refusal = { code: 'OPTIONS_INVALID', mayHaveBeenApplied: false };
      await expect(server.propose(bytes('x'), { session: request })).rejects.toMatchObject(refusal);
    }
    expect(() => new Session({ cluster: 'c', id: 1, ttlMs: 1, lastSequence: 1, acknowledged: 2 })).toThrow(
      'not a session',
    );
  });
});

describe('results', () => {
  it('that cannot be kept stop nobody: the first caller has it, a retry learns that it was applied', async () => {
    const machine = new (class extends ListMachine {
      override apply(entries: readonly LogEntry[]): readonly number[] {
        super.apply(entries);
        return entries.map(() => Number.NaN);
      }
    })();
    const { server } = await single({ stateMachine: machine });
    const errors: RuntimeError[] = [];
    server.on('trouble', (error) => errors.push(error));
    const session = await server.openSession();
    const request = session.next();
    expect(await server.propose(bytes('a'), { session: request })).toBeNaN();
    const refusal = { code: 'RESULT_FORGOTTEN', mayHaveBeenApplied: true, detail: { reason: 'notKept' } };
    await expect(server.propose(bytes('a'), { session: request })).rejects.toMatchObject(refusal);
    await server.propose(bytes('b'), { session });
    expect(machine.items).toEqual(['a', 'b']);
    expect(errors.map(({ code }) => code)).toEqual(['RESULT_FORGOTTEN']);
  });

  it('of a machine that keeps its own state are not known after a restart, and nothing is applied again', async () => {
    const durable = new ListMachine();
    const machine = Object.assign(durable, { appliedIndex: () => durable.indexes.at(-1) ?? 0 });
    const { server, cluster } = await single({ stateMachine: machine });
    const session = await server.openSession();
    const requests = [session.next(), session.next()];
    for (const request of requests) await server.propose(bytes('a'), { session: request });
    await server.propose(bytes('b'));
    await cluster.closeOne(1);
    const again = await cluster.startOne(1, { stateMachine: machine });
    await expect.poll(() => again.server.isLeader, WAIT).toBe(true);
    for (const request of requests) {
      await expect(again.server.propose(bytes('a'), { session: request })).rejects.toMatchObject({
        code: 'RESULT_FORGOTTEN',
        detail: { reason: 'notKept' },
      });
    }
    expect(await again.server.propose(bytes('c'), { session })).toBe(4);
    expect(machine.items).toEqual(['a', 'a', 'b', 'c']);
  });
});

describe('what the state machine sees', () => {
  it('its own commands only, also those that begin with the mark, each at its index', async () => {
    const commands: number[][] = [];
    const machine = new (class extends ListMachine {
      override apply(entries: readonly LogEntry[]): readonly number[] | Promise<readonly number[]> {
        for (const { command } of entries) commands.push([...command]);
        return super.apply(entries);
      }
    })();
    const { server } = await single({ stateMachine: machine });
    const session = await server.openSession();
    const sent = [[0xc1], [0xc1, 0x02, 0x01], [], [0xc1, 0x00, 0xc1], [7]];
    for (const command of sent) await server.propose(Uint8Array.from(command), { session });
    await server.keepSession(session);
    for (const command of sent) await server.propose(Uint8Array.from(command));
    expect(commands).toEqual([...sent, ...sent]);
    expect(machine.indexes).toEqual([3, 4, 5, 6, 7, 9, 10, 11, 12, 13]);
  });

  it('logged time: that of the last entry that tells one, the same again after a restart', async () => {
    const clock = new ShiftedClock();
    const seen: number[][] = [];
    const makeMachine = (times: number[]) =>
      new (class extends ListMachine {
        override apply(entries: readonly LogEntry[], context?: ApplyContext) {
          entries.forEach((_, nth) => {
            times.push(context?.timeOf(nth) ?? -1);
          });
          return super.apply(entries);
        }
      })();
    const times: number[] = [];
    seen.push(times);
    const { server, cluster } = await single({ clock, stateMachine: makeMachine(times) });
    await server.propose(bytes('before any'));
    const session = await server.openSession({ ttlMs: 10 * 3600_000 });
    await server.propose(bytes('a'), { session });
    await server.propose(bytes('b'));
    clock.offset = 1000_000;
    await server.propose(bytes('c'), { session });
    expect(times[0]).toBe(0);
    expect(Math.abs((times[1] ?? 0) - Date.now())).toBeLessThan(900_000);
    expect(times[2]).toBe(times[1]);
    expect((times[3] ?? 0) - (times[2] ?? 0)).toBeGreaterThanOrEqual(1000_000);
    await cluster.closeOne(1);
    const replayed: number[] = [];
    await cluster.startOne(1, { stateMachine: makeMachine(replayed) });
    await expect.poll(() => replayed, WAIT).toEqual(times);
  });

  it('timeResolutionMs: the leader tells the time ahead of a batch, and no more often', async () => {
    const clock = new ShiftedClock();
    const times: number[] = [];
    const machine = new (class extends ListMachine {
      override apply(entries: readonly LogEntry[], context?: ApplyContext) {
        entries.forEach((_, nth) => {
          times.push(context?.timeOf(nth) ?? -1);
        });
        return super.apply(entries);
      }
    })();
    const { server } = await single({ clock, stateMachine: machine, timeResolutionMs: 3600_000 });
    await Promise.all(['a', 'b'].map((item) => server.propose(bytes(item))));
    await server.propose(bytes('c'));
    clock.offset = 2 * 3600_000;
    await server.propose(bytes('d'));
    expect(new Set(times.slice(0, 3)).size).toBe(1);
    expect((times[3] ?? 0) - (times[2] ?? 0)).toBeGreaterThanOrEqual(2 * 3600_000);
    expect(machine.indexes).toEqual([3, 4, 5, 7]);
  });
});
