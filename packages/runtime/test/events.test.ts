// What a server tells its listeners and its log, over real servers: each change once, in the order of things.

import type { Configuration } from '@waldb/core';
import { FaultVfs } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';
import type { Logger, RaftServer } from '../src/index.js';
import { Cluster, startServer, WAIT } from './support/cluster.js';
import { bytes } from './support/list-machine.js';

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function recordingLogger(lines: Line[]): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Roles and leaders as one story, from now on. */
function story(server: RaftServer<number>): string[] {
  const lines: string[] = [];
  server.on('roleChange', ({ role, term }) => lines.push(`${role} in ${term}`));
  server.on('leaderChange', ({ leader, term }) => lines.push(`led by ${leader ?? 'nobody'} in ${term}`));
  return lines;
}

function members({ voters, learners }: Configuration): string {
  return `${voters.join(' ')} / ${learners.join(' ')}`;
}

describe('roles and leaders', () => {
  it('B2.1 B2.2 B3.1 B3.2 E1.1 E3.1 a server that is founded alone tells its way to leadership, from the start on', async () => {
    const lines: Line[] = [];
    const cluster = await Cluster.start(1, { logger: recordingLogger(lines) });
    const { server } = await cluster.leader();
    const told = lines.filter(({ fields }) => /Change$/.test(String(fields.event)));
    expect(told.map(({ message }) => message)).toEqual([
      'This server is now a candidate, in term 1.',
      'This server is now a leader, in term 1.',
      'Server 1 leads in term 1.',
    ]);
    expect(told.at(-1)).toEqual({
      level: 'info',
      fields: { event: 'leaderChange', leader: 1, term: server.term },
      message: 'Server 1 leads in term 1.',
    });
  });

  it('B1.1 B1.2 B6.1 B6.2 E1.2 E1.4 a leader that hands over follows: it is told of its role and of the new leader, once each', async () => {
    const cluster = await Cluster.start(3);
    const first = await cluster.leader();
    const { term } = first.server;
    const to = cluster.ids.find((id) => id !== first.id) ?? 0;
    const bystander = cluster.ids.find((id) => id !== first.id && id !== to) ?? 0;
    const stories = new Map(cluster.ids.map((id) => [id, story(cluster.member(id).server)]));
    await first.server.transferLeadership(to);
    const next = cluster.member(to).server;
    for (const id of cluster.ids) {
      await expect.poll(() => stories.get(id)?.at(-1), WAIT).toBe(`led by ${to} in ${next.term}`);
    }
    expect(next.term).toBe(term + 1);
    expect(stories.get(first.id)).toEqual([
      `follower in ${term + 1}`,
      `led by nobody in ${term + 1}`,
      `led by ${to} in ${term + 1}`,
    ]);
    expect(stories.get(to)).toEqual([
      `candidate in ${term + 1}`,
      `led by nobody in ${term + 1}`,
      `leader in ${term + 1}`,
      `led by ${to} in ${term + 1}`,
    ]);
    // It was a follower before and is one now: only its leader has changed.
    expect(stories.get(bystander)?.filter((line) => !line.startsWith('led'))).toEqual([]);
    expect(stories.get(bystander)?.at(-1)).toBe(`led by ${to} in ${term + 1}`);
  });

  it('B3.7 a leader whose peers are gone is told that it leads no more', async () => {
    const cluster = await Cluster.start(3);
    const { id, server } = await cluster.leader();
    const lines = story(server);
    for (const other of cluster.ids) if (other !== id) await cluster.closeOne(other);
    await expect.poll(() => lines, WAIT).toContain(`led by nobody in ${server.term}`);
    expect(lines[0]).toMatch(/^follower in/);
    await expect(server.propose(bytes('x'))).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });

  it('B4.1 B4.2 a learner knows no leader until one talks to it, and is a follower once it is promoted', async () => {
    const cluster = await Cluster.start(1);
    const leader = await cluster.leader();
    const joined = await cluster.startJoining(2);
    const lines = story(joined.server);
    expect(joined.server.status()).toMatchObject({ role: 'learner', leader: undefined });
    await leader.server.addLearner(2, joined.address);
    await expect.poll(() => lines, WAIT).toEqual([`led by 1 in ${leader.server.term}`]);
    await expect
      .poll(
        () =>
          leader.server.promoteLearner(2).then(
            () => 'done',
            () => 'not yet',
          ),
        WAIT,
      )
      .toBe('done');
    await expect.poll(() => lines.at(-1), WAIT).toBe(`follower in ${leader.server.term}`);
    expect(lines).toHaveLength(2);
  });

  it('E1.3 E2.2 E3.2 G3.1 every listener hears the same, also when they are many and act on it', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    const heard = Array.from({ length: 20 }, () => [] as number[]);
    for (const [i, list] of heard.entries()) {
      server.on('commit', ({ index }) => {
        list.push(index);
        // One of them asks for more, twice, while the others are still being told.
        if (i === 7 && list.length <= 2) void server.propose(bytes('more'));
      });
    }
    await server.propose(bytes('a'));
    await cluster.agreeOn(3);
    for (const list of heard) expect(list).toEqual(heard[0]);
    expect(heard[0]?.length).toBeGreaterThan(1);
  });

  it('G4.1 G4.2 a listener hears from its registration to its removal, also when it removes itself while it is told', async () => {
    const cluster = await Cluster.start(1);
    const { server } = await cluster.leader();
    await server.propose(bytes('before'));
    const indexes: number[] = [];
    const off = server.on('commit', ({ index }) => {
      indexes.push(index);
      off();
    });
    const before = server.commitIndex;
    await server.propose(bytes('during'));
    await server.propose(bytes('after'));
    expect(indexes).toEqual([before + 1]);
  });
});

describe('members', () => {
  it('are told once for each change, on every server, whatever comes with it', async () => {
    const cluster = await Cluster.start(2);
    const leader = await cluster.leader();
    const other = cluster.member(leader.id === 1 ? 2 : 1).server;
    const heard = [leader.server, other].map((server) => {
      const list: string[] = [];
      server.on('membershipChange', ({ configuration }) => list.push(members(configuration)));
      return list;
    });
    await leader.server.addLearner(3, '127.0.0.1:9');
    await leader.server.propose(bytes('x'));
    await leader.server.removeServer(3);
    await leader.server.propose(bytes('y'));
    await cluster.agreeOn(2);
    for (const list of heard) await expect.poll(() => list, WAIT).toEqual(['1 2 / 3', '1 2 / ']);
  });
});

describe('snapshots', () => {
  it('are told when they are taken, sent, received and restored, and counted with their bytes', async () => {
    const cluster = await Cluster.start(3, { snapshotKeepEntries: 0 });
    const leader = await cluster.leader();
    const late = cluster.ids.find((id) => id !== leader.id) ?? 0;
    await cluster.closeOne(late);
    const taken: object[] = [];
    leader.server.on('snapshot', (event) => taken.push(event));
    await Promise.all(Array.from({ length: 20 }, (_, i) => leader.server.propose(bytes(`item ${i}`))));
    const index = await leader.server.snapshot();
    expect(taken).toEqual([
      { step: 'taken', index, bytes: expect.any(Number), milliseconds: expect.any(Number) },
    ]);
    expect(leader.server.metrics().snapshots.taken).toMatchObject({ count: 1, duration: { count: 1 } });
    expect(leader.server.metrics().snapshots.taken.bytes).toBeGreaterThan(20 * 6);
    const told: object[] = [];
    const sent: object[] = [];
    const off = leader.server.on('snapshot', (event) => sent.push(event));
    const { bytes: size } = taken[0] as { bytes: number };
    expect(leader.server.status()).toMatchObject({ snapshotIndex: index, snapshotBytes: size });
    const back = await cluster.startOne(late);
    back.server.on('snapshot', (event) => told.push(event));
    await cluster.agreeOn(20);
    const milliseconds = expect.any(Number);
    expect(told).toEqual([
      { step: 'received', index, bytes: size, milliseconds, peer: leader.id },
      { step: 'restored', index, milliseconds },
    ]);
    await expect
      .poll(() => sent, WAIT)
      .toEqual([{ step: 'sent', index, bytes: size, milliseconds, peer: late }]);
    off();
    const { received, restored } = back.server.metrics().snapshots;
    expect([received.count, received.bytes, restored.count]).toEqual([1, size, 1]);
    expect(leader.server.metrics().snapshots.sent).toMatchObject({ count: 1, bytes: size });
    expect(back.server.status()).toMatchObject({ snapshotBytes: size, fetchingSnapshot: undefined });
  });
});

describe('trouble', () => {
  it('of the same kind is told once, however often it comes; each caller hears of his own', async () => {
    const lines: Line[] = [];
    const cluster = await Cluster.start(1, {
      limits: { snapshotBytesMax: 10 },
      logger: recordingLogger(lines),
    });
    const { server } = await cluster.leader();
    const troubles: string[] = [];
    const errors: string[] = [];
    server.on('trouble', ({ code }) => troubles.push(code));
    server.on('error', ({ code }) => errors.push(code));
    await server.propose(bytes('a long item'));
    for (let i = 0; i < 3; i++) {
      await expect(server.snapshot()).rejects.toMatchObject({ code: 'SNAPSHOT_TOO_LARGE' });
    }
    expect(troubles).toEqual(['SNAPSHOT_TOO_LARGE']);
    expect(errors).toEqual([]);
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.fields).toMatchObject({ event: 'trouble', code: 'SNAPSHOT_TOO_LARGE' });
  });

  it('W24 a full disk is told and shown until there is room; the server refuses meanwhile, and goes on by itself', async () => {
    const vfs = new FaultVfs();
    vfs.mkdir('/data');
    const lines: Line[] = [];
    const { server } = await startServer({
      id: 1,
      directory: '/data',
      bootstrap: { members: { 1: '127.0.0.1:1' } },
      listen: '127.0.0.1:0',
      vfs,
      log: { segmentBytes: 64 * 1024, cacheBytes: 0 },
      logger: recordingLogger(lines),
    });
    const troubles: string[] = [];
    server.on('trouble', ({ code }) => troubles.push(code));
    await expect.poll(() => server.isLeader, WAIT).toBe(true);
    await server.propose(bytes('first'));
    vfs.capacityBytes = 0;
    const item = bytes('x'.repeat(4000));
    const codes = new Set<string>();
    await expect
      .poll(async () => {
        await server.propose(item, { timeoutMs: 200 }).catch(({ code }: { code: string }) => codes.add(code));
        return [...codes];
      }, WAIT)
      .toContain('STORAGE_FULL');
    expect(server.status().isDiskFull).toBe(true);
    expect(troubles).toEqual(['STORAGE_FULL']);
    vfs.capacityBytes = Number.POSITIVE_INFINITY;
    await expect.poll(() => server.status().isDiskFull, WAIT).toBe(false);
    await server.propose(bytes('last'));
    const told = lines.map(({ fields }) => fields.event).filter((event) => event !== undefined);
    expect(told.slice(-2)).toEqual(['trouble', 'diskHasRoom']);
  });
});

describe('the log of a server', () => {
  it('has no line for a single request, and the same fields for the same event', async () => {
    const lines: Line[] = [];
    const cluster = await Cluster.start(1, { logger: recordingLogger(lines) });
    const { server } = await cluster.leader();
    const before = lines.length;
    await Promise.all(Array.from({ length: 200 }, (_, i) => server.propose(bytes(String(i)))));
    await Promise.all(Array.from({ length: 200 }, () => server.read('linearizable')));
    await server.propose(bytes('x'), { signal: AbortSignal.abort() }).catch(() => {});
    expect(lines.slice(before)).toEqual([]);
    const index = await server.snapshot();
    expect(lines.slice(before)).toEqual([
      {
        level: 'info',
        fields: {
          event: 'snapshot',
          step: 'taken',
          index,
          bytes: expect.any(Number),
          milliseconds: expect.any(Number),
        },
        message: `The snapshot at index ${index} was taken.`,
      },
    ]);
  });
});
