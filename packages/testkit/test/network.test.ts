import type { Message } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { identityCarrier } from '../src/sim/carrier.js';
import { Coverage } from '../src/sim/coverage.js';
import { EventQueue } from '../src/sim/event-queue.js';
import { Network, type NetworkOptions } from '../src/sim/network.js';
import { SeededRandom } from '../src/sim/seeded-random.js';

const QUIET: NetworkOptions = {
  latency: [1, 1],
  loss: 0,
  duplication: 0,
  spike: 0,
  spikeMs: 0,
  fifo: false,
  staleAnswers: 0,
};

function network(options: Partial<NetworkOptions> = {}) {
  const queue = new EventQueue();
  const coverage = new Coverage();
  const arrived: Message[] = [];
  const made = new Network(
    { ...QUIET, ...options },
    {
      queue,
      coverage,
      random: new SeededRandom(1),
      carrier: identityCarrier,
      deliver: (message) => arrived.push(message),
    },
  );
  const drain = (): Message[] => {
    while (queue.runNext());
    return arrived.splice(0);
  };
  return { network: made, queue, coverage, drain };
}

const message = (round: number, from = 1, to = 2): Message => ({
  type: 'heartbeat',
  from,
  to,
  term: 1,
  leaderCommit: 0,
  round,
});

const rounds = (messages: readonly Message[]): number[] =>
  messages.map((sent) => (sent.type === 'heartbeat' ? sent.round : -1));

describe('the simulated network', () => {
  it('delivers everything once, in order, when nothing is wrong', () => {
    const { network: net, drain } = network();
    for (let round = 0; round < 5; round++) net.send(message(round));
    expect(rounds(drain())).toEqual([0, 1, 2, 3, 4]);
  });

  it('loses everything at loss 1, and doubles everything at duplication 1', () => {
    const lossy = network({ loss: 1 });
    lossy.network.send(message(1));
    expect(lossy.drain()).toEqual([]);
    expect(lossy.coverage.count('messages lost')).toBe(1);
    const doubling = network({ duplication: 1 });
    doubling.network.send(message(1));
    expect(rounds(doubling.drain())).toEqual([1, 1]);
  });

  it('P25 lets messages overtake one another, unless the link is a connection', () => {
    const loose = network({ latency: [0, 50] });
    const strict = network({ latency: [0, 50], fifo: true });
    for (let round = 0; round < 30; round++) {
      loose.network.send(message(round));
      strict.network.send(message(round));
    }
    const inOrder = Array.from({ length: 30 }, (_, i) => i);
    expect(rounds(loose.drain())).not.toEqual(inOrder);
    expect(loose.coverage.count('messages overtaken')).toBeGreaterThan(0);
    expect(rounds(strict.drain())).toEqual(inOrder);
  });

  it('P65 cuts one direction only', () => {
    const { network: net, drain } = network();
    net.cut([{ from: 1, to: 2 }]);
    net.send(message(1, 1, 2));
    net.send(message(2, 2, 1));
    expect(rounds(drain())).toEqual([2]);
  });

  it('a link under two cuts is open only when both are lifted, each once', () => {
    const { network: net } = network();
    const link = { from: 1, to: 2 };
    const liftFirst = net.cut([link]);
    const liftSecond = net.cut([link]);
    liftFirst();
    liftFirst();
    expect(net.isCut(link)).toBe(true);
    liftSecond();
    expect(net.isCut(link)).toBe(false);
  });

  it('once repaired nothing is lost, and an old cut cannot be lifted into a new one', () => {
    const { network: net, drain } = network({ loss: 1 });
    const link = { from: 1, to: 2 };
    const lift = net.cut([link]);
    net.repair();
    net.send(message(1));
    expect(rounds(drain())).toEqual([1]);
    net.cut([link]);
    lift();
    expect(net.isCut(link)).toBe(true);
  });

  it('loses a part of what is under way when a link is cut', () => {
    const { network: net, drain } = network();
    for (let round = 0; round < 40; round++) net.send(message(round));
    net.cut([{ from: 1, to: 2 }]);
    const { length } = drain();
    expect(length > 0 && length < 40).toBe(true);
  });
});

describe('simulated time', () => {
  it('happens by time, and first come first served among equals', () => {
    const queue = new EventQueue();
    const order: string[] = [];
    for (const [delay, name] of [
      [3, 'c'],
      [1, 'a'],
      [3, 'd'],
      [2, 'b'],
    ] as const) {
      queue.after(delay, () => order.push(`${name}@${queue.now}`));
    }
    while (queue.runNext());
    expect(order).toEqual(['a@1', 'b@2', 'c@3', 'd@3']);
  });

  it('agrees with a sort over many random delays', () => {
    const random = new SeededRandom(2);
    const queue = new EventQueue();
    const seen: number[] = [];
    const delays = Array.from({ length: 500 }, () => random.below(100));
    for (const delay of delays) queue.after(delay, () => seen.push(delay));
    while (queue.runNext());
    expect(seen).toEqual(delays.toSorted((a, b) => a - b));
    expect(queue.size).toBe(0);
  });
});
