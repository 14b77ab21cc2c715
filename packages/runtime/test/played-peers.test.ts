// One real server whose peers the test plays: what it says and when, message by message, over real connections.

import { describe, expect, it } from 'vitest';
import { WAIT } from './support/cluster.js';
import { bytes } from './support/list-machine.js';
import { ELECTION_TICKS, elect, type Stage, setStage } from './support/played-peer.js';

/** A promise that can be looked at. */
function watch(promise: Promise<unknown>): { outcome: string } {
  const watched = { outcome: 'waits' };
  promise.then(
    () => {
      watched.outcome = 'done';
    },
    (error: { code: string }) => {
      watched.outcome = error.code;
    },
  );
  return watched;
}

/** A leader whose noop is committed, and whose peers say nothing more by themselves. */
async function leading(stage: Stage): Promise<void> {
  for (const { answers } of stage.peers) answers.add('votes').add('appends').add('heartbeats');
  await elect(stage);
  await expect.poll(() => stage.server.status().leadership?.isReady, WAIT).toBe(true);
  for (const { answers } of stage.peers) answers.clear();
}

function first(stage: Stage): Stage['peers'][number] {
  return stage.peers[0] as Stage['peers'][number]; // every stage has peers
}

function lastRound(peer: Stage['peers'][number]): number {
  return Math.max(0, ...peer.allHeard('heartbeat').map(({ round }) => round));
}

describe('elections', () => {
  it('F3.1 F3.2 F3.5 a follower that hears nobody campaigns, and a candidate again, each time after another number of ticks', async () => {
    const [min, max] = ELECTION_TICKS;
    const waits: number[] = [];
    const stage = await setStage(3, { seed: 5 });
    for (let term = 1; term <= 8; term++) {
      waits.push(await stage.tickUntil(() => stage.server.term === term));
      expect(stage.server.status()).toMatchObject({ role: 'candidate', term });
      for (const peer of stage.peers) {
        expect(await peer.hears('requestVote', (request) => request.term === term)).toMatchObject({
          from: 1,
        });
      }
    }
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(min);
      expect(wait).toBeLessThanOrEqual(max);
    }
    expect(new Set(waits).size).toBeGreaterThan(2);
  });

  it('F1.7 F1.8 F2.5 a change of role is told, and acted upon, before the next message is looked at', async () => {
    const stage = await setStage(3);
    const { server, peers } = stage;
    const peer = first(stage);
    const told: string[] = [];
    server.on('roleChange', ({ role, term }) =>
      told.push(`${role} of ${term}, in term ${server.term}, ${server.status().inbox} wait`),
    );
    await stage.tickUntil(() => server.term === 1);
    const request = await peer.hears('requestVote');
    // The vote makes it leader; what comes right behind it ends that again.
    peer.say(peer.vote(request), {
      type: 'heartbeat',
      from: peer.id,
      to: 1,
      term: 2,
      leaderCommit: 0,
      round: 1,
    });
    await expect.poll(() => server.leader, WAIT).toBe(peer.id);
    expect(told).toEqual([
      'candidate of 1, in term 1, 0 wait',
      'leader of 1, in term 1, 1 wait',
      'follower of 2, in term 2, 0 wait',
    ]);
    // What the leader's step gave to say was said, though its office was over when the next message had been read.
    for (const each of peers) await each.hears('appendEntries', ({ term }) => term === 1);
    await peer.hears('heartbeatReply', ({ term }) => term === 2);
  });

  it('F4.4 a leader is told as such before any answer to its first append, and nothing is committed until one comes', async () => {
    const stage = await setStage(3);
    const { server } = stage;
    const peer = first(stage);
    const told: string[] = [];
    server.on('roleChange', ({ role }) => told.push(role));
    server.on('commit', ({ index }) => told.push(`commit ${index}`));
    peer.answers.add('votes');
    await elect(stage);
    const append = await peer.hears('appendEntries', ({ entries }) => entries.length > 0);
    expect(append.entries.map(({ kind }) => kind)).toEqual(['noop']);
    await stage.tick(3);
    expect(told).toEqual(['candidate', 'leader']);
    peer.say(peer.acknowledge(append));
    await expect.poll(() => told, WAIT).toEqual(['candidate', 'leader', 'commit 1']);
  });
});

describe('commands', () => {
  it('I1.5 I1.6 what comes in one turn is one batch, and the metrics say so', async () => {
    const stage = await setStage(3);
    await leading(stage);
    for (const { answers } of stage.peers) answers.add('appends');
    await stage.server.propose(bytes('alone'));
    await Promise.all(Array.from({ length: 20 }, (_, i) => stage.server.propose(bytes(String(i)))));
    const { count, sum } = stage.server.metrics().proposals.batchCommands;
    expect({ count, sum }).toEqual({ count: 2, sum: 21 });
  });

  it('D2.1 P45 an acknowledged command is on a majority: without a second server none is', async () => {
    const stage = await setStage(3);
    await leading(stage);
    const proposed = watch(stage.server.propose(bytes('a')));
    const append = await first(stage).hears(
      'appendEntries',
      ({ entries }) => entries.at(-1)?.kind === 'normal',
    );
    await stage.tick(3);
    expect(proposed.outcome).toBe('waits');
    expect(stage.machine.items).toEqual([]);
    first(stage).say(first(stage).acknowledge(append));
    await expect.poll(() => proposed.outcome, WAIT).toBe('done');
  });
});

describe('reads', () => {
  it('P110 P112 each waits for an answer to a round that began after it; an earlier round confirms nothing', async () => {
    const stage = await setStage(3);
    await leading(stage);
    const peer = first(stage);
    const before = lastRound(peer);
    const early = watch(stage.server.read('linearizable'));
    const one = await peer.hears('heartbeat', ({ round }) => round > before);
    // Asked while the round is on its way: its answer says nothing of what this read may have to see.
    const late = watch(stage.server.read('linearizable'));
    await stage.tick();
    expect([early.outcome, late.outcome]).toEqual(['waits', 'waits']);
    peer.say(peer.answer(one));
    await expect.poll(() => early.outcome, WAIT).toBe('done');
    expect(late.outcome).toBe('waits');
    await stage.tick(2);
    const two = await peer.hears('heartbeat', ({ round }) => round > one.round);
    expect(late.outcome).toBe('waits');
    peer.say(peer.answer(two));
    await expect.poll(() => late.outcome, WAIT).toBe('done');
  });

  it('P111 a new leader answers none before it has committed an entry of its own', async () => {
    const stage = await setStage(3);
    const peer = first(stage);
    peer.answers.add('votes').add('heartbeats');
    await elect(stage);
    const read = watch(stage.server.read('linearizable'));
    const append = await peer.hears('appendEntries', ({ entries }) => entries.length > 0);
    await stage.tick(4);
    expect(read.outcome).toBe('waits');
    peer.say(peer.acknowledge(append));
    await stage.tick(4);
    await expect.poll(() => read.outcome, WAIT).toBe('done');
  });

  it('P113 a read that waits for a server is let go when that server is removed', async () => {
    const stage = await setStage(2);
    await leading(stage);
    const read = watch(stage.server.read('linearizable'));
    await stage.tick(2);
    expect(read.outcome).toBe('waits');
    await stage.server.removeServer(2);
    await expect.poll(() => read.outcome, WAIT).toBe('done');
  });

  it('P114 a later term fails the reads that wait', async () => {
    const stage = await setStage(3);
    await leading(stage);
    const peer = first(stage);
    const before = lastRound(peer);
    const read = watch(stage.server.read('linearizable'));
    await peer.hears('heartbeat', ({ round }) => round > before); // the read's own: it waits for this server now
    peer.say({ type: 'heartbeat', from: peer.id, to: 1, term: 9, leaderCommit: 0, round: 1 });
    await expect.poll(() => read.outcome, WAIT).toBe('LEADERSHIP_LOST');
  });

  it('P116 a lease lets reads go without asking, as long as it lasts and until leadership is offered to another', async () => {
    const stage = await setStage(3, { raft: { readPolicy: 'lease', leaseMs: 80 } });
    await leading(stage);
    for (const { answers } of stage.peers) answers.add('heartbeats').add('appends');
    await stage.tick(6);
    for (const { answers } of stage.peers) answers.clear();
    // Nobody answers any more, and nobody needs to.
    await stage.server.read('lease');
    await stage.tick(8);
    const beyond = watch(stage.server.read('lease'));
    await stage.tick();
    expect(beyond.outcome).toBe('waits');
    for (const { answers } of stage.peers) answers.add('heartbeats').add('appends');
    await stage.tick(3);
    await expect.poll(() => beyond.outcome, WAIT).toBe('done');
    const transfer = watch(stage.server.transferLeadership(2));
    await first(stage).hears('timeoutNow');
    for (const { answers } of stage.peers) answers.clear();
    const offered = watch(stage.server.read('lease'));
    await stage.tick();
    expect([transfer.outcome, offered.outcome]).toEqual(['waits', 'waits']);
  });
});
