// The files of several servers make one trace in which nothing is received before it was sent, whatever their clocks say.

import { describe, expect, it } from 'vitest';
import { makeTracedNode } from '../../src/sim/protocol-trace.js';
import { runSeed } from '../../src/sim/simulator.js';
import { mergeTraces, type TimedLine } from '../../src/trace-validation/merging.js';
import { TraceValidator } from '../../src/trace-validation/validator.js';

/** A simulated run's lines, apart for each server; `skew` is what is wrong with a server's clock, in lines. */
function traceOf(seed: number, skew: (server: number) => number): TimedLine[][] {
  const files = new Map<string, TimedLine[]>();
  let now = 0;
  const take = ({ event }: TimedLine): void => {
    now += 1;
    const lines = files.get(event.nid) ?? [];
    files.set(event.nid, [...lines, { event, ts: now + skew(Number(event.nid)) }]);
  };
  // Nobody dies inside a step: what such a step had received is told by no line, so only clocks could say when.
  const faults = ['crash', 'isolateLeader', 'pause', 'partition'] as const;
  runSeed(seed, { makeNode: makeTracedNode(take), scenario: { faults } });
  return [...files.values()];
}

function validate(lines: Iterable<TimedLine>): number {
  const validator = new TraceValidator();
  for (const { event } of lines) validator.accept(event);
  return validator.lines;
}

describe('merging', () => {
  it('brings every line once, each server’s in its order, sends before receipts', () => {
    const files = traceOf(2, () => 0);
    const merged = [...mergeTraces(files)];
    expect(merged.length).toBe(files.reduce((sum, lines) => sum + lines.length, 0));
    for (const lines of files) {
      const { nid } = lines[0]?.event ?? { nid: '' };
      expect(merged.filter(({ event }) => event.nid === nid)).toEqual(lines);
    }
    expect(validate(merged)).toBe(merged.length);
  });

  it('clocks that are wrong by any amount change nothing about that', () => {
    for (const seed of [2, 3]) {
      const files = traceOf(seed, (server) => ((server * 7919) % 5) * 1000);
      expect(validate(mergeTraces(files))).toBeGreaterThan(1000);
    }
  });

  it('a message that nobody sent is received when its clock says, and refused by the validator', () => {
    const files = traceOf(2, () => 0).map((lines) =>
      lines.filter(({ event }) => event.name !== 'SendRequestVoteResponse'),
    );
    expect(() => validate(mergeTraces(files))).toThrow('message-known');
  });
});
