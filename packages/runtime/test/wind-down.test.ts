import { type LeaderStatus, type NodeStatus, type PeerStatus, RaftNode } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { windDown } from '../src/loop/wind-down.js';
import { ManualClock } from './support/manual-clock.js';

function peer(matchIndex: number, recentlyActive = true): PeerStatus {
  return {
    state: 'replicate',
    matchIndex,
    nextIndex: matchIndex + 1,
    isPaused: false,
    recentlyActive,
    inflightMessages: 0,
    inflightBytes: 0,
    pendingSnapshot: 0,
  };
}

function leading(peers: Record<number, PeerStatus>): NodeStatus {
  const status = new RaftNode({ id: 1, peers: [2, 3, 4], learners: [5] }).status();
  const leadership: LeaderStatus = {
    peers: new Map(Object.entries(peers).map(([id, state]) => [Number(id), state])),
    uncommittedBytes: 0,
    isReady: true,
    transferTo: undefined,
    heartbeatRound: 1,
  };
  return { ...status, role: 'leader', leadership };
}

function make(status: NodeStatus, change: Partial<Parameters<typeof windDown>[0]> = {}) {
  const clock = new ManualClock();
  const asked: number[] = [];
  const controller = new AbortController();
  const options = {
    clock,
    timeoutMs: 1000,
    signal: controller.signal,
    idle: () => Promise.resolve(),
    status: () => status,
    isConnected: (id: number) => id !== 4,
    transfer: (to: number) => {
      asked.push(to);
      return Promise.reject(new Error('no'));
    },
    ...change,
  };
  return { clock, asked, controller, done: windDown(options) };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('winding down', () => {
  it('asks the voters that can take over, those with most of the log first, each once', async () => {
    const peers = { 2: peer(7), 3: peer(9), 4: peer(10), 5: peer(10) };
    const { asked, done } = make(leading(peers));
    await done;
    expect(asked).toEqual([3, 2]); // 4 is not connected, 5 is a learner
  });

  it('asks nobody who was not heard of lately, nor anybody on a server that does not lead', async () => {
    const silent = make(leading({ 2: peer(7, false), 3: peer(9, false) }));
    await silent.done;
    const follower = make(new RaftNode({ id: 1, peers: [2] }).status());
    await follower.done;
    expect([...silent.asked, ...follower.asked]).toEqual([]);
  });

  it('does not wait for a successor that goes away meanwhile, but asks the next', async () => {
    const asked: number[] = [];
    const gone = new Set<number>();
    const { clock, done } = make(leading({ 2: peer(7), 3: peer(9) }), {
      timeoutMs: 60_000,
      isConnected: (id) => !gone.has(id),
      transfer: (to) => {
        asked.push(to);
        return new Promise(() => {});
      },
    });
    await settle();
    expect(asked).toEqual([3]);
    gone.add(3);
    clock.sleep(100);
    clock.runTimers();
    await settle();
    expect(asked).toEqual([3, 2]);
    gone.add(2);
    clock.sleep(100);
    clock.runTimers();
    await done;
  });

  it('waits for what is under way half of its time, then hands over, and ends with its time', async () => {
    const asked: number[] = [];
    const never = new Promise<void>(() => {});
    const transfer = (to: number) => {
      asked.push(to);
      return never;
    };
    const { clock, done } = make(leading({ 2: peer(7), 3: peer(9) }), { idle: () => never, transfer });
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    clock.sleep(499);
    clock.settle();
    await settle();
    expect(asked).toEqual([]);
    clock.sleep(1);
    clock.settle();
    await settle();
    expect(asked).toEqual([3]);
    clock.sleep(499);
    clock.settle();
    await settle();
    expect(isDone).toBe(false);
    clock.sleep(1);
    clock.settle();
    await settle();
    expect({ isDone, asked }).toEqual({ isDone: true, asked: [3] });
  });

  it('ends at once when it is hurried', async () => {
    const { asked, controller, done } = make(leading({ 2: peer(7) }), {
      idle: () => new Promise<void>(() => {}),
    });
    controller.abort();
    await done;
    expect(asked).toEqual([]);
  });
});
