import { checkExactlyOnce } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';

function check(
  applied: Record<string, string[]>,
  told: { acknowledged?: string[]; refused?: string[] } = {},
) {
  return checkExactlyOnce({
    applied: new Map(Object.entries(applied)),
    acknowledged: new Set(told.acknowledged),
    refused: new Set(told.refused),
    sent: new Set(['a', 'b', 'c']),
  });
}

describe('exactly once', () => {
  it('holds when every server applied the same, each acknowledged command among it, and nothing twice', () => {
    expect(check({ 1: ['a', 'b'], 2: ['a', 'b'] }, { acknowledged: ['a'], refused: ['c'] })).toEqual([]);
  });

  it.each([
    ['twice', check({ 1: ['a', 'a'] }), 'Server 1 applied a more than once.'],
    ['never sent', check({ 1: ['d'] }), 'Server 1 applied d, which nobody sent.'],
    [
      'refused',
      check({ 1: ['a'] }, { refused: ['a'] }),
      'Server 1 applied a, whose client was told that it was not.',
    ],
    ['lost', check({ 1: [] }, { acknowledged: ['a'] }), 'Server 1 lost a, which was acknowledged.'],
    ['another order', check({ 1: ['a', 'b'], 2: ['b', 'a'] }), 'Servers 1 and 2 differ at 0: a, b.'],
    ['a shorter list', check({ 1: ['a', 'b'], 2: ['a'] }), 'Servers 1 and 2 differ at 1: b, nothing.'],
    ['nobody', check({}), 'No server was looked at.'],
  ])('is broken by one that was %s', (_, complaints, sentence) => {
    expect(complaints).toEqual([sentence]);
  });

  it('complains twenty times at most', () => {
    expect(check({ 1: Array.from({ length: 50 }, (_, i) => `x${i}`) })).toHaveLength(20);
  });
});
