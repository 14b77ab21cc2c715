// How a server begins and ends: what it is refused for, what a close gives up and what it keeps.

import { createServer } from 'node:net';
import { join } from 'node:path';
import type { LogEntry } from '@waldb/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RaftServer, RuntimeError } from '../src/index.js';
import { Cluster, freeAddresses, startServer, temporaryDirectory, WAIT } from './support/cluster.js';
import { switchableDisk } from './support/disk.js';
import { bytes, ListMachine } from './support/list-machine.js';

async function single(change: Partial<Parameters<typeof startServer>[0]> = {}) {
  const [address = ''] = await freeAddresses(1);
  const options = {
    id: 1,
    directory: join(temporaryDirectory(), '1'),
    bootstrap: { members: { 1: address } },
    ...change,
  };
  const member = await startServer(options);
  return { ...member, options, address };
}

/** Refuses one command, once it is told to. */
class PickyMachine extends ListMachine {
  isPicky = false;

  override apply(entries: readonly LogEntry[]) {
    const isBad = entries.some(({ command }) => new TextDecoder().decode(command) === 'bad');
    if (isBad && this.isPicky) throw new Error('I will not');
    return super.apply(entries);
  }
}

describe('a single server', () => {
  it('G2.1-G2.3 leads at once and needs nobody; what it acknowledged is there after a restart', async () => {
    const { server, options } = await single();
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    expect(await server.propose(bytes('a'))).toBe(1);
    expect(await server.propose(bytes('b'))).toBe(2);
    await server.close();
    const again = await startServer(options);
    await expect.poll(() => again.machine.items, WAIT).toEqual(['a', 'b']);
    await again.server.read('linearizable');
    expect(await again.server.propose(bytes('c'))).toBe(3);
  });

  it('shows what it is', async () => {
    const { server, address } = await single({ clientAddress: '127.0.0.1:7101' });
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('a'));
    expect(server.status()).toMatchObject({
      id: 1,
      role: 'leader',
      leader: 1,
      clusterId: server.clusterId,
      listen: address,
      leaderAddress: address,
      leaderClientAddress: '127.0.0.1:7101',
      appliedIndex: 2,
      proposals: 0,
      addresses: { 1: `${address},127.0.0.1:7101` },
    });
    expect(server.addressOf(2)).toBeUndefined();
  });
});

describe('an address', () => {
  it('for clients may change from one start to the next, and every server hears of it', async () => {
    const cluster = await Cluster.start(3, {}, (id) => ({ clientAddress: `127.0.0.1:${id}` }));
    const leader = await cluster.leader();
    const others = cluster.ids.filter((id) => id !== leader.id);
    for (const id of others) {
      await expect
        .poll(() => cluster.member(id).server.status().leaderClientAddress, WAIT)
        .toBe(`127.0.0.1:${leader.id}`);
    }
    await cluster.closeOne(leader.id);
    await cluster.startOne(leader.id, { clientAddress: '127.0.0.1:99' });
    for (const id of others) {
      await expect.poll(() => cluster.member(id).server.addressOf(leader.id)?.client?.port, WAIT).toBe(99);
    }
  });
});

describe('a start is refused, in one line,', () => {
  it('when its port is in use', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as { port: number }; // a TCP server that listens
    const start = single({ listen: `127.0.0.1:${port}` });
    await expect(start).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `Cannot listen on 127.0.0.1:${port}: another process is using it.`,
    });
  });

  it('and leaves the directory free for the next one', async () => {
    const first = await single();
    const directory = join(temporaryDirectory(), '2');
    const options = { id: 1, directory, bootstrap: { members: { 1: first.address } } };
    await expect(startServer(options)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    await first.server.close();
    const { server } = await startServer(options);
    expect(server.id).toBe(1);
  });

  it.each<[string, Parameters<typeof startServer>[0], string]>([
    [
      'members without itself',
      { id: 9, directory: 'x', bootstrap: { members: { 1: 'a:1' } } },
      'do not include this server, 9',
    ],
    ['no members', { id: 1, directory: 'x', bootstrap: { members: {} } }, 'bootstrap.members is empty'],
    [
      'an address that is none',
      { id: 1, directory: 'x', bootstrap: { members: { 1: 'a' } } },
      'must be an address like',
    ],
    ['an id that is none', { id: 0, directory: 'x' }, 'id is 0'],
    [
      'a member id that is none',
      { id: 1, directory: 'x', bootstrap: { members: { 1: 'a:1', [-2]: 'b:1' } } },
      'an id in bootstrap.members is -2',
    ],
    [
      'joining through itself',
      { id: 1, directory: 'x', join: { members: { 1: 'a:1' }, cluster: 'c' } },
      'cannot join through itself',
    ],
    [
      'both founding and joining',
      {
        id: 1,
        directory: 'x',
        bootstrap: { members: { 1: 'a:1' } },
        join: { members: { 2: 'a:1' }, cluster: 'c' },
      },
      'not both',
    ],
    ['a tick of nothing', { id: 1, directory: 'x', tickMs: 0 }, 'tickMs is 0'],
  ])('for %s', async (_name, options, message) => {
    const refusal = await startServer(options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RuntimeError);
    expect(refusal).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringContaining(message) });
    expect(String((refusal as Error).message)).not.toContain('\n');
  });

  it('when its directory is in use', async () => {
    const { options } = await single();
    await expect(startServer(options)).rejects.toMatchObject({ code: 'WAL_LOCKED' });
  });

  it('when it was aborted', async () => {
    await expect(single({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('a close', () => {
  it('F1.1-F1.3 under load: every acknowledged command is kept, the rest is told so', async () => {
    const { server, options } = await single();
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    const acknowledged: string[] = [];
    const codes = new Set<string>();
    const load = Array.from({ length: 64 }, async (_, client) => {
      for (let i = 0; ; i++) {
        const item = `${client}/${i}`;
        try {
          await server.propose(bytes(item));
          acknowledged.push(item);
        } catch (error) {
          codes.add((error as RuntimeError).code);
          return;
        }
      }
    });
    await expect.poll(() => acknowledged.length, WAIT).toBeGreaterThan(500);
    await server.close();
    await Promise.all(load);
    expect([...codes]).toEqual(['CLOSED']);
    const { machine } = await startServer(options);
    await expect.poll(() => machine.items.length, WAIT).toBeGreaterThanOrEqual(acknowledged.length);
    const kept = new Set(machine.items);
    expect(acknowledged.filter((item) => !kept.has(item))).toEqual([]);
    expect(kept.size).toBe(machine.items.length);
  });

  it('F1.2 answers everything that waits, and whatever is asked later', async () => {
    const cluster = await Cluster.start(3);
    const { server, id } = await cluster.leader();
    for (const other of cluster.ids) if (other !== id) await cluster.closeOne(other);
    const waiting = [
      server.propose(bytes('never')),
      server.read(),
      server.removeServer(id),
      server.transferLeadership(id === 1 ? 2 : 1),
    ].map((promise) =>
      promise.then(
        () => 'done',
        (error: RuntimeError) => error.code,
      ),
    );
    await server.close();
    await server.close();
    for (const outcome of await Promise.all(waiting)) expect(outcome).not.toBe('done');
    for (const late of [
      server.propose(bytes('x')),
      server.read(),
      server.removeServer(1),
      server.snapshot(),
    ]) {
      await expect(late).rejects.toMatchObject({ code: 'CLOSED' });
    }
  });

  it('F2.8-F2.10 in the middle of an election gives it up, and the next start goes on from what was there', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    await leader.server.propose(bytes('a'));
    for (const id of cluster.ids) await cluster.closeOne(id);
    // Without pre-vote it campaigns alone, again and again.
    const { server } = await cluster.startOne(1, { raft: { preVote: false } });
    await expect.poll(() => server.status().role, WAIT).toBe('candidate');
    await cluster.closeOne(1);
    for (const id of cluster.ids) await cluster.startOne(id);
    const next = await cluster.leader();
    expect(await next.server.propose(bytes('b'))).toBe(2);
    expect(await cluster.agreeOn(2)).toEqual(['a', 'b']);
  });

  it('waits for a call into the state machine that is under way', async () => {
    let finish: () => void = () => {};
    let isApplying = false;
    const machine = new ListMachine();
    const apply = machine.apply.bind(machine);
    machine.apply = async (entries) => {
      isApplying = true;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      isApplying = false;
      return apply(entries);
    };
    const { server } = await single({ stateMachine: machine, closeTimeoutMs: 50 });
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    const outcome = server.propose(bytes('a')).catch((error: RuntimeError) => error);
    await expect.poll(() => isApplying, WAIT).toBe(true);
    const closed = server.close().then(() => isApplying);
    expect(await outcome).toMatchObject({ code: 'CLOSED', mayHaveBeenApplied: true });
    finish();
    expect(await closed).toBe(false);
  });

  it('comes with its signal, and with `await using`', async () => {
    const controller = new AbortController();
    const { server, options } = await single({ signal: controller.signal });
    controller.abort();
    await expect(server.propose(bytes('x'))).rejects.toMatchObject({ code: 'CLOSED' });
    await server.close();
    const { signal: _, ...again } = options;
    let leaked: RaftServer<number>;
    {
      await using scoped = await RaftServer.start<number>({ ...again, stateMachine: new ListMachine() });
      leaked = scoped;
    }
    await expect(leaked.read()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('by its signal, on a disk that fails: the error is for who asks, and is nobody’s unhandled rejection', async () => {
    const disk = { isBroken: false, isStuck: false };
    const controller = new AbortController();
    const told: object[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => told.push(fields) };
    const [address = ''] = await freeAddresses(1);
    const server = await RaftServer.start<number>({
      id: 1,
      directory: join(temporaryDirectory(), '1'),
      bootstrap: { members: { 1: address } },
      stateMachine: new ListMachine(),
      tickMs: 10,
      vfs: switchableDisk(disk),
      blocksForQuickDisk: false,
      signal: controller.signal,
      logger,
    });
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('a'));
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    disk.isBroken = true;
    controller.abort();
    await expect.poll(() => told.length, WAIT).toBeGreaterThan(0);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    await expect(server.close()).rejects.toThrow();
  });
});

describe('a failure stops the server', () => {
  it('a state machine that throws: at which index, and nothing after it is applied', async () => {
    const machine = new ListMachine();
    const apply = machine.apply.bind(machine);
    machine.apply = (entries) => {
      for (const { command } of entries)
        if (new TextDecoder().decode(command) === 'bad') throw new Error('no such thing');
      return apply(entries);
    };
    const { server, options } = await single({ stateMachine: machine });
    const errors: RuntimeError[] = [];
    server.on('error', (error) => errors.push(error));
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('good'));
    const refusals = await Promise.allSettled([server.propose(bytes('bad')), server.propose(bytes('after'))]);
    expect(refusals.map((refusal) => refusal.status === 'rejected' && refusal.reason.code)).toEqual([
      'STATE_MACHINE',
      'STATE_MACHINE',
    ]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'STATE_MACHINE', detail: { index: 3 } });
    expect(errors[0]?.message).toContain('no such thing');
    expect(machine.items).toEqual(['good']);
    await expect(server.propose(bytes('late'))).rejects.toMatchObject({ code: 'STATE_MACHINE' });
    await server.close();
    // A machine that has learnt the command goes on from the same log.
    const { machine: wiser } = await startServer({ ...options, stateMachine: new ListMachine() });
    await expect.poll(() => wiser.items, WAIT).toEqual(['good', 'bad', 'after']);
  });

  it('a machine that holds more than its log: it says that the log lost entries, and starts nothing', async () => {
    const { server, options } = await single();
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('a'));
    await server.close();
    const machine = Object.assign(new ListMachine(), { appliedIndex: () => 1000 });
    await expect(startServer({ ...options, stateMachine: machine })).rejects.toThrow('it lost entries');
  });

  it.each(['a follower', 'the leader'])(
    'a machine that throws on %s: that server stops, says at which index, applies nothing after it; the others go on',
    async (who) => {
      const machines = new Map([1, 2, 3].map((id) => [id, new PickyMachine()]));
      const cluster = await Cluster.start(3, {}, (id) => {
        const stateMachine = machines.get(id);
        return stateMachine === undefined ? {} : { stateMachine };
      });
      const leader = await cluster.leader();
      const id = who === 'the leader' ? leader.id : (cluster.ids.find((other) => other !== leader.id) ?? 0);
      const { server } = cluster.member(id);
      const machine = machines.get(id);
      if (machine !== undefined) machine.isPicky = true;
      const errors: RuntimeError[] = [];
      server.on('error', (error) => errors.push(error));
      await leader.server.propose(bytes('good'));
      const bad = leader.server.propose(bytes('bad')).then(
        () => 'applied',
        ({ code, mayHaveBeenApplied }: RuntimeError) => `${code} ${mayHaveBeenApplied}`,
      );
      expect(await bad).toBe(who === 'the leader' ? 'STATE_MACHINE true' : 'applied');
      await expect.poll(() => errors.map(({ code }) => code), WAIT).toEqual(['STATE_MACHINE']);
      cluster.members.delete(id);
      const next = await cluster.leader();
      await next.server.propose(bytes('after'));
      expect(await cluster.agreeOn(3)).toEqual(['good', 'bad', 'after']);
      expect(machine?.items).toEqual(['good']);
      const at = [...machines].find(([other]) => other !== id)?.[1].indexes[1];
      expect(errors[0]?.detail).toMatchObject({ index: at });
      await expect(server.propose(bytes('x'))).rejects.toMatchObject({ code: 'STATE_MACHINE' });
    },
  );

  it('a log that fails: silent from then on, the others go on without it', async () => {
    const disk = { isBroken: false, isStuck: false };
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    await first.server.propose(bytes('before'));
    await cluster.closeOne(first.id);
    const { server } = await cluster.startOne(first.id, {
      vfs: switchableDisk(disk),
      blocksForQuickDisk: false,
    });
    const errors: RuntimeError[] = [];
    server.on('error', (error) => errors.push(error));
    const leader = await cluster.leader();
    if (leader.id !== first.id) await leader.server.transferLeadership(first.id);
    // Applied here, so on this disk: nothing is being written, and the next command goes into the log at once.
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('here'));
    disk.isBroken = true;
    const refusal = await server.propose(bytes('lost')).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'STORAGE', mayHaveBeenApplied: true });
    expect(errors.map(({ code }) => code)).toEqual(['STORAGE']);
    await server.close().catch(() => {}); // a poisoned log may say so again
    cluster.members.delete(first.id);
    const next = await cluster.leader();
    await next.server.propose(bytes('after'));
    for (const { machine } of cluster.members.values()) {
      await expect.poll(() => machine.items.at(-1), WAIT).toBe('after');
    }
  });
});
