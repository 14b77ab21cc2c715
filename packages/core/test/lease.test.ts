// Lease reads (thesis §6.4.1; docs/protocol.md, section 9): time is what events carry, never a count of ticks. A voter
// that heard its leader supports nobody else for leaseMs; a leader counts on a little less, from when a round began.

import { describe, expect, it } from 'vitest';
import { type Action, type Event, type Message, type RaftConfig, RaftNode } from '../src/index.js';
import { bytes, described, electLeader, nodeWithLog, sentText } from './support/node.js';
import { refusal } from './support/refusal.js';
import { StagedLog } from './support/staged-log.js';

const LEASE = { readPolicy: 'lease', leaseMs: 110, clockDriftMax: 0.1 } as const; // 100 ms for the leader

/** A node whose every event carries the time it is told. */
class Timed {
  now = 1000;
  readonly node: RaftNode<StagedLog>;

  constructor(config: Partial<RaftConfig> = {}, log: StagedLog = new StagedLog()) {
    this.node = RaftNode.withLog({ id: 1, peers: [2, 3], preVote: false, ...LEASE, ...config }, log);
  }

  step(event: Event): Action[] {
    return this.node.step({ ...event, now: this.now } as Event); // events without a time ignore it
  }

  receive(message: Message): string[] {
    return described(this.step({ type: 'message', message }));
  }

  read(text: string): string[] {
    return described(this.step({ type: 'read', context: bytes(text) }));
  }

  tick(times = 1): string[] {
    const actions: string[] = [];
    for (let i = 0; i < times; i++) actions.push(...described(this.step({ type: 'tick' })));
    return actions;
  }

  /** Its first event was long ago: a promise of an earlier life is over. */
  waitedOut(): this {
    this.node.step({ type: 'tick', now: this.now - 500 });
    return this;
  }

  /** Ticks until it asks for votes, and lets server 2 vote for it and take its noop. */
  lead(): this {
    this.waitedOut();
    for (let i = 0; i < 200 && this.node.role !== 'candidate'; i++) this.tick();
    const { term } = this.node;
    this.receive({ type: 'requestVoteReply', from: 2, to: 1, term, voteGranted: true });
    const matchIndex = this.node.log.lastIndex();
    this.receive({
      type: 'appendEntriesReply',
      from: 2,
      to: 1,
      term,
      success: true,
      prevLogIndex: 0,
      matchIndex,
      hintIndex: 0,
      hintTerm: 0,
    });
    return this;
  }

  /** Begins a round now and answers it (from `by`) at `answeredAt`. */
  round(answeredAt = this.now, by = 2): void {
    const rounds = this.node.status().leadership?.heartbeatRound ?? 0;
    for (let i = 0; i < 200 && this.node.status().leadership?.heartbeatRound === rounds; i++) this.tick();
    this.now = answeredAt;
    const { term } = this.node;
    this.receive({ type: 'heartbeatReply', from: by, to: 1, term, round: rounds + 1 });
  }
}

const hear = (timed: Timed, term = 1): string[] =>
  timed.receive({ type: 'heartbeat', from: 2, to: 1, term, leaderCommit: 0, round: 1 });
const vote = (timed: Timed, term: number, transfer = false): string[] =>
  timed.receive({ type: 'requestVote', from: 3, to: 1, term, lastLogIndex: 9, lastLogTerm: 9, transfer });
const preVote = (timed: Timed, term: number): string[] =>
  timed.receive({ type: 'preVote', from: 3, to: 1, term, lastLogIndex: 9, lastLogTerm: 9 });

describe('the leader', () => {
  it('P116: a read that asks for a majority gets one, lease or not, and so does one from another server', () => {
    const timed = new Timed().lead();
    timed.round();
    expect(timed.read('a')).toEqual(['read ready "a" at 1']);
    const asked = described(timed.step({ type: 'read', context: bytes('b'), asksMajority: true }));
    expect(asked.some((action) => action.includes('read ready'))).toBe(false);
    const { term } = timed.node;
    const forwarded = timed.receive({ type: 'readIndex', from: 3, to: 1, term, incarnation: 7, request: 1 });
    expect(forwarded.some((action) => action.includes('readIndexReply'))).toBe(false);
    timed.round();
    timed.round();
    expect(timed.read('c')).toEqual(['read ready "c" at 1']);
  });

  it('P116: serves reads at once within leaseMs / (1 + drift) of the beginning of a confirmed round', () => {
    const timed = new Timed().lead();
    timed.round();
    timed.now += 99;
    expect(timed.read('r')).toEqual(['read ready "r" at 1']);
    timed.now += 1; // exactly 100 ms: no longer
    expect(timed.read('s')).toEqual([
      'send S1->S2 heartbeat t1 round 2 commit 1',
      'send S1->S3 heartbeat t1 round 2 commit 0',
    ]);
  });

  it('P116: says by itself where a read needs no step: under the lease, and nowhere else', () => {
    const timed = new Timed().waitedOut();
    expect(timed.node.leaseReadIndex(timed.now)).toBeUndefined(); // no leader
    timed.lead();
    timed.round();
    expect(timed.node.leaseReadIndex(timed.now + 99)).toBe(1);
    expect(timed.node.leaseReadIndex(timed.now + 100)).toBeUndefined();
    expect(timed.node.leaseReadIndex(timed.now)).toBe(1); // asking has changed nothing
    timed.step({ type: 'transferLeadership', to: 2 });
    expect(timed.node.leaseReadIndex(timed.now)).toBeUndefined(); // timeoutNow was sent
  });

  it('P116: without leases only the one voter of its cluster needs to ask nobody, once it has committed in its term', () => {
    const three = new Timed({ readPolicy: 'linearizable' }).lead();
    three.round();
    expect(three.node.leaseReadIndex(three.now)).toBeUndefined();
    const alone = new RaftNode({ id: 1, peers: [] });
    expect(alone.leaseReadIndex(0)).toBeUndefined();
    while (!alone.isLeader) alone.step({ type: 'tick' });
    expect(alone.leaseReadIndex(0)).toBe(1);
    alone.step({ type: 'storageFailed', error: new Error('gone') });
    expect(alone.leaseReadIndex(0)).toBeUndefined();
  });

  it('P116: the lease runs from when the round began, not from when it was answered', () => {
    const timed = new Timed().lead();
    timed.round(1090);
    timed.now = 1099;
    expect(timed.read('r')).toEqual(['read ready "r" at 1']);
    timed.now = 1100;
    expect(timed.read('s')[0]).toMatch(/^send/);
  });

  it('P116: an answer that comes after the lease is over gives none', () => {
    const timed = new Timed().lead();
    timed.round(1500);
    expect(timed.read('r')[0]).toMatch(/^send/);
  });

  it('P116: of five servers one answer is not enough', () => {
    const timed = new Timed({ peers: [2, 3, 4, 5] }).waitedOut();
    for (let i = 0; i < 200 && timed.node.role !== 'candidate'; i++) timed.tick();
    for (const from of [2, 3])
      timed.receive({ type: 'requestVoteReply', from, to: 1, term: 1, voteGranted: true });
    for (const from of [2, 3]) {
      timed.receive({
        type: 'appendEntriesReply',
        from,
        to: 1,
        term: 1,
        success: true,
        prevLogIndex: 0,
        matchIndex: 1,
        hintIndex: 0,
        hintTerm: 0,
      });
    }
    timed.round(timed.now, 2);
    expect(timed.read('r')[0]).toMatch(/^send/);
    timed.receive({ type: 'heartbeatReply', from: 3, to: 1, term: 1, round: 1 });
    expect(timed.read('s')).toEqual(['read ready "s" at 1']);
  });

  it('P116: each confirmed round begins a new one; without any, reads go by rounds as without leases', () => {
    const timed = new Timed().lead();
    expect(timed.read('r').at(-1)).toBe('send S1->S3 heartbeat t1 round 1 commit 0');
    expect(timed.receive({ type: 'heartbeatReply', from: 2, to: 1, term: 1, round: 1 })[0]).toBe(
      'read ready "r" at 1',
    );
    for (let i = 0; i < 5; i++) {
      timed.now += 90;
      timed.round();
      expect(timed.read('s')).toEqual(['read ready "s" at 1']);
    }
  });

  it('P116: exactly at its end it is over, also where the numbers are round', () => {
    const timed = new Timed({ leaseMs: 125, clockDriftMax: 0.25 }).lead();
    timed.round();
    timed.now += 100;
    expect(timed.read('r')[0]).toMatch(/^send/);
  });

  it('P116: of the rounds that nobody answers only the newest 64 are remembered; an older one gives no lease', () => {
    for (const [round, holds] of [
      [6, false],
      [7, true],
    ] as const) {
      const timed = new Timed({ electionTimeoutTicks: [1000, 1000], heartbeatTicks: 1 });
      timed.waitedOut();
      timed.tick(1000);
      const { term } = timed.node;
      timed.receive({ type: 'requestVoteReply', from: 2, to: 1, term, voteGranted: true });
      timed.tick(70); // rounds 1 to 70, all of them now
      timed.receive({
        type: 'appendEntriesReply',
        from: 2,
        to: 1,
        term,
        success: true,
        prevLogIndex: 0,
        matchIndex: 1,
        hintIndex: 0,
        hintTerm: 0,
      });
      timed.receive({ type: 'heartbeatReply', from: 2, to: 1, term, round });
      expect([round, timed.read('r').join().startsWith('read ready')]).toEqual([round, holds]);
    }
  });

  it('P116: a clock that is set back makes no lease longer', () => {
    const timed = new Timed().lead();
    timed.round();
    timed.now = 1100;
    timed.tick();
    timed.now = 1050;
    expect(timed.read('r')[0]).toMatch(/^send/);
  });

  it('P116 §8: no lease before the noop is committed', () => {
    const timed = new Timed().waitedOut();
    for (let i = 0; i < 200 && timed.node.role !== 'candidate'; i++) timed.tick();
    timed.receive({ type: 'requestVoteReply', from: 2, to: 1, term: 1, voteGranted: true });
    timed.round();
    expect(timed.read('r')).toEqual([]);
  });

  it('P116: a transfer that was begun revokes it for the rest of the term, also when it fails', () => {
    const timed = new Timed({ transferTimeoutTicks: 3 }).lead();
    timed.round();
    timed.step({ type: 'transferLeadership', to: 2 });
    expect(timed.read('a')[0]).toMatch(/^send/);
    timed.tick(3);
    timed.round();
    expect(timed.node.status().leadership?.transferTo).toBeUndefined();
    expect(timed.read('b')[0]).toMatch(/^send/);
  });

  it('P116: a transfer whose successor was not told yet revokes nothing', () => {
    const timed = new Timed().lead();
    timed.round();
    timed.step({ type: 'transferLeadership', to: 3 }); // it does not hold the noop
    expect(timed.read('a')).toEqual(['read ready "a" at 1']);
  });

  it('P116: without the policy no time makes a lease', () => {
    const timed = new Timed({ readPolicy: 'linearizable' }).lead();
    timed.round();
    expect(timed.read('r')[0]).toMatch(/^send/);
  });
});

describe('a voter', () => {
  it('P116: that heard its leader supports nobody else for leaseMs, by the clock and not by ticks', () => {
    const timed = new Timed();
    hear(timed);
    timed.now = 1109;
    const asked = [...preVote(timed, 2), ...vote(timed, 2)];
    timed.tick(300); // late ticks, all at once
    expect([asked, timed.node.role, timed.node.term]).toEqual([[], 'follower', 1]);
    expect([...preVote(timed, 2), ...vote(timed, 2)]).toEqual([]);
    timed.now = 1110;
    expect(vote(timed, 2)).toEqual(['follower t2 leader none', 'send S1->S3 requestVoteReply t2 granted']);
  });

  it('P116: nor campaigns itself', () => {
    const timed = new Timed();
    hear(timed);
    timed.now = 1109;
    expect(timed.tick(300)).toEqual([]);
    timed.now = 1110;
    expect(timed.tick(300)[0]).toBe('candidate t2 leader none');
  });

  it.each(['appendEntries', 'heartbeat', 'installSnapshot'] as const)('P116: %s begins it anew', (type) => {
    const timed = new Timed();
    hear(timed);
    timed.now = 1100;
    const envelope = { from: 2, to: 1, term: 1 };
    const { configuration } = timed.node;
    const messages = {
      appendEntries: {
        type: 'appendEntries',
        ...envelope,
        prevLogIndex: 0,
        prevLogTerm: 0,
        leaderCommit: 0,
        entries: [],
      },
      heartbeat: { type: 'heartbeat', ...envelope, leaderCommit: 0, round: 2 },
      installSnapshot: {
        type: 'installSnapshot',
        ...envelope,
        snapshot: { index: 5, term: 1, configuration, data: bytes('') },
      },
    } as const;
    timed.receive(messages[type]);
    timed.now = 1209;
    expect([...timed.tick(300), ...vote(timed, 2)]).toEqual([]);
    timed.now = 1210;
    expect(vote(timed, 2)).toContain('send S1->S3 requestVoteReply t2 granted');
  });

  it('P116: a later term, whoever brings it, does not end what was promised', () => {
    const timed = new Timed();
    hear(timed);
    timed.receive({
      type: 'appendEntriesReply',
      from: 3,
      to: 1,
      term: 2,
      success: false,
      prevLogIndex: 0,
      matchIndex: 0,
      hintIndex: 0,
      hintTerm: 0,
    });
    expect(timed.node.term).toBe(2);
    timed.now = 1109;
    expect([...vote(timed, 2), ...preVote(timed, 3)]).toEqual([]);
    timed.now = 1110;
    expect(vote(timed, 2)).toEqual(['send S1->S3 requestVoteReply t2 granted']);
  });

  it('P116 thesis §3.10: the successor of a transfer is voted for all the same: its leader gave the lease up', () => {
    const timed = new Timed();
    hear(timed);
    expect(vote(timed, 2, true)).toContain('send S1->S3 requestVoteReply t2 granted');
    const told = new Timed();
    hear(told);
    expect(told.receive({ type: 'timeoutNow', from: 2, to: 1, term: 1 })[0]).toBe('candidate t2 leader none');
  });

  it('P116: that was restarted remembers no promise, and waits one lease out from its first event', () => {
    const before = new Timed();
    hear(before);
    const after = new Timed({}, before.node.log.crash());
    after.now = 1001;
    after.tick(300);
    expect(after.node.role).toBe('follower');
    after.now = 1110; // the lease it promised is over; it cannot know
    expect([...vote(after, 2), ...preVote(after, 2)]).toEqual([]);
    after.now = 1111;
    expect(vote(after, 2)).toContain('send S1->S3 requestVoteReply t2 granted');
  });
});

describe('time', () => {
  it.each<readonly [string, Event]>([
    ['tick', { type: 'tick' }],
    ['read', { type: 'read', context: bytes('r') }],
    ['message', { type: 'message', message: { type: 'timeoutNow', from: 2, to: 1, term: 0 } }],
  ])('P116: a %s without a time is refused and changes nothing', (_what, event) => {
    const node = nodeWithLog({ config: LEASE });
    expect(refusal(() => node.step(event))).toBe(
      'CONFIG_INVALID: lease reads need `now` in every tick, message and read',
    );
    expect([node.role, node.term]).toEqual(['follower', 0]);
  });

  it('P116: without leases nobody needs one', () => {
    const node = nodeWithLog({});
    expect(sentText(electLeader(node))).not.toEqual([]);
  });
});
