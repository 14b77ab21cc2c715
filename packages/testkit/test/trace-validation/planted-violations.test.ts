// Traces of clusters that break the protocol, written by hand up to the line that does: the validator must refuse that
// line, by the rule that was broken, and must have accepted everything before it.

import { describe, expect, it } from 'vitest';
import { brokenRule, Story } from '../support/trace-story.js';

/** Server 1 leads term 1, its noop is committed everywhere. */
function led(...names: readonly string[]): Story {
  const story = new Story(...names);
  const [leader = '1', ...others] = names;
  story.elect(leader, ...others);
  for (const other of others) story.replicate(leader, other, 0);
  story.commit(leader, 1);
  return story;
}

describe('an honest trace', () => {
  it('of an election, replication, a commit and a change of leaders is accepted', () => {
    const story = led('1', '2', '3');
    story.propose('1', 3);
    story.replicate('1', '2', 1);
    story.commit('1', 4);
    story.elect('2', '3');
    story.replicate('2', '3', 1);
    story.commit('2', 5);
    story.replicate('2', '1', 4);
    story.commit('1', 5);
    expect(story.validator.lines).toBeGreaterThan(40);
  });

  it('of a conflict: what was never committed is overwritten', () => {
    const story = led('1', '2', '3');
    story.propose('1', 2);
    story.elect('2', '3');
    story.replicate('2', '1', 1);
    expect(story.fields('1').log).toBe(2);
  });

  it('of a restart that lost what was staged and not durable', () => {
    const story = led('1', '2', '3');
    story.tell('1', 'Replicate', { log: 2 }, { prop: { count: 1 } });
    story.tell('1', 'InitState', { log: 1, role: 'StateFollower', commit: 0 });
    expect(story.fields('1').log).toBe(1);
  });
});

describe('a trace is refused where', () => {
  it('§5.2: a server votes twice in a term', () => {
    const story = new Story('1', '2', '3');
    story.campaign('1');
    story.campaign('2');
    story.vote('1', '3');
    const ask = story.send('2', '3', { type: 'MsgVote', index: 0, logTerm: 0 });
    story.receive(ask);
    const grant = () => story.send('3', '2', { type: 'MsgVoteResp', reject: false });
    expect(brokenRule(story, grant)).toBe('sender-state');
  });

  it('§5.2: a vote changes within a term', () => {
    const story = new Story('1', '2', '3');
    story.campaign('1');
    story.campaign('2');
    story.vote('1', '3');
    story.receive(story.send('2', '3', { type: 'MsgVote', index: 0, logTerm: 0 }));
    expect(brokenRule(story, () => story.tell('3', 'Stage', { vote: '2' }, { prop: { seq: 99 } }))).toBe(
      'state',
    );
  });

  it('a vote is told before it is durable', () => {
    const story = new Story('1', '2', '3');
    story.campaign('1');
    story.receive(story.send('1', '2', { type: 'MsgVote', index: 0, logTerm: 0 }));
    story.tell('2', 'BecomeFollower', { term: 1, vote: '1' });
    const grant = () => story.send('2', '1', { type: 'MsgVoteResp', reject: false });
    expect(brokenRule(story, grant)).toBe('vote-durable');
    story.sync('2');
    expect(brokenRule(story, grant)).toBeUndefined();
  });

  it('§5.2: a minority makes a leader', () => {
    const story = new Story('1', '2', '3', '4', '5');
    story.campaign('1');
    story.vote('1', '2');
    expect(brokenRule(story, () => story.win('1'))).toBe('election-quorum');
    story.vote('1', '3');
  });

  it('§6: one half of a joint configuration makes a leader', () => {
    const story = led('1', '2', '3');
    story.changeConf('1', { voters: ['1', '4', '5'], outgoing: ['1', '2', '3'] });
    story.replicate('1', '2', 1);
    story.tell('2', 'BecomeCandidate', { term: 2, vote: '2', role: 'StateCandidate' });
    story.sync('2');
    story.vote('2', '3');
    expect(brokenRule(story, () => story.win('2'))).toBe('election-quorum');
  });

  it('§5.2: a term has two leaders', () => {
    const story = new Story('1', '2', '3');
    story.elect('1', '3');
    story.campaign('2');
    const becomes = () => story.tell('2', 'BecomeLeader', { role: 'StateLeader' });
    expect(['election-safety', 'election-quorum']).toContain(brokenRule(story, becomes));
  });

  it('§5.1: a term goes back', () => {
    const story = led('1', '2', '3');
    story.campaign('3');
    expect(
      brokenRule(story, () => story.tell('3', 'BecomeFollower', { term: 1, role: 'StateFollower' })),
    ).toBe('term');
  });

  it('§5.1: a term rises without a message that carried it', () => {
    const story = led('1', '2', '3');
    expect(brokenRule(story, () => story.tell('2', 'BecomeFollower', { term: 9, vote: '0' }))).toBe('term');
  });

  it('a message comes from nowhere', () => {
    const story = led('1', '2', '3');
    const forged = { type: 'MsgAppResp', term: 1, from: '3', to: '1', index: 9, reject: false };
    expect(brokenRule(story, () => story.receive(forged))).toBe('message-known');
  });

  it('a message reaches somebody else', () => {
    const story = new Story('1', '2', '3');
    story.campaign('1');
    const ask = story.send('1', '2', { type: 'MsgVote', index: 0, logTerm: 0 });
    const misled = () => story.tell('3', 'ReceiveRequestVoteRequest', {}, { msg: ask });
    expect(brokenRule(story, misled)).toBe('message-known');
  });

  it('§5.3: an append is accepted whose previous entry does not match', () => {
    const story = led('1', '2', '3');
    story.propose('1', 2);
    story.elect('2', '3');
    story.propose('2', 2);
    const msg = story.append('2', '1', 3); // server 1 has another entry at 3
    story.receive(msg);
    const taken = () =>
      story.tell('1', 'BecomeFollower', { term: 2, vote: '0', role: 'StateFollower', log: 4 });
    expect(brokenRule(story, taken)).toBe('state');
  });

  it('§5.3: the terms of entries that are sent are not those of the log', () => {
    const story = led('1', '2', '3');
    const lie = () =>
      story.send('1', '2', { type: 'MsgApp', index: 0, logTerm: 0, entries: 1, terms: [[7, 1]], commit: 1 });
    expect(brokenRule(story, lie)).toBe('sender-log');
  });

  it('§5.3: entries are overwritten that are committed', () => {
    const story = led('1', '2', '3');
    const loss = () => story.tell('2', 'Stage', { log: 0 }, { prop: { seq: 99 } });
    expect(brokenRule(story, loss)).toBe('state');
  });

  it('§5.3: more is acknowledged than the append covered', () => {
    const story = led('1', '2', '3');
    story.propose('1', 2);
    story.elect('2', '3');
    story.take(story.append('2', '1', 0, 1)); // server 1 has two entries more, of another leader
    const last = () => story.send('1', '2', { type: 'MsgAppResp', index: 3, reject: false });
    expect(brokenRule(story, last)).toBe('acknowledged');
    story.acknowledge('1', '2', 1);
  });

  it('§5.4.1: a vote goes to a log that is behind', () => {
    const story = led('1', '2', '3');
    story.propose('1', 1);
    story.replicate('1', '2', 1);
    story.campaign('3');
    story.receive(story.send('3', '2', { type: 'MsgVote', index: 1, logTerm: 1 }));
    const granted = () => story.tell('2', 'BecomeFollower', { term: 2, vote: '3' });
    expect(brokenRule(story, granted)).toBe('state');
  });

  it('an acknowledgement leaves before the entries are durable', () => {
    const story = led('1', '2', '3');
    story.propose('1', 1);
    story.receive(story.append('1', '2', 1));
    story.tell('2', 'Stage', { log: 2 }, { prop: { seq: 99 } });
    const early = () => story.send('2', '1', { type: 'MsgAppResp', index: 2, reject: false });
    expect(brokenRule(story, early)).toBe('durability');
    story.tell('2', 'Ready', {}, { prop: { seq: 99 } });
    expect(brokenRule(story, early)).toBeUndefined();
  });

  it('§5.3: an index is committed that a majority does not hold', () => {
    const story = led('1', '2', '3', '4', '5');
    story.propose('1', 1);
    story.replicate('1', '2', 1);
    expect(brokenRule(story, () => story.commit('1', 2))).toBe('commit-quorum');
    story.replicate('1', '3', 1);
    expect(brokenRule(story, () => story.commit('1', 2))).toBeUndefined();
  });

  it('a leader counts itself before its entries are durable', () => {
    const story = led('1', '2', '3');
    story.tell('1', 'Replicate', { log: 2 }, { prop: { count: 1 } });
    story.terms.set('1', [1, 1]);
    story.replicate('1', '2', 1);
    expect(brokenRule(story, () => story.commit('1', 2))).toBe('commit-quorum');
  });

  it('§5.4.2: an entry of an earlier term is committed by counting', () => {
    const story = led('1', '2', '3');
    story.propose('1', 1);
    story.elect('2', '3');
    // Server 1 returns with its entry of term 1, is elected again, and copies it to a majority.
    story.tell('1', 'BecomeFollower', { role: 'StateFollower' });
    story.campaign('1');
    story.campaign('1');
    story.vote('1', '3');
    story.win('1');
    story.take(story.append('1', '3', 1, 2));
    story.acknowledge('3', '1', 2);
    expect(brokenRule(story, () => story.commit('1', 2))).toBe('commit-own-term');
  });

  it('§5.3: a follower commits beyond what it was told, or beyond what the message covered', () => {
    const story = led('1', '2', '3');
    story.propose('1', 2);
    story.replicate('1', '2', 1);
    story.commit('1', 3);
    story.take(story.append('1', '3', 1, 2)); // the leader's commit index is 3, the last new entry 2
    expect(brokenRule(story, () => story.commit('3', 3))).toBe('commit-bound');
    story.commit('3', 2);
  });

  it('the commit index falls', () => {
    const story = led('1', '2', '3');
    expect(brokenRule(story, () => story.commit('1', 0))).toBe('commit-bound');
  });

  it('a heartbeat tells a peer of commits that it is not known to hold', () => {
    const story = new Story('1', '2', '3');
    story.elect('1', '2', '3');
    story.replicate('1', '2', 0);
    story.commit('1', 1);
    const told = () => story.send('1', '3', { type: 'MsgHeartbeat', commit: 1 });
    expect(brokenRule(story, told)).toBe('commit-bound');
  });

  it('§5.1: a follower makes entries', () => {
    const story = led('1', '2', '3');
    expect(brokenRule(story, () => story.propose('2'))).toBe('append-only-leader');
  });

  it('§5.2: a follower speaks as a leader', () => {
    const story = led('1', '2', '3');
    const usurped = () => story.send('2', '3', { type: 'MsgHeartbeat', commit: 0 });
    expect(brokenRule(story, usurped)).toBe('sender-state');
  });

  it('thesis §4: a change begins before an entry of the own term is committed', () => {
    const story = new Story('1', '2', '3');
    story.elect('1', '2', '3');
    expect(brokenRule(story, () => story.changeConf('1', { voters: ['1', '2'] }))).toBe('membership-change');
  });

  it('thesis §4: a change begins before the last one is committed', () => {
    const story = led('1', '2', '3');
    story.changeConf('1', { voters: ['1', '2'] });
    expect(brokenRule(story, () => story.changeConf('1', { voters: ['1'] }))).toBe('membership-change');
  });

  it('thesis §4.1: two voters change at once without a joint configuration', () => {
    const story = led('1', '2', '3');
    const both = () => story.changeConf('1', { voters: ['1', '2', '3', '4', '5'] });
    expect(brokenRule(story, both)).toBe('membership-change');
  });

  it('§6: a configuration is in force that is not the newest in the log', () => {
    const story = led('1', '2', '3');
    const early = () => story.tell('2', 'ApplyConfChange', { voters: ['1', '2'] }, { prop: { index: 2 } });
    expect(brokenRule(story, early)).toBe('configuration');
  });

  it('§5.3: something is applied that is not committed', () => {
    const story = led('1', '2', '3');
    story.propose('1', 1);
    expect(brokenRule(story, () => story.tell('1', 'Advance', {}, { prop: { applied: 2 } }))).toBe('applied');
  });

  it('a member comes back with an empty disk; one that was removed may', () => {
    const story = led('1', '2', '3');
    const reborn = () => story.tell('3', 'InitState', { term: 0, vote: '0', log: 0, commit: 0 });
    story.changeConf('1', { voters: ['1', '2'] });
    expect(brokenRule(story, reborn)).toBe('restart');
    story.replicate('1', '2', 1);
    story.commit('1', 2);
    expect(brokenRule(story, reborn)).toBeUndefined();
  });

  it('an id that was added again comes back with an empty disk twice; its first time it may', () => {
    const story = led('1', '2', '3');
    const reborn = () => story.tell('3', 'InitState', { term: 0, vote: '0', log: 0, commit: 0 });
    story.changeConf('1', { voters: ['1', '2'] });
    story.replicate('1', '2', 1);
    story.commit('1', 2);
    story.changeConf('1', { learners: ['3'] });
    story.replicate('1', '2', 2);
    story.commit('1', 3); // before the new server has written a line
    expect(brokenRule(story, reborn)).toBeUndefined();
    story.replicate('1', '3', 0);
    expect(brokenRule(story, reborn)).toBe('restart');
  });

  it('a restart forgets what was durable, or remembers what nobody wrote', () => {
    const story = led('1', '2', '3');
    const forgets = () => story.tell('2', 'InitState', { log: 0, commit: 0 });
    expect(brokenRule(story, forgets)).toBe('restart');
    const invents = () => story.tell('3', 'InitState', { log: 5, commit: 0 });
    expect(brokenRule(story, invents)).toBe('restart');
    const unvotes = () =>
      story.tell('1', 'InitState', { log: 1, commit: 0, vote: '0', role: 'StateFollower' });
    expect(brokenRule(story, unvotes)).toBe('restart');
  });
});
