import { expect, it } from 'vitest';
import { append, nodeWithLog, receive } from './support/node.js';

it('the gate is bounded while the disk stands still', () => {
  const node = nodeWithLog({ durability: 'deferred', terms: [1] });
  receive(node, append(node, 2, { term: 1, terms: [1] }));
  const duplicate = append(node, 2, { term: 1, prevLogIndex: 2 });
  for (let i = 0; i < 100_000; i++) receive(node, duplicate);
  expect(node.status().gatedEffects).toBeLessThanOrEqual(10_000);
});
