// What is known of the TypeScript on the pages: what each block prints, and, for the few that are a part of a program,
// what stands around it. A block that is an example of `examples/`, as it is, needs no line here.

import type { Block } from './markdown.js';

export interface Program {
  /** Path of the page and anchor of the heading. */
  readonly at: string;
  /** Which of the heading's blocks, from 0. */
  readonly nth?: number;
  readonly before?: string;
  readonly after?: string;
  /** What each run prints, all runs in the same directory. */
  readonly prints: readonly string[];
}

const LETTERS = `
import { Readable } from 'node:stream';
import { RaftServer } from '@waldb/runtime';
const server = await RaftServer.start({
  id: 1,
  directory: './data',
  bootstrap: { members: { 1: '127.0.0.1:7391' } },
  stateMachine: {
    apply: (entries) => entries.map(({ index }) => index),
    snapshot: () => Readable.from([Buffer.from('letters')]),
    restore: async () => undefined,
  },
});
while (!server.isLeader) await new Promise((resolve) => setTimeout(resolve, 10));
`;

const STORE = `
import { calls, KvClient, KvStateMachine, raftReplica, TIME_RESOLUTION_MS } from '@waldb/kv';
import { RaftServer } from '@waldb/runtime';
const stateMachine = new KvStateMachine();
const raft = await RaftServer.start({
  id: 1,
  directory: './data',
  bootstrap: { members: { 1: '127.0.0.1:7391' } },
  stateMachine,
  timeResolutionMs: TIME_RESOLUTION_MS,
});
while (!raft.isLeader) await new Promise((resolve) => setTimeout(resolve, 10));
const before = new KvClient({ replica: raftReplica(raft), stateMachine });
await before.set('balance', '30');
// Somebody else, who changes a user's key once the balance has been changed; the first change that is seen is the end.
setInterval(async () => {
  if (String(await before.get('balance')) === '20') await before.set('user:7', 'x');
}, 20);
const console = {
  log(...words: unknown[]) {
    process.stdout.write(words.join(' '));
    process.exit();
  },
};
`;

/** A server of the store where the block's client looks for one. */
const LISTENING = `
import { KvStateMachine, raftReplica, RespServer, TIME_RESOLUTION_MS } from '@waldb/kv';
import { RaftServer } from '@waldb/runtime';
const stateMachine = new KvStateMachine();
const raft = await RaftServer.start({
  id: 1,
  directory: './data',
  bootstrap: { members: { 1: '127.0.0.1:7391,127.0.0.1:7101' } },
  stateMachine,
  timeResolutionMs: TIME_RESOLUTION_MS,
});
const [host = '', port] = '127.0.0.1:7101'.split(':');
const resp = await RespServer.start({
  listen: { host, port: Number(port) },
  replica: raftReplica(raft),
  stateMachine,
});
`;

const METRICS_END = `
if (!(await registry.metrics()).includes('waldb_is_leader 1')) throw new Error('the leader is not told');
await server.close();
`;

export const PROGRAMS: readonly Program[] = [
  {
    at: 'docs/quick-start-own-driver.md#the-log-alone',
    prints: ['1 order 17 paid\n', '1 order 17 paid\n2 order 17 paid\n'],
  },
  {
    at: 'docs/quick-start-store.md#2-use-it',
    before: LISTENING,
    after: 'await resp.close();\nawait raft.close();\n',
    prints: ["Ada [ 'Ada', null ]\n"],
  },
  { at: 'docs/metrics.md#prometheus', before: LETTERS, after: METRICS_END, prints: [''] },
  { at: 'packages/runtime/README.md#prometheus', before: LETTERS, after: METRICS_END, prints: [''] },
  {
    at: 'docs/server.md#2-sessions-a-retried-command-is-applied-once',
    before: `${LETTERS}const command = Buffer.from('a');\n`,
    after: `
console.log('the same result', result === (await server.propose(command, { session: request })));
await server.close();
`,
    prints: ['the same result true\n'],
  },
  {
    at: 'packages/core/README.md#waldbcore',
    prints: ['server 2 applies 2: x = 1\nserver 1 applies 2: x = 1\nserver 3 applies 2: x = 1\n'],
  },
  { at: 'packages/io/README.md#waldbio', prints: ['colour = blue 27cc2985\n'] },
  { at: 'packages/certs/README.md#waldbcerts', prints: ['URI:waldb://orders/1\ntrue\n'] },
  { at: 'packages/transport/README.md#waldbtransport', prints: ['timeoutNow 1 7\n'] },
  { at: 'packages/kv/README.md#waldbkv', prints: ['me 90\n'] },
  { at: 'packages/snapshot/README.md#waldbsnapshot', prints: ['19780\n', '19780\n'] },
  { at: 'packages/wal/README.md#four-calls', prints: ['1 order 17 paid\n'] },
  { at: 'packages/wal/README.md#for-raft', prints: ['2 2\n'] },
  { at: 'docs/store.md#in-the-same-process', before: STORE, prints: ['set user:7'] },
];

export function programOf(block: Block, blocks: readonly Block[]): Program | undefined {
  const siblings = blocks.filter(({ page, anchor, info }) => {
    return page === block.page && anchor === block.anchor && info === block.info;
  });
  const nth = siblings.indexOf(block);
  return PROGRAMS.find((program) => {
    return program.at === `${block.page}#${block.anchor}` && (program.nth ?? 0) === nth;
  });
}

export function sourceOf({ text }: Block, { before = '', after = '' }: Program): string {
  return `${before}${text}${after}`;
}
