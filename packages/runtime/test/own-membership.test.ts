// Whether a server is in its cluster, by what it has of the log and what others tell it.

import type { Configuration } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { OwnMembership } from '../src/membership/own-membership.js';

function of(...voters: number[]): Configuration {
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false, addresses: {} };
}

function founder(): OwnMembership {
  const membership = new OwnMembership({ id: 3, wasMember: true });
  membership.configure(of(1, 2, 3), 0);
  membership.committed(of(1, 2, 3), 0);
  return membership;
}

describe('P81 the membership of a server', () => {
  it('ends when a configuration without it is committed, not when it is only in the log', () => {
    const membership = founder();
    membership.configure(of(1, 2), 5);
    expect(membership.state).toBe('member');
    expect(membership.committed(of(1, 2), 5)).toBe(true);
    expect([membership.state, membership.removedAt]).toEqual(['removed', 5]);
    expect(membership.committed(of(1), 6)).toBe(false); // no news
  });

  it('ends when a member tells of a later configuration, and begins again with the entry that adds it again', () => {
    const membership = founder();
    expect(membership.told(7)).toBe(true);
    expect([membership.state, membership.removedAt]).toEqual(['removed', 7]);
    expect(membership.told(7)).toBe(false);
    membership.configure(of(1, 2), 7);
    expect(membership.state).toBe('removed');
    membership.configure(of(1, 2, 3), 9);
    expect([membership.state, membership.removedAt]).toEqual(['member', 0]);
  });

  it('does not end by the word of one who knows less', () => {
    const membership = founder();
    membership.configure(of(1, 2, 3), 9);
    expect(membership.told(9)).toBe(false);
    expect(membership.told(5)).toBe(false);
    expect(membership.state).toBe('member');
  });

  it('H1.5 has not begun while a server waits to be added', () => {
    const membership = new OwnMembership({ id: 4, wasMember: false });
    expect(membership.told(7)).toBe(false);
    membership.configure(of(1, 2, 3), 6); // a snapshot from before it was added
    membership.committed(of(1, 2, 3), 6);
    expect(membership.state).toBe('joining');
    membership.configure({ ...of(1, 2, 3), learners: [4] }, 8);
    expect(membership.state).toBe('member');
  });

  it('of others: told to whoever is not in the newest configuration that is committed', () => {
    const membership = founder();
    membership.configure(of(1, 3), 5);
    expect(membership.absenceOf(2)).toBe(0);
    membership.committed(of(1, 3), 5);
    expect([membership.absenceOf(2), membership.absenceOf(1), membership.absenceOf(9)]).toEqual([5, 0, 5]);
    expect(new OwnMembership({ id: 4, wasMember: false }).absenceOf(2)).toBe(0);
  });
});
