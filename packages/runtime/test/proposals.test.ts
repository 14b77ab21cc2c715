import { describe, expect, it } from 'vitest';
import { Proposals } from '../src/request/proposals.js';
import { RuntimeError } from '../src/runtime-error.js';
import { bytes } from './support/list-machine.js';

const LIMITS = {
  proposalsMax: 4,
  proposalBytesMax: 100,
  commandBytesMax: 1_000_000,
  batchCommandsMax: 3,
  batchBytesMax: 10,
};
const NEVER = Number.POSITIVE_INFINITY;

function propose(proposals: Proposals<string>, text: string, deadline = NEVER, signal?: AbortSignal) {
  const outcome = proposals.add(bytes(text), deadline, signal);
  const settled: { result?: string; error?: RuntimeError } = {};
  outcome.then(
    (result) => {
      settled.result = result;
    },
    (error: RuntimeError) => {
      settled.error = error;
    },
  );
  return { outcome, settled };
}

function texts(batch: readonly { command: Uint8Array }[]): string[] {
  return batch.map(({ command }) => new TextDecoder().decode(command));
}

describe('Proposals', () => {
  it('I1.2 I1.3 a batch takes everything that waits, in order, up to the cap; then nothing is left', () => {
    const proposals = new Proposals<string>(LIMITS);
    for (const text of ['a', 'b', 'c', 'd']) propose(proposals, text);
    expect(texts(proposals.takeBatch())).toEqual(['a', 'b', 'c']);
    expect(proposals.hasWaiting).toBe(true);
    expect(texts(proposals.takeBatch())).toEqual(['d']);
    expect(proposals.takeBatch()).toEqual([]);
    expect(proposals.hasWaiting).toBe(false);
  });

  it('I1.4 a cap of one takes one at a time', () => {
    const proposals = new Proposals<string>({ ...LIMITS, batchCommandsMax: 1 });
    for (const text of ['a', 'b']) propose(proposals, text);
    expect(texts(proposals.takeBatch())).toEqual(['a']);
    expect(texts(proposals.takeBatch())).toEqual(['b']);
  });

  it('a batch is cut by bytes too; one larger command goes alone', () => {
    const proposals = new Proposals<string>(LIMITS);
    for (const text of ['12345', '67890', '1', '123456789012345']) propose(proposals, text);
    expect(texts(proposals.takeBatch())).toEqual(['12345', '67890']);
    expect(texts(proposals.takeBatch())).toEqual(['1']);
    expect(texts(proposals.takeBatch())).toEqual(['123456789012345']);
  });

  it('I2.2 a thousand commands against a cap of 300 take four batches and lose none', () => {
    const limits = {
      ...LIMITS,
      proposalsMax: 1000,
      proposalBytesMax: 1e6,
      batchCommandsMax: 300,
      batchBytesMax: 1e6,
    };
    const proposals = new Proposals<string>(limits);
    for (let i = 0; i < 1000; i++) propose(proposals, String(i));
    const batches: string[][] = [];
    while (proposals.hasWaiting) batches.push(texts(proposals.takeBatch()));
    expect(batches.map((batch) => batch.length)).toEqual([300, 300, 300, 100]);
    expect(batches.flat()).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
  });

  it('is BUSY beyond its count and beyond its bytes, and again has room once something is settled', async () => {
    const proposals = new Proposals<string>(LIMITS);
    for (let i = 0; i < 4; i++) propose(proposals, 'x');
    await expect(propose(proposals, 'x').outcome).rejects.toMatchObject({
      code: 'BUSY',
      mayHaveBeenApplied: false,
    });
    proposals.placed(proposals.takeBatch(), 1, 1);
    proposals.applied(1, 1, 'done');
    expect(proposals.count).toBe(3);
    propose(proposals, 'x'.repeat(97));
    expect(proposals.count).toBe(4);
    proposals.applied(2, 1, 'done');
    await expect(propose(proposals, 'xx').outcome).rejects.toMatchObject({ code: 'BUSY' });
  });

  it('one command larger than all the bytes is taken when nothing else waits', () => {
    const proposals = new Proposals<string>(LIMITS);
    propose(proposals, 'x'.repeat(1000));
    expect(texts(proposals.takeBatch())).toEqual(['x'.repeat(1000)]);
  });

  it('resolves with the result at its index in its term, whatever else is applied', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const [a, b] = ['a', 'b'].map((text) => propose(proposals, text));
    proposals.placed(proposals.takeBatch(), 7, 3);
    proposals.applied(6, 3, 'not ours');
    proposals.applied(7, 3, 'A');
    proposals.applied(8, 3, 'B');
    expect(await Promise.all([a?.outcome, b?.outcome])).toEqual(['A', 'B']);
    expect(proposals.count).toBe(0);
  });

  it('another leader’s entry at its index: certainly not applied', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const { outcome } = propose(proposals, 'a');
    proposals.placed(proposals.takeBatch(), 7, 3);
    proposals.applied(7, 4, 'theirs');
    await expect(outcome).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: false });
  });

  it('lost leadership: what is being applied keeps its result, the rest is unknown', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const [a, b] = ['a', 'b'].map((text) => propose(proposals, text));
    proposals.placed(proposals.takeBatch(), 7, 3);
    proposals.leadershipLost(7);
    await expect(b?.outcome).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: true });
    proposals.applied(7, 3, 'A');
    expect(await a?.outcome).toBe('A');
  });

  it('a snapshot in place of its entry: unknown', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const [a, b] = ['a', 'b'].map((text) => propose(proposals, text));
    proposals.placed(proposals.takeBatch(), 7, 3);
    proposals.replacedThrough(7);
    await expect(a?.outcome).rejects.toMatchObject({ code: 'LEADERSHIP_LOST', mayHaveBeenApplied: true });
    proposals.applied(8, 3, 'B');
    expect(await b?.outcome).toBe('B');
  });

  it('a deadline passes: before its batch nothing was done, after it nobody knows', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const early = propose(proposals, 'a', 100);
    proposals.placed(proposals.takeBatch(), 1, 1);
    const waiting = propose(proposals, 'b', 100);
    const later = propose(proposals, 'c', 101);
    proposals.expire(99);
    expect(proposals.count).toBe(3);
    proposals.expire(100);
    await expect(early.outcome).rejects.toMatchObject({ code: 'TIMEOUT', mayHaveBeenApplied: true });
    await expect(waiting.outcome).rejects.toMatchObject({ code: 'TIMEOUT', mayHaveBeenApplied: false });
    const batch = proposals.takeBatch();
    expect(texts(batch)).toEqual(['c']);
    proposals.placed(batch, 2, 1);
    proposals.expire(101);
    await expect(later.outcome).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(proposals.count).toBe(0);
  });

  it('an aborted caller: the same, and the signal is let go in every case', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const controller = new AbortController();
    const { signal } = controller;
    const inLog = propose(proposals, 'a', NEVER, signal);
    proposals.placed(proposals.takeBatch(), 1, 1);
    const waiting = propose(proposals, 'b', NEVER, signal);
    controller.abort(new Error('enough'));
    await expect(inLog.outcome).rejects.toMatchObject({ code: 'ABORTED', mayHaveBeenApplied: true });
    await expect(waiting.outcome).rejects.toMatchObject({ code: 'ABORTED', mayHaveBeenApplied: false });
    await expect(propose(proposals, 'c', NEVER, signal).outcome).rejects.toMatchObject({ code: 'ABORTED' });
    expect(proposals.takeBatch()).toEqual([]);
    expect(proposals.count).toBe(0);
  });

  it('a batch that was not taken goes back to the front', () => {
    const proposals = new Proposals<string>(LIMITS);
    for (const text of ['a', 'b', 'c', 'd']) propose(proposals, text);
    proposals.putBack(proposals.takeBatch());
    expect(texts(proposals.takeBatch())).toEqual(['a', 'b', 'c']);
    expect(texts(proposals.takeBatch())).toEqual(['d']);
  });

  it('F1.2 at the end everything is rejected, and each is told whether it may be applied', async () => {
    const proposals = new Proposals<string>(LIMITS);
    const placed = propose(proposals, 'a');
    proposals.placed(proposals.takeBatch(), 1, 1);
    const waiting = propose(proposals, 'b');
    proposals.rejectAll(
      (mayHaveBeenApplied) => new RuntimeError('CLOSED', 'Closed.', { mayHaveBeenApplied }),
    );
    await expect(placed.outcome).rejects.toMatchObject({ code: 'CLOSED', mayHaveBeenApplied: true });
    await expect(waiting.outcome).rejects.toMatchObject({ code: 'CLOSED', mayHaveBeenApplied: false });
    expect(proposals.count).toBe(0);
  });
});
