// What becomes of a batch when the node does not answer as it should.

import { type LogEntry, MemoryLog, RaftError, RaftNode } from '@waldb/core';
import { NodeClock } from '@waldb/io';
import { describe, expect, it } from 'vitest';
import { MetricsRecorder } from '../src/observe/metrics-recorder.js';
import { DEFAULT_RUNTIME_LIMITS } from '../src/options/limits.js';
import { Changes } from '../src/request/changes.js';
import { ClientWork } from '../src/request/client-work.js';
import { Proposals } from '../src/request/proposals.js';
import { Reads } from '../src/request/reads.js';
import { RuntimeError } from '../src/runtime-error.js';
import type { SessionReply } from '../src/session/session-reply.js';
import { SessionTable } from '../src/session/session-table.js';
import { bytes } from './support/list-machine.js';

/** Entries are staged as ever, and can be read no more: a disk that has grown a bad sector. */
class UnreadableLog extends MemoryLog {
  isUnreadable = false;

  override entries(...range: Parameters<MemoryLog['entries']>): LogEntry[] {
    if (this.isUnreadable) throw new Error('a bad sector');
    return super.entries(...range);
  }
}

function leaderOn(log: MemoryLog): RaftNode {
  const node = RaftNode.withLog({ id: 1, peers: [], learners: [2] }, log);
  while (!node.isLeader) node.step({ type: 'tick' });
  const { term } = node;
  const reply = { type: 'appendEntriesReply', from: 2, to: 1, term, success: true, prevLogIndex: 0 } as const;
  node.step({ type: 'message', message: { ...reply, matchIndex: 1, hintIndex: 0, hintTerm: 0 } });
  return node;
}

describe('a step that fails', () => {
  it('after it has staged a command leaves its outcome open: the log may bring it back', async () => {
    const log = new UnreadableLog();
    const node = leaderOn(log);
    const limits = { ...DEFAULT_RUNTIME_LIMITS, commandBytesMax: 1000 };
    const clock = new NodeClock();
    const recorder = new MetricsRecorder({ clusterId: 'c', server: 1 }, clock);
    const proposals = new Proposals<number | SessionReply>(limits, recorder);
    const changes = new Changes({ changesMax: 9, termAt: () => undefined, inForce: () => node.status() });
    const work = new ClientWork<number>({
      ...{ node, proposals, changes, clock, recorder },
      reads: new Reads(limits, recorder),
      disk: { isFull: false, isFlushing: false },
      sessions: new SessionTable(),
      timeResolutionMs: 0,
      notLeader: () => new RuntimeError('NOT_LEADER', 'No.'),
      wake: () => {},
      request: (event) => {
        try {
          node.step(event);
          return undefined;
        } catch (error) {
          if (error instanceof RaftError) return error;
          throw error;
        }
      },
    });
    log.isUnreadable = true;
    const lastIndex = log.lastIndex();
    const proposed = proposals.add(bytes('a'), Number.POSITIVE_INFINITY, undefined);
    const changed = changes.add({ type: 'removeServer', id: 2 }, Number.POSITIVE_INFINITY);
    work.start();
    const open = { code: 'STORAGE', mayHaveBeenApplied: true };
    await expect(proposed).rejects.toMatchObject(open);
    await expect(changed).rejects.toMatchObject(open);
    expect(log.lastIndex()).toBe(lastIndex + 1);
  });
});
