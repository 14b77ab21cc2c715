import { describe, expect, it } from 'vitest';
import { clusterView, type Members, whereaboutsOf } from '../../src/dashboard/cluster-view.js';
import type { PeerKnowledge } from '../../src/dashboard/peers-watch.js';
import type { PeerReport, ServerReport } from '../../src/dashboard/report.js';

const LOG = {
  ...{ snapshotIndex: 0, snapshotBytes: 0, firstIndex: 1, bytes: 4096 },
  ...{ appliedIndex: 9, commitIndex: 9, durableIndex: 9, lastIndex: 9 },
};
const MEMBERS: Members = { voters: [1, 2, 3], learners: [], votersOutgoing: [] };
const ADDRESSES = {
  1: '127.0.0.1:7201,127.0.0.1:7101,127.0.0.1:7301',
  2: '127.0.0.1:7202,127.0.0.1:7102,127.0.0.1:7302',
  3: '127.0.0.1:7203,127.0.0.1:7103',
};
const NEAR: PeerReport = { matchIndex: 9, lag: 0, lagBytes: 0, state: 'replicate', lastContactMs: 40 };

function report(id: number, facts: Partial<ServerReport> = {}): ServerReport {
  return {
    ...{ id, cluster: 'c', version: '0', uptimeMs: 1, date: 1000, role: 'follower', membership: 'member' },
    ...{ term: 4, leader: 1, log: LOG, trouble: undefined, isReady: false, peers: {} },
    ...facts,
  };
}

const LEADER = report(1, { role: 'leader', isReady: true, peers: { 2: NEAR, 3: NEAR } });

function heard(one: ServerReport, why?: string): PeerKnowledge {
  return { report: one, reportedAt: 990, why, samples: [] };
}

function see(own: ServerReport, others: Record<number, PeerKnowledge> = {}, members = MEMBERS) {
  return clusterView({ own, members, addresses: ADDRESSES, known: (id) => others[id] });
}

describe('clusterView', () => {
  it('a follower shows the progress that the leader told of', () => {
    const view = see(report(2), { 1: heard(LEADER) });
    expect(view).toMatchObject({ leader: 1, term: 4, isServing: true, voters: 3, votersPresent: 3 });
    expect(view.servers.map(({ id, reach, progress }) => [id, reach, progress?.lag])).toEqual([
      [1, 'answers', undefined],
      [2, 'self', 0],
      [3, 'unasked', 0],
    ]);
  });

  it('a leader that does not answer does not serve, though its followers still believe in it', () => {
    const view = see(report(2), { 1: heard(LEADER, 'no answer for 2.5 s'), 3: heard(report(3)) });
    expect(view).toMatchObject({ leader: 1, term: 4, isServing: false });
    expect(view.servers[0]).toMatchObject({ reach: 'away', why: 'no answer for 2.5 s', reportedAt: 990 });
    // What it knew of the others once is nobody's progress now.
    expect(view.servers.map(({ progress }) => progress)).toEqual([undefined, undefined, undefined]);
  });

  it('whoever leads in the newest term leads', () => {
    const old = report(1, { role: 'leader', isReady: true, peers: { 2: NEAR, 3: NEAR } });
    const view = see(old, {
      2: heard(report(2, { role: 'leader', isReady: true, term: 5, leader: 2, peers: { 3: NEAR } })),
    });
    expect(view).toMatchObject({ leader: 2, term: 5 });
  });

  it('does not serve before the leader has committed in its own term', () => {
    expect(see({ ...LEADER, isReady: false }).isServing).toBe(false);
  });

  it('does not serve when the leader hears from no majority', () => {
    const far = { ...NEAR, lastContactMs: 60_000 };
    expect(see({ ...LEADER, peers: { 2: far, 3: far } })).toMatchObject({
      isServing: false,
      votersPresent: 1,
    });
    expect(see({ ...LEADER, peers: { 2: far, 3: NEAR } })).toMatchObject({
      isServing: true,
      votersPresent: 2,
    });
  });

  it('in a joint configuration both majorities are needed', () => {
    const members = { voters: [1, 2], learners: [], votersOutgoing: [3, 4, 5] };
    expect(see(LEADER, {}, members)).toMatchObject({ isJoint: true, isServing: false });
  });

  it('a full disk or a stopped server is no service', () => {
    expect(see({ ...LEADER, trouble: 'disk full' }).isServing).toBe(false);
    expect(see({ ...LEADER, trouble: 'stopped: STORAGE' }).isServing).toBe(false);
  });

  it('a server outside of the cluster shows itself, too', () => {
    const view = see(report(9, { membership: 'joining', leader: undefined, term: 0 }));
    expect(view.servers.map(({ id, kind }) => [id, kind])).toEqual([
      [1, 'voter'],
      [2, 'voter'],
      [3, 'voter'],
      [9, 'outside'],
    ]);
  });
});

describe('whereaboutsOf', () => {
  it('is where the others have an admin port', () => {
    expect([...whereaboutsOf({ own: report(1), addresses: ADDRESSES })]).toEqual([[2, '127.0.0.1:7302']]);
  });
});
