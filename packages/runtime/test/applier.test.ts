import { type EntryKind, encodeEntry, type LogEntry, MemoryLog, type Snapshot } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { Applier } from '../src/apply/applier.js';
import { DEFAULT_RUNTIME_LIMITS } from '../src/options/limits.js';
import type { RuntimeError } from '../src/runtime-error.js';
import { Interpreter } from '../src/session/interpreter.js';
import { plainResults, type ResultCodec } from '../src/session/result-codec.js';
import { SessionTable } from '../src/session/session-table.js';
import type { StateMachine } from '../src/state-machine.js';
import { bytes } from './support/list-machine.js';
import { ManualClock } from './support/manual-clock.js';

const CONFIGURATION = {
  voters: [1],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: true,
  addresses: {},
};

function snapshotAt(index: number): Snapshot {
  return { index, term: 2, configuration: CONFIGURATION, data: new Uint8Array(0) };
}

function entry(index: number, kind: EntryKind = 'normal'): LogEntry {
  return encodeEntry({ term: 1, index, kind, command: bytes(`command ${index}`) });
}

/** A machine whose calls end when the test says so. */
class SlowMachine implements StateMachine<string> {
  readonly calls: string[] = [];
  isSlow = false;
  failAt = 0;
  finish: () => void = () => {};

  apply(entries: readonly LogEntry[]): readonly string[] | Promise<readonly string[]> {
    const indexes = entries.map(({ index }) => index);
    this.calls.push(`apply ${indexes.join(' ')}`);
    if (indexes.includes(this.failAt)) throw new Error('cannot');
    const results = entries.map(({ command }) => new TextDecoder().decode(command));
    if (!this.isSlow) return results;
    return new Promise((resolve) => {
      this.finish = () => resolve(results);
    });
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    yield bytes('image');
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.calls.push(`restore ${new TextDecoder().decode(chunk)}`);
  }
}

function makeApplier(limits = { applyEntriesMax: 10, applyBacklogBytesMax: 1000 }) {
  const clock = new ManualClock();
  const machine = new SlowMachine();
  const log = new MemoryLog();
  const seen: string[] = [];
  const failures: RuntimeError[] = [];
  const applier = new Applier<string>({
    ...limits,
    stateMachine: machine,
    restore: async ({ index, data }) => {
      if (data.length > 0) throw new Error('of no known kind');
      machine.calls.push(`restore ${index}`);
    },
    interpreter: new Interpreter({
      table: new SessionTable(),
      codec: plainResults as ResultCodec<string>,
      ...DEFAULT_RUNTIME_LIMITS,
      onTrouble: (error) => failures.push(error),
    }),
    log,
    clock,
    appliedIndex: 0,
    onApplied: (entries, results) => {
      for (const [i, applied] of entries.entries()) seen.push(`${applied.index}: ${results[i]}`);
    },
    onRestored: (index) => seen.push(`restored ${index}`),
    onAdvanced: (index) => seen.push(`at ${index}`),
    onFailed: (error) => failures.push(error),
  });
  return { applier, machine, clock, log, seen, failures };
}

/** Lets promises that are settled run on. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Applier', () => {
  it('a quick machine answers within the call', () => {
    const { applier, machine, seen } = makeApplier();
    applier.apply([entry(1), entry(2)]);
    applier.handedOver(3);
    expect(machine.calls).toEqual(['apply 1 2']);
    expect(seen).toEqual(['1: command 1', '2: command 2', 'at 2', 'at 3']);
    expect(applier.appliedIndex).toBe(3);
  });

  it('a slow machine is given one call at a time, in order, and nothing is visible before it is done', async () => {
    const { applier, machine, seen } = makeApplier();
    machine.isSlow = true;
    applier.apply([entry(1)]);
    applier.apply([entry(2)]);
    applier.handedOver(3);
    expect(machine.calls).toEqual(['apply 1']);
    expect(applier.appliedIndex).toBe(0);
    machine.finish();
    await settle();
    expect(machine.calls).toEqual(['apply 1', 'apply 2']);
    expect(applier.appliedIndex).toBe(1);
    machine.finish();
    await settle();
    expect(seen).toEqual(['1: command 1', 'at 1', '2: command 2', 'at 2', 'at 3']);
  });

  it('many entries are given in bounded calls, with a turn of the event loop between them', () => {
    const { applier, machine, clock } = makeApplier({ applyEntriesMax: 2, applyBacklogBytesMax: 1000 });
    applier.apply([1, 2, 3, 4, 5].map((index) => entry(index)));
    expect(machine.calls).toEqual(['apply 1 2']);
    clock.turn();
    expect(machine.calls).toEqual(['apply 1 2', 'apply 3 4']);
    clock.settle();
    expect(machine.calls).toEqual(['apply 1 2', 'apply 3 4', 'apply 5']);
    expect(applier.appliedIndex).toBe(5);
  });

  it('beyond its backlog the entries are read back from the log, in order, without noops and configurations', async () => {
    const { applier, machine, clock, log, seen } = makeApplier({
      applyEntriesMax: 3,
      applyBacklogBytesMax: 20,
    });
    const entries = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => entry(index, index === 5 ? 'noop' : 'normal'));
    log.append(entries);
    machine.isSlow = true;
    for (const one of entries) if (one.kind === 'normal') applier.apply([one]);
    applier.handedOver(9);
    machine.isSlow = false;
    machine.finish();
    await settle();
    clock.settle();
    expect(machine.calls).toEqual(['apply 1', 'apply 2 3 4', 'apply 6 7', 'apply 8 9']);
    expect(seen.filter((line) => line.includes(':'))).toHaveLength(8);
    expect(applier.appliedIndex).toBe(9);
  });

  it('entries that a snapshot replaced while they waited are not looked for', async () => {
    const { applier, machine, log } = makeApplier({ applyEntriesMax: 3, applyBacklogBytesMax: 20 });
    log.append([1, 2, 3].map((index) => entry(index)));
    machine.isSlow = true;
    for (const index of [1, 2, 3]) applier.apply([entry(index)]);
    const snapshot = snapshotAt(10);
    log.applySnapshot(snapshot);
    applier.restore(snapshot);
    machine.finish();
    await settle();
    expect(machine.calls).toEqual(['apply 1', 'restore 10']);
    expect(applier.appliedIndex).toBe(10);
  });

  it('what is read back from the log misses nothing that was committed while the machine was busy', async () => {
    const { applier, machine, log } = makeApplier({ applyEntriesMax: 3, applyBacklogBytesMax: 20 });
    log.append([1, 2, 3].map((index) => entry(index)));
    machine.isSlow = true;
    applier.apply([entry(1)]);
    applier.apply([entry(2)]); // read back from the log
    machine.finish();
    await settle();
    applier.apply([entry(3)]); // the machine has 2
    machine.isSlow = false;
    machine.finish();
    await settle();
    expect(machine.calls).toEqual(['apply 1', 'apply 2', 'apply 3']);
    expect(applier.appliedIndex).toBe(3);
  });

  it('P115 what a snapshot took out of the log is not called applied before that snapshot is restored', async () => {
    const { applier, machine, clock, log, seen } = makeApplier({
      applyEntriesMax: 1,
      applyBacklogBytesMax: 20,
    });
    const finish = async () => {
      machine.finish();
      await settle();
      clock.settle();
      await settle();
    };
    log.append([1, 2, 3, 4].map((index) => entry(index)));
    machine.isSlow = true;
    for (const index of [1, 2, 3]) applier.apply([entry(index)]); // 2 and 3 are read back from the log
    applier.call(() => seen.push(`called at ${applier.appliedIndex}`));
    await finish();
    applier.apply([entry(4)]);
    applier.handedOver(4);
    // Installed, and not durable yet: the log begins behind it, and nobody has been told to restore.
    log.applySnapshot(snapshotAt(10));
    await finish();
    await finish();
    applier.handedOver(4);
    expect(machine.calls).toEqual(['apply 1', 'apply 2']);
    expect(applier.appliedIndex).toBe(2);
    applier.restore(snapshotAt(10));
    applier.apply([entry(11)]);
    machine.isSlow = false;
    await finish();
    expect(machine.calls).toEqual(['apply 1', 'apply 2', 'restore 10', 'apply 11']);
    expect(seen).toEqual([
      '1: command 1',
      'at 1',
      '2: command 2',
      'at 2',
      'called at 2',
      'restored 10',
      'at 10',
      '11: command 11',
      'at 11',
    ]);
  });

  it('what a restored snapshot covers is told before what follows it', async () => {
    const { applier, seen } = makeApplier();
    applier.restore(snapshotAt(10));
    applier.apply([entry(11)]);
    await settle();
    expect(seen).toEqual(['restored 10', 'at 10', '11: command 11', 'at 11']);
  });

  it('calls back at its place between two entries', async () => {
    const { applier, machine } = makeApplier();
    machine.isSlow = true;
    applier.apply([entry(1)]);
    let at = 0;
    applier.call(() => {
      at = applier.appliedIndex;
    });
    applier.apply([entry(2)]);
    expect(at).toBe(0);
    machine.finish();
    await settle();
    expect(at).toBe(1);
  });

  it('a machine that throws is the end: the index is named, and nothing after it is applied', () => {
    const { applier, machine, failures } = makeApplier();
    machine.failAt = 2;
    applier.apply([entry(1)]);
    applier.apply([entry(2)]);
    applier.apply([entry(3)]);
    applier.handedOver(3);
    expect(machine.calls).toEqual(['apply 1', 'apply 2']);
    expect(applier.appliedIndex).toBe(1);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({
      code: 'STATE_MACHINE',
      message: 'The state machine failed while applying index 2: cannot.',
      detail: { index: 2, lastIndex: 2 },
    });
  });

  it('what a machine threw at never counts as applied: no read that waits for it is answered', () => {
    const { applier, machine, seen } = makeApplier();
    machine.failAt = 2;
    applier.apply([entry(1)]);
    applier.apply([entry(2)]);
    applier.handedOver(2); // the end of that very step
    expect(seen).toEqual(['1: command 1', 'at 1']);
    expect(applier.appliedIndex).toBe(1);
  });

  it('a log that cannot be read back is the end, also behind the turn in which it was asked', async () => {
    const { applier, machine, clock, log, failures } = makeApplier({
      applyEntriesMax: 2,
      applyBacklogBytesMax: 10,
    });
    const entries = [1, 2, 3, 4, 5].map((index) => entry(index));
    log.append(entries);
    machine.isSlow = true;
    applier.apply(entries.slice(0, 1));
    applier.apply(entries.slice(1));
    log.entries = () => {
      throw new Error('EIO');
    };
    machine.isSlow = false;
    machine.finish();
    await settle();
    clock.settle();
    await settle();
    expect(failures.map(({ code, message }) => [code, message])).toEqual([
      ['STORAGE', 'The log failed, and the server has stopped: EIO'],
    ]);
    expect(applier.appliedIndex).toBe(1);
    // Nothing is under way that a closing server would wait for.
    await applier.stop();
  });

  it('a machine that answers with too few results is the end too', () => {
    const { applier, machine, failures } = makeApplier();
    machine.apply = () => [];
    applier.apply([entry(1), entry(2)]);
    expect(failures[0]?.message).toContain('indexes 1 to 2: apply returned 0 results for 2 entries');
    expect(applier.appliedIndex).toBe(0);
  });

  it('a later snapshot replaces one that waits, with all that follows it: its image may be gone by then', async () => {
    const { applier, machine, seen } = makeApplier();
    machine.isSlow = true;
    applier.apply([entry(1)]);
    applier.restore(snapshotAt(10));
    applier.apply([entry(11)]);
    applier.call(() => seen.push(`called at ${applier.appliedIndex}`));
    applier.restore(snapshotAt(20));
    machine.isSlow = false;
    machine.finish();
    await settle();
    applier.apply([entry(21)]);
    expect(machine.calls).toEqual(['apply 1', 'restore 20', 'apply 21']);
    expect(seen.slice(2)).toEqual(['called at 1', 'restored 20', 'at 20', '21: command 21', 'at 21']);
  });

  it('a snapshot that cannot be restored is the end, and says which', async () => {
    const { applier, failures } = makeApplier();
    applier.restore({ ...snapshotAt(10), data: Uint8Array.of(99) });
    await settle();
    expect(failures[0]).toMatchObject({ code: 'STATE_MACHINE', detail: { index: 10 } });
  });

  it('F1.3 F2.10 stopped in the middle of a call, it waits for the call and starts no other', async () => {
    const { applier, machine, seen } = makeApplier();
    machine.isSlow = true;
    applier.apply([entry(1)]);
    applier.apply([entry(2)]);
    let isStopped = false;
    const stopped = applier.stop().then(() => {
      isStopped = true;
    });
    await settle();
    expect(isStopped).toBe(false);
    machine.finish();
    await stopped;
    expect(machine.calls).toEqual(['apply 1']);
    expect(seen).toEqual([]);
  });
});
