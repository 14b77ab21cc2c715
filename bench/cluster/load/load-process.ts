// The load generator, in a process of its own: runs one task after another for its parent.

import { LogHistogram } from '@waldb/io';
import { connectEtcd, etcdRequests } from './etcd-client.js';
import type { LoadClient } from './load-client.js';
import { connectResp, respRequests } from './resp-client.js';
import { KEYS, type LoadAnswer, type LoadReport, type LoadTask } from './tasks.js';

const NS_PER_MS = 1e6;
/** How often a schedule looks at the clock. */
const SCHEDULE_MS = 1;

process.on('message', (task: LoadTask) => {
  void perform(task).then(
    (report) => process.send?.(report),
    (error: unknown) => process.send?.({ failed: String(error) } satisfies LoadAnswer),
  );
});
process.on('disconnect', () => process.exit());

async function perform(task: LoadTask): Promise<LoadReport> {
  const clients = await connectAll(task);
  try {
    const latency = new LogHistogram();
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    const calls = await load(task, clients, began, latency);
    const elapsedMs = performance.now() - began;
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      calls,
      perSecond: (calls * 1000) / elapsedMs,
      p50Ms: latency.quantile(0.5) / NS_PER_MS,
      p99Ms: latency.quantile(0.99) / NS_PER_MS,
      cpuSeconds: (user + system) / 1e6,
    };
  } finally {
    for (const client of clients) client.close();
  }
}

function load(
  { ms, perSecond, eachKeyOnce = false }: LoadTask,
  clients: readonly LoadClient[],
  began: number,
  latency: LogHistogram,
): Promise<number> {
  if (eachKeyOnce) return allKeys(clients, latency);
  if (perSecond !== undefined) return openLoop(clients, { began, ms, perSecond }, latency);
  return closedLoop(clients, began + ms, latency);
}

/** Whoever is free takes the next key. */
async function allKeys(clients: readonly LoadClient[], latency: LogHistogram): Promise<number> {
  let next = 0;
  const work = async (client: LoadClient): Promise<void> => {
    while (next < KEYS) {
      const nth = next++;
      const began = performance.now();
      await new Promise<void>((resolve) => client.request(nth, resolve));
      latency.record(Math.round((performance.now() - began) * NS_PER_MS));
    }
  };
  await Promise.all(clients.map(work));
  return KEYS;
}

async function connectAll(task: LoadTask): Promise<LoadClient[]> {
  if (task.protocol === 'etcd') return connectEtcd(task, etcdRequests(task));
  return connectResp(task, respRequests(task));
}

/** Each client asks again as soon as it is answered. */
function closedLoop(clients: readonly LoadClient[], end: number, latency: LogHistogram): Promise<number> {
  let calls = 0;
  let running = clients.length;
  return new Promise((resolve) => {
    for (const [i, client] of clients.entries()) {
      let nth = i * 7919; // clients do not follow each other from key to key
      const ask = (): void => {
        const began = performance.now();
        client.request(nth++, () => {
          const now = performance.now();
          latency.record(Math.round((now - began) * NS_PER_MS));
          calls += 1;
          if (now < end) return ask();
          running -= 1;
          if (running === 0) resolve(calls);
        });
      };
      ask();
    }
  });
}

/**
 * Requests come when the schedule says so, and time counts from there: a request that has to wait for a free client has
 * waited, as it would have for a user (no coordinated omission).
 */
function openLoop(
  clients: readonly LoadClient[],
  schedule: { readonly began: number; readonly ms: number; readonly perSecond: number },
  latency: LogHistogram,
): Promise<number> {
  const { began, ms, perSecond } = schedule;
  const total = Math.floor((ms * perSecond) / 1000);
  const dueAt = (nth: number): number => began + (nth * 1000) / perSecond;
  const free = [...clients];
  let next = 0;
  let answered = 0;
  return new Promise((resolve) => {
    const start = (): void => {
      const now = performance.now();
      while (next < total && dueAt(next) <= now) {
        const client = free.pop();
        if (client === undefined) return; // the next one that is answered goes on
        const nth = next++;
        client.request(nth, () => {
          latency.record(Math.round((performance.now() - dueAt(nth)) * NS_PER_MS));
          free.push(client);
          answered += 1;
          if (answered === total) {
            clearInterval(timer);
            resolve(answered);
          } else start();
        });
      }
    };
    const timer = setInterval(start, SCHEDULE_MS);
  });
}
