import { MemoryLog } from '@waldb/core';
import { raftLogContract } from '@waldb/testkit';
import { describe, it } from 'vitest';

describe('MemoryLog', () => {
  raftLogContract({ describe, it }, async () => ({ log: new MemoryLog(), close: async () => {} }));
});
