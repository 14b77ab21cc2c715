import { describe, expect, it } from 'vitest';
import { EventLoop } from '../src/loop/event-loop.js';
import { ManualClock } from './support/manual-clock.js';

const TICK_MS = 10;

/** A loop whose tasks write down that they were called; work waits as counts. */
function makeLoop() {
  const clock = new ManualClock();
  const calls: string[] = [];
  const waiting = { messages: 0, client: 0 };
  const hooks: { onMessage?: () => void; onTick?: () => void } = {};
  const loop = new EventLoop({
    clock,
    tickMs: TICK_MS,
    tasks: {
      tick: () => {
        calls.push('tick');
        hooks.onTick?.();
      },
      ownEvents: () => calls.push('own'),
      messages: () => {
        if (waiting.messages > 0) {
          waiting.messages -= 1;
          calls.push('message');
          hooks.onMessage?.();
        }
        return waiting.messages > 0;
      },
      clientWork: () => {
        if (waiting.client > 0) {
          waiting.client -= 1;
          calls.push('client');
        }
        return waiting.client > 0;
      },
      endSlice: () => calls.push('end'),
      shutdown: () => calls.push('shutdown'),
    },
  });
  return { clock, calls, waiting, hooks, loop };
}

describe('EventLoop', () => {
  it('F1.4 F1.10 F1.11 F2.1-F2.4 everything at once: the tick, the server’s own events, messages, client work, and one end', () => {
    const { clock, calls, waiting, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    waiting.messages = 1;
    waiting.client = 1;
    loop.wake();
    clock.sleep(TICK_MS);
    clock.turn();
    expect(calls).toEqual(['tick', 'own', 'message', 'client', 'end']);
  });

  it('F1.1 shutdown comes before everything that waits, and nothing comes after it', () => {
    const { clock, calls, waiting, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    waiting.messages = 5;
    waiting.client = 5;
    loop.wake();
    clock.sleep(TICK_MS);
    clock.runTimers(); // a tick is due as well
    loop.stop();
    clock.settle();
    loop.wake();
    clock.sleep(10 * TICK_MS);
    clock.settle();
    expect(calls).toEqual(['shutdown']);
  });

  it('F2.8 a shutdown asked for inside a tick waits for nothing but the slice it is in', () => {
    const { clock, calls, waiting, hooks, loop } = makeLoop();
    hooks.onTick = () => loop.stop();
    loop.start();
    clock.settle();
    calls.length = 0;
    waiting.messages = 5;
    loop.wake();
    clock.sleep(TICK_MS);
    clock.settle();
    expect(calls).toEqual(['tick', 'own', 'message', 'end', 'shutdown']);
  });

  it('F1.6 F1.12 F3.4 a storm of messages never starves a tick or client work', () => {
    const { clock, calls, waiting, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    waiting.messages = 1000;
    waiting.client = 1000;
    loop.wake();
    for (let turn = 0; turn < 100; turn++) {
      clock.sleep(1);
      clock.turn();
    }
    const count = (name: string) => calls.filter((call) => call === name).length;
    expect(count('tick')).toBe(10);
    expect(count('message')).toBe(100);
    expect(count('client')).toBe(count('message'));
  });

  it('F2.6 F2.7 messages are drained in slices, with the tick looked at between two of them', () => {
    const { clock, calls, waiting, hooks, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    waiting.messages = 2;
    hooks.onMessage = () => clock.sleep(TICK_MS); // each message takes as long as a tick
    loop.wake();
    clock.turn();
    clock.turn();
    expect(calls).toEqual(['own', 'message', 'end', 'tick', 'own', 'message', 'end']);
  });

  it('F1.5 a timer that comes late is one tick, however late, and the next keeps its distance', () => {
    const { clock, calls, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    clock.sleep(100 * TICK_MS);
    clock.settle();
    expect(calls.filter((call) => call === 'tick')).toHaveLength(1);
    clock.sleep(TICK_MS - 1);
    clock.settle();
    expect(calls.filter((call) => call === 'tick')).toHaveLength(1);
    clock.sleep(1);
    clock.settle();
    expect(calls.filter((call) => call === 'tick')).toHaveLength(2);
  });

  it('ticks keep their pace when a timer is a little late', () => {
    const { clock, calls, loop } = makeLoop();
    loop.start();
    for (let now = 0; now < 1000; now += 7) {
      clock.settle();
      clock.sleep(7);
    }
    expect(calls.filter((call) => call === 'tick').length).toBeGreaterThanOrEqual(99);
  });

  it('I1.1 I1.6 I2.1 the first command plans a slice in the next turn, and all that comes until then shares it', () => {
    const { clock, calls, waiting, loop } = makeLoop();
    loop.start();
    clock.settle();
    calls.length = 0;
    for (let i = 0; i < 10; i++) loop.wake();
    waiting.client = 1;
    clock.turn();
    expect(calls).toEqual(['own', 'client', 'end']);
    expect(clock.hasDeferred).toBe(false);
  });

  it('idle, it asks for no turn', () => {
    const { clock, loop } = makeLoop();
    loop.start();
    clock.settle();
    expect(clock.hasDeferred).toBe(false);
  });
});
