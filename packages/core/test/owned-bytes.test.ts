// Bytes that a node keeps are its own, also when the caller's are a Node Buffer (whose `slice` is a view, not a copy).

import { expect, it } from 'vitest';
import { bytes, electLeader, nodeWithLog, propose, textOf } from './support/node.js';

it("P90 §7: a snapshot that the driver saved does not change with the driver's Buffer", () => {
  const node = nodeWithLog({ peers: [] });
  electLeader(node);
  propose(node, 'a');
  const data = Buffer.from('state');
  node.step({ type: 'snapshot', index: 2, data });
  data.fill(0);
  expect(textOf(node.log.snapshot()?.data ?? bytes(''))).toBe('state');
});

it("P110: a read context does not change with the client's Buffer", () => {
  const node = nodeWithLog({});
  electLeader(node);
  const context = Buffer.from('r1');
  node.step({ type: 'read', context });
  context.fill(0);
  const round = node.status().leadership?.heartbeatRound ?? 0;
  const actions = node.step({
    type: 'message',
    message: { type: 'heartbeatReply', from: 2, to: 1, term: node.term, round },
  });
  expect(actions).toEqual([{ type: 'readReady', context: bytes('r1'), index: 1 }]);
});
