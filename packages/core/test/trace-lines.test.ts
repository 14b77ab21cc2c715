// Protocol traces: what the lines of a step say, in which order, and with which state (docs/trace-format.md). Whether a
// whole trace is right is the validator's question, in the testkit.

import { describe, expect, it } from 'vitest';
import { initialTraceLine, type RaftNode, type TraceLine, traceLines } from '../src/index.js';
import {
  append,
  appendReply,
  configEntry,
  configuration,
  entriesOf,
  flush,
  heartbeat,
  type NodeOptions,
  nodeWithLog,
  propose,
  receive,
  requestVote,
  tickUntilElection,
  voteReply,
} from './support/node.js';
import type { StagedLog } from './support/staged-log.js';

interface Traced {
  readonly node: RaftNode<StagedLog>;
  /** The lines since it was asked last. */
  readonly told: () => string[];
}

function traced(options: NodeOptions = {}): Traced {
  let lines: TraceLine[] = [];
  const config = {
    ...options.config,
    trace: (record: Parameters<typeof traceLines>[0]) => lines.push(...traceLines(record)),
  };
  const node = nodeWithLog({ durability: 'deferred', ...options, config });
  const told = (): string[] => {
    const texts = lines.map(textOf);
    lines = [];
    return texts;
  };
  return { node, told };
}

function textOf({ event }: TraceLine): string {
  const { name, state, role, log, msg, prop } = event;
  const about = msg === undefined ? '' : ` ${msg.type} ${msg.from}>${msg.to} t${msg.term}`;
  const more = prop === undefined ? '' : ` ${JSON.stringify(prop)}`;
  return `${name}${about} [t${state.term} v${state.vote} c${state.commit} ${role.slice(5)} log ${log}]${more}`;
}

describe('the lines of a step', () => {
  it('a campaign: what is staged at once, what is said once it is durable', () => {
    const { node, told } = traced();
    tickUntilElection(node);
    expect(told()).toEqual([
      'BecomeCandidate [t1 v1 c0 Candidate log 0]',
      'Stage [t1 v1 c0 Candidate log 0] {"seq":1}',
    ]);
    flush(node);
    expect(told()).toEqual([
      'Ready [t1 v1 c0 Candidate log 0] {"seq":1}',
      'SendRequestVoteRequest MsgVote 1>2 t1 [t1 v1 c0 Candidate log 0]',
      'SendRequestVoteRequest MsgVote 1>3 t1 [t1 v1 c0 Candidate log 0]',
    ]);
  });

  it('a vote that wins: leadership, the noop, the appends', () => {
    const { node, told } = traced();
    tickUntilElection(node);
    flush(node);
    told();
    receive(node, voteReply(node, 2));
    expect(told()).toEqual([
      'ReceiveRequestVoteResponse MsgVoteResp 2>1 t1 [t1 v1 c0 Candidate log 0]',
      'BecomeLeader [t1 v1 c0 Leader log 0]',
      'Replicate [t1 v1 c0 Leader log 1] {"count":1,"kind":"noop"}',
      'SendAppendEntriesRequest MsgApp 1>2 t1 [t1 v1 c0 Leader log 1]',
      'SendAppendEntriesRequest MsgApp 1>3 t1 [t1 v1 c0 Leader log 1]',
      'Stage [t1 v1 c0 Leader log 1] {"seq":2}',
    ]);
    flush(node);
    receive(node, appendReply(node, 2));
    told();
    propose(node, 'a', 'b');
    expect(told()[0]).toBe('Replicate [t1 v1 c1 Leader log 3] {"count":2,"kind":"normal"}');
  });

  it('received: the state before; then the later term, with the vote that was given in it', () => {
    const { node, told } = traced({ terms: [1] });
    receive(node, requestVote(node, 2, { term: 4 }));
    expect(told()).toEqual([
      'ReceiveRequestVoteRequest MsgVote 2>1 t4 [t1 v0 c0 Follower log 1]',
      'BecomeFollower [t4 v2 c0 Follower log 1]',
      'Stage [t4 v2 c0 Follower log 1] {"seq":2}',
    ]);
  });

  it('inline: what the step itself made durable is told before what depends on it', () => {
    const { node, told } = traced({ durability: 'inline', terms: [1] });
    receive(node, append(node, 2, { term: 2, terms: [2, 2], leaderCommit: 2 }));
    expect(told()).toEqual([
      'ReceiveAppendEntriesRequest MsgApp 2>1 t2 [t1 v0 c0 Follower log 1]',
      'BecomeFollower [t2 v0 c0 Follower log 3]',
      'Commit [t2 v0 c2 Follower log 3]',
      'Ready [t2 v0 c2 Follower log 3] {"seq":2}',
      'SendAppendEntriesResponse MsgAppResp 1>2 t2 [t2 v0 c2 Follower log 3]',
      'Advance [t2 v0 c2 Follower log 3] {"applied":2}',
    ]);
  });

  it('a conflict that takes a configuration back and brings another tells the one that is in force', () => {
    const mine = [...entriesOf([1]), configEntry(2, 1, configuration([1, 2]))];
    const { node, told } = traced({ entries: mine });
    const theirs = [configEntry(2, 2, configuration([1, 2, 3, 4]))];
    receive(node, append(node, 2, { term: 2, prevLogIndex: 1, prevLogTerm: 1, entries: theirs }));
    const changes = told().filter((text) => text.startsWith('ApplyConfChange'));
    expect(changes).toEqual(['ApplyConfChange [t2 v0 c0 Follower log 2] {"index":2}']);
    expect(node.configuration.voters).toEqual([1, 2, 3, 4]);
  });

  it('nothing is told of a step that the specification does not have', () => {
    const { node, told } = traced();
    node.step({ type: 'tick' });
    node.step({ type: 'unreachable', id: 2 });
    receive(node, { ...heartbeat(node, 2), to: 9 });
    expect(told()).toEqual([]);
  });
});

describe('the first line of a life', () => {
  it('lists the terms of the log, and the configuration in force', () => {
    const node = nodeWithLog({ terms: [1, 1, 3], hardState: { term: 4, votedFor: 2 } });
    const { event } = initialTraceLine(node.id, node.status(), node.log);
    expect(event).toEqual({
      name: 'InitState',
      nid: '1',
      state: { term: 4, vote: '2', commit: 0 },
      role: 'StateFollower',
      log: 3,
      conf: [['1', '2', '3'], []],
      learners: [],
      prop: {
        first: 1,
        snapshot: 0,
        terms: [
          [1, 2],
          [3, 1],
        ],
      },
    });
  });
});
