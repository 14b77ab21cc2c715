// Clients that are gone without a word: what they hold is given back, and whoever gets on, however slowly, is left alone.

import { describe, expect, it } from 'vitest';
import { VanishedClients, type WatchedConnection } from '../src/server/vanished-clients.js';

class Fake implements WatchedConnection {
  lastRequestAt = 0;
  hasUnanswered = false;
  outputBytes = 0;
  outputProgress = '';
  isListening = false;
  isClosed = false;

  destroy(): void {
    this.isClosed = true;
  }
}

/** A clock that goes on by the looks of whoever has set its one timer. */
function watched(fake: Fake, limits: { stalledMsMax: number; idleMsMax: number }) {
  let now = 0;
  let due: () => void = () => undefined;
  const clock = {
    now: () => now,
    setTimer: (_ms: number, callback: () => void) => {
      due = callback;
      return { cancel: () => undefined };
    },
  };
  const vanished = new VanishedClients({
    clock,
    connections: [fake],
    limits,
    isListening: ({ isListening }) => isListening,
  });
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      now += 1000;
      due();
    }
  };
  return { pass, vanished };
}

const NEVER = Number.MAX_SAFE_INTEGER;

describe('a connection', () => {
  it('whose client takes nothing is closed after stalledMsMax, counted from the last that it took', () => {
    const fake = Object.assign(new Fake(), { outputBytes: 10, outputProgress: '10 left' });
    const { pass } = watched(fake, { stalledMsMax: 5000, idleMsMax: NEVER });
    pass(5);
    expect(fake.isClosed).toBe(false);
    fake.outputProgress = '9 left';
    pass(5);
    expect(fake.isClosed).toBe(false);
    pass(1);
    expect(fake.isClosed).toBe(true);
  });

  it('whose client has taken everything in between is not closed for two pauses', () => {
    const fake = Object.assign(new Fake(), { outputBytes: 10, outputProgress: 'same' });
    const { pass } = watched(fake, { stalledMsMax: 5000, idleMsMax: NEVER });
    pass(4);
    fake.outputBytes = 0;
    pass(1);
    fake.outputBytes = 10;
    pass(5);
    expect(fake.isClosed).toBe(false);
  });

  it('that is silent is closed after idleMsMax, unless it waits for something or is never to be', () => {
    for (const [state, isClosed] of [
      [{}, true],
      [{ hasUnanswered: true }, false],
      [{ isListening: true }, false],
    ] as const) {
      const fake: Fake = Object.assign(new Fake(), state);
      const { pass } = watched(fake, { stalledMsMax: NEVER, idleMsMax: 5000 });
      pass(4);
      expect(fake.isClosed).toBe(false);
      pass(2);
      expect(fake.isClosed).toBe(isClosed);
    }
    const silent = new Fake();
    watched(silent, { stalledMsMax: 1000, idleMsMax: NEVER }).pass(100);
    expect(silent.isClosed).toBe(false);
  });
});
