import { expect, it } from 'vitest';
import { RaftNode } from '../src/index.js';
import { described } from './support/node.js';
import { StagedLog } from './support/staged-log.js';

it('P116: a voter that answered its first leader and crashed before its term was durable keeps the promise too', () => {
  const config = { id: 1, peers: [2, 3], preVote: false, readPolicy: 'lease', leaseMs: 100 } as const;
  const before = RaftNode.withLog(config, new StagedLog(), { durability: 'deferred' });
  const heard = { type: 'heartbeat', from: 2, to: 1, term: 1, leaderCommit: 0, round: 1 } as const;
  // The answer does not wait for the disk, and is what server 2's lease stands on.
  expect(described(before.step({ type: 'message', message: heard, now: 1000 }))).toContain(
    'send S1->S2 heartbeatReply t1 round 1',
  );
  const after = RaftNode.withLog(config, before.log.crash(), { durability: 'deferred' });
  expect(after.term).toBe(0);
  const request = {
    type: 'requestVote',
    from: 3,
    to: 1,
    term: 2,
    lastLogIndex: 0,
    lastLogTerm: 0,
    transfer: false,
  } as const;
  const said = after.step({ type: 'message', message: request, now: 1010 });
  said.push(...after.step({ type: 'durable', seq: after.log.makeDurable() }));
  expect(described(said).filter((text) => text.includes('granted'))).toEqual([]);
});
