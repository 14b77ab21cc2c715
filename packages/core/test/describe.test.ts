// One line for each message, action, event and state: what tests, traces and logs show. Each form is pinned here, so
// that every other test may rely on it.

import { describe, expect, it } from 'vitest';
import {
  type Action,
  type Configuration,
  describeAction,
  describeConfiguration,
  describeEntry,
  describeEvent,
  describeMessage,
  describeStatus,
  type Event,
  type LogEntry,
  type Message,
  RaftNode,
} from '../src/index.js';
import {
  appendReply,
  bytes,
  configEntry,
  configuration,
  electLeader,
  entry,
  nodeWithLog,
  noop,
  propose,
  receive,
} from './support/node.js';

const envelope = { from: 1, to: 2, term: 3 };
const snapshot = {
  index: 6,
  term: 2,
  configuration: configuration([1, 2], { learners: [4] }),
  data: new Uint8Array(17),
};
const joint = configuration([1, 2, 4], { votersOutgoing: [1, 2, 3], learners: [5], learnersNext: [3] });

/** The text first: it is the row's title. */
function titled<Value>(rows: readonly (readonly [Value, string])[]): [string, Value][] {
  return rows.map(([value, text]) => [text, value]);
}

describe('entries', () => {
  it.each(
    titled<LogEntry>([
      [entry(5, 3, 'x=1'), '5/t3"x=1"'],
      [entry(5, 3, ''), '5/t3""'],
      [noop(4, 3), '4/t3(noop)'],
      [configEntry(6, 3, joint), '6/t3(config [1 2 4 & 1 2 3 +5 ~3])'],
      [
        { index: 6, term: 3, kind: 'config', command: bytes('no configuration') } as const,
        '6/t3(config unreadable)',
      ],
    ]),
  )('%s', (text, value) => {
    expect(describeEntry(value)).toBe(text);
  });

  it.each([
    ['all printable ASCII is text', bytes(' ~'), '" ~"'],
    ['anything else is hex', Uint8Array.of(0x41, 0x00, 0x7f), '<41007f>'],
    ['a control character makes it hex', Uint8Array.of(0x1f), '<1f>'],
    ['exactly 24 bytes are shown whole', bytes('a'.repeat(24)), `"${'a'.repeat(24)}"`],
    ['one more is cut and counted', bytes('a'.repeat(25)), `"${'a'.repeat(24)}"... 25 B`],
    ['cut hex', new Uint8Array(30), `<${'00'.repeat(24)}>... 30 B`],
  ])('bytes: %s', (_what, command, text) => {
    expect(describeEntry({ index: 1, term: 1, kind: 'normal', command })).toBe(`1/t1${text}`);
  });
});

describe('configurations', () => {
  it.each(
    titled<Configuration>([
      [configuration([1, 2, 3]), '[1 2 3]'],
      [configuration([1], { learners: [4, 5] }), '[1 +4 +5]'],
      [joint, '[1 2 4 & 1 2 3 +5 ~3]'],
    ]),
  )('%s', (text, value) => {
    expect(describeConfiguration(value)).toBe(text);
  });
});

describe('messages', () => {
  it.each(
    titled<Message>([
      [
        { type: 'requestVote', ...envelope, lastLogIndex: 9, lastLogTerm: 2, transfer: false },
        'requestVote t3 last 9/t2',
      ],
      [
        { type: 'requestVote', ...envelope, lastLogIndex: 9, lastLogTerm: 2, transfer: true },
        'requestVote t3 last 9/t2 transfer',
      ],
      [{ type: 'requestVoteReply', ...envelope, voteGranted: true }, 'requestVoteReply t3 granted'],
      [{ type: 'requestVoteReply', ...envelope, voteGranted: false }, 'requestVoteReply t3 refused'],
      [{ type: 'preVote', ...envelope, lastLogIndex: 0, lastLogTerm: 0 }, 'preVote t3 last 0/t0'],
      [{ type: 'preVoteReply', ...envelope, voteGranted: true }, 'preVoteReply t3 granted'],
      [
        {
          type: 'appendEntries',
          ...envelope,
          prevLogIndex: 4,
          prevLogTerm: 2,
          leaderCommit: 4,
          entries: [noop(5, 3), entry(6, 3, 'a')],
        },
        'append t3 after 4/t2: 5/t3(noop) 6/t3"a" commit 4',
      ],
      [
        { type: 'appendEntries', ...envelope, prevLogIndex: 4, prevLogTerm: 2, leaderCommit: 4, entries: [] },
        'append t3 after 4/t2: nothing commit 4',
      ],
      [
        {
          type: 'appendEntriesReply',
          ...envelope,
          success: true,
          prevLogIndex: 4,
          matchIndex: 6,
          hintIndex: 0,
          hintTerm: 0,
        },
        'appendReply t3 match 6',
      ],
      [
        {
          type: 'appendEntriesReply',
          ...envelope,
          success: false,
          prevLogIndex: 4,
          matchIndex: 0,
          hintIndex: 2,
          hintTerm: 1,
        },
        'appendReply t3 refused 4 hint 2/t1',
      ],
      [{ type: 'heartbeat', ...envelope, leaderCommit: 5, round: 8 }, 'heartbeat t3 round 8 commit 5'],
      [{ type: 'heartbeatReply', ...envelope, round: 8 }, 'heartbeatReply t3 round 8'],
      [{ type: 'installSnapshot', ...envelope, snapshot }, 'installSnapshot t3 at 6/t2 [1 2 +4] 17 B'],
      [
        { type: 'installSnapshotReply', ...envelope, snapshotIndex: 6, success: true, matchIndex: 7 },
        'installSnapshotReply t3 of 6 match 7',
      ],
      [
        { type: 'installSnapshotReply', ...envelope, snapshotIndex: 6, success: false, matchIndex: 0 },
        'installSnapshotReply t3 of 6 refused',
      ],
      [{ type: 'timeoutNow', ...envelope }, 'timeoutNow t3'],
      [{ type: 'readIndex', ...envelope, incarnation: 1, request: 5 }, 'readIndex t3 #5'],
      [
        { type: 'readIndexReply', ...envelope, incarnation: 1, request: 5, index: 7 },
        'readIndexReply t3 #5 at 7',
      ],
      [
        { type: 'readIndexReply', ...envelope, incarnation: 1, request: 5, index: 0 },
        'readIndexReply t3 #5 refused',
      ],
    ]),
  )('%s', (text, message) => {
    expect(describeMessage(message)).toBe(`S1->S2 ${text}`);
  });
});

describe('actions', () => {
  it.each(
    titled<Action>([
      [{ type: 'send', to: 2, message: { type: 'timeoutNow', ...envelope } }, 'send S1->S2 timeoutNow t3'],
      [{ type: 'apply', entries: [entry(2, 1, 'a'), entry(3, 1, 'b')] }, 'apply 2/t1"a" 3/t1"b"'],
      [{ type: 'proposed', first: 2, last: 2, term: 1 }, 'proposed 2 t1'],
      [{ type: 'proposed', first: 2, last: 5, term: 1 }, 'proposed 2..5 t1'],
      [{ type: 'commit', index: 5, term: 1 }, 'commit 5/t1'],
      [{ type: 'snapshot', index: 5, term: 1 }, 'snapshot wanted at 5/t1'],
      [{ type: 'restoreSnapshot', snapshot }, 'restore snapshot 6/t2'],
      [
        { type: 'membershipChanged', configuration: joint, index: 9 },
        'membership [1 2 4 & 1 2 3 +5 ~3] at 9',
      ],
      [{ type: 'readReady', context: bytes('r'), index: 4 }, 'read ready "r" at 4'],
      [{ type: 'readFailed', context: bytes('r'), reason: 'timeout' }, 'read failed "r": timeout'],
      [{ type: 'roleChanged', role: 'follower', term: 3, leader: 2 }, 'follower t3 leader S2'],
      [{ type: 'roleChanged', role: 'candidate', term: 3, leader: undefined }, 'candidate t3 leader none'],
      [{ type: 'transferFailed', to: 2, reason: 'aborted' }, 'transfer to S2 failed: aborted'],
    ]),
  )('%s', (text, action) => {
    expect(describeAction(action)).toBe(text);
  });
});

describe('events', () => {
  it.each(
    titled<Event>([
      [{ type: 'tick' }, 'tick'],
      [{ type: 'leaveJoint' }, 'leaveJoint'],
      [{ type: 'abortTransfer' }, 'abortTransfer'],
      [{ type: 'message', message: { type: 'timeoutNow', ...envelope } }, 'receive S1->S2 timeoutNow t3'],
      [{ type: 'propose', command: bytes('a') }, 'propose "a"'],
      [{ type: 'proposeBatch', commands: [bytes('a'), Uint8Array.of(0)] }, 'propose "a" <00>'],
      [{ type: 'snapshot', index: 5, data: new Uint8Array(3) }, 'snapshot taken at 5, 3 B, keep 0'],
      [
        { type: 'snapshot', index: 5, data: new Uint8Array(3), keepEntries: 2 },
        'snapshot taken at 5, 3 B, keep 2',
      ],
      [{ type: 'addServer', id: 4 }, 'addServer S4'],
      [{ type: 'addLearner', id: 4, address: 'd' }, 'addLearner S4'],
      [{ type: 'removeServer', id: 4 }, 'removeServer S4'],
      [{ type: 'promoteLearner', id: 4 }, 'promoteLearner S4'],
      [{ type: 'changeMembership', voters: [1, 2] }, 'changeMembership voters 1 2 learners '],
      [{ type: 'changeMembership', voters: [1, 2], learners: [3] }, 'changeMembership voters 1 2 learners 3'],
      [{ type: 'transferLeadership', to: 2 }, 'transferLeadership to S2'],
      [{ type: 'read', context: bytes('r') }, 'read "r"'],
      [{ type: 'durable', seq: 7 }, 'durable 7'],
      [{ type: 'storageFailed', error: new Error('EIO') }, 'storage failed: EIO'],
      [{ type: 'storageFailed', error: 'gone' }, 'storage failed: gone'],
      [{ type: 'snapshotStatus', to: 2, ok: true }, 'snapshot to S2 delivered'],
      [{ type: 'snapshotStatus', to: 2, ok: false }, 'snapshot to S2 failed'],
      [{ type: 'snapshotProgress', to: 2 }, 'snapshot to S2 comes along'],
      [{ type: 'unreachable', id: 2 }, 'S2 unreachable'],
      [{ type: 'removed', index: 7 }, 'told of removal at 7'],
    ]),
  )('%s', (text, event) => {
    expect(describeEvent(event)).toBe(text);
  });
});

describe('states', () => {
  it('a new node', () => {
    expect(describeStatus(new RaftNode({ id: 1, peers: [2] }).status())).toBe(
      'S1 follower t0 vote none leader none log empty durable 0 commit 0 applied 0 snapshot 0 [1 2]',
    );
  });

  it('a leader and its peers', () => {
    const node = nodeWithLog({});
    electLeader(node, { ready: false });
    receive(node, appendReply(node, 2));
    propose(node, 'a');
    expect(describeStatus(node.status())).toBe(
      [
        'S1 leader t1 vote S1 leader S1 log 1..2 durable 2 commit 1 applied 1 snapshot 0 [1 2 3]',
        '  S2 replicate match 1 next 3 inflight 1',
        '  S3 probe match 0 next 1 paused',
      ].join('\n'),
    );
  });

  it('a node whose log has failed', () => {
    const node = new RaftNode({ id: 1, peers: [] });
    node.step({ type: 'storageFailed', error: new Error('EIO') });
    expect(describeStatus(node.status())).toMatch(/\[1\] halted$/);
  });
});
