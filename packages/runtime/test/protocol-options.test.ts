// What the protocol is told of the server's options.

import { MemoryLog, RaftNode } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import type { RaftServerOptions } from '../src/options/options.js';
import { protocolOptions } from '../src/options/protocol-options.js';

function inflight(options: Pick<RaftServerOptions<unknown>, 'raft' | 'transportLimits'>) {
  // The others have no part in it.
  const { maxInflightMessages, maxInflightBytes } = protocolOptions(options as RaftServerOptions<unknown>);
  return [maxInflightMessages, maxInflightBytes];
}

describe('what is in flight to a peer', () => {
  it('is what was asked for, where the queue has room for it twice', () => {
    expect(inflight({})).toEqual([64, 8 << 20]);
    expect(inflight({ raft: { maxInflightMessages: 7, maxInflightBytes: 1000 } })).toEqual([7, 1000]);
  });

  it('is never more than half of what the queue takes, and one message at least', () => {
    const transportLimits = { queueMessagesMax: 9, queueBytesMax: 4096 };
    expect(inflight({ transportLimits })).toEqual([4, 2048]);
    expect(inflight({ transportLimits, raft: { maxInflightMessages: 3 } })).toEqual([3, 2048]);
    expect(inflight({ transportLimits: { queueMessagesMax: 1, queueBytesMax: 1 } })).toEqual([1, 1]);
  });

  it('that is no number is refused, as ever', () => {
    for (const wrong of ['5', Number.NaN, 0, -1]) {
      const limits = { maxInflightMessages: wrong as number }; // as somebody without types may write it
      const config = protocolOptions({ raft: limits } as RaftServerOptions<unknown>);
      expect(() => RaftNode.withLog({ ...config, id: 1, peers: [] }, new MemoryLog())).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    }
  });
});
