import { describe, expect, it } from 'vitest';
import { type AskReport, PeersWatch } from '../../src/dashboard/peers-watch.js';
import type { ReportAnswer, Sample } from '../../src/dashboard/report.js';
import { SAMPLES_MAX } from '../../src/dashboard/report.js';
import { SetClock } from './support/set-clock.js';

function sample(date: number): Sample {
  return { date, commits: 1, syncs: 1, p50: 1, p99: 1 };
}

function answer(id: number, date: number, samples: readonly Sample[] = [], cluster = 'c'): ReportAnswer {
  const log = {
    ...{ snapshotIndex: 0, snapshotBytes: 0, firstIndex: 1, bytes: 1 },
    ...{ appliedIndex: 1, commitIndex: 1, durableIndex: 1, lastIndex: 1 },
  };
  return {
    ...{ id, cluster, version: '0', uptimeMs: 1, date, role: 'follower', membership: 'member', term: 1 },
    ...{ leader: 1, log, trouble: undefined, isReady: false, peers: {}, samples, spells: [] },
  };
}

function watch(ask: AskReport, clock = new SetClock()): PeersWatch {
  return new PeersWatch({ cluster: 'c', clock, ask, onAnswer: () => undefined });
}

const AT_TWO = new Map([[2, 'two:1']]);

describe('PeersWatch', () => {
  it('asks for what is new only, by the clock of the other, and shows it by its own', async () => {
    const asked: number[] = [];
    const answers = [answer(2, 5000, [sample(4000), sample(5000)]), answer(2, 6000, [sample(6000)])];
    const clock = new SetClock();
    const peers = watch(async (_, since) => {
      asked.push(since);
      clock.set(clock.date() + 20); // ten there, ten back
      return answers[asked.length - 1] as ReportAnswer;
    }, clock);
    clock.set(990);
    await peers.askAll(AT_TWO);
    clock.set(1990);
    await peers.askAll(AT_TWO);
    expect(asked).toEqual([0, 5000]);
    expect(peers.of(2)?.samples.map(({ date }) => date)).toEqual([0, 1000, 2000]);
    expect(peers.of(2)).toMatchObject({ reportedAt: 2010, why: undefined });
  });

  it('who does not answer is told with the reason, and with what it said last', async () => {
    let isThere = true;
    const peers = watch(async () => {
      if (!isThere) throw new Error('nothing listens there');
      return answer(2, 1000);
    });
    await peers.askAll(AT_TWO);
    isThere = false;
    await peers.askAll(AT_TWO);
    expect(peers.of(2)).toMatchObject({ why: 'nothing listens there', report: { id: 2 } });
    isThere = true;
    await peers.askAll(AT_TWO);
    expect(peers.of(2)?.why).toBeUndefined();
  });

  it('another server or another cluster at the address is nobody', async () => {
    await expect(whyAfter(answer(3, 1))).resolves.toBe('server 3 answers at its address');
    await expect(whyAfter(answer(2, 1, [], 'other'))).resolves.toBe('another cluster answers at its address');
  });

  async function whyAfter(told: ReportAnswer): Promise<string | undefined> {
    const peers = watch(async () => told);
    await peers.askAll(AT_TWO);
    expect(peers.of(2)?.report).toBeUndefined();
    return peers.of(2)?.why;
  }

  it('has one question at a time for each, and forgets whoever is no member any more', async () => {
    let open = 0;
    let release: () => void = () => undefined;
    const peers = watch(async () => {
      open += 1;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return answer(2, 1);
    });
    const first = peers.askAll(AT_TWO);
    await peers.askAll(AT_TWO);
    expect(open).toBe(1);
    release();
    await first;
    await peers.askAll(new Map());
    expect(peers.of(2)).toBeUndefined();
  });

  it('keeps the last samples only', async () => {
    let date = 0;
    const peers = watch(async () => {
      const samples = Array.from({ length: 250 }, () => sample(++date));
      return answer(2, date, samples);
    });
    for (let nth = 0; nth < 4; nth++) await peers.askAll(AT_TWO);
    expect(peers.of(2)?.samples).toHaveLength(SAMPLES_MAX);
  });
});
