// One server of the cluster that is measured, in a process of its own, and whoever uses it: clients are in the leader's
// process, as they are where a service embeds it. Told what to do over the channel to its parent; one task at a time.
//   server-process.ts ID DIRECTORY MEMBERS RAFT EXTRAS (the last three as JSON)

import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { LogHistogram } from '@waldb/io';
import { RaftServer, type RaftServerOptions } from '@waldb/runtime';
import { WalLog } from '@waldb/wal';
import { openProtocolTrace } from '../../packages/cli/src/protocol-trace-file.js';
import type { Answer, Measured, ServerExtras, Task } from './tasks.js';

const NS_PER_MS = 1e6;
/** Callers look at the clock once in so many calls. */
const TIMED_EVERY = 8;
/** Between two looks of the profiler. */
const SAMPLE_US = 200;

const [id = '', directory = '', members = '', raft = '', extras = '{}'] = process.argv.slice(2);
const { isTraced = false } = JSON.parse(extras) as ServerExtras; // what cluster.ts sends
const command = new Uint8Array(128).fill(0x61);
let applied = 0;

const server = await RaftServer.start<undefined>({
  id: Number(id),
  directory: join(directory, 'server'),
  bootstrap: { members: JSON.parse(members) as Record<number, string> },
  raft: JSON.parse(raft) as NonNullable<RaftServerOptions<undefined>['raft']>,
  ...(isTraced ? { protocolTrace: openProtocolTrace(join(directory, 'trace.ndjson'), fail) } : {}),
  stateMachine: {
    apply(entries) {
      applied += entries.length;
      return entries.map(() => undefined);
    },
    async *snapshot() {
      yield new Uint8Array();
    },
    async restore() {},
  },
});
const log = await WalLog.open(join(directory, 'log'), { flushMode: 'adaptive' });
const echo = createServer((socket) => socket.setNoDelay().pipe(socket)).listen(0, '127.0.0.1');

process.on('message', (task: Task) => {
  void perform(task).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ type: 'failed', why: String(error) } satisfies Answer),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ type: 'started' } satisfies Answer);

function fail(error: unknown): never {
  throw error;
}

async function perform(task: Task): Promise<Answer> {
  switch (task.type) {
    case 'status':
      return { type: 'status', isLeader: server.isLeader, echoPort: echoPort(), cpu: process.cpuUsage() };
    case 'commitAlone':
      return measured(await run(1, task.ms, commitOne()));
    case 'roundTrip':
      return measured(await roundTrips(task.port, task.ms));
    case 'propose':
      return measured(await run(task.callers, task.ms, () => server.propose(command), server));
    case 'profile':
      return measured(
        await profiled(task.file, () => run(task.callers, task.ms, () => server.propose(command), server)),
      );
    case 'appendAlone':
      return measured(await run(task.callers, task.ms, appendAlone(), log));
    case 'read':
      return measured(await run(task.callers, task.ms, () => server.read(task.consistency)));
    case 'stop':
      await Promise.all([server.close(), log.close()]);
      return { type: 'stopped', applied };
  }
}

async function profiled(file: string, work: () => Promise<Measured>): Promise<Measured> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await session.post('Profiler.start');
  const facts = await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  writeFileSync(file, JSON.stringify(profile));
  return facts;
}

function measured(facts: Measured): Answer {
  return { type: 'measured', ...facts };
}

/** `callers` that each wait for one call before they make the next. */
async function run(
  callers: number,
  ms: number,
  call: () => Promise<unknown> | undefined,
  counted?: typeof server | typeof log,
): Promise<Measured> {
  const latency = new LogHistogram();
  const syncsBefore = syncsOf(counted);
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const end = began + ms;
  const counts = await Promise.all(
    Array.from({ length: callers }, (_, i) => callUntil(end, i, call, latency)),
  );
  const elapsedMs = performance.now() - began;
  const cpu = process.cpuUsage(cpuBefore);
  const calls = counts.reduce((sum, count) => sum + count, 0);
  return {
    calls,
    perSecond: (calls * 1000) / elapsedMs,
    p50Ms: latency.quantile(0.5) / NS_PER_MS,
    p99Ms: latency.quantile(0.99) / NS_PER_MS,
    syncs: syncsOf(counted) - syncsBefore,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
  };
}

async function callUntil(
  end: number,
  nth: number,
  call: () => Promise<unknown> | undefined,
  latency: LogHistogram,
): Promise<number> {
  for (let count = 0; ; count++) {
    if ((count + nth) % TIMED_EVERY !== 0) {
      await call();
      continue;
    }
    const began = performance.now();
    if (began >= end) return count;
    await call();
    latency.record(Math.round((performance.now() - began) * NS_PER_MS));
  }
}

function syncsOf(counted: typeof server | typeof log | undefined): number {
  if (counted === undefined) return 0;
  return counted instanceof WalLog ? counted.metrics().syncs : counted.metrics().log.syncs;
}

function commitOne(): () => undefined {
  const append = appender();
  return () => {
    append();
    log.sync();
    return undefined;
  };
}

function appendAlone(): () => Promise<unknown> {
  const append = appender();
  return () => {
    append();
    return log.flush();
  };
}

function appender(): () => void {
  let index = log.lastIndex();
  return () => {
    index += 1;
    log.append([{ term: 1, index, kind: 'normal', command }]);
  };
}

/** What the loopback takes for a message of an entry's size and its answer, between two of the processes. */
async function roundTrips(port: number, ms: number): Promise<Measured> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  let heard: () => void = () => {};
  let missing = 0;
  socket.on('data', (bytes) => {
    missing -= bytes.length;
    if (missing === 0) heard();
  });
  const message = new Uint8Array(200);
  const facts = await run(1, ms, () => {
    missing = message.length;
    const answered = new Promise<void>((resolve) => {
      heard = resolve;
    });
    socket.write(message);
    return answered;
  });
  socket.destroy();
  return facts;
}

function echoPort(): number {
  const address = echo.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
