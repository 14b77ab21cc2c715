import { expect, it } from 'vitest';
import { append, configEntry, configuration, nodeWithLog, receive, snapshotOf } from './support/node.js';
import { refusal } from './support/refusal.js';

it.each([
  ['no voters', configuration([])],
  ['a voter that is a learner', configuration([1, 2, 3], { learners: [3] })],
  [
    'a next learner that never voted',
    configuration([1, 2, 3], { votersOutgoing: [1, 2], learnersNext: [4] }),
  ],
])('P80 §6: a config entry with %s is refused before anything changes', (_what, bad) => {
  const node = nodeWithLog({});
  const before = snapshotOf(node);
  expect(
    refusal(() => receive(node, append(node, 2, { term: 1, entries: [configEntry(1, 1, bad)] }))),
  ).toMatch(/^ENCODING: /);
  expect(snapshotOf(node)).toEqual(before);
});
