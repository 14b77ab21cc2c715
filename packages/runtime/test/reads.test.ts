import { describe, expect, it } from 'vitest';
import { Reads } from '../src/request/reads.js';
import { RuntimeError } from '../src/runtime-error.js';

const LIMITS = { readsMax: 4, readRoundsMax: 2 };
const NEVER = Number.POSITIVE_INFINITY;

function ask(reads: Reads, deadline = NEVER) {
  const state = { isAnswered: false };
  const answer = reads.add(deadline).then(() => {
    state.isAnswered = true;
  });
  answer.catch(() => {}); // each test looks at the rejection where it expects one
  return { state, answer };
}

describe('Reads', () => {
  it('everything that waits shares one round, and each waits until its index is applied', async () => {
    const reads = new Reads(LIMITS);
    const asked = [ask(reads), ask(reads)];
    expect(reads.wantsRound).toBe(true);
    const context = reads.startRound();
    expect(reads.wantsRound).toBe(false);
    reads.ready(context, 7, 6);
    await Promise.resolve();
    expect(asked.map(({ state }) => state.isAnswered)).toEqual([false, false]);
    reads.applied(6);
    reads.applied(7);
    await Promise.all(asked.map(({ answer }) => answer));
    expect(reads.count).toBe(0);
  });

  it('P112 a read never joins a round that was started before it was asked for', async () => {
    const reads = new Reads(LIMITS);
    const early = ask(reads);
    const round = reads.startRound();
    const late = ask(reads);
    reads.ready(round, 1, 1);
    await early.answer;
    expect(late.state.isAnswered).toBe(false);
    reads.ready(reads.startRound(), 1, 1);
    await late.answer;
  });

  it('contexts differ, and a second or unknown answer is ignored', async () => {
    const reads = new Reads(LIMITS);
    const first = ask(reads);
    const one = reads.startRound();
    const second = ask(reads);
    const two = reads.startRound();
    expect(one).not.toEqual(two);
    reads.ready(one, 0, 0);
    await first.answer;
    reads.ready(one, 0, 0);
    reads.ready(new Uint8Array(3), 0, 0);
    reads.failed(new Uint8Array(8).fill(255), new RuntimeError('TIMEOUT', 'Late.'));
    expect(second.state.isAnswered).toBe(false);
    reads.ready(two, 0, 0);
    await second.answer;
  });

  it('only so many rounds are under way at a time; what waits shares the next', () => {
    const reads = new Reads(LIMITS);
    ask(reads);
    const first = reads.startRound();
    ask(reads);
    reads.startRound();
    ask(reads);
    expect(reads.wantsRound).toBe(false);
    reads.ready(first, 0, 0);
    expect(reads.wantsRound).toBe(true);
  });

  it('is BUSY beyond its limit', async () => {
    const reads = new Reads(LIMITS);
    for (let i = 0; i < 4; i++) ask(reads);
    await expect(ask(reads).answer).rejects.toMatchObject({ code: 'BUSY' });
    reads.ready(reads.startRound(), 0, 0);
    expect(reads.count).toBe(0);
    ask(reads);
    expect(reads.count).toBe(1);
  });

  it('a round that fails fails its reads and no others', async () => {
    const reads = new Reads(LIMITS);
    const failing = ask(reads);
    const context = reads.startRound();
    const waiting = ask(reads);
    reads.failed(context, new RuntimeError('LEADERSHIP_LOST', 'Lost.'));
    await expect(failing.answer).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' });
    expect(waiting.state.isAnswered).toBe(false);
    expect(reads.count).toBe(1);
  });

  it('deadlines pass wherever a read waits, and a round without an answer gives its place free', async () => {
    const reads = new Reads({ readsMax: 10, readRoundsMax: 1 });
    const applying = ask(reads, 10);
    reads.ready(reads.startRound(), 5, 0);
    const inRound = ask(reads, 10);
    const lost = reads.startRound();
    const waiting = ask(reads, 10);
    const later = ask(reads, 11);
    reads.expire(9);
    expect(reads.count).toBe(4);
    reads.expire(10);
    for (const { answer } of [applying, inRound, waiting]) {
      await expect(answer).rejects.toMatchObject({ code: 'TIMEOUT' });
    }
    expect(reads.wantsRound).toBe(true);
    reads.ready(reads.startRound(), 0, 0);
    await later.answer;
    reads.ready(lost, 0, 0);
    expect(reads.count).toBe(0);
  });

  it('at the end everything is rejected', async () => {
    const reads = new Reads(LIMITS);
    const asked = [ask(reads)];
    reads.ready(reads.startRound(), 5, 0);
    asked.push(ask(reads));
    reads.startRound();
    asked.push(ask(reads));
    reads.rejectAll(new RuntimeError('CLOSED', 'Closed.'));
    for (const { answer } of asked) await expect(answer).rejects.toMatchObject({ code: 'CLOSED' });
    expect(reads.count).toBe(0);
  });
});
