// The session table against a model that is as plain as can be: it remembers everything for ever, and decides by looking
// through what it remembers. Through the interpreter, as entries come, in batches cut anywhere.

import { encodeEntry, type LogEntry } from '@waldb/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Interpreter } from '../../src/session/interpreter.js';
import { plainResults, type ResultCodec } from '../../src/session/result-codec.js';
import {
  encodeRuntimeCommand,
  loggedCommand,
  type RuntimeCommand,
} from '../../src/session/runtime-command.js';
import { SessionReply } from '../../src/session/session-reply.js';
import { SessionTable } from '../../src/session/session-table.js';
import { bytes } from '../support/list-machine.js';

const SESSIONS_MAX = 3;
const RESULTS_MAX = 3;

type Step =
  | { readonly type: 'open'; readonly reading: number; readonly ttlMs: number }
  | {
      readonly type: 'command';
      readonly reading: number;
      readonly nth: number;
      readonly sequence: number;
      readonly acknowledged: number;
    }
  | { readonly type: 'keep'; readonly reading: number; readonly nth: number; readonly acknowledged: number }
  | { readonly type: 'close'; readonly reading: number; readonly nth: number }
  | { readonly type: 'clock'; readonly reading: number }
  | { readonly type: 'plain' }
  /** Ends a batch; perhaps another server goes on, from a snapshot of this one. */
  | { readonly type: 'cut'; readonly isRestored: boolean };

const reading = fc.integer({ min: 0, max: 100 });
const nth = fc.integer({ min: 0, max: 5 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), reading, ttlMs: fc.integer({ min: 1, max: 60 }) }),
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      reading,
      nth,
      sequence: fc.integer({ min: 1, max: 8 }),
      acknowledged: fc.integer({ min: 0, max: 5 }),
    }),
  },
  fc.record({
    type: fc.constant('keep' as const),
    reading,
    nth,
    acknowledged: fc.integer({ min: 0, max: 5 }),
  }),
  fc.record({ type: fc.constant('close' as const), reading, nth }),
  fc.record({ type: fc.constant('clock' as const), reading }),
  fc.record({ type: fc.constant('plain' as const) }),
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cut' as const), isRestored: fc.boolean() }) },
);

/** What the rules of docs/server.md say, by brute force. */
class Model {
  time = 0;
  executions = 0;
  readonly #sessions = new Map<
    number,
    { ttlMs: number; used: number; acknowledged: number; results: Map<number, string> }
  >();

  outcome(step: Step, index: number, id: number): string {
    if (step.type === 'cut') return '';
    if (step.type === 'plain') return this.#execute();
    this.time = Math.max(this.time, step.reading);
    for (const [known, { used, ttlMs }] of this.#sessions)
      if (this.time > used + ttlMs) this.#sessions.delete(known);
    if (step.type === 'clock') return 'done';
    if (step.type === 'open') {
      if (this.#sessions.size >= SESSIONS_MAX) return 'full';
      this.#sessions.set(index, { ttlMs: step.ttlMs, used: this.time, acknowledged: 0, results: new Map() });
      return `opened ${index}`;
    }
    const session = this.#sessions.get(id);
    if (session === undefined) return 'expired';
    if (step.type === 'close') {
      this.#sessions.delete(id);
      return 'done';
    }
    session.used = this.time;
    session.acknowledged = Math.max(session.acknowledged, step.acknowledged);
    if (step.type === 'keep') return 'done';
    if (step.sequence <= session.acknowledged) return 'forgotten';
    const known = session.results.get(step.sequence);
    if (known !== undefined) return `again ${known}`;
    const kept = [...session.results.keys()].filter((sequence) => sequence > session.acknowledged).length;
    if (kept >= RESULTS_MAX) return 'full';
    const result = this.#execute();
    session.results.set(step.sequence, result);
    return result;
  }

  #execute(): string {
    this.executions += 1;
    return `executed ${this.executions}`;
  }
}

function commandOf(step: Step, id: number): RuntimeCommand | undefined {
  switch (step.type) {
    case 'open':
      return {
        type: 'openSession',
        time: step.reading,
        ttlMs: step.ttlMs,
        sessionsMax: SESSIONS_MAX,
        sessionResultsMax: RESULTS_MAX,
      };
    case 'command': {
      const { sequence, acknowledged } = step;
      const command = bytes('x');
      return { type: 'sessionCommand', time: step.reading, session: id, sequence, acknowledged, command };
    }
    case 'keep':
      return { type: 'keepSession', time: step.reading, session: id, acknowledged: step.acknowledged };
    case 'close':
      return { type: 'closeSession', time: step.reading, session: id };
    case 'clock':
      return { type: 'clock', time: step.reading };
    default:
      return undefined;
  }
}

function makeServer(block: Uint8Array = new Uint8Array()) {
  const table = new SessionTable();
  table.restore(block);
  const interpreter = new Interpreter<string>({
    table,
    codec: plainResults as ResultCodec<string>,
    sessionResultBytesMax: 1000,
    sessionBytesMax: Number.POSITIVE_INFINITY,
    onTrouble: (error) => {
      throw error;
    },
  });
  return { table, interpreter };
}

function describeResult(result: string | SessionReply): string {
  if (!(result instanceof SessionReply)) return result;
  const { outcome } = result;
  if (outcome.type === 'repeated') return `again ${plainResults.decode(outcome.result)}`;
  return outcome.type === 'opened' ? `opened ${outcome.session}` : outcome.type;
}

describe('the session table', () => {
  it('applies each command once and answers as the model does, whatever is repeated, reordered, expired or restored in between', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
        const model = new Model();
        let server = makeServer();
        const opened = [1];
        const expected: string[] = [];
        const seen: string[] = [];
        let batch: LogEntry[] = [];
        let executions = 0;
        const flush = () => {
          const interpreted = server.interpreter.interpret(batch);
          const results = interpreted.entries.map(() => `executed ${++executions}`);
          seen.push(...server.interpreter.conclude(interpreted, results).map(describeResult));
          expect(server.table.time).toBe(model.time);
          batch = [];
        };
        let index = 0;
        for (const step of [...steps, { type: 'cut', isRestored: true } as const]) {
          if (step.type === 'cut') {
            flush();
            const image = server.table.encode();
            if (step.isRestored) server = makeServer(image);
            expect(server.table.encode()).toEqual(image);
            continue;
          }
          index += 1;
          const id = 'nth' in step ? (opened[step.nth % opened.length] as number) : 0; // never empty
          const command = commandOf(step, id);
          const encoded = command === undefined ? loggedCommand(bytes('y')) : encodeRuntimeCommand(command);
          batch.push(encodeEntry({ term: 1, index, kind: 'normal', command: encoded }));
          const outcome = model.outcome(step, index, id);
          if (outcome.startsWith('opened')) opened.push(index);
          expected.push(outcome);
        }
        expect(seen).toEqual(expected);
        expect(executions).toBe(model.executions);
      }),
      { numRuns: 500 },
    );
  });

  it('counts its bytes up and down to nothing', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 40 }), (steps) => {
        const { table, interpreter } = makeServer();
        const ids: number[] = [];
        steps.forEach((step, at) => {
          const id = 'nth' in step ? (ids[step.nth % Math.max(ids.length, 1)] ?? 0) : 0;
          const command = commandOf(step, id);
          if (command === undefined) return;
          const entry = { term: 1, index: at + 1, kind: 'normal' as const };
          const interpreted = interpreter.interpret([
            encodeEntry({ ...entry, command: encodeRuntimeCommand(command) }),
          ]);
          interpreter.conclude(
            interpreted,
            interpreted.entries.map(() => 'result'),
          );
          if (step.type === 'open') ids.push(at + 1);
          const again = new SessionTable();
          again.restore(table.encode());
          expect(again.bytes).toBe(table.bytes);
        });
        table.advance(1_000_000);
        expect({ sessions: table.sessions, bytes: table.bytes }).toEqual({ sessions: 0, bytes: 0 });
      }),
      { numRuns: 200 },
    );
  });
});
