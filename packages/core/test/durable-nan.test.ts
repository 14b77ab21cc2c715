import { expect, it } from 'vitest';
import { nodeWithLog, receive, requestVote, sentText } from './support/node.js';

it('a durable event whose seq is no number releases nothing', () => {
  for (const seq of [Number.NaN, undefined as unknown as number, 0.5]) {
    const node = nodeWithLog({ durability: 'deferred' });
    receive(node, requestVote(node, 2));
    let out: string[] = [];
    try {
      out = sentText(node.step({ type: 'durable', seq }));
    } catch {}
    expect([seq, out, node.status().durableSeq]).toEqual([seq, [], 0]);
  }
});
