// The unit tests of raft-io 0.1 (the Rust engine that waldb follows), one by one and under their names. Three things
// differ by design: a new leader's noop takes index 1, so the first command is at 2; a server asks for pre-votes first
// unless told not to; a heartbeat is a message of its own.

import { describe, expect, it } from 'vitest';
import { MemoryLog, type Message, RaftNode } from '../src/index.js';
import { bytes, described, sent, sentText } from './support/node.js';
import { refusedWith } from './support/refusal.js';

function driveToLeader(node: RaftNode): void {
  for (let i = 0; i < 1000 && !node.isLeader; i++) node.step({ type: 'tick' });
  expect(node.isLeader).toBe(true);
}

function receive(node: RaftNode, message: Message): string[] {
  return described(node.step({ type: 'message', message }));
}

/** Server 1 of 1, 2, 3, led by the vote of server 2. */
function electMultiNodeLeader(): RaftNode {
  const node = new RaftNode({ id: 1, peers: [2, 3], heartbeatTicks: 2, preVote: false });
  for (let i = 0; i < 1000 && node.role !== 'candidate'; i++) node.step({ type: 'tick' });
  expect(node.role).toBe('candidate');
  receive(node, { type: 'requestVoteReply', from: 2, to: 1, term: node.term, voteGranted: true });
  expect(node.role).toBe('leader');
  return node;
}

describe('raft-io', () => {
  it('test_single_node_elects_itself', () => {
    const node = new RaftNode({ id: 1, peers: [] });
    driveToLeader(node);
    expect([node.role, node.leader, node.term]).toEqual(['leader', 1, 1]);
  });

  it('test_single_node_commits_proposal', () => {
    const node = new RaftNode({ id: 1, peers: [] });
    driveToLeader(node);
    expect([node.commitIndex, node.lastApplied]).toEqual([1, 1]);
    const actions = node.step({ type: 'propose', command: bytes('a') });
    expect([node.commitIndex, node.lastApplied]).toEqual([2, 2]);
    expect(described(actions)).toEqual(['proposed 2 t1', 'commit 2/t1', 'apply 2/t1"a"']);
  });

  it('test_propose_to_follower_is_rejected', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3] });
    const error = refusedWith(() => node.step({ type: 'propose', command: bytes('a') }));
    expect([error.code, error.message, error.detail]).toEqual([
      'NOT_LEADER',
      'server 1 does not lead: no leader is known',
      { leader: undefined },
    ]);
  });

  it('test_propose_to_follower_is_rejected, naming the leader once it is known', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3] });
    receive(node, { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 });
    const error = refusedWith(() => node.step({ type: 'propose', command: bytes('a') }));
    expect([error.message, error.detail]).toEqual([
      'server 1 does not lead: the leader is server 2',
      { leader: 2 },
    ]);
  });

  it.each([
    [false, 'candidate', ['S1->S2 requestVote t1 last 0/t0', 'S1->S3 requestVote t1 last 0/t0']],
    [true, 'follower', ['S1->S2 preVote t1 last 0/t0', 'S1->S3 preVote t1 last 0/t0']],
  ])('test_candidate_requests_votes_from_peers (preVote: %s)', (preVote, role, expected) => {
    const node = new RaftNode({ id: 1, peers: [2, 3], preVote });
    let sends: string[] = [];
    for (let i = 0; i < 1000 && sends.length === 0; i++) sends = sentText(node.step({ type: 'tick' }));
    expect(node.role).toBe(role);
    expect(sends).toEqual(expected);
  });

  it('test_node_grants_one_vote_then_refuses_another_candidate', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3] });
    const ask = (from: number): string[] =>
      receive(node, {
        type: 'requestVote',
        from,
        to: 1,
        term: 5,
        lastLogIndex: 0,
        lastLogTerm: 0,
        transfer: false,
      });
    expect(ask(2)).toEqual(['follower t5 leader none', 'send S1->S2 requestVoteReply t5 granted']);
    expect(ask(3)).toEqual(['send S1->S3 requestVoteReply t5 refused']);
    expect(ask(2)).toEqual(['send S1->S2 requestVoteReply t5 granted']);
  });

  it('test_higher_term_message_steps_node_down', () => {
    const node = new RaftNode({ id: 1, peers: [] });
    driveToLeader(node);
    const term = node.term + 5;
    receive(node, { type: 'heartbeat', from: 9, to: 1, term, leaderCommit: 0, round: 1 });
    expect([node.role, node.term, node.leader]).toEqual(['follower', term, 9]);
  });

  it('test_stale_term_request_vote_is_refused', () => {
    const node = new RaftNode({ id: 1, peers: [] });
    driveToLeader(node);
    const { term } = node;
    const request: Message = {
      type: 'requestVote',
      from: 2,
      to: 1,
      term: term - 1,
      lastLogIndex: 99,
      lastLogTerm: 99,
      transfer: false,
    };
    expect(receive(node, request)).toEqual([`send S1->S2 requestVoteReply t${term} refused`]);
    expect(node.isLeader).toBe(true);
  });

  it('test_heartbeat_resets_follower_election_timer', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3], electionTimeoutTicks: [5, 5], preVote: false });
    for (let i = 0; i < 4; i++) expect(node.step({ type: 'tick' })).toEqual([]);
    receive(node, { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 });
    expect([node.role, node.leader]).toEqual(['follower', 2]);
    for (let i = 0; i < 4; i++) expect(node.step({ type: 'tick' })).toEqual([]);
    expect(sent(node.step({ type: 'tick' }), 'requestVote')).toHaveLength(2);
  });

  it('test_vote_replies_elect_a_multi_node_leader', () => {
    expect(electMultiNodeLeader().leader).toBe(1);
  });

  it('test_leader_emits_heartbeats_on_interval', () => {
    const node = electMultiNodeLeader();
    const rounds = Array.from({ length: 5 }, () => sent(node.step({ type: 'tick' }), 'heartbeat').length);
    expect(rounds).toEqual([2, 0, 2, 0, 2]);
  });

  it('test_persisted_hard_state_is_restored', () => {
    const log = new MemoryLog();
    log.setHardState({ term: 7, votedFor: 3 });
    const node = RaftNode.withLog({ id: 1, peers: [] }, log);
    expect([node.term, node.status().votedFor]).toEqual([7, 3]);
  });

  it('test_vote_is_persisted_to_log', () => {
    const node = new RaftNode({ id: 1, peers: [2, 3] });
    receive(node, {
      type: 'requestVote',
      from: 2,
      to: 1,
      term: 4,
      lastLogIndex: 0,
      lastLogTerm: 0,
      transfer: false,
    });
    expect(node.log.hardState()).toEqual({ term: 4, votedFor: 2 });
  });
});
