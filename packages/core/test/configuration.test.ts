// Configurations as values: which may be in force, and which follows which (§6; thesis §4).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, describeConfiguration, type NodeId } from '../src/index.js';
import { type MembershipChange, nextConfiguration } from '../src/membership/change.js';
import {
  checked,
  isJoint,
  isVoter,
  makeConfiguration,
  members,
  SERVERS_MAX,
  sorted,
} from '../src/membership/configuration.js';
import { hasQuorum } from '../src/quorum/joint.js';
import { configuration } from './support/node.js';
import { refusal } from './support/refusal.js';

describe('a configuration', () => {
  it('has rising ids without duplicates, and is not joint when made', () => {
    expect(makeConfiguration([10, 2, 9, 2], [7, 3, 7], { 2: 'b' })).toEqual({
      voters: [2, 9, 10],
      learners: [3, 7],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
      addresses: { 2: 'b' },
    });
    expect(makeConfiguration([1]).learners).toEqual([]);
    expect(sorted([100, 9, 20])).toEqual([9, 20, 100]);
  });

  it('is joint exactly while it has outgoing voters', () => {
    expect(isJoint(configuration([1]))).toBe(false);
    expect(isJoint(configuration([1], { votersOutgoing: [2] }))).toBe(true);
  });

  it('voters are those of either half; members are the learners as well, by rising id', () => {
    const joint = configuration([3, 4], { votersOutgoing: [1, 3], learners: [2] });
    expect([1, 2, 3, 4, 5].filter((id) => isVoter(joint, id))).toEqual([1, 3, 4]);
    expect(members(joint)).toEqual([1, 2, 3, 4]);
  });

  it.each<[string, Configuration, string]>([
    [
      'P80 no voters',
      configuration([], { learners: [1] }),
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    ],
    [
      'P80 only outgoing voters',
      configuration([], { votersOutgoing: [1] }),
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    ],
    [
      'voter and learner',
      configuration([1, 2], { learners: [2] }),
      'CONFIG_INVALID: server 2 cannot be voter and learner at once',
    ],
    [
      'outgoing voter and learner',
      configuration([1], { votersOutgoing: [2], learners: [2] }),
      'CONFIG_INVALID: server 2 cannot be voter and learner at once',
    ],
    [
      'next learner that does not go out',
      configuration([1], { votersOutgoing: [2], learnersNext: [3] }),
      'CONFIG_INVALID: server 3 is to become a learner but is no outgoing voter',
    ],
    [
      'next learner that stays a voter',
      configuration([1, 2], { votersOutgoing: [2], learnersNext: [2] }),
      'CONFIG_INVALID: server 2 is to become a learner but is no outgoing voter',
    ],
    ['id 0', configuration([0, 1]), 'CONFIG_INVALID: 0 is not a server id (a positive safe integer)'],
    [
      'a learner with a broken id',
      configuration([1], { learners: [1.5] }),
      'CONFIG_INVALID: 1.5 is not a server id (a positive safe integer)',
    ],
    [
      'an outgoing voter beyond the safe integers',
      configuration([1], { votersOutgoing: [2 ** 53] }),
      'CONFIG_INVALID: 9007199254740992 is not a server id (a positive safe integer)',
    ],
  ])('may not be: %s', (_name, broken, expected) => {
    expect(refusal(() => checked(broken))).toBe(expected);
  });

  it('may not be larger than SERVERS_MAX servers: exactly as many are allowed, one more is not, whatever they are', () => {
    const ids = Array.from({ length: SERVERS_MAX + 1 }, (_, i) => i + 1);
    const full = configuration(ids.slice(0, SERVERS_MAX - 2), {
      learners: ids.slice(SERVERS_MAX - 2, SERVERS_MAX),
    });
    expect(checked(full)).toBe(full);
    const over = configuration(ids.slice(0, SERVERS_MAX - 2), { learners: ids.slice(SERVERS_MAX - 2) });
    expect(refusal(() => checked(over))).toBe(
      `CONFIG_INVALID: ${SERVERS_MAX + 1} servers are more than ${SERVERS_MAX}`,
    );
    // A server in both halves of a joint configuration is one.
    const joint = configuration(ids.slice(0, SERVERS_MAX), { votersOutgoing: ids.slice(0, SERVERS_MAX) });
    expect(checked(joint)).toBe(joint);
  });

  it('may be: everything else, and is given back as it is', () => {
    const joint = configuration([1, 2], { votersOutgoing: [2, 3], learners: [4], learnersNext: [3] });
    expect(checked(joint)).toBe(joint);
  });
});

describe('a change', () => {
  const present = configuration([1, 2, 3], { learners: [4], addresses: { 1: 'a', 2: 'b', 3: 'c', 4: 'd' } });

  it.each<[string, MembershipChange, string, Record<NodeId, string>]>([
    [
      'adds a voter',
      { type: 'addServer', id: 5, address: 'e' },
      '[1 2 3 5 +4]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd', 5: 'e' },
    ],
    [
      'adds one without an address',
      { type: 'addServer', id: 5 },
      '[1 2 3 5 +4]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd' },
    ],
    [
      'makes a learner a voter, at a new address',
      { type: 'addServer', id: 4, address: 'x' },
      '[1 2 3 4]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'x' },
    ],
    [
      'adds a learner, in its place',
      { type: 'addLearner', id: 10, address: 'j' },
      '[1 2 3 +4 +10]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd', 10: 'j' },
    ],
    ['demotes a voter', { type: 'addLearner', id: 2 }, '[1 3 +2 +4]', { 1: 'a', 2: 'b', 3: 'c', 4: 'd' }],
    [
      'removes a voter with its address',
      { type: 'removeServer', id: 2 },
      '[1 3 +4]',
      { 1: 'a', 3: 'c', 4: 'd' },
    ],
    ['removes a learner', { type: 'removeServer', id: 4 }, '[1 2 3]', { 1: 'a', 2: 'b', 3: 'c' }],
    [
      'promotes a learner',
      { type: 'promoteLearner', id: 4 },
      '[1 2 3 4]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd' },
    ],
    [
      'replaces voters jointly',
      { type: 'changeMembership', voters: [3, 5, 1], learners: [4] },
      '[1 3 5 & 1 2 3 +4]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd' },
    ],
    [
      'turns a voter into a learner when it goes out',
      { type: 'changeMembership', voters: [1, 3], learners: [2, 6], addresses: { 6: 'f' } },
      '[1 3 & 1 2 3 +6 ~2]',
      { 1: 'a', 2: 'b', 3: 'c', 4: 'd', 6: 'f' },
    ],
    [
      'changes learners alone without two majorities',
      { type: 'changeMembership', voters: [3, 2, 1, 1], learners: [7] },
      '[1 2 3 +7]',
      { 1: 'a', 2: 'b', 3: 'c' },
    ],
    [
      'learners default to none',
      { type: 'changeMembership', voters: [1, 2, 3] },
      '[1 2 3]',
      { 1: 'a', 2: 'b', 3: 'c' },
    ],
  ])('%s', (_name, change, expected, addresses) => {
    const next = nextConfiguration(present, change);
    expect(describeConfiguration(next)).toBe(expected);
    expect(next.addresses).toEqual(addresses);
  });

  it('enters the joint configuration to leave it by itself, unless told otherwise', () => {
    const change = { type: 'changeMembership', voters: [1, 2, 5] } as const;
    expect(nextConfiguration(present, change).autoLeave).toBe(true);
    expect(nextConfiguration(present, { ...change, autoLeave: false }).autoLeave).toBe(false);
  });

  it('leaves the joint configuration: who goes out is gone, or a learner, and addresses follow', () => {
    const joint = nextConfiguration(present, { type: 'changeMembership', voters: [1, 5], learners: [2, 4] });
    expect(describeConfiguration(joint)).toBe('[1 5 & 1 2 3 +4 ~2]');
    expect(nextConfiguration(joint, { type: 'leaveJoint' })).toEqual({
      voters: [1, 5],
      learners: [2, 4],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
      addresses: { 1: 'a', 2: 'b', 4: 'd' },
    });
  });

  it.each<[string, MembershipChange, string]>([
    ['a voter is added again', { type: 'addServer', id: 2 }, 'CONFIG_INVALID: server 2 is a voter already'],
    [
      'a learner is added again',
      { type: 'addLearner', id: 4 },
      'CONFIG_INVALID: server 4 is a learner already',
    ],
    [
      'a stranger is removed',
      { type: 'removeServer', id: 9 },
      'CONFIG_INVALID: server 9 is not in the cluster',
    ],
    [
      'a stranger is promoted',
      { type: 'promoteLearner', id: 9 },
      'CONFIG_INVALID: server 9 is not a learner',
    ],
    ['a voter is promoted', { type: 'promoteLearner', id: 2 }, 'CONFIG_INVALID: server 2 is not a learner'],
    [
      'nobody would vote',
      { type: 'changeMembership', voters: [] },
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    ],
    [
      'voter and learner at once',
      { type: 'changeMembership', voters: [1, 2], learners: [2] },
      'CONFIG_INVALID: server 2 cannot be voter and learner at once',
    ],
    ['there is nothing to leave', { type: 'leaveJoint' }, 'CONFIG_INVALID: the configuration is not joint'],
    [
      'the id is no id',
      { type: 'addServer', id: 0 },
      'CONFIG_INVALID: 0 is not a server id (a positive safe integer)',
    ],
  ])('is refused when %s', (_name, change, expected) => {
    expect(refusal(() => nextConfiguration(present, change))).toBe(expected);
  });

  it.each<[string, MembershipChange]>([
    ['removed', { type: 'removeServer', id: 1 }],
    ['demoted', { type: 'addLearner', id: 1 }],
  ])('P80 the last voter cannot be %s', (_name, change) => {
    expect(refusal(() => nextConfiguration(configuration([1], { learners: [2] }), change))).toBe(
      'CONFIG_INVALID: a configuration without voters could never decide anything again',
    );
  });

  it('thesis §4.1: every quorum before and every quorum after share a server, also on the way through a joint one', () => {
    const id = fc.integer({ min: 1, max: 6 });
    const ids = fc.uniqueArray(id, { maxLength: 4 });
    const change: fc.Arbitrary<MembershipChange> = fc.oneof(
      fc.record({
        type: fc.constantFrom(
          'addServer' as const,
          'addLearner' as const,
          'removeServer' as const,
          'promoteLearner' as const,
        ),
        id,
      }),
      fc.record({ type: fc.constant('changeMembership' as const), voters: ids, learners: ids }),
      fc.record({ type: fc.constant('leaveJoint' as const) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (script) => {
        let now = configuration([1, 2, 3]);
        for (const wanted of script) {
          // The node refuses any other change while the configuration is joint.
          if (isJoint(now) !== (wanted.type === 'leaveJoint')) continue;
          let next: Configuration;
          try {
            next = nextConfiguration(now, wanted);
          } catch {
            continue; // refused, as the table above says
          }
          expect(checked(next)).toBe(next);
          expect(next.voters).toEqual(sorted(next.voters));
          expect(next.learners).toEqual(sorted(next.learners));
          expectQuorumsMeet(now, next);
          now = next;
        }
      }),
    );
  });
});

function expectQuorumsMeet(before: Configuration, after: Configuration): void {
  for (const one of quorums(before)) {
    for (const other of quorums(after)) {
      if (one.some((id) => other.includes(id))) continue;
      throw new Error(
        `${one} decides for ${describeConfiguration(before)}, ${other} for ${describeConfiguration(after)}`,
      );
    }
  }
}

function quorums(config: Configuration): NodeId[][] {
  let all: NodeId[][] = [[]];
  for (const id of sorted([...config.voters, ...config.votersOutgoing]))
    all = [...all, ...all.map((subset) => [...subset, id])];
  return all.filter((some) => hasQuorum(config, (id) => some.includes(id)));
}
