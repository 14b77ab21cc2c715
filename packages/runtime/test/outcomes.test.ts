// What callers are told, and that it is true: every way in which a request can end, at every moment at which it can.

import { describe, expect, it, onTestFinished } from 'vitest';
import { RaftServer, type RaftServerOptions, type RuntimeError } from '../src/index.js';
import { Cluster, startServer, temporaryDirectory, WAIT } from './support/cluster.js';
import { type DiskSwitches, switchableDisk } from './support/disk.js';
import { bytes, ListMachine } from './support/list-machine.js';

interface Outcome {
  readonly code: string;
  readonly mayHaveBeenApplied: boolean;
}

function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    () => ({ code: 'done', mayHaveBeenApplied: true }),
    ({ code, mayHaveBeenApplied }: RuntimeError) => ({ code, mayHaveBeenApplied }),
  );
}

/** A leader on a disk that is stuck: one proposal is in its log and cannot commit, what follows waits for a batch. */
async function stuckLeader(options: Partial<RaftServerOptions<number>> = {}) {
  const disk: DiskSwitches = { isBroken: false, isStuck: false };
  // Long timeouts, so that the leader does not step down for its disk while a test looks at something else.
  const timing = { electionTimeoutTicks: [10, 150] as const };
  const cluster = await Cluster.start(1, {
    vfs: switchableDisk(disk),
    blocksForQuickDisk: false,
    ...timing,
    ...options,
  });
  onTestFinished(() => {
    disk.isStuck = false;
  });
  const { server, machine } = await cluster.leader();
  await server.propose(bytes('first'));
  disk.isStuck = true;
  return { disk, cluster, server, machine };
}

type Stuck = Awaited<ReturnType<typeof stuckLeader>>;

const CAUSES: readonly [code: string, cause: (stuck: Stuck, controller: AbortController) => void][] = [
  ['TIMEOUT', () => {}],
  ['ABORTED', (_, controller) => controller.abort()],
  ['CLOSED', ({ server }) => void server.close({ transfer: false })],
  [
    'STORAGE',
    ({ disk }) => {
      disk.isBroken = true;
    },
  ],
];

describe('mayHaveBeenApplied', () => {
  it.each(CAUSES)('%s: true for what is in the log, false for what waits for it', async (code, cause) => {
    const stuck = await stuckLeader();
    const { server, disk } = stuck;
    const controller = new AbortController();
    const options = code === 'TIMEOUT' ? { timeoutMs: 20 } : { signal: controller.signal };
    const patient = code === 'TIMEOUT' ? { timeoutMs: 1000 } : options;
    const inLog = outcomeOf(server.propose(bytes('in the log'), patient));
    await expect.poll(() => server.status().lastIndex, WAIT).toBe(3);
    const waiting = outcomeOf(server.propose(bytes('waits'), options));
    const session = { cluster: server.clusterId, session: 2, sequence: 1, acknowledged: 0 };
    const ofSession = outcomeOf(server.propose(bytes('waits too'), { ...options, session }));
    const opening = outcomeOf(server.openSession(options));
    cause(stuck, controller);
    expect(await inLog).toEqual({ code, mayHaveBeenApplied: true });
    for (const outcome of [waiting, ofSession, opening]) {
      expect(await outcome).toEqual({ code, mayHaveBeenApplied: false });
    }
    disk.isStuck = false;
  });

  it('STATE_MACHINE: true for what was behind it in the log; nothing of it is applied, also not by the next start', async () => {
    class PickyMachine extends ListMachine {
      override apply(entries: Parameters<ListMachine['apply']>[0]) {
        for (const { command } of entries)
          if (new TextDecoder().decode(command) === 'bad') throw new Error('cannot');
        return super.apply(entries);
      }
    }
    const picky = new PickyMachine();
    const cluster = await Cluster.start(1, { stateMachine: picky, limits: { applyEntriesMax: 1 } });
    const { server } = await cluster.leader();
    await server.propose(bytes('good'));
    const batch = ['bad', 'after'].map((item) => outcomeOf(server.propose(bytes(item))));
    const truth = { code: 'STATE_MACHINE', mayHaveBeenApplied: true };
    expect(await Promise.all(batch)).toEqual([truth, truth]);
    const late = await outcomeOf(server.propose(bytes('late')));
    expect(late).toEqual({ code: 'STATE_MACHINE', mayHaveBeenApplied: false });
    await cluster.closeOne(1);
    // It meets the same entry again: it stops there again, and does not skip it.
    const again = new PickyMachine();
    const errors: RuntimeError[] = [];
    const restarted = await cluster.startOne(1, { stateMachine: again });
    restarted.server.on('error', (error) => errors.push(error));
    const where = picky.indexes.map((index) => index + 1);
    await expect.poll(() => errors.map(({ detail }) => detail.index), WAIT).toEqual(where);
    expect(errors[0]?.code).toBe('STATE_MACHINE');
    expect([picky.items, again.items]).toEqual([['good'], ['good']]);
  });

  it('I3.2 NOT_LEADER: false, with the address of who leads', async () => {
    const cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const follower = cluster.ids.find((id) => id !== leader.id) ?? 0;
    const { server } = cluster.member(follower);
    await expect(server.propose(bytes('a'))).rejects.toMatchObject({
      code: 'NOT_LEADER',
      mayHaveBeenApplied: false,
      detail: { leader: leader.id, leaderAddress: cluster.addresses[leader.id] },
    });
    const changes = [
      server.addLearner(9, '127.0.0.1:9'),
      server.removeServer(leader.id),
      server.transferLeadership(follower),
      server.openSession(),
    ].map(outcomeOf);
    for (const outcome of await Promise.all(changes)) {
      expect(outcome).toEqual({ code: 'NOT_LEADER', mayHaveBeenApplied: false });
    }
  });

  it('TOO_LARGE: false, at once and on any server, with nothing in the log', async () => {
    const cluster = await Cluster.start(3, { log: { entryBytesMax: 1000 } });
    const leader = await cluster.leader();
    const { lastIndex } = leader.server.status();
    for (const { server } of cluster.members.values()) {
      await expect(server.propose(new Uint8Array(976))).rejects.toMatchObject({
        code: 'TOO_LARGE',
        mayHaveBeenApplied: false,
        detail: { bytes: 976, bytesMax: 975 },
      });
    }
    expect(leader.server.status().lastIndex).toBe(lastIndex);
    expect(await leader.server.propose(new Uint8Array(975))).toBe(1);
  });

  it('a change that is aborted while it waits is never started', async () => {
    const { server, disk } = await stuckLeader();
    const first = outcomeOf(server.addLearner(8, '127.0.0.1:8', { timeoutMs: 3600_000 }));
    await expect.poll(() => server.status().lastIndex, WAIT).toBe(3);
    const controller = new AbortController();
    const { signal } = controller;
    const second = outcomeOf(server.addLearner(9, '127.0.0.1:9', { signal }));
    controller.abort();
    expect(await second).toEqual({ code: 'ABORTED', mayHaveBeenApplied: false });
    disk.isStuck = false;
    expect(await first).toMatchObject({ code: 'done' });
    expect(server.status().configuration.learners).toEqual([8]);
  });
});

describe('AbortSignal and timeoutMs', () => {
  const CALLS: readonly [
    string,
    (server: RaftServer<number>, options: { signal?: AbortSignal; timeoutMs?: number }) => Promise<unknown>,
  ][] = [
    ['propose', (server, options) => server.propose(bytes('x'), options)],
    ['openSession', (server, options) => server.openSession(options)],
    ['read', (server, options) => server.read('linearizable', options)],
    ['eventual read', (server, options) => server.read('eventual', options)],
    ['addServer', (server, options) => server.addServer(9, '127.0.0.1:9', options)],
    ['addLearner', (server, options) => server.addLearner(9, '127.0.0.1:9', options)],
    ['promoteLearner', (server, options) => server.promoteLearner(9, options)],
    ['removeServer', (server, options) => server.removeServer(9, options)],
    ['transferLeadership', (server, options) => server.transferLeadership(2, options)],
  ];

  it.each(CALLS)(
    '%s takes a signal that is aborted already, and refuses a time that is none',
    async (name, call) => {
      const cluster = await Cluster.start(1);
      const { server } = await cluster.leader();
      const { lastIndex } = server.status();
      const aborted = { code: 'ABORTED', mayHaveBeenApplied: false };
      expect(await outcomeOf(call(server, { signal: AbortSignal.abort() }))).toEqual(aborted);
      // Nobody waits for an eventual read.
      for (const timeoutMs of name === 'eventual read' ? [] : [Number.NaN, -1]) {
        await expect(call(server, { timeoutMs })).rejects.toMatchObject({
          code: 'OPTIONS_INVALID',
          detail: { option: 'timeoutMs' },
        });
      }
      expect(server.status().lastIndex).toBe(lastIndex);
    },
  );

  it('snapshot: the wait ends, the snapshot is taken all the same', async () => {
    const { server, disk } = await stuckLeader();
    const timedOut = { code: 'TIMEOUT', mayHaveBeenApplied: true };
    expect(await outcomeOf(server.snapshot({ timeoutMs: 20 }))).toEqual(timedOut);
    const controller = new AbortController();
    const aborted = outcomeOf(server.snapshot({ signal: controller.signal }));
    controller.abort();
    expect(await aborted).toEqual({ code: 'ABORTED', mayHaveBeenApplied: true });
    disk.isStuck = false;
    await expect.poll(() => server.status().snapshotIndex, WAIT).toBe(2);
  });

  it('a read that waits for a majority is given up, and takes no place any more', async () => {
    const cluster = await Cluster.start(3, { electionTimeoutTicks: [200, 400], heartbeatTicks: 2 });
    const { server, id } = await cluster.leader();
    for (const other of cluster.ids) if (other !== id) await cluster.closeOne(other);
    const controller = new AbortController();
    const read = outcomeOf(server.read('linearizable', { signal: controller.signal }));
    controller.abort();
    expect(await read).toEqual({ code: 'ABORTED', mayHaveBeenApplied: false });
    expect(server.status().reads).toBe(0);
  });
});

describe('BUSY names the limit that is full', () => {
  it.each([
    ['proposalsMax', { proposalsMax: 2 }, (server: RaftServer<number>) => server.propose(bytes('xx'))],
    [
      'proposalBytesMax',
      { proposalBytesMax: 4 },
      (server: RaftServer<number>) => server.propose(bytes('xx')),
    ],
    [
      'changesMax',
      { changesMax: 1 },
      (server: RaftServer<number>) => server.addLearner(9, '127.0.0.1:9', { timeoutMs: 300 }),
    ],
  ])('%s', async (limit, limits, call) => {
    const { server, disk } = await stuckLeader({ limits });
    const asked = Array.from({ length: 3 }, () => call(server).catch((error: unknown) => error));
    expect(await asked[2]).toMatchObject({ code: 'BUSY', mayHaveBeenApplied: false, detail: { limit } });
    disk.isStuck = false;
    await Promise.all(asked);
  });

  it('readsMax', async () => {
    const cluster = await Cluster.start(3, { limits: { readsMax: 2 } });
    const { server } = await cluster.leader();
    const reads = await Promise.allSettled([1, 2, 3].map(() => server.read()));
    expect(reads).toMatchObject([
      { status: 'fulfilled' },
      { status: 'fulfilled' },
      { reason: { code: 'BUSY', detail: { limit: 'readsMax' } } },
    ]);
  });
});

describe('options are checked before anything is opened', () => {
  const right = {
    id: 1,
    directory: '/nowhere/waldb',
    stateMachine: new ListMachine(),
    bootstrap: { members: { 1: '127.0.0.1:1' } },
  };

  it.each<[string, Partial<Record<keyof RaftServerOptions<number>, unknown>>]>([
    ['id', { id: 1.5 }],
    ['directory', { directory: '' }],
    ['stateMachine.apply', { stateMachine: {} }],
    ['join', { join: { members: { 2: 'a:1' }, cluster: 'c' } }],
    ['bootstrap.members', { bootstrap: { members: {} } }],
    ['tickMs', { tickMs: 0 }],
    ['tickMs', { tickMs: Number.NaN }],
    ['requestTimeoutMs', { requestTimeoutMs: -1 }],
    ['closeTimeoutMs', { closeTimeoutMs: Number.NaN }],
    ['timeResolutionMs', { timeResolutionMs: '5' }],
    ['blocksForQuickDisk', { blocksForQuickDisk: 'no' }],
    ['seed', { seed: 0.5 }],
    ['limits.proposalsMax', { limits: { proposalsMax: 0 } }],
    ['limits.readsMax', { limits: { readsMax: Number.NaN } }],
    ['limits.proposalMax', { limits: { proposalMax: 5 } }],
    ['transportLimits.frameBytesMax', { transportLimits: { frameBytesMax: 0 } }],
    ['transportLimits.frames', { transportLimits: { frames: 1 } }],
    ['electionTimeoutTicks', { electionTimeoutTicks: [5, 1] }],
    ['heartbeatTicks', { heartbeatTicks: 100 }],
    ['raft.maxBatchBytes', { raft: { maxBatchBytes: 0 } }],
    ['raft.readPolicy', { raft: { readPolicy: 'often' } }],
    ['log.entryBytesMax', { log: { entryBytesMax: 20 } }],
  ])('%s', async (option, change) => {
    // What a caller without types may write.
    const options = { ...right, ...change } as unknown as RaftServerOptions<number>;
    await expect(RaftServer.start(options)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      detail: { option },
    });
  });

  it('those of the log by the log, in the same words', async () => {
    const options = { id: 1, directory: temporaryDirectory(), log: { segmentBytes: -1 } };
    await expect(
      startServer({ ...options, bootstrap: { members: { 1: '127.0.0.1:1' } } }),
    ).rejects.toMatchObject({ code: 'OPTIONS_INVALID', detail: { option: 'log.segmentBytes' } });
  });
});
