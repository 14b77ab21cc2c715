// A user's state machine under simulate(): a right one passes, and each kind of wrong one is told in words that help.

import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import type { LogEntry } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { counterModel } from '../../src/linearizability/models/counter.js';
import { type SimulateOptions, SimulationFailure, simulate } from '../../src/simulate/simulate.js';

const KEYS = ['x', 'y'] as const;

/** Counters by name. */
class Counters {
  protected counts: Record<string, number> = {};

  apply(entries: readonly LogEntry[]): number[] {
    return entries.map(({ command }) => {
      const [key = '', amount] = Buffer.from(command).toString().split(' ');
      return this.add(key, Number(amount));
    });
  }

  add(key: string, amount: number): number {
    this.counts[key] = this.read(key) + amount;
    return this.counts[key];
  }

  read(key: string): number {
    return this.counts[key] ?? 0;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return Readable.from([Buffer.from(JSON.stringify(this.counts))]);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.counts = (await json(stream)) as Record<string, number>; // what `snapshot` gave
  }
}

/** Rolls dice. */
class Chancy extends Counters {
  override add(key: string, amount: number): number {
    return super.add(key, amount + (Math.random() < 0.01 ? 1 : 0));
  }
}

/** Has forgotten, after a restore, what it does not write into its images. */
class Partial extends Counters {
  #additions = 0;

  override add(key: string, amount: number): number {
    this.#additions += 1;
    return super.add(key, amount + (this.#additions > 10 ? 1 : 0));
  }
}

/** Shows readers what was there one change ago. */
class Late extends Counters {
  #before: Record<string, number> = {};

  override add(key: string, amount: number): number {
    this.#before = { ...this.counts };
    return super.add(key, amount);
  }

  override read(key: string): number {
    return this.#before[key] ?? 0;
  }
}

/** A later version: keeps more in its images, and reads those without it. */
class Dated extends Counters {
  override snapshot(): AsyncIterable<Uint8Array> {
    return Readable.from([Buffer.from(JSON.stringify({ ...this.counts, version: 2 }))]);
  }

  override async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await super.restore(stream);
    delete this.counts.version;
  }
}

/** A later version, too: the same commands do something else. */
class Generous extends Counters {
  override add(key: string, amount: number): number {
    return super.add(key, amount + (amount > 8 ? 1 : 0));
  }
}

function optionsFor<Machine extends Counters>(stateMachine: () => Machine) {
  return {
    stateMachine,
    command: (random, _number) => {
      const key = random.pick(KEYS);
      const amount = random.between(1, 9);
      return { key, input: { type: 'add', amount }, command: Buffer.from(`${key} ${amount}`) };
    },
    read: (random) => ({ key: random.pick(KEYS), input: { type: 'read' } }),
    answer: (machine, { key }) => machine.read(key),
    model: () => counterModel,
    seeds: 4,
    shrinkRuns: 4,
  } satisfies SimulateOptions<Machine, number, Parameters<typeof counterModel.step>[1], number>;
}

async function failureOf(run: Promise<unknown>): Promise<SimulationFailure> {
  const failure = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(SimulationFailure);
  return failure as SimulationFailure; // just expected
}

describe('simulate', () => {
  it('runs a state machine that is right, and counts what happened to it', { timeout: 120_000 }, async () => {
    const heard: string[] = [];
    const report = await simulate({
      ...optionsFor(() => new Counters()),
      seeds: 2,
      log: (line) => heard.push(line),
    });
    expect(report.seeds).toBe(2);
    expect(report.counts.runs).toBe(2);
    expect(report.counts.times['entries applied']).toBeGreaterThan(20);
    expect(heard).toEqual([]);
  });

  it('finds one that draws chance, and says where, after what, and how to see it again', {
    timeout: 240_000,
  }, async () => {
    // Without a model: what clients see of it is wrong as well, and whichever is seen first is told.
    const { stateMachine, command } = optionsFor(() => new Chancy());
    const { message, rule, seed } = await failureOf(
      simulate({ stateMachine, command, seeds: 10, shrinkRuns: 4 }),
    );
    expect(rule).toBe('replicated-machines');
    expect(message).toMatch(
      /server \d+ in its life \d+ and server \d+ in its life \d+ applied the same commands/,
    );
    expect(message).toMatch(/at index \d+: .*, after the command "[xy] \d"/);
    expect(message).toContain(`Replay it with { from: ${seed}, seeds: 1 }`);
  });

  it('finds one whose image leaves out what it depends on', { timeout: 240_000 }, async () => {
    // Without a model: what it does before any restore is as good as anything else.
    const { stateMachine, command } = optionsFor(() => new Partial());
    const { rule } = await failureOf(simulate({ stateMachine, command, seeds: 10, shrinkRuns: 4 }));
    expect(rule).toBe('replicated-machines');
  });

  it('finds one whose answers are old, by its model', { timeout: 240_000 }, async () => {
    const heard: string[] = [];
    const { rule, message } = await failureOf(
      simulate({ ...optionsFor(() => new Late()), log: (line) => heard.push(line) }),
    );
    expect(rule).toBe('client-histories');
    expect(message).toMatch(/no order of the operations explains/);
    expect(heard.length).toBeGreaterThan(3);
  });

  /** Its schedule has an upgrade while commands are under way. */
  const upgraded = { from: 19, seeds: 1 };

  it('upgrades servers to later versions of it, side by side with older ones', {
    timeout: 240_000,
  }, async () => {
    const digest = (machine: Counters) => JSON.stringify(KEYS.map((key) => machine.read(key)));
    const machines = { laterMachines: [() => new Dated()], digest };
    const { counts } = await simulate({ ...optionsFor(() => new Counters()), ...machines, ...upgraded });
    expect(counts.times['servers upgraded']).toBeGreaterThan(0);
  });

  it('finds a later version that makes another state of the same commands', {
    timeout: 240_000,
  }, async () => {
    const { command } = optionsFor(() => new Counters());
    const machines = { stateMachine: () => new Counters(), laterMachines: [() => new Generous()] };
    const { rule, message } = await failureOf(simulate({ ...machines, command, shrinkRuns: 4, ...upgraded }));
    expect(rule).toBe('replicated-machines');
    expect(message).toContain('rolling upgrade at');
  });
});
