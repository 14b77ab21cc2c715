// Learners count nowhere until they are promoted, and servers that are leaving count nowhere any more; neither may stop
// the others, nor be locked out by a change that only they know of.

import { describe, expect, it } from 'vitest';
import { Cluster } from './support/cluster.js';
import {
  appendReply,
  bytes,
  configEntry,
  configuration,
  described,
  electLeader,
  heartbeat,
  nodeWithLog,
  noop,
  propose,
  receive,
  requestVote,
  sentText,
  tick,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import { refusal, refusedWith } from './support/refusal.js';

function learner() {
  return nodeWithLog({ id: 4, peers: [1, 2, 3], config: { learners: [4] } });
}

describe('a learner', () => {
  it('P77 thesis §4.2.1: never campaigns, however long it hears nobody', () => {
    const node = learner();
    expect(tick(node, 1000)).toEqual([]);
    expect([node.role, node.term]).toEqual(['learner', 0]);
  });

  it('P77: nor when it is told to', () => {
    const node = learner();
    receive(node, heartbeat(node, 1, { term: 1 }));
    expect(receive(node, { type: 'timeoutNow', from: 1, to: 4, term: 1 })).toEqual([]);
    expect([node.role, node.term]).toEqual(['learner', 1]);
  });

  it('P77: votes when it is asked: it may have been promoted without knowing', () => {
    const node = learner();
    expect(
      sentText(receive(node, { type: 'preVote', from: 1, to: 4, term: 1, lastLogIndex: 0, lastLogTerm: 0 })),
    ).toEqual(['S4->S1 preVoteReply t1 granted']);
    expect(sentText(receive(node, requestVote(node, 1)))).toEqual(['S4->S1 requestVoteReply t1 granted']);
    expect(sentText(receive(node, requestVote(node, 2, { term: 1 })))).toEqual([
      'S4->S2 requestVoteReply t1 refused',
    ]);
    expect(node.log.hardState()).toEqual({ term: 1, votedFor: 1 });
  });

  it('P77: its vote counts only where the configuration has it as a voter', () => {
    const node = nodeWithLog({ config: { learners: [4, 5] } });
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 requestVote t1 last 0/t0',
      'S1->S3 requestVote t1 last 0/t0',
    ]);
    for (const from of [4, 5]) receive(node, voteReply(node, from));
    expect(node.role).toBe('candidate');
    receive(node, voteReply(node, 2));
    expect(node.isLeader).toBe(true);
  });

  it('P77: a promoted server that does not know it yet votes its candidate into office', () => {
    const cluster = new Cluster({ voters: 3, learners: [4] });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.fate = (message) => (message.to === 4 ? 'drop' : 'deliver');
    cluster.step(1, { type: 'promoteLearner', id: 4 });
    cluster.tickAll(3);
    expect([cluster.node(1).configuration.voters, cluster.node(4).role]).toEqual([[1, 2, 3, 4], 'learner']);
    cluster.fate = () => 'deliver';
    cluster.crash(1); // of four, three have to agree: server 4 is needed
    expect([2, 3]).toContain(cluster.awaitLeader());
  });

  it('P78: that is cut off stops neither commits, nor reads, nor its leader', () => {
    const cluster = new Cluster({ voters: 3, learners: [4] });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.isolate(4);
    cluster.crash(3);
    cluster.propose(1, 'a');
    cluster.tickAll(50);
    expect([cluster.leader, cluster.appliedTexts(1), cluster.appliedTexts(4)]).toEqual([1, ['a'], []]);
    cluster.takeActions(1);
    cluster.step(1, { type: 'read', context: bytes('r') });
    cluster.settle();
    expect(described(cluster.takeActions(1))).toContain('read ready "r" at 2');
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.appliedTexts(4)).toEqual(['a']);
  });

  it('P78: its acknowledgement commits nothing', () => {
    const node = nodeWithLog({ config: { learners: [4, 5] } });
    electLeader(node);
    propose(node, 'a');
    for (const from of [4, 5]) receive(node, appendReply(node, from));
    expect(node.commitIndex).toBe(1);
    receive(node, appendReply(node, 2));
    expect(node.commitIndex).toBe(2);
  });
});

describe('promotion', () => {
  function leaderWithLearner() {
    const node = nodeWithLog({ config: { learners: [4] } });
    electLeader(node);
    propose(node, 'a', 'b');
    receive(node, appendReply(node, 2)); // committed through 3
    return node;
  }

  it.each([
    ['promoteLearner', 0],
    ['promoteLearner', 2],
    ['addServer', 2],
  ] as const)(
    'P82 thesis §4.2.1: %s of a learner that holds %d of 3 committed entries is refused',
    (type, matchIndex) => {
      const node = leaderWithLearner();
      if (matchIndex > 0) receive(node, appendReply(node, 4, { matchIndex }));
      const error = refusedWith(() => node.step({ type, id: 4 }));
      expect([error.code, error.message, error.detail]).toEqual([
        'NOT_CAUGHT_UP',
        `learner 4 holds the log up to ${matchIndex} of 3`,
        { id: 4, matchIndex, commitIndex: 3 },
      ]);
      expect(node.log.lastIndex()).toBe(3);
    },
  );

  it('P82: one that holds everything committed, and replicates, is promoted', () => {
    const node = leaderWithLearner();
    propose(node, 'not committed');
    receive(node, appendReply(node, 4, { matchIndex: 3 }));
    const actions = described(node.step({ type: 'promoteLearner', id: 4 }));
    expect(actions.slice(0, 2)).toEqual(['membership [1 2 3 4] at 5', 'proposed 5 t1']);
  });

  it('P82: one that held everything and is not reached now is not promoted', () => {
    const node = leaderWithLearner();
    receive(node, appendReply(node, 4, { matchIndex: 3 }));
    node.step({ type: 'unreachable', id: 4 });
    expect(refusal(() => node.step({ type: 'promoteLearner', id: 4 }))).toBe(
      'NOT_CAUGHT_UP: learner 4 holds the log up to 3 of 3',
    );
  });

  it.each([0, 2])(
    'P82: a whole new configuration does not promote a learner that holds %d of 3 committed entries either',
    (matchIndex) => {
      const node = leaderWithLearner();
      if (matchIndex > 0) receive(node, appendReply(node, 4, { matchIndex }));
      const change = { type: 'changeMembership', voters: [1, 4, 5], learners: [2] } as const;
      expect(refusal(() => node.step(change))).toBe(
        `NOT_CAUGHT_UP: learner 4 holds the log up to ${matchIndex} of 3`,
      );
      expect(node.log.lastIndex()).toBe(3);
      receive(node, appendReply(node, 4, { matchIndex: 3 }));
      expect(described(node.step(change))[0]).toBe('membership [1 4 5 & 1 2 3 ~2] at 4');
    },
  );

  it('P82: a server that is new altogether may be added as voter at once', () => {
    const node = leaderWithLearner();
    expect(described(node.step({ type: 'addServer', id: 5 }))[0]).toBe('membership [1 2 3 5 +4] at 4');
  });
});

describe('a smaller quorum', () => {
  it('P79: removing a dead server commits what waited for it', () => {
    const node = nodeWithLog({ peers: [2, 3, 4] });
    electLeader(node);
    propose(node, 'a');
    receive(node, appendReply(node, 2)); // two of four
    expect(node.commitIndex).toBe(1);
    node.step({ type: 'removeServer', id: 4 });
    expect(node.commitIndex).toBe(2); // two of three; the removal itself waits
    expect(described(receive(node, appendReply(node, 2)))).toContain('commit 3/t1');
  });

  it('P79: down to the leader alone, everything commits at once', () => {
    const node = nodeWithLog({ peers: [2] });
    electLeader(node);
    propose(node, 'a', 'b');
    expect(described(node.step({ type: 'removeServer', id: 2 }))).toEqual([
      'membership [1] at 4',
      'proposed 4 t1',
      'commit 3/t1', // before its own entry is synced
      'apply 2/t1"a" 3/t1"b"',
      'commit 4/t1',
    ]);
  });

  it('P79: leaving a joint configuration commits what waited for the outgoing half', () => {
    const node = nodeWithLog({});
    electLeader(node);
    node.step({ type: 'changeMembership', voters: [1, 4, 5], autoLeave: false });
    for (const from of [2, 4]) receive(node, appendReply(node, from));
    propose(node, 'a');
    receive(node, appendReply(node, 4, { matchIndex: 3 })); // of the outgoing half only the leader holds it
    expect(node.commitIndex).toBe(2);
    node.step({ type: 'leaveJoint' });
    expect(node.commitIndex).toBe(3);
  });
});

describe('a removed server', () => {
  it.each([true, false])(
    'P81 thesis §4.2.3: one that does not know of its removal disturbs nobody (preVote: %s)',
    (preVote) => {
      const cluster = new Cluster({ voters: 4, config: { preVote } });
      cluster.elect(1);
      cluster.tickAll(3);
      cluster.fate = ({ from, to }) => (from === 1 && to === 4 ? 'drop' : 'deliver');
      cluster.step(1, { type: 'removeServer', id: 4 });
      cluster.settle();
      const { term } = cluster.node(1);
      for (let i = 0; i < 300; i++) {
        cluster.tickAll();
        expect([cluster.leader, cluster.node(1).term]).toEqual([1, term]);
      }
      expect(cluster.node(4).configuration.voters).toEqual([1, 2, 3, 4]); // it never heard of it
      if (!preVote) expect(cluster.node(4).term).toBeGreaterThan(term); // and it tried
    },
  );

  it('P81: one that knows does not even try', () => {
    const cluster = new Cluster({ voters: 4 });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.step(1, { type: 'removeServer', id: 4 });
    cluster.deliver({
      type: 'appendEntries',
      from: 1,
      to: 4,
      term: cluster.node(1).term,
      prevLogIndex: 1,
      prevLogTerm: cluster.node(1).log.termAt(1) ?? 0,
      leaderCommit: 2,
      entries: cluster.node(1).log.entries(2, 2),
    });
    cluster.settle();
    expect(cluster.node(4).role).toBe('learner');
    expect(cluster.tick(4, 300)).toEqual([]);
  });
});

describe('a removal that is only staged', () => {
  const removal = configEntry(2, 1, configuration([2, 3]));

  it('P83 thesis §4.2.2: whoever staged its own removal and crashed can still campaign, and needs the votes of the others', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), removal] });
    expect([node.role, node.configuration.voters]).toEqual(['follower', [2, 3]]);
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 requestVote t2 last 2/t1',
      'S1->S3 requestVote t2 last 2/t1',
    ]);
    receive(node, voteReply(node, 2));
    expect(node.role).toBe('candidate'); // its own vote does not count
    receive(node, voteReply(node, 3));
    expect(node.isLeader).toBe(true);
  });

  it('P83: with pre-vote as well', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), removal], config: { preVote: true } });
    expect(sentText(tickUntilElection(node))).toEqual([
      'S1->S2 preVote t2 last 2/t1',
      'S1->S3 preVote t2 last 2/t1',
    ]);
    for (const from of [2, 3])
      receive(node, { type: 'preVoteReply', from, to: 1, term: 2, voteGranted: true });
    expect(node.role).toBe('candidate');
  });

  it('P83: once the removal is committed it cannot', () => {
    const node = nodeWithLog({ entries: [noop(1, 1), removal] });
    receive(node, {
      type: 'appendEntries',
      from: 2,
      to: 1,
      term: 1,
      prevLogIndex: 2,
      prevLogTerm: 1,
      leaderCommit: 2,
      entries: [],
    });
    expect(node.role).toBe('learner');
    expect(tick(node, 300)).toEqual([]);
  });

  it('P83: of two servers the one that staged its own removal has to win, hand over and leave: nobody else can', () => {
    const cluster = new Cluster({ voters: 2 });
    cluster.elect(1);
    cluster.tickAll(3);
    cluster.fate = () => 'drop'; // server 2 never hears of it, and its log is the shorter one
    cluster.step(1, { type: 'removeServer', id: 1 });
    cluster.restart(1);
    cluster.fate = () => 'deliver';
    cluster.tickAll(300);
    expect([cluster.leader, cluster.node(1).role]).toEqual([2, 'learner']);
    expect(cluster.node(2).configuration.voters).toEqual([2]);
    cluster.propose(2, 'a');
    cluster.settle();
    expect(cluster.appliedTexts(2)).toEqual(['a']);
  });
});
