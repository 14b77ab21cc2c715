import { expect, it } from 'vitest';
import { append, bytes, described, nodeWithLog, receive, sent, tick } from './support/node.js';

it('P115: a late answer to a read that failed is not taken for an answer to a later read with the same context', () => {
  const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
  receive(node, append(node, 2));
  const [first] = sent(node.step({ type: 'read', context: bytes('x') }), 'readIndex');
  for (let i = 0; i < 25; i++) {
    tick(node);
    receive(node, append(node, 2)); // the leader lives, only the answer is late
  }
  node.step({ type: 'read', context: bytes('x') }); // after other clients' writes, say through index 9
  const reply = {
    type: 'readIndexReply',
    from: 2,
    to: 1,
    term: 1,
    incarnation: 0,
    request: first?.request ?? 0,
    index: 5,
  } as const;
  expect(described(receive(node, reply))).toEqual([]);
});

it('P115: two reads with the same context are both answered', () => {
  const node = nodeWithLog({ hardState: { term: 1, votedFor: undefined } });
  receive(node, append(node, 2));
  const asked = [
    ...node.step({ type: 'read', context: bytes('x') }),
    ...node.step({ type: 'read', context: bytes('x') }),
  ];
  const answers = sent(asked, 'readIndex').flatMap(({ request }) =>
    receive(node, { type: 'readIndexReply', from: 2, to: 1, term: 1, incarnation: 0, request, index: 5 }),
  );
  expect(described(answers)).toEqual(['read ready "x" at 5', 'read ready "x" at 5']);
});
