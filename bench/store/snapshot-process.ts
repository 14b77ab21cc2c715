// One process with one server of the store, filled and measured: how long its event loop stands still while a snapshot is taken
// and written, and while a Map of the same keys and values is copied. Started by main.ts, because whatever else a process has
// done shows in its heap.
//   node --expose-gc snapshot-process.mjs DIRECTORY KEYS ROUNDS

import { setImmediate as nextTurn } from 'node:timers/promises';
import { type EntryReplies, KvClient, KvStateMachine, raftReplica, TIME_RESOLUTION_MS } from '@waldb/kv';
import { RaftServer } from '@waldb/runtime';
import type { SnapshotMeasured, Stalls } from './snapshot-measured.js';

const VALUE_CHARACTERS = 106;
const KEYS_PER_WRITE = 500;
const WRITES_AT_A_TIME = 16;
/** Clients that write one key after the other while it is measured. */
const WRITERS = 64;
const CALM_MS = 3000;

const [directory = '', keysText = '', roundsText = ''] = process.argv.slice(2);
const keys = Number(keysText);
const rounds = Number(roundsText);

const keyAt = (nth: number): string => `key:${String(nth).padStart(12, '0')}`;
const valueAt = (nth: number): string => String(nth).padEnd(VALUE_CHARACTERS, 'x');

const stateMachine = new KvStateMachine();
const raft = await RaftServer.start<EntryReplies>({
  id: 1,
  directory,
  stateMachine,
  timeResolutionMs: TIME_RESOLUTION_MS,
  bootstrap: { members: { 1: '127.0.0.1:1' }, cluster: 'bench' },
  listen: '127.0.0.1:0',
  snapshotThreshold: 0,
  snapshotThresholdBytes: 0,
});
while (!raft.isLeader) await nextTurn();
const client = new KvClient({ replica: raftReplica(raft), stateMachine });

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Longest time between two turns of the event loop, and others, until `over` has settled. */
async function stallsUntil(over: Promise<unknown>): Promise<Stalls> {
  const gaps: number[] = [];
  let isOver = false;
  const mark = (): void => {
    isOver = true;
  };
  over.then(mark, mark);
  let longestCpuMs = 0;
  let cpu = cpuMs();
  let last = performance.now();
  while (!isOver) {
    await nextTurn();
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    const cpuNow = cpuMs();
    longestCpuMs = Math.max(longestCpuMs, cpuNow - cpu);
    cpu = cpuNow;
  }
  await over;
  const sorted = gaps.sort((a, b) => a - b);
  return {
    longestMs: sorted.at(-1) ?? 0,
    longestCpuMs,
    p999Ms: sorted[Math.floor(sorted.length * 0.999)] ?? 0,
    turns: gaps.length,
  };
}

let isWriting = true;
async function write(writer: number): Promise<void> {
  for (let nth = writer; isWriting; nth = (nth + 7919) % keys) await client.set(keyAt(nth), valueAt(nth));
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const emptyBytes = heapBytes();
for (let nth = 0; nth < keys; ) {
  const writes: Promise<void>[] = [];
  for (let at = 0; at < WRITES_AT_A_TIME && nth < keys; at++) {
    const count = Math.min(KEYS_PER_WRITE, keys - nth);
    const first = nth;
    writes.push(
      client.mSet(Array.from({ length: count }, (_, of) => [keyAt(first + of), valueAt(first + of)])),
    );
    nth += count;
  }
  await Promise.all(writes);
}
await raft.snapshot(); // warms up, and gives up the log in memory
const keyBytes = (heapBytes() - emptyBytes) / keys;

const measured: SnapshotMeasured = { keyBytes, mapKeyBytes: 0, calm: [], snapshots: [], mapCopyMs: [] };
const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
for (let round = 0; round < rounds; round++) {
  measured.calm.push(await stallsUntil(new Promise((resolve) => setTimeout(resolve, CALM_MS))));
  const began = performance.now();
  const stalls = await stallsUntil(raft.snapshot());
  measured.snapshots.push({ ...stalls, tookMs: performance.now() - began });
}
isWriting = false;
await Promise.all(writers);
client.close();
await raft.close();

// The same keys and values in a Map, whose image for a snapshot is a copy.
const beforeMap = heapBytes();
const map = new Map<string, string>();
for (let nth = 0; nth < keys; nth++) map.set(keyAt(nth), valueAt(nth));
const mapKeyBytes = (heapBytes() - beforeMap) / keys;
for (let round = 0; round < rounds; round++) {
  const began = performance.now();
  const copy = new Map(map);
  measured.mapCopyMs.push(performance.now() - began);
  if (copy.size !== keys) throw new Error('a copy lacks keys');
}
process.stdout.write(`${JSON.stringify({ ...measured, mapKeyBytes })}\n`);
