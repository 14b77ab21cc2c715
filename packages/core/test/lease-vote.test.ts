import { expect, it } from 'vitest';
import { RaftNode } from '../src/index.js';
import { described } from './support/node.js';

it('P116: a voter that supports a lease gives its vote to nobody else, in whatever term it is by then', () => {
  const node = new RaftNode({ id: 1, peers: [2, 3], readPolicy: 'lease', leaseMs: 100 });
  const step = (message: Parameters<typeof node.step>[0] & { type: 'message' }) => node.step(message);
  // Server 2 leads term 1 and is heard at 1000: it may count on us until 1100.
  step({
    type: 'message',
    now: 1000,
    message: { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 },
  });
  // A late answer to an old question of ours tells of term 2, in which server 3 campaigns.
  step({
    type: 'message',
    now: 1001,
    message: { type: 'preVoteReply', from: 3, to: 1, term: 2, voteGranted: false },
  });
  const actions = step({
    type: 'message',
    now: 1002,
    message: {
      type: 'requestVote',
      from: 3,
      to: 1,
      term: 2,
      lastLogIndex: 0,
      lastLogTerm: 0,
      transfer: false,
    },
  });
  expect(described(actions).filter((text) => text.includes('granted'))).toEqual([]);
  expect(node.log.hardState().votedFor).toBeUndefined();
});

it('P116: nor does it grant a pre-vote (this one holds)', () => {
  const node = new RaftNode({ id: 1, peers: [2, 3], readPolicy: 'lease', leaseMs: 100 });
  node.step({
    type: 'message',
    now: 1000,
    message: { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 },
  });
  node.step({
    type: 'message',
    now: 1001,
    message: { type: 'preVoteReply', from: 3, to: 1, term: 2, voteGranted: false },
  });
  expect(
    node.step({
      type: 'message',
      now: 1002,
      message: { type: 'preVote', from: 3, to: 1, term: 3, lastLogIndex: 0, lastLogTerm: 0 },
    }),
  ).toEqual([]);
});
